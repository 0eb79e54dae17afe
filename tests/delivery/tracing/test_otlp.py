"""Reading OTLP JSON: the forms there are, and files that are not what they should be."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.tracing.otlp import SERVER, SpanId, read
from tests.delivery.tracing.builder import hexed, line, span

TRACE, SPAN = hexed("trace", 32), hexed("span", 16)


def request(**changes: Any) -> dict[str, Any]:
    """An export of one span as protobuf's camel case has it, with `changes` made to the span."""
    raw: dict[str, Any] = {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": "work",
        "startTimeUnixNano": "1000",
        "endTimeUnixNano": "2000",
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [raw | changes]}]}]}


def test_a_span_is_read_with_its_resource_times_attributes_and_links() -> None:
    text = line("shop", span("trace/own/up", "work", 1, 3, {"a": "b"}, kind=2, links=("other/span",)))
    (found,) = read([text], "x").spans
    assert found.id == SpanId(hexed("trace", 32), hexed("own", 16))
    assert (found.parent, found.name, found.service, found.kind) == (hexed("up", 16), "work", "shop", SERVER)
    assert found.end - found.start == 2_000_000_000
    assert found.get("a") == "b"
    assert found.links[0].to == SpanId(hexed("other", 32), hexed("span", 16))


def test_the_same_span_in_two_lines_is_one() -> None:
    text = json.dumps(request())
    assert len(read([text, text], "x").spans) == 1


def test_snake_case_base64_ids_and_names_of_enumerations_are_understood() -> None:
    raw = {
        "trace_id": base64.b64encode(bytes.fromhex(TRACE)).decode(),
        "span_id": base64.b64encode(bytes.fromhex(SPAN)).decode(),
        "kind": "SPAN_KIND_SERVER",
        "start_time_unix_nano": 1000,
        "end_time_unix_nano": 2000,
        "status": {"code": "STATUS_CODE_ERROR", "message": "no"},
    }
    text = json.dumps({"resource_spans": [{"scope_spans": [{"spans": [raw]}]}]})
    (found,) = read([text], "x").spans
    assert (found.id, found.kind, found.failed, found.message) == (SpanId(TRACE, SPAN), SERVER, True, "no")


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
    (found,) = read([json.dumps(request(attributes=[{"key": "k", "value": value}]))], "x").spans
    assert found.get("k") == text


def test_one_indented_object_is_read_whole() -> None:
    lines = json.dumps(request(), indent=2).splitlines(keepends=True)
    assert len(read(lines, "x").spans) == 1
    assert read(lines, "x").problems == ()


def test_a_line_that_was_cut_off_is_reported_and_hides_nothing() -> None:
    good = json.dumps(request())
    export = read([good[:50], "", "\ufeff" + good, "7"], "t.jsonl")
    assert len(export.spans) == 1
    assert [problem.partition(" ")[0] for problem in export.problems] == ["t.jsonl:1:", "t.jsonl:4:"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"traceId": "0" * 32}, "has an id that is not valid"),
        ({"spanId": "xyz"}, "has an id that is not valid"),
        ({"startTimeUnixNano": "soon"}, "has no time"),
        ({"startTimeUnixNano": None}, "has no time"),
        ({"startTimeUnixNano": str(10**30)}, "has an impossible time"),
    ],
)
def test_a_span_that_cannot_be_placed_is_reported(changes: dict[str, Any], problem: str) -> None:
    export = read([json.dumps(request(**changes))], "t")
    assert export.spans == ()
    assert export.problems == (f"t:1: a span {problem}; skipped",)


def test_a_span_that_ends_before_it_begins_has_no_length() -> None:
    (found,) = read([json.dumps(request(endTimeUnixNano="1"))], "x").spans
    assert found.end == found.start


def test_keptns_link_to_all_zero_ids_is_none() -> None:
    (found,) = read([json.dumps(request(links=[{"traceId": "0" * 32, "spanId": "0" * 16}]))], "x").spans
    assert found.links == ()


def test_metrics_and_logs_in_the_same_file_are_passed_over() -> None:
    assert read(['{"resourceMetrics":[]}', '{"resourceLogs":[]}'], "x").problems == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resourceSpans", "scopeSpans", "spans", "resource", "attributes", "key", "value", "links"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.lists(JSON.map(json.dumps) | st.text(max_size=20), max_size=4))
def test_no_file_whatever_makes_reading_fail(lines: list[str]) -> None:
    read(lines, "x")
