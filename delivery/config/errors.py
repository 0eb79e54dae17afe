"""Mistakes in a configuration: each with its kind, the key, what was found, what is allowed, and what fixes it.

A fix has the form of an allowed value, never a guess of what was meant: `pulumi config set` for a stack's own key, the
place in `Pulumi.yaml` for a key of the pipeline.
"""

import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from delivery.config.key import Project, Type
from delivery.config.keys import DELIVERY
from delivery.config.rules import Json as Json
from delivery.text import printable, without_secrets

Path = tuple[str | int, ...]
"""Where a value is: the key, then names and numbers of what is in it."""
REPORTED = 25
"""So many mistakes are reported at once; the others are counted."""


class Kind(Enum):
    """What kind of mistake it is."""

    UNKNOWN_KEY = "unknown key"
    MISSING = "missing"
    NOT_ALLOWED = "not allowed"
    MISPLACED = "misplaced"
    """A key of the pipeline in a stack's own file."""
    REPEATED = "repeated"
    UNKNOWN_NAME = "unknown name"
    """A stage, application or task that the configuration does not have."""
    CYCLE = "dependency cycle"
    COLLISION = "collision"
    """Two applications or stages resolve to one name."""
    ENCRYPTED = "encrypted"
    PLAIN_TEXT = "plain text"
    """A secret that is not encrypted."""
    NOT_READY = "not ready"
    """A preview works, an update does not."""
    UNMANAGED_FILE = "unmanaged file"
    CLUSTER = "cluster"


@dataclass(frozen=True)
class Problem:
    """One mistake, in one line."""

    where: str
    found: str
    allowed: str
    fix: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.where}: found {self.found}; allowed: {self.allowed}; fix: {self.fix}"


class ConfigError(Exception):
    """A configuration cannot be used. `problems` are the mistakes, `str()` has one line for each.

    `more` counts the mistakes beyond those.
    """

    def __init__(self, problems: Sequence[Problem], more: int = 0) -> None:
        super().__init__("\n".join([*map(str, problems), *([f"and {more} more; fix these first"] if more else [])]))
        self.problems = tuple(problems)
        self.more = more


class ErrorCollector:
    """Collects the mistakes of one configuration, so that one run reports them all, each once."""

    def __init__(self, stack: str, project: Project = DELIVERY) -> None:
        self.stack = stack
        self.project = project
        self._problems: dict[Problem, None] = {}
        self._wrong: set[str] = set()
        self._more = 0
        self.closed: set[str] = set()
        """Keys of which all is said: nothing else is added about them."""

    def add(self, kind: Kind, path: Path, found: Json, allowed: str, form: str) -> None:
        """Note the value `found` at `path`, where one of this `form` would be allowed."""
        shown = "nothing" if found is None else json.dumps(found, ensure_ascii=False)
        self.say(kind, path, shown, allowed, set_fix(self.stack, path, form, project=self.project))

    def say(self, kind: Kind, path: Path, found: str, allowed: str, fix: str) -> None:
        """Note what is `found` at `path`, in words."""
        key = str(path[0])
        self._wrong.add(key)
        if key in self.closed:
            return
        if len(self._problems) < REPORTED:
            found, allowed = shortened(without_secrets(found)), shortened(without_secrets(allowed), 300)
            problem = Problem(spell(path, self.project), printable(found), allowed, fix, kind)
            self._problems[problem] = None
        else:
            self._more += 1

    def superfluous(self, path: Path, found: Json, allowed: str) -> None:
        """Note the value `found` at `path`, or one that is not shown, where none is allowed."""
        shown = "a value" if found is None else json.dumps(found, ensure_ascii=False)
        self.say(Kind.NOT_ALLOWED, path, shown, allowed, remove_fix(self.stack, path, known=True, project=self.project))

    def add_unknown(self, path: Path, name: str, known: Iterable[str]) -> None:
        """Note that nothing reads the key `name` in the map at `path`, which may hold the keys `known`.

        What the key holds is not shown: a misspelt token is a token.
        """
        near = nearest(name, known)
        allowed = f"did you mean {near}?" if near else f"one of {', '.join(sorted(known))}"
        fix = remove_fix(self.stack, (*path, name), project=self.project)
        self.say(Kind.UNKNOWN_KEY, (*path, name), "an unknown key", allowed, fix)

    def about(self, *keys: str) -> bool:
        """Whether anything is wrong with one of these keys."""
        return not self._wrong.isdisjoint(keys)

    def check(self) -> None:
        """Raise `ConfigError` if anything is wrong."""
        if self._wrong:
            raise ConfigError(tuple(self._problems), self._more)


def set_fix(stack: str, where: str | Path, value: str, *, plaintext: bool = False, project: Project = DELIVERY) -> str:
    """How to set what is at a path, or a whole key, to `value`, which may be a placeholder.

    The command names the `stack`, which need not be the one that is selected.

    A value that is encrypted becomes a plain one with `plaintext` alone.
    """
    path = (where,) if isinstance(where, str) else where
    key, *inner = path
    if key in project.pipeline:
        places = "".join(f" {f'[{part}]' if isinstance(part, int) else part}:" for part in inner)
        return printable(f"edit Pulumi.yaml: config: {project.name}:{key}: value:{places} {value}")
    if key in project.table and project.table[str(key)].type is Type.SECRET:
        return f"{project.command} config set -s {_word(stack)} --secret {project.name}:{key}"
    options = f"{'--path ' if inner else ''}{'--plaintext ' if plaintext else ''}"
    return f"{project.command} config set -s {_word(stack)} {options}{_word(spell(path, project))} {_word(value)}"


def remove_fix(stack: str, path: Path, *, known: bool = False, project: Project = DELIVERY) -> str:
    """How to remove the key at `path`; one that is not `known` may be a misspelt one."""
    key, *inner = path
    action = "remove" if known else "remove or rename"
    if key in project.pipeline:
        return f"edit Pulumi.yaml: {action} it under config: {project.name}:{key}: value:"
    command = f"{project.command} config rm -s {_word(stack)} {'--path ' if inner else ''}{_word(spell(path, project))}"
    return f"{command}, or {action} it in Pulumi.yaml"


def spell(path: Path, project: Project = DELIVERY) -> str:
    """A path as the CLI writes it: `delivery:stages[1].after[0]`, `delivery:metadata["a.b"]`."""
    first, *rest = path
    return f"{project.name}:{printable(shortened(str(first)))}" + "".join(map(_step, rest))


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that `name` may be a misspelling of."""
    # Imported for a mistake alone: it takes time to load.
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, sorted(names), n=1)), None)


def meant(allowed: str, name: str, known: Iterable[str]) -> str:
    """`allowed`, and the known name that `name` was probably meant to be."""
    near = nearest(name, known)
    return f"{allowed}; did you mean {near}?" if near else allowed


def shortened(text: str, limit: int = 80) -> str:
    """The text, cut off where it is longer than `limit`."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    simple = part.replace("-", "").replace("_", "")
    if simple.isascii() and simple.isalnum():
        return f".{shortened(part)}"
    return f"[{printable(json.dumps(shortened(part), ensure_ascii=False))}]"


def _word(text: str) -> str:
    """The text as one word of a command, printable."""
    # A placeholder such as true|false is for a reader.
    return text if text.replace("|", "").isalnum() else shlex.quote(printable(text))
