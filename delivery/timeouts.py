"""A time limit for what has none of its own, such as a login command that a library starts."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


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
