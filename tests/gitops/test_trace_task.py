"""The spans of a deployment that Argo CD has carried out: what they say, and that sending them fails nothing."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from delivery.model.identifiers import is_traceparent
from delivery.tracing import attributes as names
from delivery.tracing.otlp import Span, read
from gitops.tasks.trace import StageDeployment, TaskRun, otlp_request, send_spans
from tests.messages import assert_message
from tests.slow_server import trickling

LINKS = tuple(f"00-{number * 32}-{number * 16}-01" for number in "12")
DEPLOYMENT = StageDeployment(
    application="podtato-head",
    stage="dev",
    namespace="podtato-head-dev",
    repository="acme/gitops",
    version="v0.3.1",
    commit="d1" * 20,
    metadata={"team": "potato"},
    started=1_000,
    ended=9_000,
    tasks=(
        TaskRun("migrate", "pre", 100, 900),
        TaskRun("Deployment podtato-head", "deploy", 1_000, 4_000),
        TaskRun("smoke-test", "post", 5_000, 6_000),
        TaskRun("load-test", "post", 6_000, 8_000),
        TaskRun("promote", "promotion", 8_000, 9_000),
    ),
    links=LINKS,
)
FAILED = replace(
    DEPLOYMENT,
    tasks=(*DEPLOYMENT.tasks[:2], replace(DEPLOYMENT.tasks[2], error="BackoffLimitExceeded")),
    error="BackoffLimitExceeded",
    reason="smoke-test: 503 of /",
)


def spans(deployment: StageDeployment) -> tuple[Span, ...]:
    export = read([json.dumps(otlp_request(deployment))], "sent")
    assert export.problems == ()
    return export.spans


@contextmanager
def collector(status: int = 200, answer: str = "{}") -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A collector's address, and each request's path and body."""
    received: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((f"{self.path} {self.headers['Content-Type']}", body))
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        listening = Thread(target=server.serve_forever, args=(0.02,))
        listening.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", received
        finally:
            server.shutdown()
            listening.join()


def test_a_deployment_has_a_root_its_phases_and_their_tasks() -> None:
    found = {span.id.span: span for span in spans(DEPLOYMENT)}
    assert [(span.name, found[span.parent].name if span.parent else "") for span in found.values()] == [
        ("deploy podtato-head/dev", ""),
        ("AppPreDeployTasks", "deploy podtato-head/dev"),
        ("migrate", "AppPreDeployTasks"),
        ("AppDeploy", "deploy podtato-head/dev"),
        ("Deployment podtato-head", "AppDeploy"),
        ("AppPostDeployTasks", "deploy podtato-head/dev"),
        ("smoke-test", "AppPostDeployTasks"),
        ("load-test", "AppPostDeployTasks"),
        ("PromotionTasks", "deploy podtato-head/dev"),
        ("promote", "PromotionTasks"),
    ]
    times = {span.name: (span.start, span.end) for span in found.values()}
    assert times["deploy podtato-head/dev"] == (100, 9_000)
    assert times["AppPostDeployTasks"] == (5_000, 8_000)


def test_the_request_is_one_of_the_protocol() -> None:
    request = Parse(json.dumps(otlp_request(FAILED)), ExportTraceServiceRequest())
    assert len(request.resource_spans[0].scope_spans[0].spans) == len(spans(FAILED))


def test_only_the_root_has_links_one_to_each_promotion_it_follows_from() -> None:
    root, *below = spans(DEPLOYMENT)
    assert [(f"00-{link.to.trace}-{link.to.span}-01", link.relation) for link in root.links] == [
        (traceparent, "verified") for traceparent in LINKS
    ]
    assert not any(span.links for span in below)


def test_every_attribute_but_metadata_has_a_public_name_and_metadata_replaces_none() -> None:
    public = {value for name, value in vars(names).items() if name.isupper()}
    deployment = replace(FAILED, metadata={"team": "potato", names.RESULT: "success", names.ENVIRONMENT: "moon"})
    root, *below = spans(deployment)
    assert set(root.attributes) - public == {"team"}
    assert {name for span in below for name in span.attributes} <= public
    assert (root.get(names.RESULT), root.get(names.ENVIRONMENT)) == ("failure", "dev")


def test_the_traceparent_that_is_handed_on_is_the_promotion_phases() -> None:
    (phase,) = (span for span in spans(DEPLOYMENT) if span.name == "PromotionTasks")
    assert is_traceparent(DEPLOYMENT.traceparent)
    assert DEPLOYMENT.traceparent == f"00-{phase.id.trace}-{phase.id.span}-01"


def test_without_any_known_time_the_promotion_phase_is_there_all_the_same() -> None:
    assert [span.name for span in spans(replace(DEPLOYMENT, tasks=()))] == ["deploy podtato-head/dev", "PromotionTasks"]


def test_the_same_deployment_has_the_same_ids_whenever_its_hook_runs() -> None:
    again = replace(DEPLOYMENT, ended=99_000, metadata={}, links=())
    assert again.traceparent == DEPLOYMENT.traceparent
    assert [span.id for span in spans(again)] == [span.id for span in spans(DEPLOYMENT)]


@pytest.mark.parametrize("change", ["application", "stage", "repository", "commit"])
def test_another_deployment_has_other_ids(change: str) -> None:
    other = replace(DEPLOYMENT, **{change: "other"})  # type: ignore[arg-type]
    assert other.trace_id != DEPLOYMENT.trace_id
    assert not {span.id.span for span in spans(other)} & {span.id.span for span in spans(DEPLOYMENT)}


def test_a_failure_says_what_failed_and_why_and_success_has_no_error_type() -> None:
    assert not any(span.failed or span.get(names.ERROR_TYPE) for span in spans(DEPLOYMENT))
    failed = {span.name: span for span in spans(FAILED) if span.failed}
    assert list(failed) == ["deploy podtato-head/dev", "AppPostDeployTasks", "smoke-test"]
    assert {span.get(names.ERROR_TYPE) for span in failed.values()} == {"BackoffLimitExceeded"}
    assert failed["deploy podtato-head/dev"].message == FAILED.reason


def test_a_failure_is_a_trace_of_its_own_which_a_second_try_does_not_repeat() -> None:
    root, *_ = spans(FAILED)
    assert f"00-{root.id.trace}-{root.id.span}-01" == FAILED.traceparent
    assert root.id.trace != DEPLOYMENT.trace_id
    assert "PromotionTasks" not in {span.name for span in spans(FAILED)}


def test_a_task_that_took_too_long_has_the_result_timeout() -> None:
    late = replace(
        DEPLOYMENT, tasks=(TaskRun("load-test", "post", 1, 2, "DeadlineExceeded"),), error="DeadlineExceeded"
    )
    results = {span.get(names.RESULT) or span.get(names.TASK_RESULT) for span in spans(late)}
    assert results == {"timeout"}


def test_the_spans_are_posted_as_json_to_the_collectors_path() -> None:
    with collector() as (url, received):
        assert send_spans(f"{url}/", DEPLOYMENT) == ""
    ((call, body),) = received
    assert call == "/v1/traces application/json"
    assert read([body], "sent").spans == spans(DEPLOYMENT)


@pytest.mark.parametrize("status", [302, 401, 503])
def test_an_answer_that_is_none_of_success_is_a_note(status: int) -> None:
    with collector(status) as (url, received):
        assert_message("task.spans_refused", send_spans(url, DEPLOYMENT).replace(str(status), "STATUS"))
    assert len(received) == 1


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        ('{"partialSuccess":{"rejectedSpans":"3"}}', True),
        ('{"partialSuccess":{}}', False),
        ("<html>", False),
        ("[[[[", False),
    ],
)
def test_spans_that_the_collector_rejects_are_a_note(answer: str, note: bool) -> None:
    with collector(answer=answer) as (url, _):
        assert bool(send_spans(url, DEPLOYMENT)) == note


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "", "nonsense", "http://[", "http://127.0.0.1:x"])
def test_a_collector_that_cannot_be_reached_is_a_note(endpoint: str) -> None:
    assert send_spans(endpoint, DEPLOYMENT)


def test_a_collector_whose_answer_never_ends_costs_no_more_than_the_given_time() -> None:
    with trickling() as url:
        began = time.monotonic()
        assert_message("task.spans_late", send_spans(url, DEPLOYMENT, seconds=0.3))
        assert time.monotonic() - began < 3
