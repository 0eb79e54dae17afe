"""Figures as they are shown: the median beside its bound, the spread, and whether the bound holds."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bench.timing import Samples


@dataclass(frozen=True)
class Figure:
    """One measured thing. `unit` is `s`, `ms`, `%`, `×` or a word; without a `bound` it is there to compare with.

    The bound is the project's promise: the median has to be below it (or at it, for what is counted).
    """

    name: str
    samples: Samples
    unit: str
    bound: float | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the bound holds, None where there is none."""
        return None if self.bound is None else self.samples.median <= self.bound

    def as_json(self) -> dict[str, object]:
        """The figure for scripts."""
        values = self.samples.values
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.samples.median,
            "min": min(values),
            "max": max(values),
            "samples": len(values),
            "bound": self.bound,
            "holds": self.holds,
        }

    def line(self) -> str:
        """The figure for people, in columns."""
        low, high = (_number(limit(self.samples.values)) for limit in (min, max))
        bound = "" if self.bound is None else f"≤ {_number(self.bound, self.unit)}"
        verdict = {None: "", True: "holds", False: "BROKEN"}[self.holds]
        median = _number(self.samples.median, self.unit)
        spread = "" if low == high else f"{low}–{high}"
        return f"  {self.name:<58} {median:>9}  {spread:<13} {bound:<9} {verdict}".rstrip()


@dataclass
class Report:
    """What one part measured, and what it could not: figures in order, reasons a line each."""

    title: str
    say: Callable[[str], None]
    figures: list[Figure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, name: str, samples: Samples, unit: str, bound: float | None = None) -> None:
        """Keep a figure."""
        self.figures.append(Figure(name, samples, unit, bound))

    def skip(self, reason: str) -> None:
        """Keep why something was not measured."""
        self.skipped.append(reason)

    @property
    def broken(self) -> bool:
        """Whether a bound was measured and does not hold."""
        return any(figure.holds is False for figure in self.figures)


def _number(value: float, unit: str = "") -> str:
    digits = 0 if abs(value) >= 100 or float(value).is_integer() else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f}{'' if unit in ('%', '×', '') else ' '}{unit}"
