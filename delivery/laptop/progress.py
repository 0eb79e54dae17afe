"""One line that says what is waited for and since when: rewritten on a terminal, else printed when it changes."""

import shutil
from collections.abc import Callable
from typing import TextIO

from delivery.laptop.errors import LaptopError
from delivery.text import one_line
from delivery.timeouts import Deadline

_QUIET_SECONDS = 30.0
"""After so long without a change a line is printed again, where there is no terminal: a log shows that it goes on."""


class Progress:
    """Writes to `out`; `live` where that is a terminal."""

    def __init__(self, out: TextIO, *, live: bool) -> None:
        self._out, self._live = out, live
        self._last, self._printed = "", 0.0

    def show(self, text: str, seconds: float) -> None:
        """Say that `text` is waited for, for so long by now."""
        if self._live:
            width = shutil.get_terminal_size().columns
            self._out.write(f"\r\x1b[2K{one_line(f'{elapsed(seconds)} waiting for {text}', width - 1)}")
        elif text != self._last or seconds - self._printed >= _QUIET_SECONDS:
            self._out.write(f"{elapsed(seconds)} waiting for {one_line(text, 1000)}\n")
            self._printed = seconds
        self._last = text
        self._out.flush()

    def end(self) -> None:
        """What is printed next begins on an empty line."""
        if self._live and self._last:
            self._out.write("\r\x1b[2K")
            self._out.flush()
        self._last = ""


def wait_until_nothing(
    left: Callable[[], list[str]], progress: Progress, deadline: Deadline, fix: str, pause: float = 2.0
) -> float:
    """Ask for what is left to wait for until nothing is; gives the seconds. Raises `LaptopError` with what was left."""
    deadline.spent()
    try:
        while waiting := left():
            text = "; ".join(waiting)
            progress.show(text, deadline.spent())
            if deadline.remaining() < pause:
                raise LaptopError(one_line(f"after {elapsed(deadline.spent())} still waiting for {text}", 1000), fix)
            deadline.sleep(pause)
    finally:
        progress.end()
    return deadline.spent()


def elapsed(seconds: float) -> str:
    """Minutes and seconds: `2:05`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
