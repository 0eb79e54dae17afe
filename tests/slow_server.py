"""A server whose answer never ends: a byte now and then, so that no read ever takes long."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"


@contextmanager
def trickling(head: bytes = HEAD, accepted: list[str] | None = None) -> Iterator[str]:
    """The server's address. It begins every answer with `head`; `accepted` gets the first line of each request."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer(connection: socket.socket) -> None:
            with suppress(OSError):
                line = connection.recv(65536).partition(b"\r\n")[0].decode()
                if accepted is not None:
                    accepted.append(line)
                connection.sendall(head)
                while True:
                    time.sleep(0.1)
                    connection.sendall(b" ")

        def accept() -> None:
            with suppress(OSError):
                while True:
                    Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

        Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
