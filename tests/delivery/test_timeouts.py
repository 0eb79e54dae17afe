"""What has no deadline of its own, with one: its result, its failure, or the end of its time."""

import subprocess
import sys
from threading import Event

import pytest

from delivery.timeouts import TooLong, within


def test_what_ends_in_time_gives_its_result() -> None:
    assert within(5, lambda: "done") == "done"


def test_what_fails_in_time_raises_what_it_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0)


def test_what_does_not_end_is_left_behind() -> None:
    never = Event()
    with pytest.raises(TooLong, match=r"^not ended after 0\.05 s$"):
        within(0.05, never.wait)
    never.set()


def test_what_was_left_behind_ends_with_the_process() -> None:
    script = "from threading import Event\nfrom delivery.timeouts import within\nwithin(0.05, Event().wait)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    assert done.stderr.endswith("delivery.timeouts.TooLong: not ended after 0.05 s\n")
