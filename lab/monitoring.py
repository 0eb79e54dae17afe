"""Stand-ins on loopback for what watches a stage: an OpenTelemetry collector, and Prometheus.

What is sent by OTLP over HTTP, as JSON, goes into a file. A query is answered with what the caller says is measured.
Used as a proxy, it answers for every other address, with 200.
"""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Self
from urllib.parse import parse_qs, urlsplit

from delivery.tracing.otlp import append


class Monitoring:
    """It listens during a `with` statement, at `url` for both: the value of `otlpEndpoint`, and of `prometheus`.

    `trace_file` gets a line for each request, as of a collector's file exporter. `measure` gives the value of a query.
    """

    def __init__(self, trace_file: Path, measure: Callable[[str], float] = lambda _: 0.0) -> None:
        self.measure = measure
        self._file, self._one_at_a_time = trace_file, Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.02,), name="lab-monitoring", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, method: str, path: str, body: str) -> dict[str, object] | None:
        """The answer to one request; None is a 404."""
        if (method, path) == ("POST", "/v1/traces"):
            with self._one_at_a_time:
                append(self._file, f"{body}\n")
            return {}
        parts = urlsplit(path)
        if (method, parts.path) != ("GET", "/api/v1/query"):
            # Only what is asked of a proxy has a host.
            return {} if parts.netloc else None
        value = [0, str(self.measure(parse_qs(parts.query)["query"][0]))]
        return {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": value}]}}


def _handler(monitoring: Monitoring) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            answer = monitoring.answer(self.command, self.path, body)
            content = json.dumps(answer or {}).encode()
            self.send_response(404 if answer is None else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _serve  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    return Handler
