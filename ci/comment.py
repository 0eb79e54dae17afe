"""The text of a pull request's comment: what it renders differently, within GitHub's limit, harmless whatever is in it.

What is shown was made by a pull request's own code. Here it can neither mention people nor break out of its place.
"""

import re
from collections.abc import Iterator, Sequence

from ci.rendered import FileChange, RenderedStack
from delivery.promotion.markdown import code
from delivery.text import one_line, printable

MARKER = "<!-- delivery: preview -->"
"""The first line of the one comment, by which the next run finds it."""

LIMIT = 65_536
"""GitHub's limit for a comment, in characters; kept here in bytes, which are never fewer."""

_STACKS = 50
_LINES = 250
_RESERVE = 400


def comment(commit: str, run_url: str, stacks: Sequence[RenderedStack]) -> str:
    """The comment's text, `MARKER` first, at most `LIMIT` bytes: every stack in a line, then as much as fits."""
    title = f"{MARKER}\n### What {code(commit[:12], 12)} renders differently"
    tail = f"<sub>[The run]({run_url}) has everything. This comment is updated with each push.</sub>"
    lines = [f"- {code(stack.stack, 63)}: {_summary(stack)}" for stack in stacks[:_STACKS]]
    if len(stacks) > _STACKS:
        lines.append(f"- and {len(stacks) - _STACKS} more")
    parts = [title, "\n".join(lines) or "Nothing was rendered: the run says why."]
    room = LIMIT - _RESERVE - sum(len(part.encode()) + 2 for part in (*parts, tail))
    details = [text for stack in stacks for text in _details(stack)]
    for index, text in enumerate(details):
        room -= len(text.encode()) + 2
        if room < 0:
            parts.append(f"{len(details) - index} more do not fit here.")
            break
        parts.append(text)
    return "\n\n".join([*parts, tail])


def fenced(text: str, language: str = "") -> str:
    """`text` as a code block that it cannot end."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    # Line by line: a direction override would show a reviewer something else than what is there.
    lines = "\n".join(map(printable, text.splitlines()))
    return f"{fence}{language}\n{lines}\n{fence}"


def _summary(stack: RenderedStack) -> str:
    if stack.failure:
        return "cannot be rendered"
    count = len(stack.changes)
    return f"{count} file{'' if count == 1 else 's'} differ{'s' if count == 1 else ''}" if count else "no difference"


def _details(stack: RenderedStack) -> Iterator[str]:
    if stack.failure:
        yield f"{code(stack.stack, 63)} cannot be rendered:\n\n{fenced(stack.failure)}"
    for change in stack.changes:
        yield _diff(stack.stack, change)


def _diff(stack: str, change: FileChange) -> str:
    lines = change.diff.split("\n")
    cut = "\n".join([*lines[:_LINES], f"… {len(lines) - _LINES} more lines"] if len(lines) > _LINES else lines)
    # Markdown is not read inside <summary>: entities are what is left to be safe with.
    name = "".join(
        character if character.isalnum() or character in "/.-_: " else f"&#{ord(character)};"
        for character in one_line(f"{stack}: {change.kind} {change.path}", 200)
    )
    return f"<details><summary>{name}</summary>\n\n{fenced(cut, 'diff')}\n\n</details>"
