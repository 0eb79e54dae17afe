"""What a scalar in a values file means to Helm, and how to write one so that it means the same again.

Helm reads values with Go's YAML library, which follows YAML 1.1 for most plain scalars (`on` is a boolean,
`0o7` and `1_000` are numbers) and turns all of it into JSON. Where a scalar stands in a file is left to `document.py`.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["string", "integer", "float", "boolean", "null"]
Style = Literal["plain", "single", "double"]

_BOOLEANS = {
    word: value
    for value, words in (("true", "y yes true on"), ("false", "n no false off"))
    for lower in words.split()
    for word in (lower, lower.capitalize(), lower.upper())
}
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# strconv.ParseInt with base 0, after every underscore is gone
_INTEGER = re.compile(r"[-+]?(0[0-7]*|[1-9][0-9]*)")
_PREFIXED = re.compile(r"[-+]?0([xX][0-9a-fA-F]+|[bB][01]+|[oO][0-7]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
# Strings for Helm, but dates, base-60 and other numbers for other readers of YAML: quoted when written.
_ELSEWHERE = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*"
    r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"
    r"|[-+]?[0-9_]*\.?[0-9_]*([eE][-+]?[0-9_]+)?"
    r"|[-+]?0([xX][0-9a-fA-F_]+|[bB][01_]+|[oO][0-7_]+)"
)
_PLAIN = re.compile(r"[\w/]([\w./+@%=~^$()<>;! -]|:(?=[\w/]))*")
_DIGITS_APART = re.compile(r"(?<=[0-9])_(?=[0-9])")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True)
class Scalar:
    """One value of a values file.

    `text` is the content of a string; a number as it is spelled in its file (`1.10` stays `1.10`);
    `true` or `false`; `null`. Two scalars are equal when Helm would read the same, numbers by their spelling.
    """

    text: str
    kind: Kind = "string"

    def __str__(self) -> str:
        return self.text


def resolve(text: str, *, plain: bool) -> Scalar:
    """The scalar that Helm reads where `text` is the content; `plain` when it stands there without quotes."""
    if not plain:
        return Scalar(text)
    if text in _NULLS:
        return Scalar("null", "null")
    if text in _BOOLEANS:
        return Scalar(_BOOLEANS[text], "boolean")
    if _SPECIAL_FLOAT.fullmatch(text):
        return Scalar(text, "float")
    return Scalar(text, _number(text) or "string")


def _number(text: str) -> Literal["integer", "float"] | None:
    # Go's parsers: underscores go first, but after a leading dot only where they separate digits
    if text[0] not in "+-.0123456789":
        return None
    digits = _DIGITS_APART.sub("", text) if text[0] == "." else text.replace("_", "")
    if _PREFIXED.fullmatch(digits):
        return "integer" if -(2**63) <= int(digits, 0) < 2 ** (63 if digits[0] in "+-" else 64) else None
    if _INTEGER.fullmatch(digits):
        return "integer"
    # what is out of range is a string
    return "float" if _FLOAT.fullmatch(digits) and math.isfinite(float(digits)) else None


def spell(scalar: Scalar, style: Style, *, flow: bool = False) -> str:
    """`scalar` as it is written into a file: one line, in `style` where it keeps its kind and content there.

    Numbers, booleans and null are always plain. A string that is not safe in `style` becomes double-quoted,
    with everything that cannot be printed escaped. In a `flow` map (`{…}`) colons are quoted.
    """
    if scalar.kind != "string":
        return scalar.text
    if style == "plain" and _reads_plain(scalar.text) and not (flow and ":" in scalar.text):
        return scalar.text
    if style == "single" and scalar.text.isprintable():
        return "'" + scalar.text.replace("'", "''") + "'"
    return '"' + escape(scalar.text) + '"'


def escape(text: str) -> str:
    """`text` as it stands between double quotes in YAML: on one line, what cannot be printed as an escape."""
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _reads_plain(text: str) -> bool:
    return (
        _PLAIN.fullmatch(text) is not None
        and text.isprintable()
        and not text.endswith(" ")
        and _ELSEWHERE.fullmatch(text) is None
        and resolve(text, plain=True).kind == "string"
    )
