"""A deadline for what has none of its own: the time limits of the HTTP clients are for each read, not for an answer."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


class TooLong(Exception):  # noqa: N818 - what happened, in the words of the caller
    """It had not ended when its time was over."""


def within(seconds: float, action: Callable[[], Result]) -> Result:
    """What `action` returns or raises; `TooLong` when it has not ended after `seconds`.

    Python ends no thread from outside: the one in which `action` runs is left behind, and ends with the process.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(action())
        except BaseException as error:  # every one of them is the caller's
            outcome.set_exception(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome.done():
        raise TooLong(f"not ended after {seconds:g} s")
    return outcome.result()
