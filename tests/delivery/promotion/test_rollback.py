"""Rollbacks as stories: one is asked for, merged, and what comes after it."""

from dataclasses import replace

import pytest

from delivery.model.promoted_keys import in_values
from delivery.promotion.branch import rollback_branch
from delivery.promotion.history import PromotionError
from delivery.values.editor import read_keys
from tests.delivery.promotion.story import DEV, EDGE, NAME, PRODUCTION, TRACEPARENT, Story, fetch_only, joined, spans
from tests.messages import assert_message

BRANCH = rollback_branch(EDGE)


def promoted(told: Story, version: str, method: str = "merge", *, delete_branch: bool = False) -> str:
    commit = told.release(version)
    run = told.promote(commit, version)
    assert run.result == "created", run.errors
    told.merge(told.pull_requests[-1].number, method, delete_branch=delete_branch)
    return commit


@pytest.mark.parametrize("method", ["merge", "squash"])
def test_a_rollback_proposes_what_the_target_had_before_its_last_promotion(told: Story, method: str) -> None:
    commit = promoted(told, "v0.3.1", method, delete_branch=True)

    traces = told.folder / "traces.jsonl"

    run = told.rollback("it returns 500 (see @octocat's #1)", DELIVERY_TRACE_FILE=str(traces))

    assert (run.status, run.result) == (0, "created")
    assert told.version(BRANCH) == "v0.3.0"
    rollback = told.pull_requests[-1]
    assert (rollback.head, rollback.title) == (BRANCH, "Roll back podtato-head to v0.3.0 in production")
    body = rollback.body or ""
    assert "it returns 500" in body
    assert "@octocat" not in body
    found = told.metadata(2)
    assert (found.kind, found.undoes, found.commit, found.traceparent) == ("rollback", 1, commit, TRACEPARENT)
    assert f'traceParent: "{TRACEPARENT}"' in told.production(BRANCH)
    links = [link for span in spans(traces) for link in span.get("links", ())]
    assert [(link["traceId"], link["spanId"]) for link in links] == [tuple(TRACEPARENT.split("-")[1:3])]


def test_a_rollback_makes_at_most_six_requests_and_one_fetch(told: Story) -> None:
    told.configure(labels=("rollback",), reviewers=("hubot",))
    told.forge.settings(NAME).collaborators.add("hubot")
    promoted(told, "v0.3.1")

    run = told.rollback()

    assert len(run.requests) <= 6
    assert (run.fetches, run.pushes) == (1, 1)


def test_the_same_rollback_again_changes_nothing_and_another_reason_is_told(told: Story) -> None:
    promoted(told, "v0.3.1")
    told.rollback()

    assert told.rollback().result == "unchanged"
    assert told.rollback("it is also slow").result == "updated"
    assert "it is also slow" in (told.pull_requests[-1].body or "")
    assert len(told.pull_requests) == 2


def test_after_a_rollback_replays_stay_away_and_the_next_version_is_promoted(told: Story) -> None:
    older = promoted(told, "v0.3.1")
    commit = promoted(told, "v0.3.2")
    told.rollback()
    told.merge(3)
    assert told.version() == "v0.3.1"

    replayed = told.promote(commit, "v0.3.2")
    assert (replayed.status, replayed.result) == (0, "taken back")
    assert told.promote(older, "v0.3.1").result == "nothing to change"
    assert told.promote().result == "taken back"
    assert len(told.pull_requests) == 3

    assert told.promote(told.release("v0.3.3")).result == "created"
    told.merge(4)
    assert told.version() == "v0.3.3"
    assert told.rollback().result == "created"
    assert told.version(BRANCH) == "v0.3.1"


def test_a_promotion_that_was_rolled_back_can_be_asked_for_again(told: Story) -> None:
    commit = promoted(told, "v0.3.1")
    told.rollback()
    told.merge(2)

    assert told.promote(commit, AGAIN="true").result == "created"
    told.merge(3)
    assert told.version() == "v0.3.1"


def test_a_rollback_leaves_an_open_promotion_alone_and_mentions_it(told: Story) -> None:
    promoted(told, "v0.3.1")
    told.promote(told.release("v0.3.2"))

    assert told.rollback().result == "created"

    assert [found.state for found in told.pull_requests] == ["closed", "open", "open"]
    assert "Pull request #2 proposes a promotion" in (told.pull_requests[2].body or "")


@pytest.mark.parametrize("by_hand", [False, True])
def test_what_is_reverted_already_by_a_rollback_or_by_hand_is_not_reverted_twice(told: Story, by_hand: bool) -> None:
    commit = promoted(told, "v0.3.1")
    if by_hand:
        told.forge.commit(NAME, {"production/values.yaml": PRODUCTION.format("v0.3.0")}, "Revert")
    else:
        told.rollback()
        told.merge(2)

    assert told.promote(commit).result == "taken back"
    again = told.rollback()
    assert (again.status, again.result) == (0, "nothing to change")
    url = f"{told.settings.web_url}/pull/1"
    assert again.outcome["pullRequest"] == {"number": 1, "url": url, "state": "merged"}


def test_with_the_metadata_gone_history_tells_what_was_before(told: Story) -> None:
    promoted(told, "v0.3.1")
    told.pull_requests[0].body = "edited"

    assert told.rollback().result == "created"
    assert told.version(BRANCH) == "v0.3.0"


HAD = {"text": "'say \"hi\" C:\\tmp'", "number": "'1.10'", "flag": "false", "count": "7"}
KEYS = ("serviceVersion", *HAD)


def beyond_the_fetched_history(told: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    told.commits(4)
    fetch_only(2, monkeypatch)


def test_beyond_the_fetched_history_what_the_metadata_remembers_is_written_as_it_was(
    told: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.configure(edges=(replace(EDGE, promoted_keys=in_values(*KEYS)),))
    before = PRODUCTION.format("v0.3.0") + "".join(f"{key}: {value}\n" for key, value in HAD.items())
    told.forge.commit(NAME, {"production/values.yaml": before}, "More values")
    source = DEV.format("v0.3.1") + "".join(f"{key}: other\n" for key in HAD)
    assert told.promote(told.forge.commit(NAME, {"dev/values.yaml": source}, "Release")).result == "created"
    told.merge(1)
    beyond_the_fetched_history(told, monkeypatch)

    assert told.rollback().result == "created"

    assert read_keys(told.production(BRANCH), KEYS, where="now") == read_keys(before, KEYS, where="before")
    told.pull_requests[0].body = "edited"
    assert isinstance(told.rollback().error, PromotionError)


def test_a_description_too_long_to_remember_changes_is_not_taken_for_no_changes(
    told: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "x" * 21_000
    told.configure(edges=(replace(EDGE, promoted_keys=in_values("serviceVersion", "text")),))
    told.forge.commit(NAME, {"production/values.yaml": f"{PRODUCTION.format('v0.3.0')}text: {long}\n"}, "More values")
    commit = told.forge.commit(NAME, {"dev/values.yaml": f"{DEV.format('v0.3.1')}text: short\n"}, "Release")
    assert told.promote(commit).result == "created"
    told.merge(1)
    beyond_the_fetched_history(told, monkeypatch)

    run = told.rollback()

    assert_message("promotion.before_is_unknown", run.errors.splitlines()[-1])


def added_key(told: Story) -> None:
    told.configure(edges=(replace(EDGE, promoted_keys=in_values("serviceVersion", "feature.flag")),))
    source = DEV.format("v0.3.1") + "feature:\n  flag: true\n"
    assert told.promote(told.forge.commit(NAME, {"dev/values.yaml": source}, "Release")).result == "created"
    told.merge(1)


@pytest.mark.parametrize("far", [False, True])
def test_a_key_that_came_with_the_promotion_is_for_people_to_remove_and_then_it_goes_on(
    told: Story, monkeypatch: pytest.MonkeyPatch, far: bool
) -> None:
    added_key(told)
    if far:
        beyond_the_fetched_history(told, monkeypatch)

    run = told.rollback()

    assert (run.status, run.pushes) == (1, 0)
    assert_message("promotion.key_to_remove", run.errors.splitlines()[-1])

    told.forge.commit(NAME, {"production/values.yaml": PRODUCTION.format("v0.3.1")}, "Remove the flag")
    assert told.rollback().result == "created"
    assert told.version(BRANCH) == "v0.3.0"
    assert "feature" not in told.production(BRANCH)


def test_with_nothing_promoted_there_is_nothing_to_roll_back(told: Story) -> None:
    assert isinstance(told.rollback().error, PromotionError)


def test_a_rollback_that_became_pointless_is_closed(told: Story) -> None:
    promoted(told, "v0.3.1")
    told.rollback()
    told.forge.commit(NAME, {"production/values.yaml": PRODUCTION.format("v0.3.0")}, "Revert by hand")

    assert told.rollback().result == "closed as pointless"
    assert told.pull_requests[-1].state == "closed"


@pytest.mark.parametrize("far", [False, True])
def test_what_came_after_the_promotion_is_not_reverted_unasked(
    told: Story, monkeypatch: pytest.MonkeyPatch, far: bool
) -> None:
    promoted(told, "v0.3.1")
    told.forge.commit(NAME, {"production/values.yaml": PRODUCTION.format("v0.3.1-hotfix")}, "Hotfix by hand")
    if far:
        beyond_the_fetched_history(told, monkeypatch)

    run = told.rollback()

    assert (run.status, run.pushes) == (1, 0)
    assert_message("promotion.changed_since", run.errors.splitlines()[-1])
    assert told.rollback(AGAIN="true").result == "created"
    assert told.version(BRANCH) == "v0.3.0"


@pytest.mark.parametrize("source", ["dev", "qa"])
def test_what_a_join_brought_is_rolled_back_from_any_of_its_stages(told: Story, source: str) -> None:
    joined(told)
    told.promote(told.release("v0.3.1"), "v0.3.1")
    told.merge(1)
    told.promote(told.forge.commit(NAME, {"qa/values.yaml": DEV.format("v0.3.2")}, "QA"), "v0.3.2", FROM="qa")
    told.merge(2)

    assert told.rollback(FROM=source).result == "created"

    told.merge(3)
    assert told.version() == "v0.3.1"
