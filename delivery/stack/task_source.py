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


def _modules(name: str) -> dict[str, str]:
    """The modules of a task without their imports of each other, what is imported before what imports it."""
    source, found = (_TASKS / f"{name}.py").read_text(encoding="utf-8"), dict[str, str]()
    for match in _IMPORT.finditer(source):
        found |= {module: text for module, text in _modules(match[1]).items() if module not in found}
    return found | {name: _IMPORT.sub("", source)}
