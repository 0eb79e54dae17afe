"""A YAML file of a stage: read single values, and set them without touching any other byte.

A file is parsed into positions only; nothing is constructed, so no tag and no alias is ever expanded. An edit
splices text, parses the result and compares it with what was meant, and refuses rather than write anything else.
Where a value is found is left to `find.py`, what a promotion changes to `plan.py`, what a scalar means to `scalar.py`.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TypeVar

from delivery.values.document import LINE_BREAK, Mark, Node, ValuesError, YamlFile, shown
from delivery.values.find import find
from delivery.values.parser import load
from delivery.values.path import FieldPath, Level
from delivery.values.scalar import Scalar, Style, spell

__all__ = ["FieldPath", "Scalar", "ValuesError", "may_have", "promoted", "read_keys", "read_list", "set_keys"]

Key = TypeVar("Key", bound=str | FieldPath)
"""A `str` is the path of a value in a file of one document."""

_STYLES: dict[str | None, Style] = {"'": "single", '"': "double", "|": "plain", ">": "plain"}
# control characters, line separators, surrogates, and what hides or turns around the text of a line
_UNPROMOTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_WORD = re.compile(r"[A-Za-z0-9._+-]+")
_SPELLED_OTHERWISE = ("true", "false", "null")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ANCHOR = re.compile(r"&[^\s,\[\]{}]+([ \t\r\n]++(#[^\r\n]*)?)*+")
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*([ \t]+#[^\r\n]*)?")


@dataclass(frozen=True)
class _Value:
    """A value to be added."""

    scalar: Scalar
    quoted: bool

    def spelled(self, *, flow: bool) -> str:
        """As it is written."""
        return spell(self.scalar, "double" if self.quoted else "plain", flow=flow)


_Entries = dict[str, "_Value | _Entries"]
"""What is to be added to a map."""


def read_keys(text: str | bytes, keys: Iterable[Key], *, where: str) -> dict[Key, Scalar | None]:
    """The scalar at each of `keys`, None where there is no such key.

    Aliases are followed. `ValuesError` for a file that cannot be read, a map or list at a key, and what `find` refuses.
    """
    file = load(text, where)
    return {key: _read(file, key)[0] for key in keys}


def read_list(text: str | bytes, key: str, *, where: str) -> tuple[str, ...] | None:
    """The texts in the list at `key`, None where there is no such key. `ValuesError` for anything else there."""
    file = load(text, where)
    node = find(file, key, writing=False).node
    if node is None:
        return None
    items = file.content[node.index + 1 : node.last]
    if node.kind != "list" or any(item[0] != "scalar" for item in items):
        raise file.error(node.mark, f"{shown(key)} is no list of texts", "write one text to each line, after `- `")
    return tuple(item[3].text for item in items if isinstance(item[3], Scalar))


def promoted(text: str | bytes, keys: Iterable[Key], where: str) -> dict[Key, Scalar]:
    """The promoted `keys` of a file, in their order; every one must be there and have a value.

    `ValuesError` as from `read_keys`, and for a key that is missing or null, stands behind an alias, is a template, or
    whose value would not survive as an image tag, a label or a line that people read: line breaks, control
    characters, direction overrides.
    """
    file = load(text, where)
    values = {}
    for key in keys:
        scalar, mark = _read(file, key, aliases=False)
        if scalar is None or scalar.kind == "null":
            what = "is not there" if scalar is None else "has no value"
            raise file.error(mark, f"{shown(_path(key))} {what}: nothing to promote", "set it, or promote other keys")
        if "{{" in scalar.text:
            what = f"{shown(_path(key))} is a template (`{{{{`), no value"
            raise file.error(mark, what, "promote the key of a values file that it reads")
        problem = unpromotable(scalar)
        if problem:
            raise file.error(mark, f"{shown(_path(key))} contains {problem}", "write it on one line of printable text")
        values[key] = scalar
    return values


def may_have(text: bytes, values: Mapping[Key, str | None]) -> bool:
    """Whether a file may have these texts for values: False is certain, and takes no parsing.

    Without a backslash in it, a file has no escapes: then a word stands there as it is, or not at all.
    """
    words = [word for word in values.values() if word and _WORD.fullmatch(word) and word not in _SPELLED_OTHERWISE]
    return b"\\" in text or all(word.encode() in text for word in words)


def unpromotable(scalar: Scalar) -> str:
    """Why `scalar` may not be promoted, or an empty string."""
    found = _UNPROMOTABLE.search(scalar.text)
    return f"the character U+{ord(found[0]):04X}" if found else ""


def set_keys(
    text: str | bytes,
    values: Mapping[Key, Scalar | str],
    *,
    where: str,
    double_quoted: Collection[str | FieldPath] = (),
) -> bytes:
    """The file with each key of `values` set, and every other byte as it was.

    A `str` is a string. The quotes that a value has now stay where the new one keeps its type in them. A missing
    key is added at the end of its map, a missing map on the way too, a missing element of a list never. Keys in
    `double_quoted` get double quotes.

    Raises `ValuesError`, and returns nothing, as `read_keys` does, and where a value or what it is in is an alias, or
    has an anchor that is used: setting it would change other keys.
    """
    file = load(text, where)
    wanted = {key: value if isinstance(value, Scalar) else Scalar(value) for key, value in values.items()}
    for key, scalar in wanted.items():
        if _SURROGATE.search(_path(key) + scalar.text):
            raise file.error(Mark(0, 0), f"the value for {shown(_path(key))} is no Unicode text", "write it as UTF-8")
    splices: list[tuple[int, int, str]] = []
    expected: list[tuple[object, ...]] = list(file.content)
    missing = []
    found: dict[int, Key] = {}
    for key, scalar in wanted.items():
        place = find(file, key, writing=True)
        if place.node is None:
            missing.append(key)
            continue
        other = found.setdefault(place.node.index, key)
        if other != key:
            what = f"{shown(_path(other))} and {shown(_path(key))} are one value"
            raise file.error(place.node.mark, what, "name it once")
        if _scalar(file, key, place.node) == scalar and key not in double_quoted:
            continue
        splices.append(_replacement(file, place.node, scalar, quoted=key in double_quoted))
        expected[place.node.index] = ("scalar", place.node.anchor, None, scalar)
    if splices:
        failure = ", ".join(shown(_path(key)) for key in wanted) + " cannot be set"
        file = _spliced(file, splices, expected, failure)
    if missing:
        file = _inserted(file, {key: _Value(wanted[key], key in double_quoted) for key in missing})
    return file.encoded()


def _path(key: str | FieldPath) -> str:
    return key if isinstance(key, str) else key.path


def _read(file: YamlFile, key: str | FieldPath, *, aliases: bool = True) -> tuple[Scalar | None, Mark]:
    place = find(file, key, writing=False, aliases=aliases)
    if place.node is None:
        return None, place.parent.mark if place.parent else Mark(0, 0)
    return _scalar(file, key, place.node), place.node.mark


def _scalar(file: YamlFile, key: str | FieldPath, node: Node) -> Scalar:
    if node.scalar is None:
        what = f"{shown(_path(key))} is a {node.kind}, no single value"
        raise file.error(node.mark, what, "name a key that has one")
    return node.scalar


def _replacement(file: YamlFile, node: Node, scalar: Scalar, *, quoted: bool) -> tuple[int, int, str]:
    new = spell(scalar, "double" if quoted else _STYLES.get(node.style, "plain"), flow=node.flow)
    anchor = _ANCHOR.match(file.text, node.start)
    start, end = min(anchor.end() if anchor and node.anchor else node.start, node.end), node.end
    if start == end:
        new = f" {new}" if file.text[end - 1] == ":" or node.anchor else f": {new}"
    elif node.style in ("|", ">"):
        # the scalar ends where its last line does: blank lines after it stay, and a comment on its first line
        end = start + len(file.text[start:end].rstrip(" \t\r\n"))
        header = _BLOCK_HEADER.match(file.text, start)
        new += (header and header[1]) or ""
    return start, end, new


def _inserted(file: YamlFile, missing: Mapping[Key, _Value]) -> YamlFile:
    """The file with these keys added: one splice for each map that gets some, and the file parsed once."""
    parents: dict[int, Node | None] = {}
    added: dict[int, _Entries] = {}
    for key, value in missing.items():
        place = find(file, key, writing=True)
        at = place.parent.last if place.parent else 0
        parents[at] = place.parent
        _add(file, added.setdefault(at, {}), key, place.missing, value)
    expected = list(file.content)
    splices = []
    # From the end of the file, for the places in `expected` to stay what they are.
    for at, parent in sorted(parents.items(), reverse=True, key=itemgetter(0)):
        new = list(_content(added[at]))
        if parent is None:
            new = [("map", None, None), *new, ("end",)]
        expected[at:at] = new
        insert = _in_flow if parent is not None and parent.flow else _in_block
        splices.append(insert(file, parent, added[at]))
    # A map ends where the last map in it does, and of the two the inner one gets its keys first.
    splices.reverse()
    return _spliced(file, splices, expected, ", ".join(shown(_path(key)) for key in missing) + " cannot be added here")


def _add(file: YamlFile, entries: _Entries, key: str | FieldPath, names: tuple[Level, ...], value: _Value) -> None:
    # `find` has refused to add an element of a list
    *levels, name = (name for name in names if isinstance(name, str))
    for level in levels:
        inner = entries.setdefault(level, {})
        if not isinstance(inner, dict):
            break
        entries = inner
    else:
        if name not in entries:
            entries[name] = value
            return
    raise file.error(Mark(0, 0), f"{shown(_path(key))} is both a value and a map", "name a key that has one value")


def _content(entries: _Entries) -> Iterator[tuple[object, ...]]:
    for name, value in entries.items():
        yield "scalar", None, None, Scalar(name)
        if isinstance(value, dict):
            yield "map", None, None
            yield from _content(value)
            yield ("end",)
        else:
            yield "scalar", None, None, value.scalar


def _in_flow(file: YamlFile, parent: Node | None, entries: _Entries) -> tuple[int, int, str]:
    assert parent is not None  # noqa: S101 - the map of a whole file that is empty is no flow map
    new = _flow_text(entries)
    if parent.last == parent.index + 1:
        begin = file.text.index("{", parent.start) + 1
        return begin, begin, new
    end = parent.content_end
    comma = " , " if file.text[end - 1] == ":" else ", "
    return end, end, comma + new


def _flow_text(entries: _Entries) -> str:
    return ", ".join(
        f"{spell(Scalar(name), 'plain', flow=True)}: "
        + (f"{{{_flow_text(value)}}}" if isinstance(value, dict) else value.spelled(flow=True))
        for name, value in entries.items()
    )


def _in_block(file: YamlFile, parent: Node | None, entries: _Entries) -> tuple[int, int, str]:
    new = file.newline.join(_block_lines(entries, parent.column if parent else 0))
    end = parent.content_end if parent else len(file.text)
    if end == 0 or file.text[end - 1] in "\r\n":
        return end, end, new + file.newline
    found = LINE_BREAK.search(file.text, end)
    if found:
        return found.end(), found.end(), new + file.newline
    return len(file.text), len(file.text), file.newline + new


def _block_lines(entries: _Entries, column: int) -> Iterator[str]:
    for name, value in entries.items():
        key = " " * column + spell(Scalar(name), "plain")
        if isinstance(value, dict):
            yield f"{key}:"
            yield from _block_lines(value, column + 2)
        else:
            yield f"{key}: {value.spelled(flow=False)}"


def _spliced(
    file: YamlFile, splices: list[tuple[int, int, str]], expected: list[tuple[object, ...]], failure: str
) -> YamlFile:
    """The file with text replaced, once it is certain that it says what is `expected` and nothing else."""
    pieces, at = [file.bom], 0
    for start, end, new in sorted(splices, key=itemgetter(0, 1)):
        pieces += [file.text[at:start], new]
        at = end
    pieces.append(file.text[at:])
    mark = file.mark(min(start for start, _, _ in splices))
    try:
        changed = load("".join(pieces).encode(), "")
    except ValuesError as error:
        _, _, reason = str(error).partition(": ")
        what, _, fix = reason.rpartition(" — ")
        raise file.error(mark, f"{failure}: {what}", fix) from None
    if changed.content != expected:
        raise file.error(mark, f"{failure} without changing something else", "set it by hand once, as `key: value`")
    return replace(changed, where=file.where)
