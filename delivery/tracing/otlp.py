"""Spans as OTLP JSON: one export request per line, as collectors, Pulumi's engine and this project write them.

Written by hand because protobuf's own JSON has base64 ids where OTLP demands hex, and importing protobuf takes longer
than all the rest. A broken line is reported and skipped, so that an export that was cut off does not hide the others.
What the spans mean is the matter of `delivery.tracing.deliveries`.
"""

import base64
import binascii
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from delivery.tracing.attributes import LINK, SERVICE

TRACE_FILE = "DELIVERY_TRACE_FILE"
"""The variable that names the file which promotion runs append their spans to, and which is read by default."""
SERVER, CONSUMER = 2, 5
"""Kinds of spans, as the protocol counts them."""
OK, ERROR = 1, 2
"""Status codes of spans."""
_NAMES = {"SPAN_KIND_SERVER": SERVER, "STATUS_CODE_ERROR": ERROR}
_LATEST = 2**63  # nanoseconds since 1970, the year 2262: readers of the protocol cannot hold more


class SpanId(NamedTuple):
    """The two ids of a span, lower-case hex."""

    trace: str
    span: str


class SpanLink(NamedTuple):
    """A link to another span."""

    to: SpanId
    attributes: Mapping[str, str]

    @property
    def relation(self) -> str:
        """What the promoter says the other span is to this one; empty where somebody else made the link."""
        return self.attributes.get(LINK, "")


@dataclass(frozen=True)
class Span:
    """One finished span: times in nanoseconds since 1970, attribute values as text, `kind` and `status` by number.

    `parent` is the id of a span in the same trace, or empty. `service` is the resource's `service.name` and only read;
    `state` is the W3C trace state and only written.
    """

    id: SpanId
    parent: str
    name: str
    start: int
    end: int
    service: str = ""
    kind: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)
    links: tuple[SpanLink, ...] = ()
    status: int = 0
    message: str = ""
    state: str = ""

    @property
    def failed(self) -> bool:
        """Whether it has the status ERROR."""
        return self.status == ERROR

    def get(self, name: str) -> str:
        """An attribute's value, empty when it is missing."""
        return self.attributes.get(name, "")


@dataclass(frozen=True)
class Export:
    """What a file held: its spans, each once, and one line for everything that could not be read."""

    spans: tuple[Span, ...]
    problems: tuple[str, ...]


def append(file: str | Path, spans: Sequence[Span], scope: str, resource: Mapping[str, str]) -> None:
    """Append spans of one service to a file, as one export request. Raises OSError.

    `resource` has the attributes of the service. A pipe that nobody reads is an error and not a wait.
    """
    line = json.dumps(
        {
            "resourceSpans": [
                {
                    "resource": {"attributes": _pairs(resource)},
                    "scopeSpans": [{"scope": {"name": scope}, "spans": [_encoded(span) for span in spans]}],
                }
            ]
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o644)
    try:
        # One write in append mode: lines of several processes do not mix.
        os.write(opened, (line + "\n").encode("utf-8", "replace"))
    finally:
        os.close(opened)


def _encoded(span: Span) -> dict[str, object]:
    """The span in OTLP's JSON encoding, where 64-bit numbers are strings and ids are lower-case hex."""
    links = [
        {"traceId": link.to.trace, "spanId": link.to.span, "attributes": _pairs(link.attributes)} for link in span.links
    ]
    return {
        "traceId": span.id.trace,
        "spanId": span.id.span,
        **({"traceState": span.state} if span.state else {}),
        "parentSpanId": span.parent,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": _pairs(span.attributes),
        **({"links": links} if links else {}),
        "status": {"code": span.status, **({"message": span.message} if span.message else {})},
    }


def _pairs(attributes: Mapping[str, str]) -> list[dict[str, object]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]


class _UnreadableError(ValueError):
    """A span cannot be read; the text says why, in a few words."""


def read(lines: Iterable[str], where: str) -> Export:
    """The spans in `lines`; `where` names the file in the problems. No content of a file makes it raise."""
    spans: dict[SpanId, Span] = {}
    problems: list[str] = []
    for number, request in _requests(lines, where, problems):
        for span in _spans(request, f"{where}:{number}", problems):
            spans.setdefault(span.id, span)
    return Export(tuple(spans.values()), tuple(problems))


def _requests(lines: Iterable[str], where: str, problems: list[str]) -> Iterator[tuple[int, Any]]:
    """The object on each line, or the one object of a file that is indented over many lines."""
    kept = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if kept and kept[0][1].strip() in ("{", "["):
        kept = [(kept[0][0], "".join(line for _, line in kept))]
    for number, line in kept:
        try:
            value = json.loads(line.lstrip("\ufeff"))
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", type(error).__name__)
            problems.append(f"{where}:{number}: not JSON ({reason}); skipped")
            continue
        yield from ((number, item) for item in (value if isinstance(value, list) else [value]))


def _spans(request: Any, where: str, problems: list[str]) -> Iterator[Span]:
    groups = _list(request, "resourceSpans")
    # A collector writes logs and metrics into the same kind of file.
    if not groups and all(_get(request, name) is None for name in ("resourceSpans", "resourceLogs", "resourceMetrics")):
        problems.append(f"{where}: not an export of spans, logs or metrics; skipped")
    for group in groups:
        service = _attributes(_member(group, "resource")).get(SERVICE, "")
        for scope in [*_list(group, "scopeSpans"), *_list(group, "instrumentationLibrarySpans")]:
            for raw in _list(scope, "spans"):
                try:
                    yield _span(raw, service)
                except _UnreadableError as error:
                    problems.append(f"{where}: a span {error}; skipped")


def _span(raw: Any, service: str) -> Span:
    if not isinstance(raw, dict):
        raise _UnreadableError("is no object")
    start = _time(_get(raw, "startTimeUnixNano"))
    status = _member(raw, "status")
    return Span(
        id=_span_id(raw),
        parent=_id(_get(raw, "parentSpanId"), 8) if _get(raw, "parentSpanId") else "",
        name=str(_get(raw, "name") or ""),
        start=start,
        end=max(start, _time(_get(raw, "endTimeUnixNano") or start)),
        service=service,
        kind=_number(_get(raw, "kind")),
        attributes=_attributes(raw),
        links=tuple(_links(raw)),
        status=_number(_get(status, "code")),
        message=str(_get(status, "message") or ""),
    )


def _links(raw: Any) -> Iterator[SpanLink]:
    for link in _list(raw, "links"):
        try:
            yield SpanLink(_span_id(link), _attributes(link))
        except _UnreadableError:
            continue  # for an empty traceparent Keptn writes a link to all-zero ids


def _span_id(holder: Any) -> SpanId:
    return SpanId(_id(_get(holder, "traceId"), 16), _id(_get(holder, "spanId"), 8))


def _id(value: Any, size: int) -> str:
    """An id of `size` bytes as hex; protobuf's own JSON has it in base64."""
    text = value if isinstance(value, str) else ""
    try:
        raw = bytes.fromhex(text) if len(text) == 2 * size else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != size or not any(raw):
        raise _UnreadableError("has an id that is not valid")
    return raw.hex()


def _time(value: Any) -> int:
    try:
        time = int(value)
    except (TypeError, ValueError, OverflowError):
        raise _UnreadableError("has no time") from None
    if not 0 < time < _LATEST:
        raise _UnreadableError("has an impossible time")
    return time


def _number(value: Any) -> int:
    """The number of a kind or a status, which some exporters write by its name; 0 for one that nobody here needs."""
    return value if isinstance(value, int) else _NAMES.get(str(value), 0)


def _attributes(holder: Any) -> dict[str, str]:
    return {
        str(_get(item, "key")): _value(_get(item, "value"))
        for item in _list(holder, "attributes")
        if isinstance(item, dict)
    }


def _value(value: Any) -> str:
    """An attribute's value as text, whatever its type."""
    if not isinstance(value, dict) or not value:
        return ""
    kind, content = next(iter(value.items()))
    if kind in ("arrayValue", "array_value"):
        return ", ".join(_value(item) for item in _list(content, "values"))
    return content if isinstance(content, str) else json.dumps(content)


def _get(holder: Any, name: str) -> Any:
    """A member in OTLP's camel case, or in the snake case that some exporters write."""
    if not isinstance(holder, dict):
        return None
    snake = "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
    return holder[name] if name in holder else holder.get(snake)


def _member(holder: Any, name: str) -> dict[str, Any]:
    value = _get(holder, name)
    return value if isinstance(value, dict) else {}


def _list(holder: Any, name: str) -> list[Any]:
    value = _get(holder, name)
    return value if isinstance(value, list) else []
