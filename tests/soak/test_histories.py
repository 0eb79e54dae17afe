"""A hundred random histories in which every invariant holds, and faults planted in the promoter that break them.

`make soak` plays thousands, and looks for every planted fault without being told where it shows.
"""

from collections.abc import Iterator

import pytest

from tests.soak.actions import Close, Commit, Deliver, History, Ship, Verify, Work
from tests.soak.mutants import MUTANTS
from tests.soak.oracle import InvariantError
from tests.soak.search import quick_folder, search
from tests.soak.world import Site, site

HISTORIES = 20


@pytest.fixture
def shared() -> Iterator[Site]:
    with quick_folder() as folder, site(folder) as ready:
        yield ready


@pytest.mark.parametrize("number", range(5))
def test_invariants_hold_whatever_the_forge_the_clock_and_people_do(number: int, shared: Site) -> None:
    found = search(shared, HISTORIES, number)
    assert found is None, found.text()


@pytest.mark.parametrize(
    ("mutant", "invariant", "history"),
    [
        ("another key is promoted, too", "unpromoted bytes", History("two stages", [Ship(0, 1)])),
        ("a person's closing is ignored", "declined", History("two stages", [Ship(0, 1), Close(0), Deliver(0)])),
        (
            "what was reverted comes back",
            "returned",
            History("two stages", [Ship(0, 1, "merge"), Commit(1, 0), Verify(0), Deliver(0)]),
        ),
        (
            "commits by others are overwritten",
            "work lost",
            History("two stages", [Ship(0, 1), Work(0, "notes"), Ship(0, 2)]),
        ),
        ("a join forgets a source stage", "unverified", History("join, all", [Ship(0, 1)])),
    ],
)
def test_a_fault_planted_in_the_promoter_is_found(mutant: str, invariant: str, history: History, shared: Site) -> None:
    shared.play(history)
    with MUTANTS[mutant](), pytest.raises(InvariantError) as broken:
        shared.play(history)
    assert broken.value.invariant == invariant
