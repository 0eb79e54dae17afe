"""What has no time limit of its own, with one: its result, its failure, or the end of its time."""

import subprocess
import sys
from threading import Event

import pytest

from delivery.timeouts import run_with_timeout


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
