"""What is wrong with a configuration, said so that it can be mended: the key, what was found, what is
allowed, and the command that sets it right. Problems are collected, so that one run reports them all.
"""

import copy
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Path = tuple[str | int, ...]


def spell(path: Path) -> str:
    """A path as the CLI writes it: `delivery:stages[1].after[0]`."""
    first, *rest = path
    return f"delivery:{first}" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)


def set_command(key: str, value: Json, *, secret: bool = False) -> str:
    """The `pulumi config set` that gives `key` this value; structured values travel as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"pulumi config set {'--secret ' if secret else ''}delivery:{key} {shlex.quote(text)}"


@dataclass(frozen=True)
class Problem:
    """One mistake, in one line."""

    where: str
    found: str
    allowed: str
    mend: str

    def __str__(self) -> str:
        return f"{self.where}: found {self.found}; allowed: {self.allowed}; mend: {self.mend}"


class ConfigurationError(Exception):
    """A stack's configuration cannot be used. `problems` holds every mistake, `str()` one line for each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass
class Problems:
    """Collects mistakes while `roots`, the raw configuration, is read."""

    roots: dict[str, Json]
    found: list[Problem] = field(default_factory=list)

    def add(self, path: Path, found: object, allowed: str, instead: Json) -> None:
        """Note a mistake at `path`; `instead` is a value that would be allowed there."""
        shown = "nothing" if found is None else json.dumps(found, ensure_ascii=False)
        shown = shown if len(shown) <= 80 else shown[:77] + "…"
        self.found.append(Problem(spell(path), shown, allowed, self._mend(path, instead)))

    def _mend(self, path: Path, instead: Json) -> str:
        # A stack's value replaces the project's whole value, so the command has to carry all of the key.
        key, *rest = path
        if not rest:
            return set_command(str(key), instead)
        root = copy.deepcopy(self.roots.get(str(key)))
        node: Json = root
        for part in rest[:-1]:
            node = _child(node, part)
        last = rest[-1]
        if isinstance(node, dict) and isinstance(last, str):
            node[last] = instead
        if isinstance(node, list) and isinstance(last, int):
            node[last] = instead
        return set_command(str(key), root)

    def check(self) -> None:
        """Raise everything found so far, each mistake once."""
        if self.found:
            raise ConfigurationError(tuple(dict.fromkeys(self.found)))


def _child(node: Json, part: str | int) -> Json:
    if isinstance(node, dict) and isinstance(part, str):
        return node.get(part)
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return node[part]
    return None
