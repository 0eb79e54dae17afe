"""From a stack's configuration to one valid `StackConfiguration`, or to every mistake in it at once.

Input is what Pulumi hands a program: texts, JSON for structured values. Which key means what, and what is
allowed, is decided here and nowhere else; tokens never come through here.
"""

import json
from collections.abc import Callable, Collection, Mapping

from delivery.configuration import rules
from delivery.configuration.collected import Problems
from delivery.configuration.decoding import decode
from delivery.configuration.fields import Fields, Rule
from delivery.configuration.placements import read_placements
from delivery.configuration.problems import Json, nearest, renamed, without
from delivery.configuration.shared import EXAMPLE_APPLICATION, read_applications, read_promotions, read_stages
from delivery.pipeline import Pipeline, Repository, Stage
from delivery.stack_configuration import ArgoCD, Checks, Cluster, PromotionRequest, StackConfiguration

EXAMPLES: dict[str, Json] = {
    "applications": [dict(EXAMPLE_APPLICATION)],
    "metadata": {},
    "postDeploymentEvaluations": [],
    "postDeploymentTasks": [],
    "preDeploymentEvaluations": [],
    "preDeploymentTasks": [],
    "promote": {},
    "promotionLabels": [],
    "promotionReviewers": [],
    "promotionTeamReviewers": [],
    "stages": [{"name": "dev"}],
    "tasks": {},
}
"""An allowed value of each key that holds a list or a map."""
STRUCTURED = frozenset(EXAMPLES)
PLAIN = frozenset(
    {
        "adoptExisting",
        "argocdApplication",
        "argocdApplicationPattern",
        "argocdFinalizer",
        "argocdNamespace",
        "argocdProject",
        "cluster",
        "defaultBranch",
        "destinationServer",
        "githubApiUrl",
        "kubeContext",
        "namespace",
        "namespacePattern",
        "pathPattern",
        "promotionEngine",
        "promotionRetries",
        "promotionTimeoutSeconds",
        "promotionTtlSeconds",
        "renderManifestsTo",
        "repositoryName",
        "repositoryOwner",
        "traceUrl",
    }
)
SECRETS = frozenset({"githubToken", "promotionToken", "kubeconfig"})
"""Keys that never come here: the program reads them as Pulumi secrets."""
KEYS = STRUCTURED | PLAIN | SECRETS
"""Every key of the namespace `delivery:`; any other is a mistake."""

TASK_PROMOTE = "promote"
"""The promotion task's definition, which the program declares itself."""


def parse(
    raw: Mapping[str, str],
    stack: str,
    encrypted: Collection[str] = (),
    beside: Callable[[str], Mapping[str, str]] = lambda _: {},
) -> StackConfiguration:
    """The configuration of `stack`, from its keys without the namespace.

    `encrypted` are the keys with an encrypted value. Only `SECRETS` may have one; what another key holds is neither
    read nor said. `beside` gives the names that another stage's own stack sets (`stack_files.own_names`), so that no
    two stacks take the same. Raises `ConfigurationError` with one line for each mistake.
    """
    problems = Problems({})
    for key in sorted((KEYS - SECRETS).intersection(encrypted)):
        name = f"delivery:{key}"
        mend = f'value="$(pulumi config get {name})" && pulumi config set --plaintext {name} "$value"'
        public = "a plain one: this value is public, in the repository and in manifests"
        problems.add_command((key,), "an encrypted value", public, mend)
        problems.unreadable.add(key)
    unread = SECRETS | problems.unreadable
    decode({key: text for key, text in raw.items() if key not in unread}, EXAMPLES, problems)
    root = Fields(problems, problems.roots)
    root.only(KEYS)
    stages = read_stages(root, stack)
    current = next((stage for stage in stages if stage.name == stack), None)
    applications = read_applications(root)
    tasks = _tasks(root)
    pipeline = Pipeline(
        repository=Repository(
            owner=root.text("repositoryOwner", rules.OWNER),
            name=root.text("repositoryName", rules.REPOSITORY),
            default_branch=root.text("defaultBranch", rules.BRANCH, "main"),
            api_url=root.text("githubApiUrl", rules.API_URL, "https://api.github.com"),
        ),
        applications=tuple(application for application, _ in applications),
        stages=stages,
        placements=read_placements(root, applications, stages, stack, beside),
        promotions=read_promotions(root),
    )
    configuration = StackConfiguration(
        pipeline=pipeline,
        stage=current or Stage(stack, ()),
        argocd=ArgoCD(
            namespace=root.text("argocdNamespace", rules.NAMESPACE, "argocd"),
            project=root.text("argocdProject", rules.PROJECT, "default"),
            finalizer=root.flag("argocdFinalizer", False),
        ),
        destination_server=root.text("destinationServer", rules.SERVER, "https://kubernetes.default.svc"),
        checks=_checks(root, tasks),
        tasks=tasks,
        metadata=_metadata(root),
        cluster=_cluster(root),
        request=_request(root, pipeline, stack),
    )
    problems.check()
    return configuration


def _tasks(root: Fields) -> dict[str, str | None]:
    tasks: dict[str, str | None] = {}
    for name, code in root.table("tasks", rules.RESOURCE).items():
        if name == TASK_PROMOTE:
            allowed = "any other name: the promotion task is declared already"
            root.problems.add(("tasks",), name, allowed, without(name))
        elif code is None or (isinstance(code, str) and code.strip()):
            tasks[name] = code
        else:
            tasks[name] = None
            allowed = "Python source, or null for a task that is defined elsewhere"
            root.problems.add(("tasks", name), code, allowed, _source(name, code))
    return tasks


def _source(name: str, code: Json) -> str:
    """What to propose where `code` is no source: its lines as one text, or a source that fails.

    With `null` Keptn would wait for a definition without end, and a source that succeeds would pass what nobody checks.
    """
    lines = [line for line in code if isinstance(line, str)] if isinstance(code, list) else []
    given = "\n".join(lines) if isinstance(code, list) and len(lines) == len(code) else ""
    return given if given.strip() else f'raise SystemExit("{name} has no source yet")'


def _checks(root: Fields, tasks: dict[str, str | None]) -> Checks:
    lists = {
        key: root.texts(key, rules.RESOURCE)
        for key in (
            "preDeploymentTasks",
            "postDeploymentTasks",
            "preDeploymentEvaluations",
            "postDeploymentEvaluations",
        )
    }
    for key in ("preDeploymentTasks", "postDeploymentTasks"):
        for name in lists[key]:
            # Keptn waits for a definition that is not there without end, and says nothing.
            if name not in tasks and "tasks" not in root.problems.unreadable:
                near = nearest(name, tuple(tasks))
                allowed = f"the names under delivery:tasks ({', '.join(tasks) or 'none'})"
                root.problems.add((key,), name, allowed, renamed(name, near) if near else without(name))
    return Checks(
        pre_deployment_tasks=lists["preDeploymentTasks"],
        post_deployment_tasks=lists["postDeploymentTasks"],
        pre_deployment_evaluations=lists["preDeploymentEvaluations"],
        post_deployment_evaluations=lists["postDeploymentEvaluations"],
    )


def _metadata(root: Fields) -> dict[str, str]:
    metadata: dict[str, str] = {}
    for key, value in root.table("metadata", rules.METADATA_KEY).items():
        if isinstance(value, str):
            metadata[key] = value
        else:
            quoted = "" if value is None else json.dumps(value, ensure_ascii=False)
            root.problems.add(("metadata", key), value, "a text (quote it)", quoted)
    return metadata


def _cluster(root: Fields) -> Cluster:
    mode = root.choice("cluster", ("deploy", "render"))
    return Cluster(
        mode=mode,
        context=root.text("kubeContext", rules.CONTEXT, ""),
        render_to=root.text("renderManifestsTo", rules.FOLDER, "manifests"),
        adopt_existing=root.flag("adoptExisting", False),
    )


def _request(root: Fields, pipeline: Pipeline, stack: str) -> PromotionRequest:
    table = root.values.get("promote", {})
    if not isinstance(table, dict):
        root.problems.add(("promote",), table, "a map with version, commitID, traceParent, again", {})
        return PromotionRequest()
    # The workflow hands its inputs over as they are: what was left out is an empty text there.
    fields = Fields(root.problems, {key: value for key, value in table.items() if value != ""}, ("promote",))
    fields.only(frozenset({"application", "from", "to", "version", "commitID", "traceParent", "again", "rollback"}))
    applications = tuple(application.name for application in pipeline.applications)
    sources = next((stage.after for stage in pipeline.stages if stage.name == stack), ())
    fields.text("to", rules.one_of((stack,)), stack)
    fields.text("rollback", Rule(lambda text: not text, "nothing: the promoter opens rollbacks", ""), "")
    return PromotionRequest(
        application=fields.text("application", rules.one_of(applications), ""),
        source=fields.text("from", rules.one_of(sources), ""),
        version=fields.text("version", rules.VERSION, ""),
        commit=fields.text("commitID", rules.COMMIT, ""),
        # What cannot be linked to is left out further on, as everywhere; here it only has to be one line.
        traceparent=fields.text("traceParent", rules.ONE_LINE, ""),
        again=fields.flag("again", False),
    )
