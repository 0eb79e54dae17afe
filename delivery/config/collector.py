"""Collects the mistakes in a configuration, so that one run reports them all, and makes the command that mends all
that is wrong with a key.
"""

import copy
import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from delivery.config.errors import (
    LONGEST_FOUND,
    ConfigurationError,
    Edit,
    Json,
    Path,
    Problem,
    nearest,
    renamed,
    set_mend,
    shortened,
    spell,
    without,
)
from delivery.text import printable

REPORTED = 25
"""So many mistakes are reported at once; whoever has more mends these first."""
_LONGEST_COMMAND = 4000


@dataclass(frozen=True)
class _Mistake:
    path: Path
    found: str
    allowed: str
    edit: Edit | str
    """What sets it right: an edit of the value at `path`, or a command of its own."""
    at: Path | None = None
    """Where `edit` is to be done, if not at `path`."""

    @property
    def edited(self) -> Path:
        """Where `edit` is to be done."""
        return self.at or self.path


@dataclass
class Problems:
    """Collects mistakes while `roots`, the raw configuration, is read.

    Of a key in `unreadable` everything is said: what else is found there only follows from that. `shipped` gives what
    Pulumi.yaml has for every stack under a key that holds a list or a map, None where there is nothing of use.
    """

    roots: dict[str, Json]
    shipped: Callable[[str], Json] = lambda _: None
    unreadable: set[str] = field(default_factory=set)
    _mistakes: dict[tuple[Path, str, str], _Mistake] = field(default_factory=dict)
    _more: int = 0

    def add(
        self,
        path: Path,
        found: object,
        allowed: str,
        instead: Json | Edit,
        *,
        at: Path | None = None,
        kept: bool = True,
    ) -> None:
        """Note a mistake at `path`; `instead` is a value that would be allowed there (or `at` another place), or
        makes one.

        `kept` is false where it keeps nothing of what the key holds. An example must not replace what Pulumi.yaml has:
        where that has the key, the mend is to take the stack's own value away.
        """
        if str(path[0]) in self.unreadable or self._only_counted():
            return
        shown = "nothing" if found is None else json.dumps(found, ensure_ascii=False)
        edit: Edit | str = instead if callable(instead) else lambda _: instead
        if not kept and self.shipped(str(path[0])) is not None:
            edit = f"pulumi config rm delivery:{path[0]}"
        self._note(_Mistake(path, printable(shortened(shown)), allowed, edit, at))

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
            if not (key.isprintable() and len(key) <= LONGEST_FOUND):
                command = "take it out of the file that sets it, Pulumi.yaml or Pulumi.STACK.yaml"
            self._note(_Mistake((key,), "a key that nothing reads", allowed, command))

    def add_command(self, path: Path, found: str, allowed: str, command: str) -> None:
        """Note a mistake that no other value of the key at `path` would mend, but `command` would."""
        if not self._only_counted():
            self._note(_Mistake(path, printable(shortened(found)), allowed, command))

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
            mistakes = self._mistakes.values()
            commands = {key: self._command(key) for key in {str(each.edited[0]) for each in mistakes}}
            problems = [self._problem(each, commands[str(each.edited[0])]) for each in mistakes]
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
            command = f"correct it in the file that sets delivery:{mistake.edited[0]}, Pulumi.yaml or Pulumi.STACK.yaml"
        return Problem(where, mistake.found, mistake.allowed, command)

    def _command(self, key: str) -> str:
        # A stack's value replaces the project's whole value, so the command has to carry all of the key; and a
        # second command would undo the first, so each one mends everything that is wrong with the key.
        root = copy.deepcopy(self.roots.get(key))
        for mistake in self._mistakes.values():
            if mistake.edited[0] == key and not isinstance(mistake.edit, str):
                root = _edited(root, mistake.edited[1:], mistake.edit)
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
