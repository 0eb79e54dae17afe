"""What both commands share: who is asked, what is printed, which steps are done, and how one that fails is told."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from delivery.config.errors import ConfigError
from delivery.config.files import StackFilesError
from delivery.doctor.check import Check
from delivery.laptop.errors import LaptopError
from delivery.laptop.programs import Programs
from delivery.laptop.progress import Progress, elapsed
from delivery.laptop.workspace import Workspace
from delivery.timeouts import Deadline

DONE, WRONG, REFUSED, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses: done; something is wrong, or the person said no; nobody could be asked; Ctrl-C."""


class RefusedError(Exception):
    """Nothing was done, because of how the command was called: what to call instead, in one line."""


@dataclass
class Session:
    """One run of a command. `command` is what a person typed, `read` gives a line of their answer.

    `terminal` says whether there is a person to ask and to keep port-forwards for; `yes` that they have agreed already.
    """

    command: str
    workspace: Workspace
    programs: Programs
    out: TextIO
    terminal: bool
    yes: bool
    read: Callable[[], str] = input
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    done: list[str] = field(default_factory=list)
    at: str = ""

    def say(self, *lines: str) -> None:
        """Print lines."""
        self.out.writelines(f"{line}\n" for line in lines)
        self.out.flush()

    def check(self, checks: Iterable[Check]) -> None:
        """Print checks. Raises `LaptopError` when one of them is wrong, after all of them are printed."""
        wrong = 0
        for check in checks:
            self.say(str(check.presentable(())))
            wrong += check.status == "wrong"
        if wrong:
            raise LaptopError(f"{wrong} of these {'is' if wrong == 1 else 'are'} wrong", "the end of each line")

    def agree(self, question: str) -> bool:
        """Whether the person agrees. Raises `RefusedError` where nobody can be asked."""
        if self.yes:
            return True
        if not self.terminal:
            raise RefusedError(f"nobody can be asked here, and nothing was done; to agree: {self.command} YES=1")
        self.out.write(f"{question} [y/N] ")
        self.out.flush()
        try:
            return self.read().strip().lower() in ("y", "yes")
        except EOFError:
            return False

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step: says that it begins, and remembers that it is done."""
        self.at, began = title, self.clock()
        self.say("", f"== {title}")
        yield
        self.say(f"== {title}: done in {elapsed(self.clock() - began)}")
        self.done.append(title)
        self.at = ""

    def progress(self) -> Progress:
        """The line of what is waited for."""
        return Progress(self.out, live=self.out.isatty())

    def deadline(self, seconds: float) -> Deadline:
        """The end of a wait."""
        return Deadline(seconds, clock=self.clock, sleep=self.sleep)

    def told(self, run: Callable[["Session"], int]) -> int:
        """The exit status of `run`; what stops it is told with what is done already and how to go on."""
        try:
            return run(self)
        except RefusedError as refusal:
            self.say("", str(refusal))
            return REFUSED
        except KeyboardInterrupt:
            self._stopped("it was interrupted", "")
            return INTERRUPTED
        except LaptopError as error:
            self._stopped(str(error), error.fix)
        except (ConfigError, StackFilesError) as error:
            self._stopped(str(error), "correct the file")
        return WRONG

    def _stopped(self, found: str, fix: str) -> None:
        if not self.at and not self.done:
            self.say("", f"wrong: {found}", *([f"fix: {fix}"] if fix else []), "nothing was done")
            return
        self.say("", f"stopped at: {self.at or 'its end'}", f"  wrong: {found}", *([f"  fix: {fix}"] if fix else []))
        self.say(
            f"  done: {', '.join(self.done) or 'nothing so far'}", f"  then run the same command again: {self.command}"
        )
