"""Other programs: found on PATH, called with a folder and an environment, nothing secret among their arguments."""

import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import IO

from delivery.laptop.errors import LaptopError
from delivery.text import masked, one_line, redacted

ANSWER_SECONDS = 60.0


class Programs:
    """The programs of this machine. `environ` is what they are given, and its PATH where they are found."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    def has(self, name: str) -> bool:
        """Whether there is such a program."""
        return shutil.which(name, path=self.environ.get("PATH", "")) is not None

    def ask(self, *command: str, stdin: str = "", more: Mapping[str, str] | None = None) -> str:
        """What a command prints within a minute. `stdin` may be secret. Raises `LaptopError` when it fails."""
        try:
            done = subprocess.run(
                self._found(command),
                env={**self.environ, **(more or {})},
                input=stdin,
                capture_output=True,
                text=True,
                timeout=ANSWER_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
            raise LaptopError(f"{command[0]} does not answer ({type(error).__name__})", _by_hand(command)) from None
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
            said = redacted(masked(last, [stdin]), {**self.environ, **(more or {})})
            found = f"{command[0]} ended with status {done.returncode}{f': {said}' if said else ''}"
            raise LaptopError(one_line(found), _by_hand(command))
        return done.stdout

    def run(self, what: str, *command: str, more: Mapping[str, str] | None = None) -> None:
        """Run a command, called `what`, whose output is for the person. Raises `LaptopError`, `KeyboardInterrupt`.

        Ctrl-C goes to the command too, which ends in its own way: an update that is cut off leaves its stack locked.
        """
        interrupts: list[int] = []
        # Noted, so that not even the start of a command that already works is interrupted.
        with handling(signal.SIGINT, lambda number, _: interrupts.append(number)):
            status = subprocess.run(
                self._found(command),
                env={**self.environ, **(more or {})},
                stdin=subprocess.DEVNULL,
                check=False,
            ).returncode
        if interrupts or status == -signal.SIGINT:
            raise KeyboardInterrupt
        if status:
            raise LaptopError(f"{what} ended with status {status}", "see its own lines above")

    def start(self, *command: str, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        """Start a command that runs beside this program and writes to `log`."""
        return subprocess.Popen(
            self._found(command), env=dict(self.environ), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )

    def _found(self, command: tuple[str, ...]) -> list[str]:
        path = shutil.which(command[0], path=self.environ.get("PATH", ""))
        if path is None:
            raise LaptopError(f"{command[0]} is not on PATH", f"install {command[0]}")
        return [path, *command[1:]]


@contextmanager
def handling(number: int, handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Within the block, the signal is handled by `handle`. For the main thread alone."""
    before = signal.signal(number, handle)
    try:
        yield
    finally:
        signal.signal(number, before)


def _by_hand(command: tuple[str, ...]) -> str:
    return f"run it by hand until it works: {shlex.join(command)}"
