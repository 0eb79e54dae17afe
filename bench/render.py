"""Rendering without the CLI: one stack as a person types it, the program's own part of it, and fifty applications.

"Own" is everything but starting Python and importing the SDKs: the configuration, the components, the lab's
engine, and what the SDK does with each declared resource. It is read from the processor's clock, which other
programs on the machine do not move much.
"""

import json
import tempfile
from pathlib import Path

from bench.figures import Report
from bench.timing import Samples, python, timed

WALL_SECONDS, OWN_MILLISECONDS = 1.5, 100.0
FLAT = 1.25
"""How much dearer a stage may be among 50 applications than among 10: the noise of this measurement, no more."""
STACKS = ("dev", "production")
REPEATED = 3
"""So many runs of one stack make a round: they are short, and a slow second of the machine would be all of a run."""
CHILD = ("-m", "bench.render_child")


def measure(report: Report, rounds: int) -> None:
    """One stack: by the clock, and the program's own part."""
    with tempfile.TemporaryDirectory() as folder:
        for stack in STACKS:
            _one(report, stack, Path(folder), rounds)


def _one(report: Report, stack: str, folder: Path, rounds: int) -> None:
    modules = folder / f"{stack}.json"
    modules.write_text(python(*CHILD, "modules", stack, str(folder)).stdout, encoding="utf-8")  # and warms up
    walls: list[float] = []
    parts: list[dict[str, float]] = []
    for number in range(REPEATED * rounds):
        walls.append(timed(lambda: python("-m", "lab.render", "--stack", stack, "--out", str(folder))))
        parts.append(json.loads(python(*CHILD, "own", stack, str(folder), str(modules)).stdout))
        report.say(f"rendering {stack}: round {number + 1} of {REPEATED * rounds}")
    wall = Samples(tuple(walls))
    report.add(f"{stack}: the command, by the clock", wall, "s", WALL_SECONDS)
    report.add(f"{stack}: of that, importing the SDKs", _column(parts, "sdks", 1), "s")
    own = _column(parts, "cpu", 1000)
    report.add(f"{stack}: the program's own work, processor time", own, "ms", OWN_MILLISECONDS)
    report.add(f"{stack}: the program's own work, by the clock", _column(parts, "wall", 1000), "ms")


def measure_scale(report: Report, rounds: int) -> None:
    """1, 10 and 50 applications of five stages: processor time for each stage of an application."""
    counts = (1, 10, 50)
    taken: list[dict[str, float]] = []
    for number in range(rounds):
        ordered = counts if number % 2 == 0 else tuple(reversed(counts))
        taken.append(json.loads(python(*CHILD, "scale", *map(str, ordered)).stdout))
        report.say(f"1, 10 and 50 applications of five stages: round {number + 1} of {rounds}")
    cost = {count: _column(taken, str(count), 1000 / (5 * count)) for count in counts}
    for count in counts:
        plural = "s" if count > 1 else ""
        report.add(f"{count} application{plural} of five stages, each stage of one", cost[count], "ms")
    report.add("the same, 50 applications : 10 applications", cost[50].over(cost[10]), "×", FLAT)


def _column(parts: list[dict[str, float]], key: str, factor: float) -> Samples:
    return Samples(tuple(part[key] for part in parts)).scaled(factor)
