"""Reads what verifies a stage: Keptn's tasks, and which of them run when.

A part of `delivery.config.reader`. No mend here leaves a stage less verified than it was meant to be.
"""

from collections.abc import Mapping

from delivery.config import rules
from delivery.config.errors import Edit, Json, nearest, renamed, without
from delivery.config.fields import Fields
from delivery.model.stack import KeptnChecks

TASK_PROMOTE = "promote"
"""The promotion task's definition, which the program declares itself."""


def read_tasks(root: Fields) -> dict[str, str | None]:
    """The tasks that are defined, with their source; None for one that is defined elsewhere."""
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


def read_checks(root: Fields, tasks: Mapping[str, str | None]) -> KeptnChecks:
    """Which of `tasks`, and which evaluations, run before and after a deployment of this stage."""
    lists = {
        key: root.texts(key, rules.RESOURCE)
        for key in (
            "preDeploymentTasks",
            "postDeploymentTasks",
            "preDeploymentEvaluations",
            "postDeploymentEvaluations",
        )
    }
    readable = "tasks" not in root.problems.unreadable and isinstance(root.values.get("tasks", {}), dict)
    for key in ("preDeploymentTasks", "postDeploymentTasks"):
        for name in lists[key]:
            # Keptn waits for a definition that is not there without end, and says nothing.
            if readable and name not in tasks:
                _refuse_task(root, key, name, tasks)
    return KeptnChecks(
        pre_deployment_tasks=lists["preDeploymentTasks"],
        post_deployment_tasks=lists["postDeploymentTasks"],
        pre_deployment_evaluations=lists["preDeploymentEvaluations"],
        post_deployment_evaluations=lists["postDeploymentEvaluations"],
    )


def _refuse_task(root: Fields, key: str, name: str, tasks: Mapping[str, str | None]) -> None:
    """Refuse a task that `key` lists and nobody defines, by a mend after which the stage is checked as before."""
    allowed = f"the names under delivery:tasks ({', '.join(tasks) or 'none'})"
    shipped = root.problems.shipped("tasks")
    near = nearest(name, tuple(tasks))
    if isinstance(shipped, dict) and name in shipped:
        # The stack's own tasks replace all of those in Pulumi.yaml.
        root.problems.add((key,), name, allowed, _with_task(name, shipped[name]), at=("tasks",))
    elif near or name == TASK_PROMOTE:
        root.problems.add((key,), name, allowed, renamed(name, near) if near else without(name))
    else:
        root.problems.add((key,), name, allowed, _with_task(name, _source(name, None)), at=("tasks",))


def _with_task(name: str, code: Json) -> Edit:
    return lambda tasks: {**(tasks if isinstance(tasks, dict) else {}), name: code}
