"""Programs that serve for the time of a test run: started, waited for by asking them, stopped for certain."""

import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

READY_SECONDS = 90.0
ATTEMPTS = 3

# The pipe to the watcher closes when this process ends, however it ends. What the program serves is thrown away, so
# nothing is lost by ending it at once.
_WATCHER = 'exec 3<&0; "$@" 3<&- & child=$!; { cat <&3 >/dev/null; kill -9 $child; } 2>/dev/null & wait $child'


class ProgramError(Exception):
    """A program ended by itself or never came to serve; the message has the end of its log."""


class Program:
    """One running program; `log` is the file of all that it says. `environ` is its environment where not this one's."""

    def __init__(self, command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None) -> None:
        self._name, self._log = Path(command[0]).name, log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                ["sh", "-c", _WATCHER, "watcher", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environ,
            )

    def wait_for(self, ready: Callable[[], bool]) -> None:
        """Ask until it is ready. Raises `ProgramError` when it ends before, or takes longer than 90 s.

        Asking again and again is all there is: a process of another program announces nothing to wait for.
        """
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                end = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise ProgramError(f"{self._name} does not serve; its log ends:\n{end}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        self._process.wait(timeout=60)


def started(
    start: Callable[[Sequence[int]], Program], ready: Callable[[Sequence[int]], bool], ports: int
) -> tuple[Program, Sequence[int]]:
    """A program that serves, and its ports: free ones, which somebody else may take in between, hence three tries."""
    for attempt in range(ATTEMPTS):
        chosen = free_ports(ports)
        program = start(chosen)
        try:
            program.wait_for(lambda chosen=chosen: ready(chosen))  # type: ignore[misc]
        except ProgramError:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return program, chosen
    raise AssertionError("unreachable")


def free_ports(count: int) -> Sequence[int]:
    """That many loopback ports that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports
