"""Looks for a history that breaks an invariant, and for the shortest like it. Hypothesis draws and shrinks."""

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.soak.actions import History, histories
from tests.soak.oracle import InvariantError
from tests.soak.world import Site

SHRINKING = 400
"""How many shorter histories are tried at most, once one is found."""


@dataclass(frozen=True)
class Found:
    """A history that breaks an invariant, found as the `after`-th one, and the shortest like it."""

    error: InvariantError
    history: History
    after: int

    def text(self) -> str:
        """The history, an action a line: what it says can be given to `Site.play` again."""
        actions = "".join(f"\n    {action!r}," for action in self.history.actions)
        return f"{self.error}\n  History({self.history.pipeline!r}, [{actions}\n  ], {self.history.order})"


def search(
    site: Site,
    count: int,
    number: int,
    *,
    pipelines: tuple[str, ...] = (),
    shrinking: int = SHRINKING,
    progress: Callable[[int], None] = lambda _: None,
) -> Found | None:
    """Play `count` histories, the same for the same `number`; the first that breaks an invariant, shrunk, or None."""
    played, first = 0, 0
    known: dict[str, InvariantError] = {}
    last: list[tuple[History, InvariantError]] = []

    def play(history: History) -> None:
        nonlocal played, first
        found = known.get(repr(history))
        if found is None:
            if first and played - first >= shrinking:
                return
            played += 1
            if not first:
                progress(played)
            try:
                site.play(history)
            except InvariantError as error:
                first = first or played
                found = known[repr(history)] = error
        if found is not None:
            last[:] = [(history, found)]
            raise found

    quiet = settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[*HealthCheck],
        report_multiple_bugs=False,
        print_blob=False,
    )
    try:
        seed(number)(quiet(given(histories(*pipelines))(play)))()
    except InvariantError:
        # Hypothesis runs the shortest one last.
        [(history, error)] = last
        return Found(error, history, first)
    return None
