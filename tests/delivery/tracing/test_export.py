"""Where spans go; a collector that is down, silent or untrusted costs two seconds at most and fails nothing."""

import contextlib
import http.server
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # it ships no types
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from delivery.tracing.export import BUDGET
from tests.delivery.tracing.test_run import OUTER, exported, run_program
from tests.messages import assert_message

Received = list[trace_service_pb2.ExportTraceServiceRequest]

RUN = "promote podtato-head/dev-to-production"
TWO_RUNS = """
import time
started = time.monotonic()
for _ in range(2):
    with start_run(EDGE, SETTINGS, version="v1") as run, run.step("read"):
        pass
print(time.monotonic() - started)
"""
SLACK = 1.5  # for a machine that is busy with other tests


def names(received: Received) -> list[str]:
    return [
        span.name
        for request in received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


@contextlib.contextmanager
def collector(delay: float = 0, status: int = 200) -> Iterator[tuple[str, Received, list[str]]]:
    """A collector for OTLP over HTTP: its address, what it received, and the paths with the `x-key` header.

    It answers `delay` seconds late, or when the test is over.
    """
    received: Received = []
    calls: list[str] = []
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            over.wait(delay)
            received.append(trace_service_pb2.ExportTraceServiceRequest.FromString(body))
            calls.append(f"{self.path} {self.headers['x-key']}")
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://localhost:{server.server_address[1]}", received, calls
    finally:
        over.set()
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def engines_collector() -> Iterator[tuple[str, Received]]:
    """What Pulumi's engine listens with under `--otel-traces`: host and port for gRPC, and what it received."""
    received: Received = []

    class Service(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(  # noqa: N802 - the protocol's name
            self, request: trace_service_pb2.ExportTraceServiceRequest, context: object
        ) -> trace_service_pb2.ExportTraceServiceResponse:
            del context
            received.append(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Service(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}", received
    server.stop(0).wait()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "traces.jsonl"


def test_spans_go_out_over_http_as_the_standard_variables_say(file: Path) -> None:
    with collector() as (url, received, calls):
        done = run_program(TWO_RUNS, file, OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_HEADERS="x-key=a%20b")
    assert names(received) == ["read", RUN] * 2
    assert set(calls) == {"/v1/traces a b"}
    assert done.stderr == ""


def test_the_service_is_called_delivery_unless_the_environment_names_it(file: Path) -> None:
    for environ in ({}, {"OTEL_SERVICE_NAME": "promoter"}, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=other"}):
        run_program("start_run(EDGE, SETTINGS)", file, **environ)
    assert [span.service for span in exported(file)] == ["delivery", "promoter", "other"]


@pytest.mark.parametrize("environ", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_the_collector_can_be_turned_off(environ: dict[str, str]) -> None:
    with collector() as (url, received, _):
        done = run_program(TWO_RUNS, None, OTEL_EXPORTER_OTLP_ENDPOINT=url, **environ)
    assert (received, done.stderr) == ([], "")


def test_a_slow_collector_still_gets_its_spans(file: Path) -> None:
    with collector(delay=0.2) as (url, received, _):
        done = run_program(TWO_RUNS, file, OTEL_EXPORTER_OTLP_ENDPOINT=url)
    assert len(received) == 2
    assert done.stderr == ""


@pytest.mark.parametrize("kind", ["silent", "refused"])
def test_a_collector_that_is_down_or_silent_costs_two_seconds_in_all_and_one_line(file: Path, kind: str) -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("localhost", 0)))
        url = f"http://localhost:{listener.getsockname()[1]}"
        if kind == "refused":
            listener.close()
        started = time.monotonic()
        done = run_program(TWO_RUNS, file, OTEL_EXPORTER_OTLP_ENDPOINT=url)
    # With the start of Python; what is left in the queue would be waited for ten seconds.
    assert time.monotonic() - started < BUDGET + 4 * SLACK
    assert float(done.stdout) < BUDGET + SLACK
    assert_message("tracing.collector-silent", done.stderr.strip())
    assert len(exported(file)) == 4  # the file has everything all the same


def test_a_collector_that_takes_no_spans_costs_one_line(file: Path) -> None:
    with collector(status=404) as (url, _, _):
        done = run_program(TWO_RUNS, file, OTEL_EXPORTER_OTLP_ENDPOINT=url)
    assert float(done.stdout) < SLACK
    assert_message("tracing.collector-refuses", done.stderr.strip())


def test_a_collector_for_grpc_gets_nothing_and_a_line_says_what_to_change(file: Path) -> None:
    with collector() as (url, received, _):
        done = run_program(TWO_RUNS, file, OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="grpc")
    assert received == []
    assert_message("tracing.collector-grpc", done.stderr.strip())
    assert len(exported(file)) == 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/secret-place.pem"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret-place, =, \udcff"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "not an address"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[broken"),
        ("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "nobody"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-5"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "many"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", ""),
        ("OTEL_TRACES_SAMPLER", "x"),
        ("OTEL_RESOURCE_ATTRIBUTES", "x\udcff"),
        ("OTEL_PYTHON_TRACER_PROVIDER", "nobody"),
        ("OTEL_PYTHON_CONTEXT", "nobody"),
        ("OTEL_PROPAGATORS", "nobody"),
        ("OTEL_BSP_SCHEDULE_DELAY", "\udcff"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "1e999"),
        ("BAGGAGE", "a\udcff=b"),
        ("TRACESTATE", "a\udcff=b"),
    ],
)
def test_no_variable_fails_a_promotion_or_costs_more_than_one_line(file: Path, name: str, value: str) -> None:
    with collector() as (url, _, _):
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "TRACEPARENT": OUTER, name: value}
        done = run_program(TWO_RUNS, file, OTEL_EXPORTER_OTLP_TIMEOUT="0.5", **environ)
    assert float(done.stdout) < BUDGET + SLACK
    assert re.fullmatch(r"(telemetry: .*\n)?", done.stderr)
    assert "secret-place" not in done.stderr


def test_a_file_that_cannot_be_written_costs_one_line(tmp_path: Path) -> None:
    assert_message("tracing.file", run_program(TWO_RUNS, tmp_path / "no" / "such" / "folder").stderr.strip())


def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = run_program(TWO_RUNS, tmp_path / "pipe")
    assert float(done.stdout) < SLACK
    assert len(done.stderr.splitlines()) == 1


def test_under_otel_traces_the_run_is_in_the_engines_trace_and_our_own_calls_are_not(file: Path) -> None:
    body = """
        import pulumi
        start_run(EDGE, SETTINGS, traceparent=PHASE)
    """
    with engines_collector() as (engine, at_engine), collector() as (url, received, _):
        environ = {"PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT": engine, "OTEL_EXPORTER_OTLP_ENDPOINT": url}
        run_program(body, file, TRACEPARENT=OUTER, **environ)
    assert names(at_engine) == names(received) == [RUN]
    (span,) = exported(file)
    assert (span.id.trace, span.parent) == ("c" * 32, "d" * 16)
