"""A short history in which messages get lost, and what counts as a loss.

`make soak` plays many, and finds every planted fault.
"""

import pytest

from tests.soak.ledger import Counts, Ledger, Unit
from tests.soak.losses import ALL, KNOWN, NONE, Share, count
from tests.soak.mutants import MESSENGERS

EDGE = Unit(("web",), ("dev",), "production")
JOIN = Unit(("web",), ("qa", "perf"), "production")
END = 1000.0


def ledger(unit: Unit = EDGE) -> Ledger:
    """Version 1 is verified at the commit `c1` at 10, and there are chances every 10 seconds."""
    kept = Ledger((unit,))
    for chance in range(0, int(END), 10):
        kept.works(chance)
    verify(kept, 1, 10.0)
    return kept


def verify(kept: Ledger, number: int, now: float, stage: str = "") -> None:
    for source in [stage] if stage else kept.units[0].sources:
        kept.verified("web", source, f"c{number}", number, {"web": number}, now)
        kept.told("web", source, number, now)


def found(counts: Counts) -> dict[str, int]:
    names = ("due", "lost", "late", "doubled", "unverified")
    return {name: value for name in names if (value := getattr(counts, name))}


def test_a_verified_version_that_nobody_proposes_is_lost() -> None:
    assert found(ledger().finish(END)) == {"due": 1, "lost": 1}


def test_one_that_is_proposed_by_its_third_chance_is_not_and_a_later_one_is_late() -> None:
    early, late = ledger(), ledger()
    early.proposes(EDGE, 7, "c1", (1,), 40.0)
    late.proposes(EDGE, 7, "c1", (1,), 41.0)

    assert found(early.finish(END)) == {"due": 1}
    assert found(late.finish(END)) == {"due": 1, "late": 1}


def test_one_that_a_newer_one_supersedes_before_its_third_chance_is_not_counted() -> None:
    kept = ledger()
    verify(kept, 2, 35.0)
    kept.proposes(EDGE, 7, "c2", (2,), 36.0)

    assert found(kept.finish(END)) == {"due": 1}


def test_of_a_join_nothing_is_due_that_one_of_its_stages_has_not_verified() -> None:
    kept = ledger(JOIN)
    kept.proposes(JOIN, 7, "c1", (1,), 11.0)
    verify(kept, 2, 40.0, "qa")

    assert found(kept.finish(END)) == {"due": 1}


def test_a_second_pull_request_for_the_same_version_doubles_it() -> None:
    kept = ledger()
    for number in (7, 7, 8):
        kept.proposes(EDGE, number, "c1", (1,), 11.0)

    assert found(kept.finish(END)) == {"due": 1, "doubled": 1}


@pytest.mark.parametrize(("commit", "version"), [("c2", 1), ("c2", 2)])
def test_what_is_proposed_is_unverified_unless_it_was_verified_at_that_commit(commit: str, version: int) -> None:
    kept = ledger()
    kept.proposes(EDGE, 7, commit, (version,), 11.0)

    assert kept.finish(END).unverified == 1


def test_what_came_into_a_stage_without_having_been_verified_is_counted() -> None:
    kept = ledger()
    kept.proposes(EDGE, 7, "c1", (1,), 11.0)
    kept.runs(EDGE, (2,))

    assert found(kept.finish(END)) == {"due": 1, "unverified": 1}


def test_with_records_and_the_sweep_nothing_is_lost_of_what_is_without_them() -> None:
    _, alone = count(Share(12, 6, NONE, shape=0))
    _, every = count(Share(12, 6, ALL, shape=0))

    assert alone.lost
    assert every.due
    assert every.held, every.found


def test_a_fault_planted_in_the_sweep_is_counted() -> None:
    name = "the sweep forgets an edge"
    kind, seed, versions, shape = KNOWN[name]

    _, counts = count(Share(seed, versions, ALL, name, shape))

    assert getattr(counts, kind)


def test_every_fault_of_the_messengers_has_a_history_that_shows_it() -> None:
    assert KNOWN.keys() == MESSENGERS.keys()
