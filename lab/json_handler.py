"""What serves JSON on loopback, for stand-ins that answer one request at a time."""

import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler

Answer = tuple[int, Mapping[str, str], object]
"""Status, headers beside the usual ones, and what becomes JSON."""


def json_handler(answer: Callable[[str, str, str, str], Answer]) -> type[BaseHTTPRequestHandler]:
    """A handler for `http.server`: `answer` gets method, path, bearer token and body."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            status, headers, document = answer(self.command, self.path, token, body)
            content = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _serve  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    return Handler
