"""Other programs, called."""

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from delivery.laptop.programs import Programs
from tests.delivery.laptop.machine import Laptop


def test_ctrl_c_before_a_command_counts_as_started_lets_it_end(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    start: Callable[..., None] = subprocess.Popen.__init__
    ended = laptop.folder / "ended"

    def start_and_interrupt(*arguments: object, **options: object) -> None:
        start(*arguments, **options)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(subprocess.Popen, "__init__", start_and_interrupt)
    laptop.install("make-it", f"for _ in 1 2 3 4 5 6 7 8 9; do cat /dev/null; done; echo > {ended}")
    with pytest.raises(KeyboardInterrupt):
        Programs(laptop.environ).run("make it", "make-it")
    assert ended.exists()
