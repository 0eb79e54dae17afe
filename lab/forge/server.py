"""The HTTP side of the forge: sockets, bodies (chunked, compressed), faults, and the record of every request."""

import contextlib
import gzip
import secrets
import socket
import struct
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lab.forge import (
    actions,
    apps,
    commits,
    contents,
    deployments,
    environments,
    git_data,
    git_http,
    graphql,
    issues,
    pulls,
    rest,
)
from lab.forge.model import Record
from lab.forge.rest import Reply
from lab.forge.state import State

# Importing a module with routes registers them; naming them here keeps that visible.
ROUTE_MODULES = (actions, apps, commits, contents, deployments, environments, git_data, issues, pulls)
_LONGEST_HOLD = 60.0  # seconds; a test that forgets to let go must not hang for ever


class Server(ThreadingHTTPServer):
    """Listens on loopback; a thread for each connection, all of them ended by `stop`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, state: State, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.state = state
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="forge", daemon=True)
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that `stop` can end one that is kept alive."""
        with self._guard:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._guard:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are their own business; anything else is a defect and prints."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError | ValueError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Take no more requests, end the connections."""
        self.shutdown()
        self._thread.join(timeout=10)
        with self._guard:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection. An answer is one write: a body sent apart from its header would wait for that one's ACK."""

    protocol_version = "HTTP/1.1"
    server_version = "lab-forge"
    sys_version = ""
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server

    def handle_expect_100(self) -> bool:
        """Answer `Expect: 100-continue` at once, past the write buffer: the client sends the body only after that."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the requests are in the forge's records."""

    def _answer(self) -> None:
        state = self.server.state
        body = self._body()
        path = self.path.removeprefix(rest.PREFIX)
        fault = state.take_fault(self.command, path)
        reply: Reply | None
        if fault is None:
            reply = self._guarded(body)
        elif fault.hold is not None:
            fault.hold.arrived.set()
            fault.hold.wait(_LONGEST_HOLD)
            reply = self._guarded(body)
        else:
            if fault.after_commit:
                self._guarded(body)
            reply = None if fault.status is None else rest.faulty(fault.status, fault.body, fault.headers)
        is_rest = path != self.path
        services = ("upload-pack", "receive-pack")
        service = next((name for name in services if f"git-{name}" in path and not is_rest), "")
        with state.lock:
            status = reply.status if reply is not None else 0
            state.records.append(Record(self.command, path, status, "git" if service else "rest", service))
        if reply is None:
            self._reset()
        else:
            self._send(reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's names

    def _guarded(self, body: bytes) -> Reply:
        state, headers = self.server.state, self.headers
        try:
            if self.path.startswith(f"{rest.PREFIX}/"):
                target = self.path.removeprefix(rest.PREFIX)
                return rest.answer(state, self.command, target, headers, body)  # type: ignore[arg-type]
            if self.path == graphql.PATH:
                return graphql.answer(state, self.command, headers, body)  # type: ignore[arg-type]
            found = git_http.answer(state, self.command, self.path, headers, body)  # type: ignore[arg-type]
            return found or Reply(404, raw=b"Not Found\n", content_type="text/plain; charset=utf-8")
        except Exception:
            # A defect of the forge: its trace belongs on the terminal, and the client gets an answer.
            traceback.print_exc()
            return rest.faulty(500, {"message": "The lab's forge failed; its trace is on stderr"}, {})

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                """Trailers carry nothing that is needed."""
            body = b"".join(parts)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") in ("gzip", "x-gzip"):
            body = gzip.decompress(body)
        return body

    def _send(self, reply: Reply) -> None:
        content = reply.raw or b""
        self.send_response(reply.status)
        self.send_header("X-GitHub-Request-Id", secrets.token_hex(8).upper())
        if reply.status not in (204, 304):
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(content)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _reset(self) -> None:
        """End the connection with RST, as a crashed proxy would: the client cannot know what happened."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            self.rfile.close()
        self.connection.close()
