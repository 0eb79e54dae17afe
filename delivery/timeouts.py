"""Time limits: for a whole run, and for what has none of its own, such as a login command that a library starts."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")
RUN_SECONDS = 120.0
"""How long one run of the promoter may talk to servers in all: to GitHub's API and by git."""


class Deadline:
    """The end of the time that a whole run has, shared by everything in it that waits for a server.

    It begins when it is first asked: what a stack declares may be used minutes later. Tests give another `clock` and
    `sleep`; seconds asked of `sleep` count as spent, slept or not.
    """

    def __init__(
        self,
        seconds: float = RUN_SECONDS,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.seconds = seconds
        self._clock, self._sleep = clock, sleep
        self._began: float | None = None
        self._not_slept = 0.0

    def spent(self) -> float:
        """Seconds since the beginning."""
        now = self._clock()
        if self._began is None:
            self._began = now
        return now - self._began + self._not_slept

    def remaining(self) -> float:
        """Seconds that are left; never negative."""
        return max(0.0, self.seconds - self.spent())

    @property
    def expired(self) -> bool:
        """Whether no time is left."""
        return self.remaining() <= 0

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds, also beyond the end: whoever wants to wait looks at `remaining` first."""
        before = self.spent()
        self._sleep(seconds)
        self._not_slept += max(0.0, seconds - (self.spent() - before))


def run_with_timeout(seconds: float, action: Callable[[], Result]) -> Result:
    """What `action` returns or raises; `TimeoutError` when it has not ended after `seconds`.

    Python cannot end a thread from outside: the one in which `action` runs is left behind, and ends with the process.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(action())
        except BaseException as error:
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    return outcome.result(seconds)
