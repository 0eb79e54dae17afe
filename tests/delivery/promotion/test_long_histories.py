"""Promotions in repositories whose history reaches further back than a promotion fetches."""

import pytest

from tests.delivery.promotion.story import EDGE, NAME, Story, fetch_only

BRANCH = EDGE.branch


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_only(6, monkeypatch)


def test_a_branch_from_before_the_fetched_history_is_rebuilt_also_in_a_young_repository(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    told.commits()

    assert told.promote(told.release("v0.3.2")).result == "updated"

    commits = told.forge.settings(NAME).git("rev-list", f"main..{BRANCH}").split()
    assert len(commits) == 1


def test_a_branch_from_before_the_fetched_history_that_is_right_stays_as_it_is(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    told.merge(1)
    commit = told.release("v0.3.2")
    told.promote(commit)
    head = told.forge.branch(NAME, BRANCH)
    told.commits()

    assert told.promote(commit).result == "unchanged"

    assert told.forge.branch(NAME, BRANCH) == head


def test_what_the_source_has_is_promoted_as_the_commit_that_brought_it_however_long_ago(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.commits()

    run = told.promote()

    assert (run.result, run.outcome["commitID"]) == ("created", commit)
    assert len(run.requests) <= 6
    head = told.forge.branch(NAME, BRANCH)
    told.forge.commit(NAME, {"README.md": "again"}, "Unrelated")
    assert told.promote().result == "unchanged"
    assert told.promote(commit).result == "updated"  # its text: now somebody says that it was verified
    assert told.forge.branch(NAME, BRANCH) == head
