"""Spans as OTLP JSON: one export request per line, as collectors, Pulumi's engine and this project write them.

Written by hand because protobuf's own JSON has base64 ids where OTLP demands hex, and importing protobuf takes longer
than all the rest. A broken line is reported and skipped, so that an export that was cut off does not hide the others.
What the spans mean is the matter of `delivery.tracing.deliveries`.
"""

import contextlib
import json
import os
import re
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


def once(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Each span once; of those with the same ids, which a hook that runs again sends, the one that ended first."""
    found: dict[SpanId, Span] = {}
    for span in spans:
        found[span.id] = min(found.get(span.id, span), span, key=lambda one: one.end)
    return tuple(found.values())


def to_line(spans: Sequence[Span], scope: str, resource: Mapping[str, str]) -> str:
    """Spans of one service as an export request on one line; `resource` has the attributes of the service."""
    group = {
        "resource": {"attributes": _pairs(resource)},
        "scopeSpans": [{"scope": {"name": scope}, "spans": [_encoded(span) for span in spans]}],
    }
    return json.dumps({"resourceSpans": [group]}, ensure_ascii=False, separators=(",", ":")) + "\n"


def append(file: str | Path, line: str) -> None:
    """Append a line to a file of spans. Raises OSError; a pipe that nobody reads is an error and not a wait."""
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o644)
    try:
        os.write(opened, line.encode("utf-8", "replace"))  # at once: lines of several processes do not mix
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
    spans: list[Span] = []
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            request = _object(json.loads(line.lstrip("\ufeff")))
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", type(error).__name__)
            problems.append(f"{where}:{number}: not JSON ({reason}); skipped")
            continue
        # A collector writes logs and metrics into the same kind of file.
        if not request.keys() & {"resourceSpans", "resourceLogs", "resourceMetrics"}:
            problems.append(f"{where}:{number}: not an export of spans, logs or metrics; skipped")
        for service, raw in _spans(request):
            try:
                spans.append(_span(raw, service))
            except _UnreadableError as error:
                problems.append(f"{where}:{number}: a span {error}; skipped")
    return Export(once(spans), tuple(problems))


def _spans(request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every span of a request as it stands there, with the name of its service."""
    for group in _objects(request.get("resourceSpans")):
        service = _attributes(_object(group.get("resource"))).get(SERVICE, "")
        for scope in _objects(group.get("scopeSpans")):
            yield from ((service, raw) for raw in _objects(scope.get("spans")))


def _span(raw: dict[str, Any], service: str) -> Span:
    start = _time(raw.get("startTimeUnixNano"))
    status = _object(raw.get("status"))
    return Span(
        id=_span_id(raw),
        parent=_id(raw["parentSpanId"], 8) if raw.get("parentSpanId") else "",
        name=str(raw.get("name") or ""),
        start=start,
        end=max(start, _time(raw.get("endTimeUnixNano") or start)),
        service=service,
        kind=_number(raw.get("kind")),
        attributes=_attributes(raw),
        links=tuple(_links(raw)),
        status=_number(status.get("code")),
        message=str(status.get("message") or ""),
    )


def _links(raw: dict[str, Any]) -> Iterator[SpanLink]:
    for link in _objects(raw.get("links")):
        # For an empty traceparent Keptn writes a link to all-zero ids.
        with contextlib.suppress(_UnreadableError):
            yield SpanLink(_span_id(link), _attributes(link))


def _span_id(holder: dict[str, Any]) -> SpanId:
    return SpanId(_id(holder.get("traceId"), 16), _id(holder.get("spanId"), 8))


def _id(value: Any, size: int) -> str:
    """An id of `size` bytes, in hex and not all zero."""
    if not isinstance(value, str) or not re.fullmatch(f"[0-9a-fA-F]{{{2 * size}}}", value) or not value.strip("0"):
        raise _UnreadableError("has an id that is not valid")
    return value.lower()


def _time(value: Any) -> int:
    try:
        time = int(value)
    except (TypeError, ValueError, OverflowError):
        raise _UnreadableError("has no time") from None
    if not 0 < time < _LATEST:
        raise _UnreadableError("has an impossible time")
    return time


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _attributes(holder: dict[str, Any]) -> dict[str, str]:
    return {str(pair.get("key")): _text(_object(pair.get("value"))) for pair in _objects(holder.get("attributes"))}


def _text(value: dict[str, Any]) -> str:
    """An attribute's value as text, whatever its type."""
    kind, content = next(iter(value.items()), ("", ""))
    if kind == "arrayValue":
        return ", ".join(_text(item) for item in _objects(_object(content).get("values")))
    return content if isinstance(content, str) else json.dumps(content)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
