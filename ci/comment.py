"""The text of a preview's comment: every stack's changes, within GitHub's limit, harmless whatever is in them.

What is shown was made by a pull request's own code. Here it can neither mention people nor break out of its place.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ci.rendered import FileChange, RenderedStack
from ci.report import Report
from delivery.promotion.markdown import code
from delivery.text import one_line

MARKER = "<!-- delivery: preview -->"
"""The first line of the one comment, by which the next run finds it."""

LIMIT = 65_536
"""GitHub's limit for a comment, in characters; kept here in bytes, which are never fewer."""

# More than this many headings need not fit, whatever names a pull request has made up.
_STACKS = 50
_ROWS = 60
_LINES = 250
_RESERVE = 400

# How a line about a mistake begins, in a stack's configuration or in the files that hold it. Lines of other programs,
# which rendering starts before it reads any, may stand around it.
_REFUSAL = re.compile(r"^(delivery:\S+: found |Pulumi\.(\S+\.)?yaml\b)", re.MULTILINE)


@dataclass(frozen=True)
class Preview:
    """What a comment is about: a commit, the run that previewed it, and what was found."""

    commit: str
    run_url: str
    reports: Mapping[str, Report]
    rendered: Sequence[RenderedStack]


def comment(preview: Preview) -> str:
    """The comment's text, `MARKER` first, at most `LIMIT` bytes. Stacks and diffs that do not fit are counted."""
    rendered = {each.stack: each for each in preview.rendered}
    found = sorted(rendered.keys() | preview.reports.keys())
    stacks, more = found[:_STACKS], len(found[_STACKS:])
    parts = [f"{MARKER}\n### Preview of {code(preview.commit[:12], 12)}"]
    if not stacks:
        parts.append("Nothing was previewed: the run below says why.")
    tail = f"<sub>[The run]({preview.run_url}) has everything. This comment is updated with each push.</sub>"
    left = LIMIT - _RESERVE - len(tail.encode())
    # Every stack gets an equal share, and what one leaves over goes to those after it.
    for index, stack in enumerate(stacks):
        used = sum(len(part.encode()) + 2 for part in parts)
        share = (left - used) // (len(stacks) - index)
        parts.append(_stack(stack, preview.reports.get(stack), rendered.get(stack), share))
    if more:
        parts.append(f"{more} more stack{'' if more == 1 else 's'} of {len(found)}: too many to be shown here.")
    return "\n\n".join([*parts, tail])


def fenced(text: str, language: str = "") -> str:
    """`text` as a code block that it cannot end."""
    longest = max((len(run) for run in _backticks(text)), default=0)
    fence = "`" * max(3, longest + 1)
    # Line by line: a direction override would show a reviewer something else than what is there.
    lines = "\n".join(_visible(line) for line in text.splitlines())
    return f"{fence}{language}\n{lines}\n{fence}"


def changes_table(report: Report) -> str:
    """The changes as a Markdown table, the first of them when there are many."""
    rows = ["| | resource | type | properties |", "| --- | --- | --- | --- |"]
    for change in report.changes[:_ROWS]:
        kind = change.type.rpartition(":")[2]
        keys = code(", ".join(change.keys), 120) if change.keys else ""
        rows.append(f"| {code(change.operation, 30)} | {code(change.name, 120)} | {code(kind, 60)} | {keys} |")
    if len(report.changes) > _ROWS:
        rows.append(f"\nand {len(report.changes) - _ROWS} more")
    return "\n".join(rows)


def _stack(stack: str, report: Report | None, rendered: RenderedStack | None, share: int) -> str:
    parts = [f"#### {code(stack, 63)}"]
    if report is not None:
        parts += _report(report)
    if rendered is not None and rendered.failure:
        refused = _REFUSAL.search(rendered.failure)
        what = "The configuration is refused:" if refused else "The stack could not be rendered:"
        parts += [what, fenced(rendered.failure)]
    elif rendered is not None:
        count = len(rendered.changes)
        how_many = f"{count} rendered file{'' if count == 1 else 's'}"
        parts.append(f"{how_many} differ{'s' if count == 1 else ''}." if count else "The rendered files are the same.")
        room = share - sum(len(part.encode()) + 2 for part in parts) - 100
        parts += _diffs(rendered.changes, room)
    text = "\n\n".join(parts)
    # Reports have bounds of their own, but not every sum of them fits.
    return text if len(text.encode()) <= share else f"{parts[0]}\n\nToo much to be shown here: see the run."


def _report(report: Report) -> list[str]:
    if report.failures:
        return ["The preview failed:", fenced("\n".join(_shortened(each) for each in report.failures[:10]))]
    notes = [f"- {code(note, 300)}" for note in report.notes[:10]]
    said = ["\n".join(notes)] if notes else []
    if not report.changes:
        return ["`pulumi preview`: no changes.", *said]
    count = len(report.changes)
    return [f"`pulumi preview`: {count} change{'' if count == 1 else 's'}.", *said, changes_table(report)]


def _diffs(changes: Sequence[FileChange], room: int) -> list[str]:
    shown: list[str] = []
    for index, change in enumerate(changes):
        lines = change.diff.split("\n")
        cut = [*lines[:_LINES], f"… {len(lines) - _LINES} more lines"] if len(lines) > _LINES else lines
        block = fenced("\n".join(cut), "diff")
        text = f"<details><summary>{change.kind} {_summary(change.path)}</summary>\n\n{block}\n\n</details>"
        room -= len(text.encode()) + 2
        if room < 0:
            shown.append(f"{len(changes) - index} more files differ: their diffs do not fit here.")
            break
        shown.append(text)
    return shown


def _summary(path: str) -> str:
    # Markdown is not read inside <summary>: entities are what is left to be safe with.
    line = one_line(path, 200)
    return "".join(each if each.isalnum() or each in "/.-_ " else f"&#{ord(each)};" for each in line)


def _visible(line: str) -> str:
    return "".join(each if each.isprintable() or each == "\t" else "\N{REPLACEMENT CHARACTER}" for each in line)


def _shortened(text: str) -> str:
    return text if len(text) <= 500 else text[:499] + "…"


def _backticks(text: str) -> list[str]:
    return [run for run in "".join(each if each == "`" else " " for each in text).split() if run]
