"""What Argo CD runs around a deployment where no Keptn does: hooks, in phases and waves, and the source of each.

The chart makes a Job of each (`gitops/context/hooks.yaml`). Rules are Argo CD's own (docs, "Resource Hooks").
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from delivery.config.errors import Json
from delivery.config.reader import TASK_PROMOTE
from delivery.model.pipeline import StageApplication
from delivery.model.stack import EndpointCheck, StackConfiguration
from delivery.model.task_runs import run_seconds
from delivery.stack import manifests
from delivery.stack.task_source import task_source

FAILED = "record-failure"
CHECK = "check"
_SECONDS = 300
_RETRIES = 2
_LONGEST_NAME = 63
"""A Job's name becomes a label of its pods."""
TASKS = "tasks"
"""The folder of the chart with what the hooks run."""


@dataclass(frozen=True)
class Hook:
    """One hook, as platform.yaml has it.

    `phase` is one of Argo CD's, and hooks of a phase run by `wave`. `source` is the file in the chart that is run, with
    `data` as its input (DATA, as JSON), for at most `seconds`, and `retries` times more. `account` is the service
    account whose token it gets, `secret` the Secret that it reads, if any.
    """

    name: str
    job: str
    phase: str
    wave: int
    source: str
    data: Mapping[str, str]
    seconds: int = _SECONDS
    retries: int = _RETRIES
    account: str = ""
    secret: str = ""


def hooks(configuration: StackConfiguration, stage_application: StageApplication) -> tuple[Hook, ...]:
    """The hooks of an application in a stage that Argo CD verifies, in the order in which they run."""
    application, checks = stage_application.application.name, configuration.checks
    promotions = configuration.pipeline.promotions
    names = (other.name for other in configuration.pipeline.applications)
    longer = [other for other in names if other.startswith(f"{application}-")]

    def hook(name: str, phase: str, wave: int, source: str, data: dict[str, str]) -> Hook:
        # In a namespace that they share, web's hook api-smoke and web-api's hook smoke need different names.
        between = "." if any(f"{application}-{name}".startswith(f"{other}-") for other in longer) else "-"
        return Hook(name, _job(f"{application}{between}{name}"), phase, wave, f"{TASKS}/{source}.py", data)

    before = [hook(name, "PreSync", wave, name, {}) for wave, name in enumerate(checks.pre_deployment_tasks)]
    after = [hook(name, "PostSync", wave, name, {}) for wave, name in enumerate(checks.post_deployment_tasks)]
    for check in configuration.endpoint_checks:
        after.append(hook(check.name, "PostSync", len(after), CHECK, _data(check, stage_application)))
    parameters = manifests.promotion_parameters(configuration, stage_application)
    own = {
        "seconds": promotions.timeout_seconds,
        "retries": promotions.retries,
        "account": TASK_PROMOTE,
        "secret": manifests.SECRET_NAME,
    }
    last = (
        hook(TASK_PROMOTE, "PostSync", len(after), TASK_PROMOTE, parameters),
        hook(FAILED, "SyncFail", 0, TASK_PROMOTE, parameters),
    )
    return (*before, *after, *(Hook(**{**asdict(found), **own}) for found in last))


def hook_sources(configuration: StackConfiguration) -> dict[str, str]:
    """What the hooks of a stage run, by its file in the chart."""
    checks, sources = configuration.checks, {}
    for name in (*checks.pre_deployment_tasks, *checks.post_deployment_tasks):
        sources[f"{TASKS}/{name}.py"] = configuration.tasks[name] or ""
    if configuration.endpoint_checks:
        sources[f"{TASKS}/{CHECK}.py"] = manifests.read_gitops("tasks/check.py")
    sources[f"{TASKS}/{TASK_PROMOTE}.py"] = task_source()
    return sources


def hook_values(configuration: StackConfiguration, stage_application: StageApplication) -> dict[str, Json]:
    """What platform.yaml says of the hooks. What a hook has not is left out."""
    found = [asdict(hook) for hook in hooks(configuration, stage_application)]
    return {
        "image": configuration.hook_image,
        **({"metadata": dict(configuration.metadata)} if configuration.metadata else {}),
        "hooks": [{key: value for key, value in hook.items() if value != ""} for hook in found],
    }


def _data(check: EndpointCheck, stage_application: StageApplication) -> dict[str, str]:
    names = {
        "{application}": stage_application.application.name,
        "{stage}": stage_application.stage.name,
        "{namespace}": stage_application.namespace,
    }

    def fill(text: str) -> str:
        for name, value in names.items():
            text = text.replace(name, value)
        return text

    # A run that outlasts the Job's time is ended without a reason.
    patience = {"timeout": str(run_seconds(_RETRIES, _SECONDS))}
    if check.url:
        return {"url": fill(check.url), "status": str(check.status), **patience}
    bounds = {key: bound for key, bound in (("min", check.least), ("max", check.most)) if bound}
    return {"prometheus": fill(check.prometheus), "query": fill(check.query), **bounds, **patience}


def _job(name: str) -> str:
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 9].rstrip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
