"""A hundred random histories in which every invariant holds, and faults planted in the promoter that break them.

`make soak` plays thousands, and looks for every planted fault without being told where it shows.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.soak.actions import DAY, Close, Commit, Deliver, History, Noise, Ship, Trouble, Verify, Work
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


TWO: dict[str, tuple[str, list[Any]]] = {
    "the order is ignored": ("turned around", [Ship(0, 1, "verify"), Ship(0, 2), Deliver(1)]),
    "nothing is compared after the last write": (
        "turned around",
        [Ship(0, 1, "verify"), Ship(0, 2, "verify"), Deliver(1, trouble=Trouble(3, "meanwhile", during=Deliver(0)))],
    ),
    "a refused POST deletes the branch": ("lost", [Ship(0, 1, trouble=Trouble(3, "403 after"))]),
    "the text is not updated": ("turned around", [Ship(0, 1), Ship(0, 2)]),
    "the branch is not rebuilt": ("turned around", [Ship(0, 1), Ship(0, 2)]),
    "the default branch is promoted": ("failed", [Ship(0, 1, "verify"), Ship(0, 2, "verify"), Deliver(1)]),
    "another key is promoted, too": ("unpromoted bytes", [Ship(0, 1)]),
    "the link to the trace alone is a change": ("pointless", [Verify(0), Deliver(0)]),
    "the lease is dropped": (
        "work lost",
        [Ship(0, 1), Ship(0, 2, trouble=Trouble(2, "meanwhile", during=Work(0, "notes")))],
    ),
    "commits by others are overwritten": ("work lost", [Ship(0, 1), Work(0, "notes"), Ship(0, 2)]),
    "hotfixes are not looked at": ("hotfix", [Commit(1, 3), Ship(0, 1)]),
    "what was reverted comes back": ("returned", [Ship(0, 1, "merge"), Commit(1, 0), Verify(0), Deliver(0)]),
    "a person's closing is ignored": ("declined", [Ship(0, 1), Close(0), Deliver(0)]),
    "the token is in an address": ("secret", [Ship(0, 1)]),
    "commits are told apart by their dates": (
        "not mergeable",
        [Ship(0, 1), Noise(0, "elsewhere", 9, -DAY), Commit(1, 1, -DAY), Ship(0, 2)],
    ),
}
JOINED: dict[str, tuple[str, list[Any]]] = {
    "nothing is kept of what was verified": ("lost", [Ship(0, 1), Ship(1, 1)]),
    "a join forgets a source stage": ("unverified", [Ship(0, 1)]),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_fault_planted_in_the_promoter_is_found(mutant: str, shared: Site) -> None:
    invariant, actions = {**TWO, **JOINED}[mutant]
    history = History("join, all" if mutant in JOINED else "two stages", actions)
    shared.play(history)
    with MUTANTS[mutant](), pytest.raises(InvariantError) as broken:
        shared.play(history)
    assert broken.value.invariant == invariant
