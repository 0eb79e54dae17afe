"""The YAML parser, with tabs where Helm's and Kustomize's YAML library takes them as space.

That is before a comment, at the end of a line and in a text. The parser refuses a tab wherever a token might begin;
libyaml, which Go's library was translated from, only where it would be indentation, or follows `-` or `?`.
"""

import re
from collections.abc import Iterator

from ruamel.yaml import YAML
from ruamel.yaml.error import StringMark
from ruamel.yaml.events import Event
from ruamel.yaml.scanner import Scanner, ScannerError

_BREAKS = "\r\n"
_THE_END = "\0\r\n"
_INDICATORS = re.compile(r"([+-]?[1-9]?|[1-9][+-])\t")


def parse(text: str) -> Iterator[Event]:
    """The events of a text; `YAMLError` where it is no YAML."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = TabScanner
    return iter(yaml.parse(text))


class TabScanner(Scanner):
    """The parser's scanner, with libyaml's rule for tabs."""

    def scan_to_next_token(self) -> None:
        """Skip what stands between two tokens."""
        reader = self.reader
        while True:
            blanks = " \t" if self.flow_level or not self.allow_simple_key else " "
            length = 0
            while reader.peek(length) in blanks:
                length += 1
            if reader.peek(length) == "#":
                while reader.peek(length) not in _THE_END:
                    length += 1
            if length:
                reader.forward(length)
            if reader.peek() not in _BREAKS:
                return
            self.scan_line_break()
            if not self.flow_level:
                self.allow_simple_key = True

    def scan_plain_spaces(self, indent: int, start_mark: StringMark) -> list[str]:
        """What the white space at this place means inside a text without quotes; empty where the text ends."""
        peek, forward = self.reader.peek, self.reader.forward
        length = 0
        while peek(length) in " \t":
            length += 1
        blanks = self.reader.prefix(length)
        forward(length)
        if peek() not in _BREAKS:
            return [blanks] if blanks else []
        breaks = -1
        while True:
            if peek() in _BREAKS:
                self.scan_line_break()
                self.allow_simple_key = True
                breaks += 1
                if self.reader.prefix(3) in ("---", "...") and peek(3) in " \t" + _THE_END:
                    return []
            elif peek() == " " or (peek() == "\t" and self.reader.column >= indent):
                forward()
            elif peek() == "\t":
                what = "found character '\\t' that violates indentation"
                raise ScannerError("while scanning a plain scalar", start_mark, what, self.reader.get_mark())
            else:
                return ["\n"] * breaks or [" "]

    def scan_block_scalar_indicators(self, start_mark: StringMark) -> tuple[bool | None, int | None]:
        """Whether line breaks at the end stay, and the indentation, as written behind `|` or `>`."""
        found = _INDICATORS.match(self.reader.prefix(3))
        if not found:
            return super().scan_block_scalar_indicators(start_mark)  # type: ignore[no-any-return]
        self.reader.forward(found.end() - 1)
        digit = found[1].strip("+-")
        return ("+" in found[1]) if found[1] != digit else None, int(digit) if digit else None

    def scan_block_scalar_ignored_line(self, start_mark: StringMark) -> None:
        """Skip what stands behind `|` or `>`."""
        while self.reader.peek() in " \t":
            self.reader.forward()
        super().scan_block_scalar_ignored_line(start_mark)
