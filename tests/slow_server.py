"""A server whose answer never ends: a byte now and then, so that no read ever takes long."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Thread

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"


@contextmanager
def trickling(head: bytes = HEAD, accepted: list[str] | None = None) -> Iterator[str]:
    """The server's address. It begins every answer with `head`; `accepted` gets the first line of each request.

    None of its threads outlives the context: one that still waited for connections would take those of whatever
    listens on the same file descriptor next.
    """
    ended = Event()

    class Answer(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                line = self.request.recv(65536).partition(b"\r\n")[0].decode()
                if accepted is not None:
                    accepted.append(line)
                self.request.sendall(head)
                while not ended.wait(0.1):
                    self.request.sendall(b" ")

    with ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        listening = Thread(target=server.serve_forever, args=(0.02,))
        listening.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            ended.set()
            server.shutdown()
            listening.join()
