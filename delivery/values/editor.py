"""A stage's `values.yaml`: read single keys, and set them without touching any other byte.

A file is parsed into positions only; nothing is constructed, so no tag and no alias is ever expanded. An edit
splices text, parses the result and compares it with what was meant, and refuses rather than write anything else.
What a promotion changes is left to `plan.py`, what a scalar means to `scalar.py`.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter

from delivery.values.document import LINE_BREAK, Document, Mark, Node, ValuesError, shown
from delivery.values.parser import MAX_DEPTH, load
from delivery.values.scalar import Scalar, Style, spell

__all__ = ["Scalar", "ValuesError", "may_have", "promoted", "read_keys", "read_list", "set_keys"]

_STYLES: dict[str | None, Style] = {"'": "single", '"': "double", "|": "plain", ">": "plain"}
# control characters, line separators, surrogates, and what hides or turns around the text of a line
_UNPROMOTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_WORD = re.compile(r"[A-Za-z0-9._+-]+")
_SPELLED_OTHERWISE = ("true", "false", "null")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*([ \t]+#[^\r\n]*)?")


@dataclass(frozen=True)
class _Place:
    """Where a key is: its node, or the deepest map on the way to it and the keys that are missing there."""

    map: Node | None
    missing: tuple[str, ...]
    node: Node | None


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


def read_keys(text: str | bytes, keys: Iterable[str], *, where: str) -> dict[str, Scalar | None]:
    """The scalar at each of `keys` (dots between levels), None where there is no such key.

    Aliases are followed. `ValuesError` for a file that cannot be read, a map or list at a key, something other
    than a map on the way, a merge key (`<<`) beside it, or a tag on it.
    """
    document = load(text, where)
    return {key: _read(document, key)[0] for key in keys}


def read_list(text: str | bytes, key: str, *, where: str) -> tuple[str, ...] | None:
    """The texts in the list at `key`, None where there is no such key. `ValuesError` for anything else there."""
    document = load(text, where)
    node = _find(document, key, writing=False).node
    if node is None:
        return None
    items = document.content[node.index + 1 : node.last]
    if node.kind != "list" or any(item[0] != "scalar" for item in items):
        raise document.error(node.mark, f"{shown(key)} is no list of texts", "write one text to each line, after `- `")
    return tuple(item[3].text for item in items if isinstance(item[3], Scalar))


def promoted(text: str | bytes, keys: Iterable[str], where: str) -> dict[str, Scalar]:
    """The promoted `keys` of a file, in their order; every one must be there and have a value.

    `ValuesError` as from `read_keys`, and for a key that is missing or null, or whose value would not survive as
    an image tag, a label or a line that people read: line breaks, control characters, direction overrides.
    """
    document = load(text, where)
    values = {}
    for key in keys:
        scalar, mark = _read(document, key)
        if scalar is None or scalar.kind == "null":
            what = "is not there" if scalar is None else "has no value"
            raise document.error(mark, f"{shown(key)} {what}: nothing to promote", "set it, or promote other keys")
        problem = unpromotable(scalar)
        if problem:
            raise document.error(mark, f"{shown(key)} contains {problem}", "write it on one line of printable text")
        values[key] = scalar
    return values


def may_have(text: bytes, values: Mapping[str, str | None]) -> bool:
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
    text: str | bytes, values: Mapping[str, Scalar | str], *, where: str, double_quoted: Collection[str] = ()
) -> bytes:
    """The file with each key of `values` (dots between levels) set, and every other byte as it was.

    A `str` is a string. The quotes that a value has now stay where the new one keeps its type in them. A missing
    key is added at the end of its map, a missing map on the way too. Keys in `double_quoted` get double quotes.

    Raises `ValuesError`, and returns nothing, as `read_keys` does, and where a value or a map on the way to it
    is an alias or has an anchor: setting it could change other keys.
    """
    document = load(text, where)
    wanted = {key: value if isinstance(value, Scalar) else Scalar(value) for key, value in values.items()}
    for key, scalar in wanted.items():
        if _SURROGATE.search(key + scalar.text):
            raise document.error(Mark(0, 0), f"the value for {shown(key)} is no Unicode text", "write it as UTF-8")
    splices: list[tuple[int, int, str]] = []
    expected: list[tuple[object, ...]] = list(document.content)
    missing = []
    for key, scalar in wanted.items():
        place = _find(document, key, writing=True)
        if place.node is None:
            missing.append(key)
            continue
        if _scalar(document, key, place.node) == scalar and key not in double_quoted:
            continue
        splices.append(_replacement(document, place.node, scalar, quoted=key in double_quoted))
        expected[place.node.index] = ("scalar", None, None, scalar)
    if splices:
        failure = ", ".join(map(shown, wanted)) + " cannot be set"
        document = _spliced(document, splices, expected, failure)
    if missing:
        document = _inserted(document, {key: _Value(wanted[key], key in double_quoted) for key in missing})
    return document.encoded()


def _read(document: Document, key: str) -> tuple[Scalar | None, Mark]:
    place = _find(document, key, writing=False)
    if place.node is None:
        return None, place.map.mark if place.map else Mark(0, 0)
    return _scalar(document, key, place.node), place.node.mark


def _find(document: Document, key: str, *, writing: bool) -> _Place:
    parts = tuple(key.split("."))
    if not all(parts):
        raise document.error(Mark(0, 0), f"{shown(key)} is no key", "write the names of the levels with a dot between")
    node = document.root
    if node is None:
        return _Place(None, parts, None)
    for depth in range(len(parts) + 1):
        name = shown(".".join(parts[:depth])) if depth else "the file"
        if writing and (node.kind == "alias" or node.anchor):
            raise document.error(node.mark, f"{name} is shared through an anchor or alias", "write its value out there")
        node = node.target or node
        if node.tag:
            raise document.error(node.mark, f"{name} has the tag {shown(node.tag)}", "remove the tag")
        if depth == len(parts):
            return _Place(None, (), node)
        if node.kind != "map":
            raise document.error(node.mark, f"{name} is no map, so it has no {shown(parts[depth])}", "make it a map")
        if node.merges:
            raise document.error(
                node.mark, f"the merge key `<<` may set {shown(parts[depth])} here", "write the merged keys out"
            )
        entry = node.entries.get(parts[depth])
        if entry is None:
            return _Place(node, parts[depth:], None)
        node = entry[1]
    raise AssertionError("unreachable")


def _scalar(document: Document, key: str, node: Node) -> Scalar:
    if node.scalar is None:
        raise document.error(node.mark, f"{shown(key)} is a {node.kind}, no single value", "name a key that has one")
    return node.scalar


def _replacement(document: Document, node: Node, scalar: Scalar, *, quoted: bool) -> tuple[int, int, str]:
    new = spell(scalar, "double" if quoted else _STYLES.get(node.style, "plain"), flow=node.flow)
    end = node.end
    if node.start == end:
        new = f" {new}" if document.text[end - 1] == ":" else f": {new}"
    elif node.style in ("|", ">"):
        # the scalar ends where its last line does: blank lines after it stay, and a comment on its first line
        end = node.start + len(document.text[node.start : end].rstrip(" \t\r\n"))
        header = _BLOCK_HEADER.match(document.text, node.start)
        new += (header and header[1]) or ""
    return node.start, end, new


def _inserted(document: Document, missing: Mapping[str, _Value]) -> Document:
    """The document with these keys added: one splice for each map that gets some, and the file parsed once."""
    parents: dict[int, Node | None] = {}
    added: dict[int, _Entries] = {}
    for key, value in missing.items():
        place = _find(document, key, writing=True)
        at = place.map.last if place.map else 0
        parents[at] = place.map
        _add(document, added.setdefault(at, {}), key, place.missing, value)
    expected = list(document.content)
    splices = []
    # From the end of the file, for the places in `expected` to stay what they are.
    for at, parent in sorted(parents.items(), reverse=True, key=itemgetter(0)):
        new = list(_content(added[at]))
        if parent is None:
            expected = [("map", None, None), *new, ("end",)]
        else:
            expected[at:at] = new
        insert = _in_flow if parent is not None and parent.flow else _in_block
        splices.append(insert(document, parent, added[at]))
    # A map ends where the last map in it does, and of the two the inner one gets its keys first.
    splices.reverse()
    return _spliced(document, splices, expected, ", ".join(map(shown, missing)) + " cannot be added here")


def _add(document: Document, entries: _Entries, key: str, names: tuple[str, ...], value: _Value) -> None:
    if len(names) > MAX_DEPTH:
        raise document.error(Mark(0, 0), f"{shown(key)} has more than {MAX_DEPTH} levels", "keep values flat")
    *levels, name = names
    for level in levels:
        inner = entries.setdefault(level, {})
        if not isinstance(inner, dict):
            break
        entries = inner
    else:
        if name not in entries:
            entries[name] = value
            return
    raise document.error(Mark(0, 0), f"{shown(key)} is both a value and a map", "name a key that has one value")


def _content(entries: _Entries) -> Iterator[tuple[object, ...]]:
    for name, value in entries.items():
        yield "scalar", None, None, Scalar(name)
        if isinstance(value, dict):
            yield "map", None, None
            yield from _content(value)
            yield ("end",)
        else:
            yield "scalar", None, None, value.scalar


def _in_flow(document: Document, parent: Node | None, entries: _Entries) -> tuple[int, int, str]:
    assert parent is not None  # noqa: S101 - the map of a whole file that is empty is no flow map
    new = _flow_text(entries)
    if parent.last == parent.index + 1:
        return parent.start + 1, parent.start + 1, new
    end = parent.content_end
    comma = " , " if document.text[end - 1] == ":" else ", "
    return end, end, comma + new


def _flow_text(entries: _Entries) -> str:
    return ", ".join(
        f"{spell(Scalar(name), 'plain', flow=True)}: "
        + (f"{{{_flow_text(value)}}}" if isinstance(value, dict) else value.spelled(flow=True))
        for name, value in entries.items()
    )


def _in_block(document: Document, parent: Node | None, entries: _Entries) -> tuple[int, int, str]:
    new = document.newline.join(_block_lines(entries, parent.mark.column if parent else 0))
    end = parent.content_end if parent else len(document.text)
    if end == 0 or document.text[end - 1] in "\r\n":
        return end, end, new + document.newline
    found = LINE_BREAK.search(document.text, end)
    if found:
        return found.end(), found.end(), new + document.newline
    return len(document.text), len(document.text), document.newline + new


def _block_lines(entries: _Entries, column: int) -> Iterator[str]:
    for name, value in entries.items():
        key = " " * column + spell(Scalar(name), "plain")
        if isinstance(value, dict):
            yield f"{key}:"
            yield from _block_lines(value, column + 2)
        else:
            yield f"{key}: {value.spelled(flow=False)}"


def _spliced(
    document: Document, splices: list[tuple[int, int, str]], expected: list[tuple[object, ...]], failure: str
) -> Document:
    """The document with text replaced, once it is certain that it says what is `expected` and nothing else."""
    pieces, at = [document.bom], 0
    for start, end, new in sorted(splices, key=itemgetter(0, 1)):
        pieces += [document.text[at:start], new]
        at = end
    pieces.append(document.text[at:])
    try:
        changed = load("".join(pieces).encode(), document.where)
    except ValuesError:
        changed = None
    if changed is None or changed.content != expected:
        mark = document.mark(min(start for start, _, _ in splices))
        raise document.error(mark, f"{failure} without changing something else", "set it by hand once, as `key: value`")
    return changed
