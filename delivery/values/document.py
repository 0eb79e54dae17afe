"""A values file as positions: where each key and value stands, and what the file says as a flat list.

How it becomes that is left to `parser.py`, what is done with it to `editor.py`.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from delivery.values.scalar import Scalar, escape

MAX_BYTES = 256 * 1024  # ten seconds of parsing at worst; values that people maintain are a hundredth of it
LINE_BREAK = re.compile(r"\r\n|\r|\n")


class ValuesError(ValueError):
    """A values file that cannot be used as it is: one line, `<where>:<line>:<column>: what — fix`."""


@dataclass(frozen=True)
class Mark:
    """A place in a file, both counted from 0."""

    line: int
    column: int


@dataclass(eq=False, repr=False)
class Node:
    """A value in the file: offsets into the text, its place among the document's `content`, and for maps its keys.

    `content_end` is where the last thing inside ends, `last` the place of the end in `content`.
    """

    kind: Literal["map", "list", "scalar", "alias"]
    mark: Mark
    start: int
    end: int
    index: int
    anchor: str | None
    tag: str | None
    flow: bool = False
    style: str | None = None
    scalar: Scalar | None = None
    target: "Node | None" = None
    merges: bool = False
    pending: "Node | None" = None
    entries: "dict[str, tuple[Node, Node]]" = field(default_factory=dict)
    content_end: int = 0
    last: int = 0


@dataclass(eq=False, repr=False)
class Document:
    """A file that holds one YAML document, or none (`root` is None when there is nothing but comments)."""

    where: str
    bom: str
    text: str
    root: Node | None = None
    content: list[tuple[object, ...]] = field(default_factory=list)

    @property
    def newline(self) -> str:
        """The line break of the file's first line."""
        found = LINE_BREAK.search(self.text)
        return found[0] if found else "\n"

    def mark(self, offset: int) -> Mark:
        """The place of an offset."""
        breaks = list(LINE_BREAK.finditer(self.text, 0, offset))
        return Mark(len(breaks), offset - (breaks[-1].end() if breaks else 0))

    def encoded(self) -> bytes:
        """The file's bytes."""
        return (self.bom + self.text).encode()

    def error(self, mark: Mark, what: str, fix: str) -> ValuesError:
        """An error at a place in this file."""
        return ValuesError(f"{self.where}:{mark.line + 1}:{mark.column + 1}: {what} — {fix}")


def shown(text: str) -> str:
    """`text` for an error message: in backquotes, on one line, not longer than a line."""
    line = escape(text).replace('\\"', '"')
    return f"`{line if len(line) <= 80 else line[:79] + '…'}`"


def decoded(given: str | bytes, where: str) -> Document:
    """The text of a file, not yet parsed; `ValuesError` when it is too large or not UTF-8."""
    if len(given) > MAX_BYTES:
        raise ValuesError(f"{where}:1:1: larger than {MAX_BYTES // 1024} KiB — keep values small")
    text = given if isinstance(given, str) else _utf8(given, where)
    bom = "\ufeff" if text.startswith("\ufeff") else ""
    return Document(where, bom, text[len(bom) :])


def _utf8(given: bytes, where: str) -> str:
    if given.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in given[:4]:
        raise ValuesError(f"{where}:1:1: this is UTF-16 or UTF-32, or no text — save the file as UTF-8")
    try:
        return given.decode()
    except UnicodeDecodeError as error:
        before = Document(where, "", given[: error.start].decode().removeprefix("\ufeff"))
        what = f"the byte 0x{given[error.start]:02X} is not UTF-8"
        raise before.error(before.mark(len(before.text)), what, "save the file as UTF-8") from None
