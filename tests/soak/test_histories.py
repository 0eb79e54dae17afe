"""Some random histories in which every invariant holds, and faults planted in the promoter that break them.

`make soak` plays thousands, and looks for every planted fault without being told where it shows.
"""

from collections.abc import Iterator

import pytest

from tests.soak.mutants import KNOWN, MUTANTS
from tests.soak.oracle import InvariantError
from tests.soak.search import quick_folder, search
from tests.soak.world import Site, site

HISTORIES = 17


@pytest.fixture
def shared() -> Iterator[Site]:
    with quick_folder() as folder, site(folder) as ready:
        yield ready


@pytest.mark.parametrize("number", range(5))
def test_invariants_hold_whatever_the_forge_the_clock_and_people_do(number: int, shared: Site) -> None:
    found = search(shared, HISTORIES, number)
    assert found is None, found.text()


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_fault_planted_in_the_promoter_is_found(mutant: str, shared: Site) -> None:
    invariant, history = KNOWN[mutant]
    shared.play(history)
    with MUTANTS[mutant](), pytest.raises(InvariantError) as broken:
        shared.play(history)
    assert broken.value.invariant == invariant
