"""What is wrong with a configuration, said so that it can be mended: the key, what was found, what is
allowed, and the command that sets it right. Problems are collected, so that one run reports them all.
"""

import copy
import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Path = tuple[str | int, ...]
Edit = Callable[[Json], Json]
"""Makes an allowed value of the one that is there."""

REPORTED = 25
"""So many mistakes are reported at once; whoever has more mends these first."""
_LONGEST_FOUND = 80
_LONGEST_COMMAND = 4000
SHARED = frozenset(
    {
        "applications",
        "argocdApplicationPattern",
        "argocdFinalizer",
        "argocdNamespace",
        "argocdProject",
        "defaultBranch",
        "githubApiUrl",
        "namespacePattern",
        "pathPattern",
        "promotionEngine",
        "promotionLabels",
        "promotionRetries",
        "promotionReviewers",
        "promotionTeamReviewers",
        "promotionTimeoutSeconds",
        "promotionTtlSeconds",
        "repositoryName",
        "repositoryOwner",
        "stages",
        "tasks",
        "traceUrl",
    }
)
"""The keys that every stack reads alike: a command sets them for one stack, and the others keep what they had."""


def one_line(text: str) -> str:
    """`text` with everything that a terminal or a log would not print as JSON writes it: `\\n`, `\\u2028`."""
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


def spell(path: Path) -> str:
    """A path as the CLI writes it: `delivery:stages[1].after[0]`, `delivery:tasks["load.test"]`."""
    first, *rest = path
    return f"delivery:{one_line(_shortened(str(first)))}" + "".join(_step(part) for part in rest)


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    simple = part.replace("-", "").replace("_", "")
    if simple.isascii() and simple.isalnum():
        return f".{_shortened(part)}"
    return f"[{one_line(json.dumps(_shortened(part), ensure_ascii=False))}]"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_FOUND else text[: _LONGEST_FOUND - 1] + "…"


def set_command(key: str, value: Json, *, secret: bool = False) -> str:
    """The `pulumi config set` that gives `key` this value; structured values travel as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # A value that begins with a dash would be taken for an option.
    dashes = "-- " if text.startswith("-") else ""
    return f"pulumi config set {'--secret ' if secret else ''}{dashes}delivery:{key} {shlex.quote(one_line(text))}"


def set_mend(key: str, value: Json) -> str:
    """`set_command` as a mend, which reminds of the other stacks that share the key; a shell can take it whole."""
    return set_command(key, value) + ("  # or in Pulumi.yaml, for every stack" if key in SHARED else "")


def without(*names: str) -> Edit:
    """Takes entries out of a map or a list of names."""

    def edit(node: Json) -> Json:
        if isinstance(node, dict):
            return {key: value for key, value in node.items() if key not in names}
        return [each for each in node if each not in names] if isinstance(node, list) else node

    return edit


def renamed(name: str, new: str) -> Edit:
    """Calls one entry of a map or a list of names by another name, at its place, and each but once."""

    def edit(node: Json) -> Json:
        if isinstance(node, dict):
            return {new if key == name else key: value for key, value in node.items()}
        if not isinstance(node, list):
            return node
        called = [new if each == name else each for each in node]
        return [each for index, each in enumerate(called) if each != new or new not in called[:index]]

    return edit


def nearest(name: str, names: Sequence[str]) -> str | None:
    """The one of `names` that was probably meant."""
    # Imported for a mistake alone, like everything that only a mistake needs and that takes time to load.
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, sorted(names), n=1, cutoff=0.6)), None)


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
    """A stack's configuration cannot be used. `problems` holds the mistakes, `str()` one line for each.

    `more` counts the mistakes beyond those, which are reported once the first ones are mended.
    """

    def __init__(self, problems: Sequence[Problem], more: int = 0) -> None:
        lines = [str(problem) for problem in problems]
        if more:
            lines.append(f"and {more} more; mend these first")
        super().__init__("\n".join(lines))
        self.problems = tuple(problems)
        self.more = more


@dataclass(frozen=True)
class _Mistake:
    path: Path
    found: str
    allowed: str
    edit: Edit | str
    """What sets it right: an edit of the value at `path`, or a command of its own."""
    at: Path | None = None
    """Where `edit` is to be done, if not at `path`."""


@dataclass
class Problems:
    """Collects mistakes while `roots`, the raw configuration, is read.

    Of a key in `unreadable` everything is said: what else is found there only follows from that.
    """

    roots: dict[str, Json]
    unreadable: set[str] = field(default_factory=set)
    _mistakes: dict[tuple[Path, str, str], _Mistake] = field(default_factory=dict)
    _more: int = 0

    def add(self, path: Path, found: object, allowed: str, instead: Json | Edit, *, at: Path | None = None) -> None:
        """Note a mistake at `path`; `instead` is a value that would be allowed there (or `at` another place), or
        makes one."""
        if str(path[0]) in self.unreadable or self._only_counted():
            return
        shown = "nothing" if found is None else json.dumps(found, ensure_ascii=False)
        edit: Edit = instead if callable(instead) else lambda _: instead
        self._note(_Mistake(path, one_line(_shortened(shown)), allowed, edit, at))

    def add_unknown(self, path: Path, key: str, known: Sequence[str], *, given: Sequence[str]) -> None:
        """Note that nothing reads `key` in the map at `path`, among the keys `given` there."""
        if self._only_counted():
            return
        near = nearest(key, known)
        allowed = f"did you mean {near}?" if near else "one of " + ", ".join(sorted(known))
        if path:
            edit = renamed(key, near) if near and near not in given else without(key)
            self.add(path, key, f"in this map: {allowed}", edit)
        else:
            # Its value stays unsaid: a misspelt token is a token.
            command = f"pulumi config rm {shlex.quote(f'delivery:{key}')}  # or take it out of Pulumi.yaml"
            if not (key.isprintable() and len(key) <= _LONGEST_FOUND):
                command = "take it out of the file that sets it, Pulumi.yaml or Pulumi.STACK.yaml"
            self._note(_Mistake((key,), "a key that nothing reads", allowed, command))

    def add_command(self, path: Path, found: str, allowed: str, command: str) -> None:
        """Note a mistake that no other value of the key at `path` would mend, but `command` would."""
        if not self._only_counted():
            self._note(_Mistake(path, one_line(_shortened(found)), allowed, command))

    @property
    def full(self) -> bool:
        """Whether as many mistakes are noted as are reported; more are only counted."""
        return len(self._mistakes) >= REPORTED

    def any_at(self, first: str, last: str) -> bool:
        """Whether anything is wrong with a `last` somewhere below the key `first`."""
        return any((path[0], path[-1]) == (first, last) for path, _, _ in self._mistakes)

    def check(self) -> None:
        """Raise everything found so far, each mistake once."""
        if self._mistakes:
            commands = {key: self._command(key) for key in {str(path[0]) for path, _, _ in self._mistakes}}
            problems = [self._problem(each, commands[str(each.path[0])]) for each in self._mistakes.values()]
            raise ConfigurationError(problems, self._more)

    def _only_counted(self) -> bool:
        self._more += self.full
        return self.full

    def _note(self, mistake: _Mistake) -> None:
        self._mistakes.setdefault((mistake.path, mistake.found, mistake.allowed), mistake)

    def _problem(self, mistake: _Mistake, command: str) -> Problem:
        where = spell(mistake.path)
        if isinstance(mistake.edit, str):
            return Problem(where, mistake.found, mistake.allowed, mistake.edit)
        if len(command) > _LONGEST_COMMAND:
            command = f"correct it in the file that sets delivery:{mistake.path[0]}, Pulumi.yaml or Pulumi.STACK.yaml"
        return Problem(where, mistake.found, mistake.allowed, command)

    def _command(self, key: str) -> str:
        # A stack's value replaces the project's whole value, so the command has to carry all of the key; and a
        # second command would undo the first, so each one mends everything that is wrong with the key.
        root = copy.deepcopy(self.roots.get(key))
        for mistake in self._mistakes.values():
            if mistake.path[0] == key and not isinstance(mistake.edit, str):
                root = _edited(root, (mistake.at or mistake.path)[1:], mistake.edit)
        return set_mend(key, root)


def _edited(node: Json, path: Path, edit: Edit) -> Json:
    if not path:
        return edit(node)
    first, *rest = path
    if isinstance(node, dict) and isinstance(first, str):
        node[first] = _edited(node.get(first), tuple(rest), edit)
    if isinstance(node, list) and isinstance(first, int) and first < len(node):
        node[first] = _edited(node[first], tuple(rest), edit)
    return node
