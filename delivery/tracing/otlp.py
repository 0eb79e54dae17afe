"""Reads files of OTLP JSON: one export request per line, as collectors, Pulumi and `delivery.tracing.run` write them.

A broken line is reported and skipped, so that an export that was cut off does not hide the others. What the spans
mean is `delivery.tracing.deliveries`' matter.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_LATEST = 2**63  # nanoseconds since 1970, the year 2262: readers of the protocol cannot hold more


class SpanId(NamedTuple):
    """The two ids of a span, lower-case hex."""

    trace: str
    span: str


class SpanLink(NamedTuple):
    """A link to another span; `relation` is the promoter's own attribute `delivery.link`, empty without it."""

    to: SpanId
    relation: str


@dataclass(frozen=True)
class Span:
    """One finished span: times in nanoseconds since 1970, attribute values as text."""

    id: SpanId
    parent: str
    name: str
    start: int
    end: int
    service: str = ""
    server: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    links: tuple[SpanLink, ...] = ()
    failed: bool = False
    message: str = ""

    def get(self, name: str) -> str:
        """An attribute's value, empty when it is missing."""
        return self.attributes.get(name, "")


@dataclass(frozen=True)
class Export:
    """What a file held: its spans, each once, and one line for everything that could not be read."""

    spans: tuple[Span, ...]
    problems: tuple[str, ...]


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
    if not groups and not _is_export(request):
        problems.append(f"{where}: not an export of spans, logs or metrics; skipped")
    for group in groups:
        resource = _attributes(_member(group, "resource"))
        for scope in [*_list(group, "scopeSpans"), *_list(group, "instrumentationLibrarySpans")]:
            for raw in _list(scope, "spans"):
                try:
                    yield _span(raw, resource.get("service.name", ""))
                except _UnreadableError as error:
                    problems.append(f"{where}: a span {error}; skipped")


def _is_export(request: Any) -> bool:
    """A collector writes logs and metrics into the same kind of file: nothing to complain about."""
    return isinstance(request, dict) and any(
        name in request for key in ("resourceSpans", "resourceLogs", "resourceMetrics") for name in (key, _snake(key))
    )


def _span(raw: Any, service: str) -> Span:
    if not isinstance(raw, dict):
        raise _UnreadableError("is no object")
    start = _time(_get(raw, "startTimeUnixNano"))
    status = _member(raw, "status")
    code = _get(status, "code")
    return Span(
        id=SpanId(_id(_get(raw, "traceId"), 16), _id(_get(raw, "spanId"), 8)),
        parent=_id(_get(raw, "parentSpanId"), 8) if _get(raw, "parentSpanId") else "",
        name=str(_get(raw, "name") or ""),
        start=start,
        end=max(start, _time(_get(raw, "endTimeUnixNano") or start)),
        service=service,
        server=_get(raw, "kind") in (2, "SPAN_KIND_SERVER"),
        attributes=_attributes(raw),
        links=tuple(_links(raw)),
        failed=code in (2, "STATUS_CODE_ERROR"),
        message=str(_get(status, "message") or ""),
    )


def _links(raw: Any) -> Iterator[SpanLink]:
    for link in _list(raw, "links"):
        try:
            to = SpanId(_id(_get(link, "traceId"), 16), _id(_get(link, "spanId"), 8))
        except _UnreadableError:
            continue  # for an empty traceparent Keptn writes a link to all-zero ids
        yield SpanLink(to, _attributes(link).get("delivery.link", ""))


def _id(value: Any, size: int) -> str:
    """An id of `size` bytes as hex; protobuf's own JSON has it in base64."""
    text = value if isinstance(value, str) else ""
    try:
        raw = bytes.fromhex(text) if len(text) == 2 * size else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != size or not any(raw):
        raise _UnreadableError("has an id that is none")
    return raw.hex()


def _time(value: Any) -> int:
    try:
        time = int(value)
    except (TypeError, ValueError, OverflowError):
        raise _UnreadableError("has no time") from None
    if not 0 < time < _LATEST:
        raise _UnreadableError("has an impossible time")
    return time


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
    if kind in ("boolValue", "bool_value"):
        return "true" if content else "false"
    return content if isinstance(content, str) else json.dumps(content)


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


def _get(holder: Any, name: str) -> Any:
    """A member in OTLP's camel case, or in the snake case that some exporters write."""
    if not isinstance(holder, dict):
        return None
    return holder[name] if name in holder else holder.get(_snake(name))


def _member(holder: Any, name: str) -> dict[str, Any]:
    value = _get(holder, name)
    return value if isinstance(value, dict) else {}


def _list(holder: Any, name: str) -> list[Any]:
    value = _get(holder, name)
    return value if isinstance(value, list) else []
