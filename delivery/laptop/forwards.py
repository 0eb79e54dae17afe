"""Port-forwards to what a person wants to see, kept until the person ends them.

Argo CD and Jaeger are reachable inside the cluster alone, and so are the stages' workloads.
"""

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import IO

from delivery.laptop.programs import Programs, handling
from delivery.laptop.workspace import Workspace

_AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Target:
    """A Service to open: `port` is its own, `local` the one of this machine that is tried first."""

    title: str
    namespace: str
    service: str
    port: int
    local: int
    scheme: str = "http"

    def address(self, local: int) -> str:
        """What a browser opens."""
        return f"{self.scheme}://localhost:{local}"

    def command(self, context: str, local: int) -> tuple[str, ...]:
        """What opens it. The kubeconfig is that of the environment."""
        service, ports = f"service/{self.service}", f"{local}:{self.port}"
        return ("kubectl", "--context", context, "--namespace", self.namespace, "port-forward", service, ports)


class Forwards:
    """Opens `targets` for a `with` block. `addresses` are what a browser opens, by title."""

    def __init__(self, targets: Sequence[Target], context: str, workspace: Workspace, programs: Programs) -> None:
        self._targets, self._context, self._workspace, self._programs = targets, context, workspace, programs
        self._running: dict[Target, subprocess.Popen[bytes]] = {}
        self._logs: dict[Target, IO[bytes]] = {}

    def __enter__(self) -> "Forwards":
        self._ports = dict(zip(self._targets, local_ports([target.local for target in self._targets]), strict=True))
        self.addresses = {target.title: target.address(port) for target, port in self._ports.items()}
        with ExitStack() as undo:
            undo.callback(self._stop)
            for target in self._targets:
                log = self._workspace.logs / f"port-forward-{target.service}.{target.namespace}.log"
                self._logs[target] = log.open("wb")
                self._start(target)
            undo.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def keep(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Open again what ends, as it does when a pod is replaced. Raises `KeyboardInterrupt` when it is to end."""
        # A request to end this program is what Ctrl-C is.
        with handling(signal.SIGTERM, _interrupt):
            while True:
                sleep(_AGAIN_SECONDS)
                self.reopen()

    def reopen(self) -> list[str]:
        """Open again what has ended; gives the titles."""
        ended = [target for target, process in self._running.items() if process.poll() is not None]
        for target in ended:
            self._start(target)
        return [target.title for target in ended]

    def _start(self, target: Target) -> None:
        command = target.command(self._context, self._ports[target])
        self._running[target] = self._programs.start(*command, log=self._logs[target])

    def _stop(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait()
        for log in self._logs.values():
            log.close()


def local_ports(wanted: Sequence[int]) -> list[int]:
    """The wanted ports of this machine, and in place of those that are taken others, which are free."""
    with ExitStack() as held:
        return [_bound(held, port) or _bound(held, 0) for port in wanted]


def _bound(held: ExitStack, port: int) -> int:
    probe = held.enter_context(socket.socket())
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        return 0
    return int(probe.getsockname()[1])


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
