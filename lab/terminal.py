"""Prints for a person: steps with their duration, texts behind a bar, colour on a terminal only."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

_BOLD, _DIM, _GREEN, _RED, _CYAN, _RESET = (f"\x1b[{code}m" for code in ("1", "2", "32", "31", "36", "0"))


class Terminal:
    """Writes to `out`, else standard output. Colour where that is a terminal and NO_COLOR is not set."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._colour = self._out.isatty() and not os.environ.get("NO_COLOR")
        self._chapters = 0

    def heading(self, text: str) -> None:
        """A line that stands for itself, above what belongs to it."""
        self._line(f"\n{self._paint(_BOLD, text)}")

    def chapter(self, text: str) -> None:
        """The heading of the next chapter, with its number."""
        self._chapters += 1
        self.heading(f"{self._chapters}. {text}")

    def note(self, text: str) -> None:
        """A remark below a step."""
        self._line(f"    {self._paint(_DIM, text)}")

    def plain(self, text: str) -> None:
        """Text as it is."""
        self._line(text)

    def quote(self, text: str) -> None:
        """A text of several lines, set off by a bar; added and removed lines of a diff in their colours."""
        for line in text.rstrip("\n").split("\n"):
            colour = {"+": _GREEN, "-": _RED, "@": _CYAN}.get(line[:1], "") if self._colour else ""
            self._line(f"    {self._paint(_DIM, '│')} {self._paint(colour, line) if colour else line}".rstrip())

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Rows of as many cells each, set off by a bar; the last column is as wide as it is."""
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
        padded = ([f"{cell:<{width}}" for cell, width in zip(row, [*widths, 0], strict=True)] for row in rows)
        self.quote("\n".join("  ".join(row).rstrip() for row in padded))

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Say what is being done at once, and how long it took when the block ends."""
        began = time.monotonic()
        self._out.write(f"  … {text}" if self._colour else "")
        self._out.flush()
        try:
            yield
        except BaseException:
            self._line(f"{self._back()}  {self._paint(_RED, '✗')} {text}")
            raise
        seconds = self._paint(_DIM, f"{time.monotonic() - began:.1f} s")
        self._line(f"{self._back()}  {self._paint(_GREEN, '✓')} {text}  {seconds}")

    def _back(self) -> str:
        return "\r\x1b[2K" if self._colour else ""

    def _paint(self, code: str, text: str) -> str:
        return f"{code}{text}{_RESET}" if self._colour else text

    def _line(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()
