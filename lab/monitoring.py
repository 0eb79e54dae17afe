"""Stand-ins on loopback for what watches a stage: an OpenTelemetry collector, and Prometheus.

What is sent by OTLP over HTTP, as JSON, goes into a file. A query is answered with what the caller says is measured.
Used as a proxy, it answers for every other address, with 200.
"""

from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Self
from urllib.parse import parse_qs, urlsplit

from delivery.tracing.otlp import append
from lab.json_handler import Answer, json_handler


class Monitoring:
    """It listens during a `with` statement, at `url` for both: the value of `otlpEndpoint`, and of `prometheus`.

    `trace_file` gets a line for each request, as of a collector's file exporter. `measure` gives the value of a query.
    """

    def __init__(self, trace_file: Path, measure: Callable[[str], float] = lambda _: 0.0) -> None:
        self.measure = measure
        self._file, self._one_at_a_time = trace_file, Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), json_handler(self.answer))

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

    def answer(self, method: str, path: str, _: str, body: str) -> Answer:
        """The answer to one request."""
        if (method, path) == ("POST", "/v1/traces"):
            with self._one_at_a_time:
                append(self._file, f"{body}\n")
            return 200, {}, {}
        parts = urlsplit(path)
        if (method, parts.path) != ("GET", "/api/v1/query"):
            # Only what is asked of a proxy has a host.
            return 200 if parts.netloc else 404, {}, {}
        value = [0, str(self.measure(parse_qs(parts.query)["query"][0]))]
        data = {"resultType": "vector", "result": [{"metric": {}, "value": value}]}
        return 200, {}, {"status": "success", "data": data}
