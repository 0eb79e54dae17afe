"""Find the value at a field path: the document, the way down through maps and lists, and why there is none.

What a promotion could not change without changing something else, or what Helm and Kustomize read differently, is
refused here, at the keys on the way alone. The rest of the file may be anything that they read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from delivery.values.document import Document, Mark, Node, ValuesError, YamlFile, shown
from delivery.values.path import Element, FieldPath, Level, levels

_BY_HAND = "set it by hand once"
_LISTED = 8


@dataclass(frozen=True)
class Place:
    """Where a value is: its node, or the deepest map or list on the way to it and the levels that are missing there."""

    parent: Node | None
    missing: tuple[Level, ...]
    node: Node | None


def find(file: YamlFile, key: str | FieldPath, *, writing: bool, aliases: bool = True) -> Place:
    """The place of `key` in a file; a `str` is a path alone. Aliases are followed, unless `writing` or told not to.

    `ValuesError` for a document that cannot be told from the others, for anything but a map or list on the way, for a
    tag, a second key of one name or a merge key that decides on the value; and when `writing`, where the value or what
    it is in stands for others as well, or an element of a list is missing.
    """
    path = key if isinstance(key, FieldPath) else FieldPath(key)
    try:
        parts = levels(path.path)
    except ValueError as error:
        what, _, fix = str(error).partition(" — ")
        raise file.error(Mark(0, 0), f"{shown(path.path)} is no path to a value, it has {what}", fix) from None
    document = _document(file, path, parts)
    if document is None or document.root is None:
        place = Place(None, parts, None)
    else:
        place = _Walk(file, writing, aliases and not writing).down(document.root, parts)
    if writing and place.missing:
        _addable(file, place, parts)
    return place


def _document(file: YamlFile, path: FieldPath, parts: tuple[Level, ...]) -> Document | None:
    documents = [document for document in file.documents if document.root]
    if path.kind or path.name:
        wanted = [document for document in documents if _is(document, path)]
        if len(wanted) == 1:
            return wanted[0]
        words = " ".join(filter(None, (path.kind, path.name)))
        what = f"{len(wanted) or 'no'} documents are {shown(words)}"
        raise _which(file, what, wanted or documents, "give the `kind` and `name` of one of them")
    if not documents:
        return file.documents[0] if file.documents else None
    having = documents if len(documents) == 1 else [found for found in documents if _has(file, found, parts)]
    if len(having) != 1:
        name = shown(path.path)
        what = f"{name} is in {len(having)} documents of this file" if having else f"no document has {name}"
        raise _which(file, what, having or documents, "say which by its `kind` and `name`")
    if having[0] is not file.documents[0] and not _kind(having[0]):
        what = (
            f"{shown(path.path)} is not in the first document, and its own has no `kind`: not every reader comes to it"
        )
        raise file.error(having[0].mark, what, "keep one document in the file")
    return having[0]


def _kind(document: Document) -> str:
    return document.root.text("kind") if document.root else ""


def _is(document: Document, path: FieldPath) -> bool:
    name = document.root.text("metadata", "name") if document.root else ""
    return path.kind in ("", _kind(document)) and path.name in ("", name)


def _has(file: YamlFile, document: Document, parts: tuple[Level, ...]) -> bool:
    try:
        return document.root is not None and _Walk(file).down(document.root, parts).node is not None
    except ValuesError:
        return False


def _which(file: YamlFile, what: str, documents: Sequence[Document], fix: str) -> ValuesError:
    names = [
        f"{shown(' '.join(filter(None, (_kind(one), one.root.text('metadata', 'name') if one.root else ''))) or '?')}"
        f" (line {one.mark.line + 1})"
        for one in documents[:_LISTED]
    ]
    more = [f"{len(documents) - _LISTED} more"] if len(documents) > _LISTED else []
    there = f"; there are {', '.join(names + more)}" if names else ""
    return file.error(documents[0].mark if documents else Mark(0, 0), what + there, fix)


@dataclass
class _Walk:
    """On the way down: which file it is in, whether the value is to be changed, and whether aliases are followed."""

    file: YamlFile
    writing: bool = False
    aliases: bool = True

    def down(self, node: Node, parts: tuple[Level, ...]) -> Place:
        """The place of `parts` below `node`."""
        for depth, level in enumerate(parts):
            here = self._usable(node, parts[:depth])
            step = self._item if here.kind == "list" or isinstance(level, Element) else self._entry
            found = step(here, level, parts[:depth])
            if found is None:
                return Place(here, parts[depth:], None)
            node = found
        return Place(None, (), self._usable(node, parts))

    def _usable(self, node: Node, parts: tuple[Level, ...]) -> Node:
        if node.target and not self.aliases:
            line = node.target.mark.line + 1
            what = f"{written(parts)} is an alias: what it stands for is on line {line}, and not its own"
            raise self.file.error(node.mark, what, "write its value out here")
        if self.writing and node.used:
            anchor = shown(f"&{node.anchor}")
            what = f"{written(parts)} is used on line {node.used.line + 1} too, by its anchor {anchor}"
            raise self.file.error(node.mark, what, "write the value out there")
        node = node.target or node
        if node.tag:
            raise self.file.error(node.mark, f"{written(parts)} has the tag {shown(node.tag)}", "remove the tag")
        return node

    def _entry(self, node: Node, level: Level, parts: tuple[Level, ...]) -> Node | None:
        assert isinstance(level, str)  # noqa: S101 - an element goes to `_item`
        if node.kind != "map":
            what = f"{written(parts)} is no map, so it has no {shown(level)}"
            raise self.file.error(node.mark, what, "make it a map")
        if level in node.repeated:
            first, second = node.repeated[level]
            what = f"{shown(level)} is here a second time, first on line {first.mark.line + 1}"
            raise self.file.error(second.mark, what, "keep one of the two")
        entry = node.entries.get(level)
        if entry and entry[0].tag:
            raise self.file.error(
                entry[0].mark, f"the key {shown(level)} has the tag {shown(entry[0].tag)}", "remove it"
            )
        for merge, merged in node.merges:
            if entry is None and _provides(merged, level):
                what = f"{shown(level)} comes from the merge key `<<` here, and from what others merge too"
                raise self.file.error(merge.mark, what, f"write {shown(level)} out below it")
            if entry and merge.index > entry[0].index and _provides(merged, level):
                what = f"{shown(level)} is on line {entry[0].mark.line + 1}, but Helm takes that of this merge key `<<`"
                raise self.file.error(merge.mark, what, "write `<<` before all other keys")
        return entry[1] if entry else None

    def _item(self, node: Node, level: Level, parts: tuple[Level, ...]) -> Node | None:
        if node.kind != "list":
            what = f"{written(parts)} is no list, so it has no element {written((level,))}"
            raise self.file.error(node.mark, what, "name a key of it")
        if isinstance(level, Element):
            found = [item for item in node.items if item.text(level.field) == level.value]
            if len(found) > 1:
                what = f"two elements are {written((level,))}, the other on line {found[0].mark.line + 1}"
                raise self.file.error(found[1].mark, what, "keep one of them, or name it by its number from 0")
            return found[0] if found else None
        if level == "-":
            return node.items[-1] if node.items else None
        if not level.isdecimal():
            what = f"{written(parts)} is a list, so it has no {shown(level)}"
            raise self.file.error(node.mark, what, "name an element of it as `[name=value]`, or by its number from 0")
        return node.items[int(level)] if len(level) < 6 and int(level) < len(node.items) else None


def _provides(merged: Node, name: str) -> bool:
    """Whether merging `merged` gives a map the key `name`."""
    seen: set[int] = set()
    left = [merged]
    while left:
        node = left.pop()
        node = node.target or node
        if node.index in seen:
            continue
        seen.add(node.index)
        if name in node.entries:
            return True
        left += [*node.items, *(value for _, value in node.merges)]
    return False


def _addable(file: YamlFile, place: Place, parts: tuple[Level, ...]) -> None:
    """Refuse to add what only a person can: an element of a list, of which nobody knows the other keys."""
    in_list = place.parent is not None and place.parent.kind == "list"
    for depth, level in enumerate(place.missing):
        number = isinstance(level, str) and (level.isdecimal() or level == "-")
        if isinstance(level, Element) or (number and (in_list or depth > 0)):
            mark = place.parent.mark if place.parent else Mark(0, 0)
            above = parts[: len(parts) - len(place.missing) + depth]
            raise file.error(
                mark, f"{written(above)} has no element {written((level,))}", f"{_BY_HAND}, with what belongs to it"
            )


def written(parts: tuple[Level, ...]) -> str:
    """Levels for an error message."""
    if not parts:
        return "the file"
    texts = [
        f"[{part.field}={part.value}]" if isinstance(part, Element) else part.replace(".", "\\.") for part in parts
    ]
    return shown(".".join(texts))
