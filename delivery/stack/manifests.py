"""The bodies of the custom resources and rules that a stage declares: what they say, not how they get there.

Components wrap these in resources; tests hold them against the definitions. What only a sync can know
(commit, traceparent) is not here but in the chart, see `gitops/chart`.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from delivery.config.errors import Json
from delivery.config.reader import TASK_PROMOTE
from delivery.model.pipeline import Stage, StageApplication
from delivery.model.stack import StackConfiguration
from delivery.model.task_runs import run_seconds
from delivery.stack.task_source import stage_task_source, task_source

GITOPS = Path(__file__).resolve().parents[2] / "gitops"
"""The sources of what is committed to the GitOps repository."""

KEPTN_ANNOTATIONS = {"keptn.sh/lifecycle-toolkit": "enabled"}
"""Keptn's webhook looks at no namespace without this."""

SECRET_NAME = "github-token"  # noqa: S105 - the name of the secret, which the guide gives it
SECRET_KEY = "SECURE_DATA"  # noqa: S105 - the key that Keptn looks for in it
WORKFLOW_FILE = "promote.yaml"

GENERATE_PATHS = "argocd.argoproj.io/manifest-generate-paths"
SYNC_FINALIZER = "resources-finalizer.argocd.argoproj.io"

PROMOTION_ROLE_RULES: tuple[dict[str, list[str]], ...] = (
    {"apiGroups": ["apps"], "resources": ["deployments", "statefulsets", "daemonsets"], "verbs": ["list"]},
    {"apiGroups": ["lifecycle.keptn.sh"], "resources": ["keptnapps", "keptnappversions"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
)
"""All that the promotion task may do, in its own namespace: see what runs, and say why it failed."""
HOOK_ROLE_RULES: tuple[dict[str, list[str]], ...] = (
    {
        "apiGroups": ["apps"],
        "resources": ["deployments", "statefulsets", "daemonsets", "replicasets"],
        "verbs": ["list"],
    },
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
)
"""The same for a task that is a hook of Argo CD: it reads the other hooks too, and nothing of Keptn's."""
_TASK_MINUTES = 5
_RECORDING_SECONDS = 30.0
_HOOK_RETRY: dict[str, Json] = {"limit": 0}
"""How often Argo CD repeats a sync that failed where its hooks verify: 5 times is its own default, tests and all.

With 1, Argo CD 3.5 deletes the failed hook and runs none again (seen with 3.5.1). A hook's own retries do that.
"""


def namespace_annotations(stage: Stage) -> dict[str, str]:
    """What a namespace of the stage has to have."""
    return dict(KEPTN_ANNOTATIONS) if stage.with_keptn else {}


@cache
def read_gitops(path: str) -> str:
    """The text of a file under `gitops/`."""
    return (GITOPS / path).read_text(encoding="utf-8")


def argocd_finalizers(configuration: StackConfiguration) -> tuple[str, ...]:
    """The Application's finalizers: with one, deleting it prunes what it deployed."""
    return (SYNC_FINALIZER,) if configuration.argocd.finalizer else ()


def argocd_application_spec(configuration: StackConfiguration, stage_application: StageApplication) -> dict[str, Json]:
    """The `spec` of the Argo CD Application that syncs the chart of this application in this stage."""
    return {
        "project": configuration.argocd.project,
        **_sources(configuration, stage_application),
        "destination": {**configuration.destination, "namespace": stage_application.namespace},
        **sync_policy(stage_application.stage),
    }


def _sources(configuration: StackConfiguration, stage_application: StageApplication) -> dict[str, Json]:
    """Where the manifests come from: the generated chart, or the team's files and the chart that this program adds."""
    repository, application = configuration.pipeline.repository, stage_application.application
    git: dict[str, Json] = {
        "repoURL": repository.repo_url,
        "targetRevision": stage_application.stage.branch or repository.default_branch,
    }
    program: dict[str, Json] = {
        **git,
        "path": stage_application.program_path,
        "helm": {
            # values.yaml is the chart's own and always read; platform.yaml goes on top of it.
            "valueFiles": ["platform.yaml"],
            # Only a sync knows its commit; as a string, because an all-digit one would become a number.
            "parameters": [{"name": "commitID", "value": "$ARGOCD_APP_REVISION", "forceString": True}],
        },
    }
    if not application.own_files:
        return {"source": program}
    value_files: list[Json] = list(stage_application.value_files)
    if application.chart is None:
        helm: dict[str, Json] = {"helm": {"valueFiles": value_files}} if value_files else {}
        team = _with_options({**git, "path": stage_application.path, **helm}, stage_application)
        return {"sources": [team, program]}
    # Files beside the chart are named by the source that has them: `$values` is the repository's root.
    referred: list[Json] = [
        f"$values/{stage_application.in_repository(file)}" for file in stage_application.value_files
    ]
    chart: dict[str, Json] = {
        # Argo CD has the address of an OCI registry without its scheme.
        "repoURL": application.chart.repository.removeprefix("oci://"),
        "chart": application.chart.name,
        "targetRevision": _template_of(application.chart.version.key),
        "helm": {"valueFiles": referred},
    }
    return {"sources": [_with_options(chart, stage_application), {**program, "ref": "values"}]}


def _template_of(key: str) -> str:
    """The value at `key`, as a template of Go has it: what is no name there is looked up by its text."""
    parts = key.split(".")
    if all(part.isascii() and part.isidentifier() for part in parts):
        return f"{{{{ .{key} }}}}"
    return f"{{{{ index . {' '.join(map(json.dumps, parts))} }}}}"


def _with_options(source: Mapping[str, Json], stage_application: StageApplication) -> dict[str, Json]:
    """The team's source with what else Argo CD is to know of it."""
    merged = dict(source)
    for tool, options in stage_application.source_options.items():
        own = source.get(tool)
        merged[tool] = {**(own if isinstance(own, dict) else {}), **(options if isinstance(options, dict) else {})}
    return merged


def argocd_version_file(stage_application: StageApplication) -> str:
    """The file in the repository with the version of a registry's chart; empty where the Application needs none."""
    chart = stage_application.application.chart
    return stage_application.in_repository(chart.version.file) if chart else ""


def application_set_spec(
    configuration: StackConfiguration, stage_application: StageApplication, template: Mapping[str, Json]
) -> dict[str, Json]:
    """The `spec` of the ApplicationSet that makes this Application, with the chart's version as git has it.

    An Application cannot read its chart's version from git, and one that `pulumi up` has written would deploy a
    merged promotion at the next update only.
    """
    repository = configuration.pipeline.repository
    generator: dict[str, Json] = {
        "repoURL": repository.repo_url,
        "revision": stage_application.stage.branch or repository.default_branch,
        "files": [{"path": argocd_version_file(stage_application)}],
    }
    return {
        "goTemplate": True,
        "goTemplateOptions": ["missingkey=error"],
        "generators": [{"git": generator}],
        "template": {**template},
        # Without the finalizer, deleting the Application leaves what it deployed, as for one that stands by itself.
        "syncPolicy": {"preserveResourcesOnDeletion": not configuration.argocd.finalizer},
    }


def sync_policy(stage: Stage) -> dict[str, Json]:
    """The parts of an Application's `spec` that say how Argo CD syncs it."""
    sync = stage.sync
    policy: dict[str, Json] = {"syncOptions": list(sync.options)} if sync.options else {}
    if sync.automated:
        policy["automated"] = {"prune": sync.prune, "selfHeal": sync.self_heal}
    if retry := sync.retry or ({} if stage.with_keptn else _HOOK_RETRY):
        policy["retry"] = dict(retry)
    ignored: list[Json] = [dict(entry) for entry in sync.ignore_differences]
    return {"syncPolicy": policy} | ({"ignoreDifferences": ignored} if ignored else {})


def generate_paths(stage_application: StageApplication) -> str:
    """What Argo CD's annotation `manifest-generate-paths` says: the paths that the sources read, `;` between.

    The chart has the commit in a tracked object. Without the annotation every commit of the repository would be a full
    sync of every Application.
    """
    application = stage_application.application
    if not application.own_files:
        return "."
    read = map(stage_application.in_repository, (*stage_application.value_files, *application.reads))
    # Of a registry's chart the folder has no more than the values, each stage's in a file of its own.
    own = () if application.chart else (stage_application.path,)
    folders = dict.fromkeys((*own, stage_application.program_path, *read))
    # From the root, because a path without the slash would be looked for below each of the sources.
    return ";".join(f"/{folder}" for folder in folders)


def argocd_annotations(configuration: StackConfiguration, stage_application: StageApplication) -> dict[str, str]:
    """The annotations of the Argo CD Application: people's own, and the one that Argo CD reads."""
    return configuration.argocd.annotations | {GENERATE_PATHS: generate_paths(stage_application)}


def task_spec(code: str, secret: str = "") -> dict[str, Json]:
    """The `spec` of a Keptn task that is nothing but Python source, and reads this Secret, if any."""
    secure: dict[str, Json] = {"secureParameters": {"secret": secret}} if secret else {}
    return {"python": {"inline": {"code": code}, **secure}, "retries": 2, "timeout": f"{_TASK_MINUTES}m"}


def promotion_task(configuration: StackConfiguration, stage_application: StageApplication) -> str:
    """The name of the promotion task. Its parameters are the application's, so in a shared namespace each has one."""
    if stage_application.namespace in configuration.shared_namespaces:
        return f"{TASK_PROMOTE}-{stage_application.application.name}"
    return TASK_PROMOTE


def stage_task_specs(configuration: StackConfiguration) -> dict[str, dict[str, Json]]:
    """Every task definition that this stage runs, by name: the same for all of its applications."""
    if not configuration.stage.with_keptn:
        return {}
    checks = configuration.checks
    wanted = dict.fromkeys((*checks.pre_deployment_tasks, *checks.post_deployment_tasks))
    codes = {name: code for name in wanted if (code := configuration.tasks[name]) is not None}
    if not configuration.records:
        return {name: task_spec(code) for name, code in codes.items()}
    stage, api_url = configuration.stage.name, configuration.pipeline.repository.api_url
    # Ended by Keptn, it could not record that it failed.
    seconds = _TASK_MINUTES * 60.0 - _RECORDING_SECONDS
    return {
        name: task_spec(stage_task_source(name, stage, api_url, seconds, code), SECRET_NAME)
        for name, code in codes.items()
    }


def task_specs(configuration: StackConfiguration, stage_application: StageApplication) -> dict[str, dict[str, Json]]:
    """The task definitions of an application, by name: the promotion task, and, in its own namespace, the stage's."""
    shared = stage_application.namespace in configuration.shared_namespaces
    specs = {} if shared else stage_task_specs(configuration)
    if configuration.records and configuration.stage.with_keptn:
        specs[promotion_task(configuration, stage_application)] = promotion_task_spec(configuration, stage_application)
    return specs


def promotion_parameters(configuration: StackConfiguration, stage_application: StageApplication) -> dict[str, str]:
    """What the promotion task is told, whoever runs it."""
    promotions, repository = configuration.pipeline.promotions, configuration.pipeline.repository
    stage = stage_application.stage
    told = {
        "apiUrl": repository.api_url,
        "workflow": WORKFLOW_FILE,
        "ref": repository.default_branch,
        "application": stage_application.application.name,
        "from": stage.name,
        "to": ",".join(configuration.promotes_to),
        "timeout": str(run_seconds(promotions.retries, promotions.timeout_seconds)),
        "verification": stage.verification,
        "sweepMinutes": str(promotions.sweep_minutes),
        # GitHub would set the deployments of the other applications in this environment inactive too.
        "autoInactive": str(len(configuration.pipeline.applications) == 1).lower(),
    }
    if stage.with_keptn:
        return told
    # A last stage may have no Secret, which has the repository's name too.
    named = {"repository": f"{repository.owner}/{repository.name}"}
    return {**told, **named, "otlpEndpoint": configuration.otlp_endpoint}


def promotion_task_spec(configuration: StackConfiguration, stage_application: StageApplication) -> dict[str, Json]:
    """The `spec` of the promotion task of a stage that promotes onward, or records what it has verified."""
    promotions = configuration.pipeline.promotions
    return {
        "python": {
            "inline": {"code": task_source()},
            "parameters": {"map": {**promotion_parameters(configuration, stage_application)}},
            "secureParameters": {"secret": SECRET_NAME},
        },
        "serviceAccount": {"name": TASK_PROMOTE},
        "automountServiceAccountToken": {"type": True},
        # A run is complete by itself, and the promoter recognizes a repeated dispatch, so a retry is safe;
        # more than a few only delay the failure that a person has to see.
        "retries": promotions.retries,
        "timeout": f"{promotions.timeout_seconds}s",
        # Below 20 seconds the job is gone before Keptn has seen its end, and Keptn starts another, without end.
        # A Job that is still there is not run again when the operator restarts, so longer is better.
        "ttlSecondsAfterFinished": promotions.ttl_seconds,
    }
