"""A server on this machine that answers as a test says, and keeps what it was asked."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass(frozen=True)
class Asked:
    """A request: its path is the whole address where a proxy is asked."""

    method: str
    path: str
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is answered; the connection is closed behind it."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Loopback:
    """The server's address, and every request so far."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def loopback(
    answer: Callable[[Asked], Reply] = lambda _: Reply(), tls: ssl.SSLContext | None = None
) -> Iterator[Loopback]:
    """Serve as long as the context lasts; by https with `tls`."""
    state = Loopback()

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, self.headers, body)
            state.asked.append(asked)
            reply = answer(asked)
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        state.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        serving = Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        try:
            yield state
        finally:
            server.shutdown()
            serving.join()
