"""Parse a YAML file into positions: the only place that knows the YAML parser.

It builds no values: tags are not constructed, aliases not expanded, and nothing recurses, so that the time a
hostile file can cost is bounded by its size. What Helm's and Kustomize's reader accepts is accepted, unless readers
disagree about the whole file; what they disagree about at one key is left to `find.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

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

from delivery.values.document import Document, Mark, Node, ValuesError, YamlFile, decoded, shown
from delivery.values.path import MAX_LEVELS
from delivery.values.scalar import escape, resolve
from delivery.values.scanner import parse
from delivery.values.template import template_before

_TOKENS = re.compile(r"\(('[^']*'),\)")  # how the parser names the one thing that it found
_MERGE, _TEXT = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:str"
_COLON = re.compile(r"[ \t]*:")
_BEYOND_UNICODE = re.compile(r"\\U(?!000|0010)")
# line breaks in YAML 1.1 only; a byte order mark inside the file is skipped by some readers
_READ_DIFFERENTLY = re.compile("[\x85\u2028\u2029\ufeff]")


def load(text: str | bytes, where: str) -> YamlFile:
    """Parse a file; `ValuesError` names the place of what is wrong with it, and the fix.

    The last few are kept, so that a file is not to be changed.
    """
    try:
        return replace(_parsed(text), where=where)
    except ValuesError as error:
        raise ValuesError(f"{where}{error}") from None


# A promotion asks the same few files for one thing after another, and a large one takes seconds each time.
@lru_cache(maxsize=8)
def _parsed(text: str | bytes) -> YamlFile:
    file = decoded(text, "")
    found = _READ_DIFFERENTLY.search(file.text)
    if found:
        what = f"the character U+{ord(found[0]):04X} is not the same to all readers of YAML"
        raise file.error(file.mark(found.start()), what, "remove it, or write it as an escape in double quotes")
    try:
        _build(file, parse(file.text))
    except ValuesError:
        raise
    except ReaderError as error:
        what = f"the character U+{error.character:04X} may not stand in YAML"
        raise file.error(file.mark(error.position), what, "remove it") from None
    except MarkedYAMLError as error:
        raise _syntax_error(file, error) from None
    except (ValueError, OverflowError):
        beyond = _BEYOND_UNICODE.search(file.text)
        mark = file.mark(beyond.start()) if beyond else Mark(0, 0)
        raise file.error(mark, "an escape `\\U` that is no character", "correct it") from None
    except YAMLError as error:
        raise file.error(Mark(0, 0), f"no YAML ({type(error).__name__})", "correct it") from None
    return file


def _syntax_error(file: YamlFile, error: MarkedYAMLError) -> ValuesError:
    mark, begun = error.problem_mark or error.context_mark, error.context_mark
    problem = _TOKENS.sub(r"\1", error.problem or error.context or "this is no YAML")
    if mark and (template := template_before(file.text, mark.index)) is not None:
        return _template(file, file.mark(template))
    if begun and mark and begun.line != mark.line:
        problem += f", {error.context} that begins on line {begun.line + 1}"
    fix = "use spaces, no tab" if "'\\t'" in problem else "correct it there or on the line before"
    what = "".join(letter if letter.isprintable() else escape(letter) for letter in problem)
    return file.error(Mark(mark.line, mark.column) if mark else Mark(0, 0), what, fix)


def _template(file: YamlFile, mark: Mark) -> ValuesError:
    return file.error(mark, "a template of Helm (`{{`), no YAML", "promote the key of a values file that it reads")


def _build(file: YamlFile, events: Iterator[Event]) -> None:
    open_nodes: list[Node] = []
    anchors: dict[str, Node] = {}
    for event in events:
        if isinstance(event, DocumentStartEvent):
            if file.documents:
                file.content.append(("document",))
            file.documents.append(Document(Mark(event.start_mark.line, event.start_mark.column)))
            anchors = {}
        elif isinstance(event, CollectionEndEvent):
            node = open_nodes.pop()
            node.last = len(file.content)
            file.content.append(("end",))
            if node.flow:
                node.end = event.end_mark.index
            else:
                node.end = max(node.content_end, node.end)
            if open_nodes:
                open_nodes[-1].content_end = node.end
        elif isinstance(event, NodeEvent):
            node = _node(file, event, anchors)
            if open_nodes:
                _attach(file, open_nodes[-1], node)
            elif node.scalar and node.start == node.end and not node.anchor and not node.tag:
                file.content.pop()  # nothing but comments in this document
            else:
                file.documents[-1].root = node
            if node.kind in ("map", "list"):
                open_nodes.append(node)
                if len(open_nodes) > MAX_LEVELS:
                    raise file.error(node.mark, f"more than {MAX_LEVELS} levels", "keep it flat")


def _node(file: YamlFile, event: NodeEvent, anchors: dict[str, Node]) -> Node:
    tag: object = getattr(event, "tag", None)
    node = Node(
        kind="list",
        mark=Mark(event.start_mark.line, event.start_mark.column),
        start=event.start_mark.index,
        end=event.end_mark.index,
        index=len(file.content),
        anchor=event.anchor,
        tag=str(tag) if tag else None,
    )
    if isinstance(event, AliasEvent):
        node.kind, node.anchor = "alias", None
        node.target = anchors.get(event.anchor)
        if node.target is None:
            what = f"{shown('*' + event.anchor)} has no anchor before it"
            raise file.error(node.mark, what, "write the value out")
        node.target.used = node.target.used or node.mark
        file.content.append(("alias", event.anchor))
        return node
    if isinstance(event, ScalarEvent):
        node.kind, node.style = "scalar", event.style or None
        node.scalar = resolve(event.value, plain=node.style is None and node.tag != _TEXT)
        file.content.append(("scalar", node.anchor, node.tag, node.scalar))
    else:
        node.kind = "map" if isinstance(event, MappingStartEvent) else "list"
        node.flow = bool(getattr(event, "flow_style", False))
        file.content.append((node.kind, node.anchor, node.tag))
    if node.anchor:
        anchors[node.anchor] = node
    return node


def _attach(file: YamlFile, parent: Node, node: Node) -> None:
    key, parent.pending = parent.pending, None
    if node.kind == "scalar":
        node.flow = parent.flow
        if key and node.start == node.end:
            # the parser places a missing value at whatever follows it; it belongs right after the colon
            colon = _COLON.match(file.text, key.end)
            node.start = node.end = colon.end() if colon else key.end
            node.mark = key.mark
    parent.content_end = node.end
    parent.first = parent.first or node
    if parent.kind == "list":
        parent.items = parent.items or []
        parent.items.append(node)
    elif key is None:
        parent.pending = node
        if node.kind == "map" and file.text.startswith("{{", parent.start) and node.start == parent.start + 1:
            raise _template(file, parent.mark)
    elif _is_merge(key):
        parent.merges = parent.merges or []
        parent.merges.append((key, node))
    elif scalar := (key.target or key).scalar:
        # In JSON every name is a string: to Helm a bare `on` is the key `true`, to Kustomize it is `on`.
        names = [scalar.text]
        if scalar.kind == "boolean" and not key.target:
            names += {file.text[key.start : key.end]} - {scalar.text}
        for name in names:
            if name in parent.entries:
                parent.repeated.setdefault(name, (parent.entries[name][0], key))
            parent.entries[name] = (key, node)


def _is_merge(key: Node) -> bool:
    # go-yaml, `isMerge`: the plain text, or with the tag that yq writes
    plain = key.style is None and not key.tag
    return key.scalar is not None and key.scalar.text == "<<" and (plain or key.tag == _MERGE)
