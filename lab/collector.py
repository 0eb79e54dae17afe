"""A stand-in on loopback for an OpenTelemetry collector: what is sent by OTLP over HTTP, as JSON, goes into a file."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Self

from delivery.tracing.otlp import append


class Collector:
    """It listens during a `with` statement. `trace_file` gets a line for each request, as of a file exporter."""

    def __init__(self, trace_file: Path) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(trace_file))

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.02,), name="lab-collector", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The value of `otlpEndpoint`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"


def _handler(trace_file: Path) -> type[BaseHTTPRequestHandler]:
    one_at_a_time = Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            known = self.path == "/v1/traces"
            if known:
                with one_at_a_time:
                    append(trace_file, f"{body}\n")
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    return Handler
