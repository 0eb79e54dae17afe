"""A YAML file as positions: where each key and value stands, and what the file says as a flat list.

How it becomes that is left to `parser.py`, finding a value to `find.py`, changing it to `editor.py`.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from delivery.values.scalar import Scalar, escape

MAX_BYTES = 256 * 1024  # ten seconds of parsing at worst; files that people maintain are a hundredth of it
LINE_BREAK = re.compile(r"\r\n|\r|\n")


class ValuesError(ValueError):
    """A YAML file that cannot be used as it is: one line, `<where>:<line>:<column>: what — fix`."""


@dataclass(frozen=True)
class Mark:
    """A place in a file, both counted from 0."""

    line: int
    column: int


@dataclass(eq=False, repr=False, slots=True)
class Node:
    """A value in the file: offsets into the text, its place among the file's `content`, and what is in it.

    `first` is the first thing in it, for a map a key, and `pending` a key whose value is still to come. `used` is where
    the first alias of its anchor stands, None for an anchor that nothing uses. A map has its keys as `entries` (the
    last of several with one name, as for Helm), names that stand there more than once with the first two of them in
    `repeated`, and its merge keys `<<` in `merges`; a list has `items`. `content_end` is where the last thing inside
    ends, `last` the place of the end in `content`.
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
    used: Mark | None = None
    first: "Node | None" = None
    pending: "Node | None" = None
    entries: "dict[str, tuple[Node, Node]]" = field(default_factory=dict)
    repeated: "dict[str, tuple[Node, Node]]" = field(default_factory=dict)
    merges: "list[tuple[Node, Node]] | tuple[()]" = ()
    items: "list[Node] | tuple[()]" = ()
    content_end: int = 0
    last: int = 0

    @property
    def column(self) -> int:
        """Where the keys of a map begin on their lines, which behind an anchor is not where the map does."""
        return self.first.mark.column if self.anchor and self.first else self.mark.column

    def text(self, *keys: str) -> str:
        """The text of a single value at these keys, one map in the other; empty where there is none."""
        node = self
        for key in keys:
            entry = (node.target or node).entries.get(key)
            if entry is None:
                return ""
            node = entry[1]
        scalar = (node.target or node).scalar
        return scalar.text if scalar else ""


@dataclass(eq=False, repr=False)
class Document:
    """One of the YAML documents of a file; `root` is None when there is nothing but comments in it."""

    mark: Mark
    root: Node | None = None


@dataclass(eq=False, repr=False)
class YamlFile:
    """A file of YAML documents: none in an empty file. In `content` each but the first begins with a marker."""

    where: str
    bom: str
    text: str
    documents: list[Document] = field(default_factory=list)
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


def decoded(given: str | bytes, where: str) -> YamlFile:
    """The text of a file, not yet parsed; `ValuesError` when it is too large or not UTF-8."""
    if len(given) > MAX_BYTES:
        raise ValuesError(f"{where}:1:1: larger than {MAX_BYTES // 1024} KiB — keep what is promoted in a small file")
    text = given if isinstance(given, str) else _utf8(given, where)
    bom = "\ufeff" if text.startswith("\ufeff") else ""
    return YamlFile(where, bom, text[len(bom) :])


def _utf8(given: bytes, where: str) -> str:
    if given.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in given[:4]:
        raise ValuesError(f"{where}:1:1: this is UTF-16 or UTF-32, or no text — save the file as UTF-8")
    try:
        return given.decode()
    except UnicodeDecodeError as error:
        before = YamlFile(where, "", given[: error.start].decode().removeprefix("\ufeff"))
        what = f"the byte 0x{given[error.start]:02X} is not UTF-8"
        raise before.error(before.mark(len(before.text)), what, "save the file as UTF-8") from None
