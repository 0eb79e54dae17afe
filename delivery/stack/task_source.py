"""A task of `gitops/tasks` as the one text that Keptn and Argo CD's hooks run: its modules, one behind the other.

The text is no file of a package when it runs, so a module of the tasks is imported by `from gitops.tasks.x import …`
alone, and no two of them define the same name at their top.
"""

import re
from functools import cache
from pathlib import Path

_TASKS = Path(__file__).resolve().parents[2] / "gitops/tasks"
_IMPORT = re.compile(r"^from gitops\.tasks\.(\w+) import (?:\([^)]*\)|[^(\n]*)\n", re.MULTILINE)


@cache
def task_source(name: str = "promote") -> str:
    """The text of the task in `gitops/tasks/<name>.py`, behind the modules that it imports, each once."""
    return "\n\n".join(text.strip("\n") + "\n" for text in _modules(name).values())


def stage_task_source(name: str, stage: str, api_url: str, seconds: float, code: str) -> str:
    """The text of a task whose source is `code`, run by `gitops/tasks/stage_task.py`, which records that it failed."""
    # Line by line, so that a change of it shows as one in a preview.
    lines = "".join(f"        {text!r},\n" for text in code.split("\n"))
    known = {"name": name, "stage": stage, "api_url": api_url, "seconds": seconds}
    values = "".join(f"    {key}={value!r},\n" for key, value in known.items())
    task = f'TASK = StageTask(\n{values}    source="\\n".join([\n{lines}    ]),\n)\n'
    return f'{task_source("stage_task")}\n\n{task}\nif __name__ == "__main__":\n    sys.exit(run_stage_task(TASK))\n'


@cache
def _modules(name: str) -> dict[str, str]:
    """The modules of a task without their imports of each other, what is imported before what imports it."""
    source, found = (_TASKS / f"{name}.py").read_text(encoding="utf-8"), dict[str, str]()
    for match in _IMPORT.finditer(source):
        found |= _modules(match[1])
    return found | {name: _IMPORT.sub("", source)}
