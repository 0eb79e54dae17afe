"""What verifies a stage's deployments: tasks, evaluations and checks, as far as Keptn or Argo CD carries them out."""

from delivery.config.errors import ErrorCollector, Kind, meant, set_fix
from delivery.config.keys import PROJECT
from delivery.config.values import Values
from delivery.model.pipeline import Stage
from delivery.model.stack import EndpointCheck, KeptnChecks

OWN_HOOKS = ("promote", "record-failure")
"""The hooks that the program declares itself."""
LONGEST_SOURCE = 128 * 1024 - 1
"""Bytes: a hook runs its source as one argument, and Linux takes no longer one (MAX_ARG_STRLEN)."""


def read_checks(root: Values, stage: Stage, errors: ErrorCollector) -> KeptnChecks:
    """What is run around a deployment, by name; what the stage's verification cannot run is added to `errors`."""
    tasks = root.table("tasks")
    for key in ("preDeploymentTasks", "postDeploymentTasks"):
        for index, name in enumerate(root.texts(key)):
            if errors.about("tasks", key):
                continue
            # Keptn waits for a definition that does not exist without end, and says nothing.
            if name not in tasks:
                allowed = f"the names under {PROJECT}:tasks ({', '.join(tasks) or 'none'})"
                errors.add(Kind.UNKNOWN_NAME, (key, index), name, meant(allowed, name, tasks), "TASK")
            elif not stage.with_keptn and tasks[name] is None:
                allowed = "Python source: what is defined elsewhere is Keptn's, and Argo CD verifies this stage"
                errors.add(Kind.NOT_ALLOWED, ("tasks", name), None, allowed, "SOURCE")
            elif not stage.with_keptn and (size := len((tasks[name] or "").encode())) > LONGEST_SOURCE:
                allowed = f"at most {LONGEST_SOURCE} bytes, which Argo CD's hook runs; put the code into `hookImage`"
                fix = set_fix(errors.stack, ("tasks", name), "SOURCE")
                errors.say(Kind.NOT_ALLOWED, ("tasks", name), f"{size} bytes", allowed, fix)
            elif not stage.with_keptn and name in OWN_HOOKS:
                errors.add(
                    Kind.COLLISION, (key, index), name, "another name: the program has a hook of this one", "TASK"
                )
    if not stage.with_keptn:
        for key in ("preDeploymentEvaluations", "postDeploymentEvaluations"):
            if root.texts(key):
                allowed = "nothing: evaluations are Keptn's, and Argo CD verifies this stage; `checks` has queries"
                errors.superfluous((key,), list(root.texts(key)), allowed)
    return KeptnChecks(
        pre_deployment_tasks=root.texts("preDeploymentTasks"),
        post_deployment_tasks=root.texts("postDeploymentTasks"),
        pre_deployment_evaluations=root.texts("preDeploymentEvaluations"),
        post_deployment_evaluations=root.texts("postDeploymentEvaluations"),
    )


def read_endpoint_checks(root: Values, stage: Stage, errors: ErrorCollector) -> tuple[EndpointCheck, ...]:
    """The checks that need no code; what is wrong with them is added to `errors`."""
    entries = root.entries("checks")
    if entries and stage.with_keptn and not errors.about("checks", "stages"):
        allowed = "nothing: Keptn verifies this stage, by tasks and evaluations (stages: verification)"
        errors.superfluous(("checks",), None, allowed)
    taken = {*OWN_HOOKS, *root.texts("preDeploymentTasks"), *root.texts("postDeploymentTasks")}
    return tuple(_endpoint_check(entry, taken, errors) for entry in entries)


def _endpoint_check(entry: Values, taken: set[str], errors: ErrorCollector) -> EndpointCheck:
    found = EndpointCheck(
        name=entry.text("name"),
        url=entry.text("url"),
        status=entry.number("status"),
        prometheus=entry.text("prometheus").rstrip("/"),
        query=entry.text("query"),
        least=_decimal(entry, "min"),
        most=_decimal(entry, "max"),
    )
    if errors.about("checks"):
        return found
    if found.name in taken:
        errors.add(Kind.REPEATED, (*entry.path, "name"), found.name, "a name that no task or check has", "NAME")
    taken.add(found.name)
    if bool(found.url) == bool(found.prometheus):
        allowed = "either `url`, or `prometheus` with a `query`"
        errors.add(Kind.NOT_ALLOWED, (*entry.path, "url"), found.url or None, allowed, "https://HOST/PATH")
    elif found.url:
        for key in ("query", "min", "max"):
            if entry.values[key] is not None:
                errors.superfluous((*entry.path, key), entry.values[key], "nothing: it is for `prometheus`")
    elif not found.query:
        errors.add(Kind.MISSING, (*entry.path, "query"), None, "the query, beside `prometheus`", "QUERY")
    elif not (found.least or found.most):
        errors.add(Kind.MISSING, (*entry.path, "max"), None, "at least one of `min` and `max`", "NUMBER")
    elif found.least and found.most and float(found.least) > float(found.most):
        errors.add(Kind.NOT_ALLOWED, (*entry.path, "max"), entry.values["max"], "at least `min`", "NUMBER")
    return found


def _decimal(entry: Values, key: str) -> str:
    value = entry.values[key]
    return "" if value is None else str(value)
