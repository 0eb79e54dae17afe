"""Where a moment lies on the axis of a waterfall, when seconds of work stand beside days of review.

One linear axis would leave no width for anything but the longest wait. So every wait gets the same small share of
the width, and every other section one that grows with the square root of its length; within a section the axis is
linear. The drawing has to say that it is not to scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

_SMALLEST_TO_SCALE = 0.05  # share of the width; with less than this, a section's spans are not readable
_FLOOR = 0.12  # the share of a wait, which is one bar only; a section with spans of its own gets more


class Piece(NamedTuple):
    """A stretch of time, and where on the axis it is drawn; the axis goes from 0 to 1."""

    start: int
    end: int
    left: float
    right: float


@dataclass(frozen=True)
class Scale:
    """An axis in pieces, in order and without gaps. `linear` says that all of them have the same scale."""

    pieces: tuple[Piece, ...]
    linear: bool

    def at(self, time: int) -> float:
        """The place of a moment on the axis; a moment outside it is at its nearer end."""
        for start, end, left, right in self.pieces:
            if time < end:
                return left + max(time - start, 0) / (end - start) * (right - left)
        return 1.0


def scale(moments: Sequence[int], waits: Sequence[bool]) -> Scale:
    """The axis for sections that begin and end at `moments`; `waits[i]` says whether the i-th is one bar only.

    It is to scale where every section that has spans stays readable so, else each piece has a scale of its own.
    """
    sections = [(start, end, wait) for (start, end), wait in zip(pairwise(moments), waits, strict=True) if end > start]
    total = sum(end - start for start, end, _ in sections)
    linear = all(wait or (end - start) / total >= _SMALLEST_TO_SCALE for start, end, wait in sections)
    if linear:
        widths = [(end - start) / total for start, end, _ in sections]
    else:
        floor = min(_FLOOR, 0.8 / len(sections))
        weights = [0.0 if wait else float(end - start) ** 0.5 for start, end, wait in sections]
        widths = [floor + (1 - floor * len(sections)) * weight / sum(weights) for weight in weights]
    edges = pairwise(accumulate(widths, initial=0.0))
    pieces = (Piece(start, end, *edge) for (start, end, _), edge in zip(sections, edges, strict=True))
    return Scale(tuple(pieces), linear)
