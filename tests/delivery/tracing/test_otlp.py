"""OTLP JSON: what is written is read again, and files that are not what they should be."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import Parse
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from delivery.tracing.otlp import ERROR, SERVER, Span, SpanId, SpanLink, append, read, to_line

ID = SpanId("ab" * 16, "cd" * 8)
SPAN = Span(
    id=ID,
    parent="ef" * 8,
    name="work 🥔",
    start=1000,
    end=3000,
    service="shop",
    kind=SERVER,
    attributes={"a": "b"},
    links=(SpanLink(SpanId("12" * 16, "34" * 8), {"delivery.link": "verified"}),),
    status=ERROR,
    message="no",
)
RESOURCE = {"service.name": "shop"}


def request(**changes: Any) -> str:
    """An export of one span, with `changes` made to the span."""
    raw: dict[str, Any] = {"traceId": ID.trace, "spanId": ID.span, "name": "work"}
    raw |= {"startTimeUnixNano": "1000", "endTimeUnixNano": "2000"}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [raw | changes]}]}]})


def test_what_is_written_is_read_again_and_twice_the_same_is_one(tmp_path: Path) -> None:
    for _ in range(2):
        append(tmp_path / "x", to_line([SPAN], "scope", RESOURCE))
    assert read((tmp_path / "x").read_text().splitlines(), "x").spans == (SPAN,)


def test_what_is_written_is_a_request_of_the_protocol() -> None:
    parsed = Parse(to_line([SPAN], "scope", RESOURCE), ExportTraceServiceRequest())
    (span,) = parsed.resource_spans[0].scope_spans[0].spans
    assert (span.name, span.kind, span.start_time_unix_nano, span.status.code) == ("work 🥔", SERVER, 1000, ERROR)


def test_letters_that_no_file_can_hold_are_replaced(tmp_path: Path) -> None:
    append(tmp_path / "x", to_line([Span(ID, "", "a\udcff", 1, 2)], "scope", RESOURCE))
    assert [span.name for span in read((tmp_path / "x").read_text().splitlines(), "x").spans] == ["a?"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"stringValue": "s"}, "s"),
        ({"intValue": "7"}, "7"),
        ({"intValue": 7}, "7"),
        ({"boolValue": True}, "true"),
        ({"doubleValue": 1.5}, "1.5"),
        ({"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "2"}]}}, "a, 2"),
        ({}, ""),
        (None, ""),
    ],
)
def test_every_kind_of_attribute_becomes_text(value: object, text: str) -> None:
    (found,) = read([request(attributes=[{"key": "k", "value": value}])], "x").spans
    assert found.get("k") == text


def test_a_line_that_was_cut_off_is_reported_and_hides_nothing() -> None:
    export = read([request()[:50], "", "\ufeff" + request(), "7"], "t.jsonl")
    assert len(export.spans) == 1
    assert [problem.partition(" ")[0] for problem in export.problems] == ["t.jsonl:1:", "t.jsonl:4:"]


@pytest.mark.parametrize(
    "changes",
    [
        {"traceId": "0" * 32},
        {"spanId": "xyz"},
        {"parentSpanId": 7},
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": None},
        {"startTimeUnixNano": str(10**30)},
    ],
)
def test_a_span_that_cannot_be_placed_is_reported(changes: dict[str, Any]) -> None:
    export = read([request(**changes)], "t")
    assert export.spans == ()
    assert [problem.partition(" ")[0] for problem in export.problems] == ["t:1:"]


def test_a_span_that_ends_before_it_begins_has_no_length() -> None:
    (found,) = read([request(endTimeUnixNano="1")], "x").spans
    assert found.end == found.start


def test_keptns_link_to_all_zero_ids_is_none() -> None:
    (found,) = read([request(links=[{"traceId": "0" * 32, "spanId": "0" * 16}])], "x").spans
    assert found.links == ()


def test_metrics_and_logs_in_the_same_file_are_passed_over() -> None:
    assert read(['{"resourceMetrics":[]}', '{"resourceLogs":[]}'], "x").problems == ()


KEYS = ["resourceSpans", "scopeSpans", "spans", "resource", "attributes", "key", "value", "links", "status", "traceId"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(JSON.map(json.dumps) | st.text(max_size=20), max_size=4))
def test_no_file_whatever_makes_reading_fail(lines: list[str]) -> None:
    read(lines, "x")
