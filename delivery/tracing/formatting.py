"""How times and names are written for people, the same on a terminal and in a page."""

import unicodedata
from datetime import UTC, datetime

from delivery.text import one_line

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def duration(nanoseconds: int) -> str:
    """A length of time with the two units that matter: `2 d 3 h`, `1 min 12 s`, `4.2 s`, `310 ms`."""
    seconds = nanoseconds / 1e9
    if not nanoseconds:
        return "0 s"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.0095 else f"{seconds * 1000:.1f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    index = next(index for index, (size, _) in enumerate(_UNITS) if whole >= size)
    (size, unit), (next_size, next_unit) = _UNITS[index : index + 2]
    rest = whole % size // next_size
    return f"{whole // size} {unit}" + (f" {rest} {next_unit}" if rest else "")


def moment(nanoseconds: int) -> str:
    """A point in time, to the second, in UTC."""
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def share(part: int, whole: int) -> str:
    """`part` of `whole` in percent."""
    percent = 100 * part / whole if whole else 0.0
    return "< 0.1 %" if 0 < percent < 0.1 else f"{percent:.1f} %"


def shown(text: str) -> str:
    """A text from a span on one line, without what could steer a terminal or turn the direction of writing."""
    return one_line(text, 10_000)


def columns(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def fit(text: str, width: int) -> str:
    """`text` in exactly `width` columns: cut with an ellipsis, or filled with blanks."""
    if columns(text) > width:
        while columns(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - columns(text))
