"""The command itself, as a process: with a person at a terminal, and without one."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios

import pytest

from delivery.laptop.__main__ import main
from lab.engine import PROGRAM
from tests.delivery.laptop.machine import REPOSITORY, Laptop

CTRL_C = "\x03"


def command(laptop: Laptop, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "delivery.laptop", *arguments, f"--program={laptop.program}"]


class Terminal:
    """A terminal in which a command runs, in the foreground: Ctrl-C goes to all that it has started."""

    def __init__(self, laptop: Laptop, *arguments: str) -> None:
        self._own, other = pty.openpty()

        def take_terminal() -> None:
            # As at a login: tests that were started in the background may have been given a Ctrl-C that does nothing.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.setsid()
            fcntl.ioctl(other, termios.TIOCSCTTY, 0)

        self._process = subprocess.Popen(
            command(laptop, *arguments),
            cwd=PROGRAM,
            env=laptop.environ,
            stdin=other,
            stdout=other,
            stderr=other,
            preexec_fn=take_terminal,
        )
        os.close(other)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._own)

    def type(self, text: str) -> None:
        """Have the person type that."""
        os.write(self._own, text.encode())

    def until(self, text: str) -> str:
        """What is shown until that appears."""
        shown = b""
        while text.encode() not in shown:
            ready, _, _ = select.select([self._own], [], [], 30)
            assert ready, f"nothing more within 30 s: {shown!r}"
            try:
                shown += os.read(self._own, 4096)
            except OSError:  # Linux answers so when no process has the terminal open any more.
                raise AssertionError(f"ended without {text!r}: {shown!r}") from None
        return shown.decode(errors="replace")

    def status(self) -> int:
        """How it ended."""
        return self._process.wait(30)


def test_a_person_agrees_looks_and_leaves(laptop: Laptop) -> None:
    laptop.heal("dev", "production")
    with Terminal(laptop, "up", "--repository", REPOSITORY) as terminal:
        assert "your token" in terminal.until("[y/N]")
        terminal.type("y\n")
        assert "https://localhost:" in terminal.until("another version")
        laptop.wait_for(lambda: len(laptop.calls("kubectl")) == 4)
        terminal.type(CTRL_C)
        terminal.until("make down takes it away")
        assert terminal.status() == 0
    assert laptop.stacks == [".laptop/dev", ".laptop/production", "platform/laptop"]


def test_ctrl_c_in_an_update_lets_the_update_end_in_its_own_way(laptop: Laptop) -> None:
    ended = laptop.folder / "ended"
    laptop.install(
        "pulumi",
        f"""
[ "$1" = version ] && {{ echo v3.300.1; exit; }}
case "$*" in
  *"stack ls"*) echo '[]';;
  *" up "*) trap 'echo asked to end; while [ ! -e {ended} ]; do cat /dev/null; done; echo ended in order; exit 1' INT
    echo updating; while :; do cat /dev/null; done;;
esac
""",
    )
    with Terminal(laptop, "up", "--yes", "--repository", REPOSITORY) as terminal:
        terminal.until("updating")
        terminal.type(CTRL_C)
        terminal.until("asked to end")
        ended.touch()
        assert "ended in order" in terminal.until("run the same command again")
        assert terminal.status() == 130


def test_without_a_terminal_it_is_refused_before_anything_is_made(laptop: Laptop) -> None:
    done = subprocess.run(
        command(laptop, "up", "--repository", REPOSITORY),
        cwd=PROGRAM,
        env=laptop.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "YES=1" in done.stdout
    assert not laptop.workspace.folder.exists()


def test_help_tells_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "130" in capsys.readouterr().out
