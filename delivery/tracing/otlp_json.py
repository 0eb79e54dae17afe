"""Finished spans as one line of OTLP JSON: an `ExportTraceServiceRequest` as the collector's file exporter writes it.

Written by hand because protobuf's own JSON has base64 ids where OTLP demands hex, and importing protobuf takes
longer than all the rest of a promotion's telemetry. Reading such files is `delivery.tracing`'s work.
"""

import json
from collections.abc import Mapping, Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, StatusCode

_STATUS = {StatusCode.UNSET: 0, StatusCode.OK: 1, StatusCode.ERROR: 2}


def export_line(spans: Sequence[ReadableSpan]) -> str:
    """`spans`, all of one resource and one scope, as a JSON object on one line with its newline.

    64-bit numbers are strings, ids are lower-case hex, as OTLP's JSON encoding demands.
    """
    first = spans[0]
    scope = first.instrumentation_scope
    request = {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(first.resource.attributes)},
                "scopeSpans": [
                    {"scope": {"name": scope.name if scope else ""}, "spans": [_span(span) for span in spans]}
                ],
            }
        ]
    }
    return json.dumps(request, ensure_ascii=False, separators=(",", ":")) + "\n"


def _span(span: ReadableSpan) -> dict[str, object]:
    context = span.get_span_context()
    encoded: dict[str, object] = {
        **(_ids(context) if context else {}),
        **({"parentSpanId": f"{span.parent.span_id:016x}"} if span.parent else {}),
        "name": span.name,
        "kind": span.kind.value + 1,  # the API counts from INTERNAL = 0, the protocol keeps 0 for "unspecified"
        "startTimeUnixNano": str(span.start_time or 0),
        "endTimeUnixNano": str(span.end_time or 0),
        "attributes": _attributes(span.attributes or {}),
    }
    if span.links:
        encoded["links"] = [
            {**_ids(link.context), "attributes": _attributes(link.attributes or {})} for link in span.links
        ]
    status: dict[str, object] = {"code": _STATUS[span.status.status_code]}
    if span.status.description:
        status["message"] = span.status.description
    return {**encoded, "status": status}


def _ids(context: SpanContext) -> dict[str, object]:
    state = context.trace_state.to_header()
    return {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        **({"traceState": state} if state else {}),
    }


def _attributes(attributes: Mapping[str, object]) -> list[dict[str, object]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: object) -> dict[str, object]:
    match value:
        case bool():  # before int: a bool is one
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list() | tuple():
            return {"arrayValue": {"values": [_value(item) for item in value]}}
        case _:
            return {"stringValue": str(value)}
