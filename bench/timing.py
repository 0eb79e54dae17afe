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
COMMAND_SECONDS = 240


class MeasurementError(Exception):
    """A measurement could not be taken; the text is one line that says why."""


@dataclass(frozen=True)
class Samples:
    """Several measurements of one thing, in the order in which they were taken."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a median wants at least one measurement")

    @property
    def median(self) -> float:
        """The middle one: a single slow run does not move it."""
        return median(self.values)

    @property
    def low(self) -> float:
        """The smallest."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The greatest."""
        return max(self.values)

    def over(self, other: "Samples") -> "Samples":
        """This one's measurements divided by those that were taken beside them, pair by pair."""
        return Samples(tuple(mine / theirs for mine, theirs in zip(self.values, other.values, strict=True)))

    def less(self, other: "Samples") -> "Samples":
        """What this one has more than those that were taken beside it, pair by pair."""
        return Samples(tuple(mine - theirs for mine, theirs in zip(self.values, other.values, strict=True)))

    def scaled(self, factor: float) -> "Samples":
        """Every measurement times `factor`."""
        return Samples(tuple(factor * value for value in self.values))


def side_by_side(
    runs: Mapping[str, Callable[[], float]], rounds: int, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Samples]:
    """Make each run once a round, every second round in reverse order, so that neither side is always the first.

    A run returns its own measurement. One round must be made at least.
    """
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        names = list(runs) if number % 2 == 0 else list(runs)[::-1]
        for name in names:
            taken[name].append(runs[name]())
        progress(f"round {number + 1} of {rounds}")
    return {name: Samples(tuple(values)) for name, values in taken.items()}


def timed(run: Callable[[], object]) -> float:
    """The seconds that `run` takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def command(
    arguments: Sequence[str], *, environ: Mapping[str, str] | None = None, folder: Path = PROJECT
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with `environ` added. `MeasurementError` when it fails or takes over four minutes.

    Python keeps what it has compiled, as it does wherever nobody forbids it: otherwise every run would compile
    this project anew.
    """
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    try:
        done = subprocess.run(
            arguments,
            cwd=folder,
            env={**inherited, **(environ or {})},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MeasurementError(f"{' '.join(arguments[:3])} … took more than {COMMAND_SECONDS} s") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no reason given"]
        raise MeasurementError(f"{' '.join(arguments[:3])} … failed: {said[-1][:300]}")
    return done


def python(*arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run this interpreter in the project's folder; see `command`."""
    return command([sys.executable, *arguments], environ={"PYTHONPATH": str(PROJECT), **(environ or {})})
