"""What a stack commits to the GitOps repository: which files, where, with what in them.

Sources lie under `gitops/`; the promoter is this package's own modules, verbatim in one file, so that a
reviewer of the GitOps repository reads the very code that is tested here.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from delivery.config.chart_values import values_schema
from delivery.config.errors import Json
from delivery.model.pipeline import Application, Pipeline, StageApplication
from delivery.model.promoted_keys import names
from delivery.model.settings import SETTINGS_PATH
from delivery.model.stack import StackConfiguration
from delivery.stack.hooks import hook_sources, hook_values
from delivery.stack.manifests import WORKFLOW_FILE, promotion_task, read_gitops
from delivery.stack.workflow import workflow
from delivery.stack.yaml_text import plain, to_yaml

PROMOTER_FOLDER = ".github/promoter"
PROMOTER = f"{PROMOTER_FOLDER}/promoter.py"
_MARK = "# ======== "
"""How a line begins behind which another module stands; `gitops/promoter/promoter.py` looks for it."""
_PACKAGE = Path(__file__).resolve().parents[1]
_FIRST_VERSION = "serviceVersion: v0.3.0\n"
_CHART_NAME = "name: podtato-head\n"
_IMPORT = re.compile(r"^ *from delivery\.([\w.]+) import ([\w, ]*)", re.MULTILINE)
SCHEMA = "values.schema.json"
PLATFORM_HEAD = "# Written by `pulumi up`: change the stack's configuration, not this file.\n"
"""How every `platform.yaml` begins that a stack has committed."""


@dataclass(frozen=True)
class RepositoryText:
    """One file of the GitOps repository. Of an `initial` one, git owns the content after the first commit.

    `exists`: the default branch has an initial file at this path already, so it is imported and not created.
    """

    path: str
    content: str
    initial: bool = False
    exists: bool = False


@dataclass(frozen=True)
class InitialValues:
    """What git has of a stack's values: the paths that are `existing`, and the initial `texts` of others, by path."""

    existing: frozenset[str] = frozenset()
    texts: Mapping[str, str] = field(default_factory=dict)


def stage_files(
    configuration: StackConfiguration, stage_application: StageApplication, known: InitialValues | None = None
) -> tuple[RepositoryText, ...]:
    """What the stack commits of one application in this stage; `known` is what git has of its values.

    With files of the team's own it is a small chart in a folder of this program's, a second source of the Application.
    """
    folder = stage_application.program_path
    values, known = values_path(stage_application), known or InitialValues()
    text = known.texts.get(values)
    return (
        RepositoryText(f"{folder}/Chart.yaml", _chart(stage_application)),
        *(RepositoryText(f"{folder}/{name}", content) for name, content in _template(configuration, stage_application)),
        RepositoryText(f"{folder}/platform.yaml", _platform(configuration, stage_application)),
        RepositoryText(
            values,
            initial_values(configuration, stage_application) if text is None else text,
            initial=True,
            exists=values in known.existing,
        ),
    )


def repository_files(configuration: StackConfiguration) -> tuple[RepositoryText, ...]:
    """What exists once a repository: the promoter, what it needs, and the workflow that runs it, last.

    The promoter is there whichever engine promotes: rollbacks are always its own.
    """
    return (
        RepositoryText(PROMOTER, promoter()),
        RepositoryText(f"{PROMOTER_FOLDER}/requirements.txt", read_gitops("promoter/requirements.txt")),
        RepositoryText(SETTINGS_PATH, configuration.pipeline.promotion_settings().to_json()),
        RepositoryText(f".github/workflows/{WORKFLOW_FILE}", _workflow(configuration.pipeline)),
    )


def _workflow(pipeline: Pipeline) -> str:
    promotions, repository = pipeline.promotions, pipeline.repository
    return workflow(
        promotions.engine,
        promotions.identity,
        api_url=repository.api_url,
        repository=f"{repository.owner}/{repository.name}",
        sweep_minutes=promotions.sweep_minutes,
    )


@cache
def promoter() -> str:
    """The promoter as one file: a head that serves the modules behind it, each verbatim.

    A file is a commit of its own on GitHub. In many files, a run between two of the commits would meet modules
    of two releases, and the promotion would be lost.
    """
    texts = [read_gitops("promoter/promoter.py").rstrip("\n")]
    for path in promoter_modules():
        source = (_PACKAGE / path).read_text(encoding="utf-8")
        texts.append(f"{_MARK}delivery/{path} ========\n{source.rstrip()}")
    return "\n\n\n".join(texts) + "\n"


@cache
def promoter_modules() -> tuple[str, ...]:
    """The modules that a promotion runs, by their path in `delivery`: the command's, and whatever those import."""
    waiting, found, seen = ["promotion/cli.py"], {"__init__.py"}, {"__init__.py"}
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        if not (_PACKAGE / path).is_file():
            continue
        found.add(path)
        for package, imported in _IMPORT.findall((_PACKAGE / path).read_text(encoding="utf-8")):
            folder = package.replace(".", "/")
            waiting += [f"{folder}.py", f"{folder}/__init__.py", f"{folder.partition('/')[0]}/__init__.py"]
            # `from delivery.git import commits` names a module too.
            waiting += [f"{folder}/{name.split()[0]}.py" for name in imported.split(",") if name.strip()]
    return tuple(sorted(found))


def values_path(stage_application: StageApplication) -> str:
    """The one file of an application in a stage whose content git owns after the first commit."""
    return f"{stage_application.program_path}/values.yaml"


def chart_template(*, keptn: bool = True) -> str:
    """The generated chart's template: what verifies and what runs in one file, which one commit brings or none.

    In two files, a sync between two commits would deploy a workload without its context, and Keptn would ignore that.
    """
    return f"{_verifying(keptn=keptn)}\n{read_gitops('chart/templates/application.yaml')}"


def _verifying(*, keptn: bool) -> str:
    return read_gitops("context/context.yaml" if keptn else "context/hooks.yaml")


def _chart(stage_application: StageApplication) -> str:
    return read_gitops("chart/Chart.yaml").replace(_CHART_NAME, f"name: {plain(stage_application.application.name)}\n")


def _template(configuration: StackConfiguration, stage_application: StageApplication) -> Iterator[tuple[str, str]]:
    application, keptn = stage_application.application, stage_application.stage.with_keptn
    if not keptn:
        # Before the template that reads them.
        yield from hook_sources(configuration).items()
    if application.own_files:
        yield f"templates/{'context' if keptn else 'hooks'}.yaml", _verifying(keptn=keptn)
        return
    yield "templates/application.yaml", chart_template(keptn=keptn)
    schema = values_schema(application.version.key)
    yield SCHEMA, json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _platform(configuration: StackConfiguration, stage_application: StageApplication) -> str:
    application = stage_application.application
    values: dict[str, Json] = {
        "versionKey": application.version.name,
        # Not for the chart: the promoter looks here whether the stage has been updated to the keys that it promotes.
        **({"promotedKeys": list(names(application.promoted_keys))} if application.promoted_keys[1:] else {}),
        "application": {
            "name": application.name,
            # Not for the chart: by it the values are found again when the stage gets another folder.
            "stage": stage_application.stage.name,
            **({} if application.own_files else _workload(application)),
        },
    }
    if stage_application.stage.with_keptn:
        values["context"] = _context(configuration, stage_application)
    else:
        values["verification"] = hook_values(configuration, stage_application)
    return PLATFORM_HEAD + to_yaml(values, width=1000)


def _context(configuration: StackConfiguration, stage_application: StageApplication) -> dict[str, Json]:
    checks = configuration.checks
    return {
        "metadata": dict(configuration.metadata),
        "preDeploymentTasks": list(checks.pre_deployment_tasks),
        "preDeploymentEvaluations": list(checks.pre_deployment_evaluations),
        "postDeploymentTasks": list(checks.post_deployment_tasks),
        "postDeploymentEvaluations": list(checks.post_deployment_evaluations),
        "promotionTasks": [promotion_task(configuration, stage_application)] if configuration.records else [],
    }


def _workload(application: Application) -> dict[str, Json]:
    return {
        "image": application.image,
        "workload": application.workload,
        "containerPort": application.container_port,
        "servicePort": application.service_port,
    }


def initial_values(configuration: StackConfiguration, stage_application: StageApplication) -> str:
    """The values that a stage begins with where git has none that it should have."""
    application = stage_application.application
    if application.own_files:
        return read_gitops("context/values.yaml")
    text = read_gitops("chart/values-promoted.yaml" if stage_application.stage.after else "chart/values.yaml")
    *levels, last = application.version.key.split(".")
    lines = [f"{'  ' * depth}{plain(level)}:\n" for depth, level in enumerate(levels)]
    # Quoted where YAML would read a number or a date: 1.10 is a version, and 1.1 is another one.
    lines.append(f"{'  ' * len(levels)}{plain(last)}: {plain(application.first_version)}\n")
    others = names(application.promoted_keys)[1:]
    if others and configuration.promotes_to and not stage_application.stage.after:
        # Only the team knows their values; the stages that follow get them by promotions.
        lines.append(f"\n# Promoted with it, and yours to set before the first promotion: {', '.join(others)}\n")
    return text.replace(_FIRST_VERSION, "".join(lines))
