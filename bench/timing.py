"""Medians and ratios of runs that were made side by side, so that a busy machine slows down both sides alike.

What is measured and against which bound is the other modules' matter.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

PROJECT = Path(__file__).resolve().parent.parent
COMMAND_SECONDS = 600


class MeasurementError(Exception):
    """A measurement could not be taken; the text is one line that says why."""


@dataclass(frozen=True)
class Samples:
    """Several measurements of one thing, at least one, in the order in which they were taken."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one: a single slow run does not move it."""
        return median(self.values)

    def over(self, other: "Samples") -> "Samples":
        """This one's measurements divided by those that were taken beside them, pair by pair."""
        return Samples(tuple(mine / theirs for mine, theirs in zip(self.values, other.values, strict=True)))

    def less(self, other: "Samples") -> "Samples":
        """What this one has more than those that were taken beside it, pair by pair."""
        return Samples(tuple(mine - theirs for mine, theirs in zip(self.values, other.values, strict=True)))

    def scaled(self, factor: float) -> "Samples":
        """Every measurement times `factor`."""
        return Samples(tuple(factor * value for value in self.values))


def side_by_side(runs: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Samples]:
    """Make each run once a round, every second round in reverse order, so that neither side is always the first.

    A run returns its own measurement. One round must be made at least.
    """
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        for name in list(runs)[:: 1 if number % 2 == 0 else -1]:
            taken[name].append(runs[name]())
    return {name: Samples(tuple(values)) for name, values in taken.items()}


def timed(run: Callable[[], object]) -> float:
    """The seconds that `run` takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def command(
    arguments: Sequence[str], *, environ: Mapping[str, str] | None = None, folder: Path = PROJECT
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with `environ` added. `MeasurementError` when it fails or takes over ten minutes.

    Python keeps what it has compiled, as it does wherever nobody forbids it: otherwise every run would compile
    this project anew.
    """
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    variables |= {"PYTHONPATH": str(PROJECT), **(environ or {})}
    what = f"{' '.join(arguments[:3])} …"
    try:
        done = subprocess.run(
            arguments, cwd=folder, env=variables, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise MeasurementError(f"{what} took more than {COMMAND_SECONDS} s") from None
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no reason given"]
        raise MeasurementError(f"{what} failed: {lines[-1][:300]}")
    return done


def python(*arguments: str) -> str:
    """What this interpreter prints, run in the project's folder; see `command`."""
    return command([sys.executable, *arguments]).stdout
