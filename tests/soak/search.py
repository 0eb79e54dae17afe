"""Looks for a history that breaks an invariant, and for the shortest like it. Hypothesis draws and shrinks."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.soak.actions import History, histories
from tests.soak.mutants import ELSEWHERE, KNOWN, MUTANTS, USUAL
from tests.soak.oracle import InvariantError
from tests.soak.world import Site, site

SHRINKING = 400
"""How many shorter histories are tried at most, once one is found."""


@dataclass(frozen=True)
class Found:
    """A history that breaks an invariant, found as the `after`-th one, and the shortest like it.

    0: no random one did, and it is the one that is known for the fault.
    """

    error: InvariantError
    history: History
    after: int

    def text(self) -> str:
        """The history, an action a line: what it says can be given to `Site.play` again."""
        actions = "".join(f"\n    {action!r}," for action in self.history.actions)
        rest = f"{self.history.order}, {self.history.layout!r}"
        return f"{self.error}\n  History({self.history.pipeline!r}, [{actions}\n  ], {rest})"


def search(
    site: Site,
    count: int,
    number: int,
    *,
    pipelines: tuple[str, ...] = (),
    layouts: tuple[str, ...] = (),
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
        seed(number)(quiet(given(histories(*pipelines, layouts=layouts))(play)))()
    except InvariantError:
        # Hypothesis runs the shortest one last.
        [(history, error)] = last
        return Found(error, history, first)
    return None


@dataclass(frozen=True)
class Job:
    """A search: `count` histories by `seed`, with the fault `mutant` unless that is empty."""

    seed: int
    count: int
    mutant: str = ""


def carry_out(job: Job) -> tuple[Job, Found | None, int]:
    """Make the search; also gives how many runs of the promoter it took."""
    with quick_folder() as folder, site(folder) as shared, MUTANTS[job.mutant]() if job.mutant else nullcontext():
        if not job.mutant:
            return job, search(shared, job.count, job.seed), shared.runs
        pipeline, layout = ELSEWHERE.get(job.mutant, USUAL)
        found = search(shared, job.count, job.seed, pipelines=(pipeline,), layouts=(layout,), shrinking=100)
        known = KNOWN[job.mutant][1]
        try:
            if found is None:
                shared.play(known)
        except InvariantError as error:
            found = Found(error, known, 0)
        return job, found, shared.runs


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A temporary folder, in memory where there is such a place: git writes thousands of small files."""
    memory = Path("/dev/shm")
    where = memory if os.access(memory, os.W_OK) else None
    # The promoter's own repositories, too.
    with tempfile.TemporaryDirectory(dir=where) as folder, patch.object(tempfile, "tempdir", folder):
        yield Path(folder)
