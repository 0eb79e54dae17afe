"""What has no time limit of its own, with one: its result, its failure, or the end of its time."""

import subprocess
import sys
import time
from collections.abc import Callable
from threading import Event

import pytest

from delivery.timeouts import Deadline, run_with_timeout


def test_what_ends_in_time_gives_its_result_or_its_failure() -> None:
    assert run_with_timeout(5, lambda: "done") == "done"
    with pytest.raises(ZeroDivisionError):
        run_with_timeout(5, lambda: 1 // 0)


def test_what_does_not_end_is_left_behind() -> None:
    never = Event()
    with pytest.raises(TimeoutError):
        run_with_timeout(0.05, never.wait)
    never.set()


def test_what_was_left_behind_ends_with_the_process() -> None:
    script = "from threading import Event\nfrom delivery.timeouts import *\nrun_with_timeout(0.05, Event().wait)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "TimeoutError")


@pytest.mark.parametrize("sleeps", [True, False], ids=["a sleep that sleeps", "a sleep that does not"])
def test_seconds_asked_of_a_sleep_are_spent_once(sleeps: bool) -> None:
    now = [50.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds if sleeps else 0.0

    deadline = Deadline(10, clock=lambda: now[0], sleep=sleep)
    assert (deadline.remaining(), deadline.expired) == (10, False)
    deadline.sleep(3)
    now[0] += 2
    assert (deadline.spent(), deadline.remaining(), deadline.expired) == (5, 5, False)
    deadline.sleep(9)
    assert (deadline.remaining(), deadline.expired) == (0, True)


def test_a_deadline_begins_when_it_is_first_asked() -> None:
    now = [0.0]
    clock: Callable[[], float] = lambda: now[0]  # noqa: E731
    deadline = Deadline(10, clock=clock)
    now[0] = 500.0
    assert deadline.remaining() == 10
    assert Deadline(10, clock=time.monotonic).remaining() == pytest.approx(10, abs=5)
