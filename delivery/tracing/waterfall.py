"""A delivery's timeline as text for a terminal: the lead time, where it was spent, and a waterfall.

The times come from `delivery.tracing.timeline`; here they become letters, bars and colours.
"""

from dataclasses import dataclass

from delivery.tracing.formatting import duration, fit, moment, share, shown
from delivery.tracing.scale import Scale
from delivery.tracing.timeline import Kind, Row, Timeline

_COLOURS: dict[Kind, str] = {"wait": "90", "rollout": "36", "promotion": "35", "review": "33"}
_ASCII = str.maketrans("…→│█░▒·↳✗", "~>|#.=-^x")
_TIME = 13


@dataclass(frozen=True)
class Style:
    """What the terminal can show: its width in columns, colours, and characters beyond ASCII."""

    width: int = 100
    colour: bool = False
    unicode: bool = True

    @property
    def label(self) -> int:
        """Columns for the name of a row."""
        return max(34, self.width * 2 // 5)

    def paint(self, text: str, code: str) -> str:
        """`text` in a colour, where there are colours."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text.strip() else text


def waterfall(line: Timeline, style: Style) -> str:
    """The whole picture, a newline at the end; between 80 and 120 columns wide."""
    style = Style(min(max(style.width, 80), 120), style.colour, style.unicode)
    parts = [_headline(line, style), _spent(line, style), _picture(line, style), _facts(line, style)]
    text = "\n\n".join("\n".join(row.rstrip() for row in part) for part in parts if part) + "\n"
    return text if style.unicode else text.translate(_ASCII).encode("ascii", "replace").decode()


def _headline(line: Timeline, style: Style) -> list[str]:
    delivery = line.delivery
    name = shown(f"{delivery.application} {delivery.version}".strip())
    stages = " → ".join(shown(stage) for stage in delivery.stages)
    last = shown(delivery.stages[-1])
    under_way = f"until it failed in {last}" if delivery.failed else "and not there yet"
    goal = f"to {last}" if delivery.complete else under_way
    start = f"from commit {line.commit[:7]}" if line.commit_time else "from the first rollout"
    return [
        style.paint(f"{name}   {stages}", "1"),
        style.paint(f"{duration(line.lead_time)} {start} {goal}", "1"),
    ]


def _spent(line: Timeline, style: Style) -> list[str]:
    """The sections with their lengths, and bars to scale."""
    room = style.width - style.label - _TIME - 11
    rows = []
    for section in line.sections:
        part = section.length / line.lead_time if line.lead_time else 0.0
        bar = _bar(0.0, part, room, style, section.kind)
        length = f"{duration(section.length):>{_TIME}}  {share(section.length, line.lead_time):>7}  "
        rows.append(fit("  " + shown(section.name), style.label) + length + bar)
    return [style.paint("Where the time was spent", "1"), *rows]


def _picture(line: Timeline, style: Style) -> list[str]:
    axis = line.scale
    room = style.width - style.label - _TIME
    note = "to scale" if axis.linear else "every column has a scale of its own"
    rows = [style.paint(f"Waterfall, {note}", "1"), " " * style.label + _heads(axis, room)]
    rows += [_row(row, axis, room, style) for row in line.rows]
    if any(row.follows for row in line.rows):
        rows.append("  ↳ a trace of its own, linked to the promotion phase it follows from")
    return rows


def _heads(axis: Scale, room: int) -> str:
    """The length of each section above its column."""
    text = ""
    for piece in axis.pieces:
        left, right = round(piece.left * room), round(piece.right * room)
        label = f"│{duration(piece.end - piece.start)}"
        if len(label) >= right - left:  # too long for its column: `2 d` instead of `2 d 3 h`
            label = " ".join(label.split()[:2])
        text += fit(label, right - left) if right > left else ""
    return text


def _row(row: Row, axis: Scale, room: int, style: Style) -> str:
    mark = ("↳ " if row.follows else "") + ("✗ " if row.failed else "")
    name = fit("  " * (row.depth + 1) + mark + shown(row.name), style.label - 1) + " "
    bar = _bar(axis.at(row.start), axis.at(row.end), room, style, row.kind, failed=row.failed)
    return name + bar + f"{duration(row.end - row.start):>{_TIME}}"


def _bar(left: float, right: float, room: int, style: Style, kind: Kind, *, failed: bool = False) -> str:
    """A bar on an axis of `room` columns, at least one column wide."""
    first = min(int(left * room), room - 1)
    last = max(min(round(right * room), room), first + 1)
    letter = {"wait": "░", "review": "▒"}.get(kind, "█")
    return " " * first + style.paint(letter * (last - first), "31" if failed else _COLOURS[kind]) + " " * (room - last)


def _facts(line: Timeline, style: Style) -> list[str]:
    facts = (
        [("commit", [line.commit, *([moment(line.commit_time)] if line.commit_time else [])])] if line.commit else []
    )
    facts += [("pull request", [f"#{change.number}", change.url, change.title]) for change in line.changes]
    facts += [(name, [f"trace {trace}"]) for name, trace in line.traces]
    facts += [("note", [note]) for note in line.notes]
    width = min(max((len(name) for name, _ in facts), default=0), 30)
    rows = ((name, "  ".join(["", fit(shown(name), width), *map(shown, texts)])) for name, texts in facts)
    return [style.paint(row, "33") if name == "note" else row for name, row in rows]
