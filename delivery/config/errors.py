"""One mistake in a configuration, said so that it can be mended: the key, what was found, what is allowed, and the
command that sets it right. How such a command is written, and the edits from which it gets its value.
"""

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from delivery.text import printable

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Path = tuple[str | int, ...]
Edit = Callable[[Json], Json]
"""Makes an allowed value of the one that is there."""

LONGEST_FOUND = 80
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


def spell(path: Path) -> str:
    """A path as the CLI writes it: `delivery:stages[1].after[0]`, `delivery:tasks["load.test"]`."""
    first, *rest = path
    return f"delivery:{printable(shortened(str(first)))}" + "".join(_step(part) for part in rest)


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    simple = part.replace("-", "").replace("_", "")
    if simple.isascii() and simple.isalnum():
        return f".{shortened(part)}"
    return f"[{printable(json.dumps(shortened(part), ensure_ascii=False))}]"


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST_FOUND else text[: LONGEST_FOUND - 1] + "…"


def set_command(key: str, value: Json, *, secret: bool = False) -> str:
    """The `pulumi config set` that gives `key` this value; structured values travel as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # A value that begins with a dash would be taken for an option.
    dashes = "-- " if text.startswith("-") else ""
    return f"pulumi config set {'--secret ' if secret else ''}{dashes}delivery:{key} {shlex.quote(printable(text))}"


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
