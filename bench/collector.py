"""A healthy OTLP/HTTP collector on loopback, in a process of its own as a real one is: takes spans and counts them.

It keeps nothing of what it is sent.
"""

import json
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bench.timing import PROJECT, MeasurementError


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    batches = 0

    def do_POST(self) -> None:
        """Take a batch; an empty body is a complete answer in OTLP."""
        self.rfile.read(int(self.headers.get("content-length", "0")))
        type(self).batches += 1
        self._answer(b"", "application/x-protobuf")

    def do_GET(self) -> None:
        """How many batches have come."""
        self._answer(json.dumps(type(self).batches).encode(), "application/json")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Collector:
    """The collector, for a `with` block. `environ` is what tells a program to export to it."""

    def __enter__(self) -> "Collector":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.collector"], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        line = self._process.stdout.readline().strip()
        if not line:
            raise MeasurementError("the loopback collector did not start")
        self._url = f"http://127.0.0.1:{int(line)}"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        self._process.stdin.close()
        self._process.wait(timeout=10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def environ(self) -> dict[str, str]:
        """The standard variables."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self._url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}

    @property
    def batches(self) -> int:
        """How many batches of spans have come."""
        with urllib.request.urlopen(self._url, timeout=10) as answer:  # noqa: S310 - loopback, made here
            return int(json.load(answer))


def main() -> None:
    """Serve until standard input closes: nothing is left running, however the benchmark ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
