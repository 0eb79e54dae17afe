"""Parse a values file into positions: the only place that knows the YAML parser.

It builds no values: tags are not constructed, aliases not expanded, and nothing recurses, so that the time a
hostile file can cost is bounded by its size. What readers of YAML disagree about is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)
from ruamel.yaml.reader import ReaderError

from delivery.values.document import Document, Mark, Node, ValuesError, decoded, shown
from delivery.values.scalar import escape, resolve

MAX_DEPTH = 100
_TOKENS = re.compile(r"\(('[^']*'),\)")  # how the parser names the one thing that it found
_COLON = re.compile(r"[ \t]*:")
# line breaks in YAML 1.1 only; a byte order mark inside the file is skipped by some readers
_READ_DIFFERENTLY = re.compile("[\x85\u2028\u2029\ufeff]")


def load(text: str | bytes, where: str) -> Document:
    """Parse a values file; `ValuesError` names the place of what is wrong with it, and the fix.

    The last few are kept, so that a document is not to be changed.
    """
    try:
        return replace(_parsed(text), where=where)
    except ValuesError as error:
        raise ValuesError(f"{where}{error}") from None


# A promotion asks the same few files for one thing after another, and a large one takes seconds each time.
@lru_cache(maxsize=4)
def _parsed(text: str | bytes) -> Document:
    document = decoded(text, "")
    found = _READ_DIFFERENTLY.search(document.text)
    if found:
        what = f"the character U+{ord(found[0]):04X} is not the same to all readers of YAML"
        raise document.error(document.mark(found.start()), what, "remove it, or write it as an escape in double quotes")
    try:
        _build(document, YAML(typ="safe", pure=True).parse(document.text))
    except ValuesError:
        raise
    except ReaderError as error:
        what = f"the character U+{error.character:04X} may not stand in YAML"
        raise document.error(document.mark(error.position), what, "remove it") from None
    except MarkedYAMLError as error:
        raise _syntax_error(document, error) from None
    except (YAMLError, ValueError, OverflowError) as error:  # the last two: an escape beyond Unicode
        raise document.error(Mark(0, 0), f"no YAML ({type(error).__name__})", "correct it") from None
    return document


def _syntax_error(document: Document, error: MarkedYAMLError) -> ValuesError:
    mark, begun = error.problem_mark or error.context_mark, error.context_mark
    problem = _TOKENS.sub(r"\1", error.problem or error.context or "this is no YAML")
    if begun and mark and begun.line != mark.line:
        problem += f", {error.context} that begins on line {begun.line + 1}"
    fix = "use spaces, no tab" if "'\\t'" in problem else "correct it there or on the line before"
    what = "".join(letter if letter.isprintable() else escape(letter) for letter in problem)
    return document.error(Mark(mark.line, mark.column) if mark else Mark(0, 0), what, fix)


def _build(document: Document, events: Iterator[Event]) -> None:
    open_nodes: list[Node] = []
    anchors: dict[str, Node] = {}
    documents = 0
    for event in events:
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                mark = Mark(event.start_mark.line, event.start_mark.column)
                raise document.error(mark, "a second YAML document begins", "keep one document in the file")
        elif isinstance(event, CollectionEndEvent):
            node = open_nodes.pop()
            node.last = len(document.content)
            document.content.append(("end",))
            if node.flow:
                node.end = event.end_mark.index
            else:
                node.end = max(node.content_end, node.end)
            if open_nodes:
                open_nodes[-1].content_end = node.end
        elif isinstance(event, NodeEvent):
            node = _node(document, event, anchors)
            if open_nodes:
                _attach(document, open_nodes[-1], node)
            elif not (node.scalar and node.start == node.end and not node.anchor and not node.tag):
                document.root = node
            if node.kind in ("map", "list"):
                open_nodes.append(node)
                if len(open_nodes) > MAX_DEPTH:
                    raise document.error(node.mark, f"more than {MAX_DEPTH} levels", "keep values flat")


def _node(document: Document, event: NodeEvent, anchors: dict[str, Node]) -> Node:
    tag: object = getattr(event, "tag", None)
    node = Node(
        kind="list",
        mark=Mark(event.start_mark.line, event.start_mark.column),
        start=event.start_mark.index,
        end=event.end_mark.index,
        index=len(document.content),
        anchor=event.anchor,
        tag=str(tag) if tag else None,
    )
    if isinstance(event, AliasEvent):
        node.kind, node.anchor = "alias", None
        node.target = anchors.get(event.anchor)
        if node.target is None:
            raise document.error(
                node.mark, f"{shown('*' + event.anchor)} has no anchor before it", "write the value out"
            )
        document.content.append(("alias", event.anchor))
        return node
    if isinstance(event, ScalarEvent):
        node.kind, node.style = "scalar", event.style or None
        node.scalar = resolve(event.value, plain=node.style is None)
        document.content.append(("scalar", node.anchor, node.tag, node.scalar))
    else:
        node.kind = "map" if isinstance(event, MappingStartEvent) else "list"
        node.flow = bool(getattr(event, "flow_style", False))
        document.content.append((node.kind, node.anchor, node.tag))
    if node.anchor:
        anchors[node.anchor] = node
    return node


def _attach(document: Document, parent: Node, node: Node) -> None:
    key, parent.pending = parent.pending, None
    if node.kind == "scalar":
        node.flow = parent.flow
        if key and node.start == node.end:
            # the parser places a missing value at whatever follows it; it belongs right after the colon
            colon = _COLON.match(document.text, key.end)
            node.start = node.end = colon.end() if colon else key.end
            node.mark = key.mark
    parent.content_end = node.end
    if parent.kind != "map":
        return
    if key is None:
        parent.pending = node
        _check_key(document, parent, node)
    elif (name := _name(key)) is not None:
        parent.entries[name] = (key, node)


def _check_key(document: Document, parent: Node, key: Node) -> None:
    name = _name(key)
    if key.tag:
        raise document.error(key.mark, f"a key has the tag {shown(key.tag)}", "remove the tag")
    if name == "<<" and key.style is None:
        parent.merges = True
    elif name is not None and name in parent.entries:
        first = parent.entries[name][0].mark.line + 1
        what = f"{shown(name)} is here a second time, first on line {first}"
        raise document.error(key.mark, what, "keep one of the two")


def _name(key: Node) -> str | None:
    """What Helm calls a key: in JSON every name is a string, so that a bare `on` is the key `true`."""
    scalar = (key.target or key).scalar
    return scalar.text if scalar else None
