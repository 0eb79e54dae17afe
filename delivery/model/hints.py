"""What somebody can do about an error or a refusal, where that depends on who runs the promotion.

The promoter and a stack word the same hint in two ways, so errors carry it as data and never as a part of their text.
"""

from collections.abc import Mapping
from enum import Enum


class Hint(Enum):
    """The kinds of hints."""

    TOKEN = "token"  # noqa: S105 - the name of a hint
    """Another token is needed."""
    AGAIN = "again"
    """The promotion has to be asked for explicitly."""


Wording = Mapping[Hint, str]
PROMOTER_HINTS: Wording = {
    Hint.TOKEN: "set GITHUB_TOKEN",
    Hint.AGAIN: "run again with the input again=true",
}


def stack_hints(stage: str) -> Wording:
    """The hints for whoever runs `pulumi up` on the stack of `stage`."""
    return {
        # A stack takes GITHUB_TOKEN only when it has no token of its own; setting the stack's own always helps.
        Hint.TOKEN: f"pulumi config set -s {stage} --secret delivery:githubToken",
        # For this once: what stays in the configuration would reopen whatever is closed later, too.
        Hint.AGAIN: f"""run DELIVERY_PROMOTE='{{"again": true}}' pulumi up -s {stage}""",
    }


def with_hint(message: str, hint: Hint | None, wording: Wording = PROMOTER_HINTS) -> str:
    """`message` and the hint in these words, on one line."""
    return message if hint is None else f"{message}: {wording[hint]}"


class HintedError(Exception):
    """An error with one line for people: `message`, and the hint in the promoter's words or in a stack's."""

    def __init__(self, message: str, hint: Hint | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def worded(self, wording: Wording) -> str:
        """The line with its hint in these words."""
        return with_hint(self.message, self.hint, wording)

    def __str__(self) -> str:
        return self.worded(PROMOTER_HINTS)
