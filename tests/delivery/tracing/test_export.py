"""Where spans go; a collector that is down, silent or untrusted costs two seconds at most and fails nothing."""

import contextlib
import http.server
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # it ships no types
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from delivery.tracing.export import BUDGET, Destinations
from tests.delivery.tracing.test_run import exported, run_program

Received = list[trace_service_pb2.ExportTraceServiceRequest]

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
def http_collector(tls: ssl.SSLContext | None = None, delay: float = 0) -> Iterator[tuple[str, Received, list[str]]]:
    """A collector for OTLP over HTTP: its address, what it received, and the paths with the `x-key` header.

    It answers `delay` seconds late, or when the test is over.
    """
    received: Received = []
    calls: list[str] = []
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            over.wait(delay)
            received.append(trace_service_pb2.ExportTraceServiceRequest.FromString(body))
            calls.append(f"{self.path} {self.headers['x-key']}")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http{'s' if tls else ''}://localhost:{server.server_address[1]}", received, calls
    finally:
        over.set()
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def grpc_collector(credentials: object = None) -> Iterator[tuple[str, Received]]:
    """A collector for OTLP over gRPC: host and port, and what it received."""
    received: Received = []

    class Service(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(  # noqa: N802  the protocol's name
            self, request: trace_service_pb2.ExportTraceServiceRequest, context: object
        ) -> trace_service_pb2.ExportTraceServiceResponse:
            del context
            received.append(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Service(), server)  # type: ignore[no-untyped-call]
    address = "localhost:0"
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    yield f"localhost:{port}", received
    server.stop(0).wait()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A key and a certificate for localhost that nobody trusts, made for this test alone."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not on PATH, and this project ships no key to test TLS with")
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {key} -out {chain}"
        " -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost".split(),
        check=True,
        capture_output=True,
    )
    return key, chain


def server_tls(key: Path, chain: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "traces.jsonl"


@pytest.fixture
def silent() -> Iterator[str]:
    """A listener that takes connections and never says a word: host and port."""
    with socket.create_server(("localhost", 0)) as listener:
        yield f"localhost:{listener.getsockname()[1]}"


@pytest.fixture
def refused() -> str:
    """Host and port where nobody listens."""
    with socket.create_server(("localhost", 0)) as listener:
        return f"localhost:{listener.getsockname()[1]}"


def test_spans_go_out_over_http_with_the_configured_headers(file: Path) -> None:
    with http_collector() as (url, received, calls):
        done = run_program(TWO_RUNS, file, OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_HEADERS="x-key=a%20b")
    assert names(received) == ["promote podtato-head/dev-to-production", "read"] * 2
    assert calls == ["/v1/traces a b"] * 2
    assert done.stderr == ""


def test_spans_go_out_over_grpc(file: Path) -> None:
    with grpc_collector() as (address, received):
        done = run_program(
            TWO_RUNS, file, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{address}", OTEL_EXPORTER_OTLP_PROTOCOL="grpc"
        )
    assert names(received) == ["promote podtato-head/dev-to-production", "read"] * 2
    assert done.stderr == ""


def test_a_slow_collector_still_gets_its_spans(file: Path) -> None:
    with http_collector(delay=0.3) as (url, received, _):
        done = run_program(TWO_RUNS, file, OTEL_EXPORTER_OTLP_ENDPOINT=url)
    assert len(received) == 2
    assert done.stderr == ""


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("kind", ["silent", "refused"])
def test_a_collector_that_is_down_or_silent_costs_two_seconds_in_all_and_one_line(
    file: Path, protocol: str, kind: str, request: pytest.FixtureRequest
) -> None:
    address: str = request.getfixturevalue(kind)
    started = time.monotonic()
    done = run_program(
        TWO_RUNS, file, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{address}", OTEL_EXPORTER_OTLP_PROTOCOL=protocol
    )
    assert time.monotonic() - started < BUDGET + 2 * SLACK
    assert float(done.stdout) < BUDGET + SLACK
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("telemetry: ")
    assert len(exported(file)) == 4  # the file has everything all the same


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_certificate_that_is_not_trusted_costs_one_line(
    file: Path, protocol: str, certificate: tuple[Path, Path]
) -> None:
    key, chain = certificate
    with contextlib.ExitStack() as stack:
        if protocol == "grpc":
            credentials = grpc.ssl_server_credentials([(key.read_bytes(), chain.read_bytes())])
            address, received = stack.enter_context(grpc_collector(credentials))
            url = f"https://{address}"
        else:
            url, received, _ = stack.enter_context(http_collector(server_tls(key, chain)))
        done = run_program(
            TWO_RUNS, file, OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_PROTOCOL=protocol, SSL_CERT_FILE=""
        )
    assert received == []
    assert float(done.stdout) < BUDGET + SLACK
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_configured_certificate_is_trusted(file: Path, protocol: str, certificate: tuple[Path, Path]) -> None:
    key, chain = certificate
    with contextlib.ExitStack() as stack:
        if protocol == "grpc":
            credentials = grpc.ssl_server_credentials([(key.read_bytes(), chain.read_bytes())])
            address, received = stack.enter_context(grpc_collector(credentials))
            url = f"https://{address}"
        else:
            url, received, _ = stack.enter_context(http_collector(server_tls(key, chain)))
        done = run_program(
            TWO_RUNS,
            file,
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_CERTIFICATE=str(chain),
            OTEL_EXPORTER_OTLP_INSECURE="true",  # what Pulumi's SDK leaves behind must not undo the scheme
        )
    assert len(received) == 2
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/secret-place.pem"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "not an address"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[broken"),
    ],
)
def test_wrong_configuration_costs_one_line_without_paths(file: Path, name: str, value: str) -> None:
    done = run_program(TWO_RUNS, file, **{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1", name: value})
    assert len(done.stderr.splitlines()) == 1
    assert "secret-place" not in done.stderr
    assert len(exported(file)) == 4


def test_a_file_that_cannot_be_written_costs_one_line(tmp_path: Path) -> None:
    done = run_program(TWO_RUNS, tmp_path / "no" / "such" / "folder")
    assert done.stderr.splitlines() == [
        "telemetry: this promotion's trace is not recorded everywhere (the file in DELIVERY_TRACE_FILE: "
        "No such file or directory); nothing else is affected"
    ]


def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = run_program(TWO_RUNS, tmp_path / "pipe")
    assert float(done.stdout) < SLACK
    assert len(done.stderr.splitlines()) == 1


def test_under_otel_traces_the_run_is_in_the_engines_trace_and_our_own_calls_are_not(file: Path) -> None:
    engine = "00-" + "c" * 32 + "-" + "d" * 16 + "-01"
    with grpc_collector() as (engines, at_engine), grpc_collector() as (ours, at_ours):
        run_program(
            """
            import pulumi
            with start_run(EDGE, SETTINGS, traceparent=PHASE):
                pass
            """,
            file,
            TRACEPARENT=engine,
            PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT=engines,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{ours}",
            OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        )
    assert names(at_engine) == names(at_ours) == ["promote podtato-head/dev-to-production"]
    (span,) = exported(file)
    assert (span["traceId"], span["parentSpanId"]) == ("c" * 32, "d" * 16)


def destinations(**environ: str) -> Destinations:
    return Destinations.from_environ({f"OTEL_EXPORTER_OTLP_{key}": value for key, value in environ.items()})


def test_nothing_is_exported_where_nothing_is_configured() -> None:
    assert not Destinations.from_environ({})


def test_the_traces_own_variables_win_and_its_endpoint_is_taken_as_it_is() -> None:
    to = destinations(
        ENDPOINT="http://general:4318", TRACES_ENDPOINT="http://own/x", HEADERS="a=1", TRACES_HEADERS="b=2"
    )
    assert (to.endpoint, to.headers, to.protocol) == ("http://own/x", "b=2", "http/protobuf")


@pytest.mark.parametrize(
    ("endpoint", "protocol"),
    [("http://host:4317", "grpc"), ("host:4317", "grpc"), ("http://host:4318", "http/protobuf")],
)
def test_the_port_registered_for_grpc_means_grpc_where_no_protocol_is_named(endpoint: str, protocol: str) -> None:
    assert destinations(ENDPOINT=endpoint).protocol == protocol


def test_none_turns_the_collector_off_and_leaves_the_file() -> None:
    environ = {
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4318",
        "DELIVERY_TRACE_FILE": "f",
    }
    assert Destinations.from_environ(environ) == Destinations(file="f")


def test_otlp_without_an_endpoint_means_this_machine() -> None:
    assert Destinations.from_environ({"OTEL_TRACES_EXPORTER": "otlp"}).endpoint == "http://localhost:4318/v1/traces"


@pytest.mark.parametrize(("timeout", "seconds"), [("0.5", 0.5), ("10", BUDGET), ("", BUDGET), ("soon", BUDGET)])
def test_a_timeout_is_never_longer_than_the_budget(timeout: str, seconds: float) -> None:
    assert destinations(ENDPOINT="http://h:4318", TIMEOUT=timeout).timeout == seconds


def test_a_bare_address_stays_encrypted_when_only_pulumis_sdk_says_insecure() -> None:
    pulumis = {"PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT": "127.0.0.1:1", "OTEL_EXPORTER_OTLP_INSECURE": "true"}
    bare = {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"}
    assert not Destinations.from_environ(bare | pulumis).insecure
    assert Destinations.from_environ(bare | {"OTEL_EXPORTER_OTLP_INSECURE": "true"}).insecure
    assert Destinations.from_environ(bare | pulumis | {"OTEL_EXPORTER_OTLP_TRACES_INSECURE": "true"}).insecure
