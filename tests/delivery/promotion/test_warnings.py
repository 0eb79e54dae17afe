"""What a promotion's pull request warns of: that it reverts what came later, or that its source has moved on."""

import re
from dataclasses import replace
from unittest.mock import create_autospec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.git.commits import File
from delivery.model.promoted_keys import in_values
from delivery.model.settings import PromotionSettings
from delivery.promotion.body import Subject
from delivery.promotion.branch import Branch
from delivery.promotion.history import History
from delivery.promotion.joins import Selection
from delivery.promotion.markdown import code
from delivery.promotion.metadata import PromotionMetadata
from delivery.promotion.plan import Change
from delivery.promotion.pull_request import render
from delivery.promotion.state import EdgeState
from delivery.promotion.target_history import TargetHistory
from delivery.promotion.warnings import reviewer_warnings
from delivery.values.scalar import Scalar, escape
from tests.delivery.promotion.story import DEV, EDGE, NAME, PRODUCTION, Run, Story, joined
from tests.messages import assert_message


def body(told: Story) -> str:
    return told.pull_requests[-1].body or ""


def warned(told: Story, run: Run, message: str, newer: str = "") -> None:
    """The run says so, and so does its pull request, in a quotation above the table."""
    why, quoted = str(run.outcome["why"]), re.findall(r"^> .*", body(told), re.MULTILINE)
    for found, name in ((why, f"{message}_line"), ("\n".join(quoted), message)):
        assert newer[:12] in found
        known = {newer: "COMMIT", newer[:12]: "COMMIT", newer[:9]: "COMMIT"} if newer else {}
        for commit, shown in {told.forge.url: "FORGE", **known}.items():
            found = found.replace(commit, shown)
        assert_message(f"promotion.{name}", found)


def only_again(told: Story, commit: str, version: str, message: str, **inputs: str) -> Run:
    """The promotion is refused, and made with a warning when it is asked for explicitly."""
    before = len(told.pull_requests)
    refused = told.promote(commit, version, **inputs)
    assert (refused.status, refused.result, len(told.pull_requests)) == (0, message, before)
    run = told.promote(commit, version, **inputs, AGAIN="true")
    assert run.result == "created", run.errors
    return run


def test_an_older_commit_along_another_edge_reverts_the_newer_one_only_when_asked(told: Story) -> None:
    joined(told)
    older = told.forge.commit(NAME, {"qa/values.yaml": DEV.format("v0.3.1")}, "QA")
    newer = told.release("v0.3.2")
    told.promote(newer)
    told.merge(1)

    only_again(told, older, "v0.3.1", "superseded", FROM="qa")


def test_a_hotfix_by_hand_is_named_first_and_replaced_by_an_older_version_only_when_asked(told: Story) -> None:
    told.promote(told.release("v0.3.3"))
    told.merge(1)
    fix = told.forge.commit(NAME, {"production/values.yaml": PRODUCTION.format("v0.3.5")}, "Fix it in production")
    told.commits(2)

    run = only_again(told, told.release("v0.3.4"), "v0.3.4", "superseded")

    warned(told, run, "hotfix", fix)
    assert told.promote(told.release("v0.3.6"), "v0.3.6").result == "updated"
    assert fix[:9] in body(told)
    told.merge(2)
    assert told.version() == "v0.3.6"


@pytest.mark.parametrize("named", ["main-4f2a", "v1", "1.0.0.0"])
def test_a_hotfix_with_another_kind_of_name_is_replaced_with_a_warning(told: Story, named: str) -> None:
    told.forge.commit(NAME, {"production/values.yaml": PRODUCTION.format(f"main-{named}")}, "Fix")

    run = told.promote(told.release("v0.3.4"), "v0.3.4")

    assert run.result == "created"
    assert re.search(r"^> production was changed by hand.*do not tell", body(told), re.MULTILINE)


@pytest.mark.parametrize("method", ["merge", "squash"])
def test_another_version_that_a_person_put_on_the_promotions_branch_is_a_hotfix_too(told: Story, method: str) -> None:
    told.promote(told.release("v0.3.1"))
    values = told.production(EDGE.branch).replace("v0.3.1", "v0.4.0")
    told.forge.commit(NAME, {"production/values.yaml": values}, "Rather this", branch=EDGE.branch)
    told.merge(1, method)

    only_again(told, told.release("v0.3.2"), "v0.3.2", "superseded")


def test_what_its_source_has_taken_back_without_verifying_it_is_proposed_with_a_warning(told: Story) -> None:
    verified = told.release("v0.4.0")
    told.release("v0.3.0", "Revert v0.4.0")

    run = told.promote(verified, "v0.4.0")

    assert run.result == "created", run.errors
    assert "dev has moved on" in body(told)


DIGESTS = [f"sha256:{number * 64}" for number in "12"]


def test_a_tag_that_moves_is_warned_of(told: Story) -> None:
    run = told.promote(told.release("main"), "main")

    assert run.result == "created"
    warned(told, run, "mutable")


@pytest.mark.parametrize("version", ["main-4f2a9c1", f"main@{DIGESTS[0]}"])
def test_a_tag_that_stays_or_has_a_digest_is_not_warned_of(told: Story, version: str) -> None:
    assert told.promote(told.release(version)).result == "created"
    assert not re.search("^> ", body(told), re.MULTILINE)


def test_a_digest_of_the_target_that_would_stay_behind_its_tag_is_warned_of(told: Story) -> None:
    told.forge.commit(NAME, {"production/values.yaml": f"{told.production()}digest: {DIGESTS[0]}\n"}, "Pin")
    run = told.promote(told.release("v0.3.1"), "v0.3.1")

    warned(told, run, "stale_digest")


def test_a_digest_that_travels_with_its_tag_is_not_warned_of(told: Story) -> None:
    told.configure(edges=(replace(EDGE, promoted_keys=in_values("serviceVersion", "digest")),))
    told.forge.commit(NAME, {"production/values.yaml": f"{told.production()}digest: {DIGESTS[0]}\n"}, "Pin")
    values = f"{DEV.format('latest')}digest: {DIGESTS[1]}\n"

    run = told.promote(told.forge.commit(NAME, {"dev/values.yaml": values}, "Release"))

    assert run.result == "created", run.errors
    assert "digest: " + DIGESTS[1] in told.production(EDGE.branch)
    assert "moves" not in body(told)


@pytest.mark.parametrize(("key", "moves"), [("containers.proxy.tag", True), ("env.BRANCH", False)])
def test_of_other_promoted_keys_those_of_images_are_looked_at(told: Story, key: str, moves: bool) -> None:
    told.configure(edges=(replace(EDGE, promoted_keys=in_values("serviceVersion", key)),))
    *levels, last = key.split(".")
    other = "".join(f"{'  ' * depth}{level}:\n" for depth, level in enumerate(levels)) + f"{'  ' * len(levels)}{last}"
    run = told.promote(told.forge.commit(NAME, {"dev/values.yaml": f"{DEV.format('v1')}{other}: main\n"}, "Release"))

    assert run.result == "created", run.errors
    assert ("moves" in body(told)) is moves


@pytest.mark.parametrize("how", ["by hand", "by a rollback"])
def test_what_was_reverted_returns_with_any_later_commit_only_when_asked(told: Story, how: str) -> None:
    told.promote(told.release("v0.3.1"), "v0.3.1")
    told.merge(1)
    if how == "by hand":
        told.forge.commit(NAME, {"production/values.yaml": PRODUCTION.format("v0.3.0")}, "It returns 500")
    else:
        assert told.rollback().result == "created"
        told.merge(2)
    other = told.forge.commit(NAME, {"dev/values.yaml": DEV.format("v0.3.1") + "debug: true\n"}, "More replicas")

    only_again(told, other, "v0.3.1", "taken back")
    assert told.promote(told.release("v0.3.2"), "v0.3.2").result == "updated"


def test_a_newer_commit_along_another_edge_reverts_nothing(told: Story) -> None:
    joined(told)
    told.promote(told.release("v0.3.1"))
    told.merge(1)

    run = told.promote(told.forge.commit(NAME, {"qa/values.yaml": DEV.format("v0.3.2")}, "QA"), FROM="qa")

    assert run.outcome["why"] == "serviceVersion: v0.3.1 → v0.3.2"
    assert "\n> " not in body(told)


def test_an_older_commit_that_comes_after_a_newer_one_with_nothing_to_change_is_superseded(told: Story) -> None:
    older, newer = told.release("v0.3.1"), told.release("v0.3.0", "Revert v0.3.1")
    assert told.promote(newer).result == "nothing to change"

    run = only_again(told, older, "v0.3.1", "superseded")

    warned(told, run, "moved_on_and_downgrade", newer)
    assert told.promote(older, "v0.3.1").result == "unchanged"


STAGING = replace(EDGE, target="staging", target_path="staging")
ONWARD = replace(EDGE, source="staging", source_path="staging")


def inserted(told: Story, version: str) -> str:
    """Put a new stage between the two; the commit of its first values comes back."""
    stages = {"dev": (), "staging": ("dev",), "production": ("staging",)}
    told.configure(stages=stages, edges=(STAGING, ONWARD))
    return told.forge.commit(NAME, {"staging/values.yaml": PRODUCTION.format(version)}, "A stage between")


def test_a_new_stage_between_two_that_begins_with_an_older_version_reverts_the_newer_one_only_when_asked(
    told: Story,
) -> None:
    newer = told.release("v0.4.0")
    told.promote(newer)
    told.merge(1)

    run = only_again(told, inserted(told, "v0.3.0"), "v0.3.0", "superseded", FROM="staging")

    warned(told, run, "downgrade_by_new_stage", newer)


def test_a_late_promotion_from_between_says_what_came_to_the_first_stage_since(told: Story) -> None:
    late = inserted(told, "v0.3.9")
    newer = told.release("v0.4.0")
    told.forge.commit(NAME, {"production/values.yaml": PRODUCTION.format("v0.4.0")}, "Merged before the stage was")

    run = only_again(told, late, "v0.3.9", "superseded", FROM="staging")

    assert newer[:12] in str(run.outcome["why"])


def test_a_version_that_went_through_all_stages_reverts_nothing_nor_does_one_that_dev_returned_to(
    told: Story,
) -> None:
    told.promote(told.release("v0.4.0"))
    told.merge(1)
    inserted(told, "v0.3.0")
    for version in ("v0.4.1", "v0.4.0", "v0.3.0"):
        assert told.promote(told.release(version), TO="staging").result == "created"
        verified = told.merge(len(told.pull_requests))
        run = told.promote(verified, version, FROM="staging")
        assert run.result == "created"
        assert "\n> " not in body(told)
        told.merge(len(told.pull_requests))


def test_what_was_verified_is_promoted_with_a_note_that_the_source_moved_on(told: Story) -> None:
    verified = told.release("v0.3.1")
    told.release("v0.4.0")

    run = told.promote(verified)

    assert told.version(EDGE.branch) == "v0.3.1"
    warned(told, run, "moved_on")


@pytest.mark.parametrize("since", ["# only a comment\nserviceVersion: v0.3.1\n", "\tx: 1\n", "replicas: 2\n", None])
def test_other_changes_of_the_source_are_no_matter(told: Story, since: str | None) -> None:
    verified = told.release("v0.3.1")
    told.forge.commit(NAME, {"dev/values.yaml": since, "dev/other": "x"}, "Something else")

    assert told.promote(verified).outcome["why"] == "serviceVersion: v0.3.0 → v0.3.1"
    assert "\n> " not in body(told)


def test_a_key_that_the_target_does_not_have_yet_is_nothing_to_revert(told: Story) -> None:
    told.forge.commit(NAME, {"production/values.yaml": PRODUCTION.replace("serviceVersion", "other")}, "No version")

    run = told.promote(told.release("v0.3.1"))

    assert (run.result, run.outcome["changes"]) == (
        "created",
        [{"key": "serviceVersion", "was": None, "becomes": "v0.3.1"}],
    )


@settings(deadline=None)
@given(st.text(), st.text())
def test_whatever_the_values_are_a_warning_breaks_nothing(was: str, now: str) -> None:
    pipeline = PromotionSettings("acme", "gitops", "main", "", "https://github.com/acme/gitops", {}, (EDGE,))
    nothing: dict[str, File] = {}
    history = create_autospec(History, instance=True)
    history.values_since.return_value = {"serviceVersion": Scalar(now)}
    history.last_with.return_value = "cd" * 20
    state = EdgeState(
        EDGE,
        "ef" * 20,
        "ab" * 20,
        True,
        nothing,
        nothing,
        {},
        Branch(EDGE.branch, None),
        (),
        (),
        history,
        Selection(EDGE, "ab" * 20),
        nothing,
        EDGE,
        TargetHistory(),
        (),
    )
    changes = (Change("serviceVersion", escape(was), "v0.3.1"),)

    found = reviewer_warnings(state, pipeline, {"serviceVersion": Scalar("v0.3.1")}, changes)

    notes = tuple(warning.note for warning in found)
    assert f"`serviceVersion` {code(escape(was))}, which came to dev" in notes[-1]
    assert now == "v0.3.1" or f"`serviceVersion` is {code(now)} there now" in notes[0]
    metadata = PromotionMetadata("promotion", "podtato-head", "dev", "production", "ab" * 20, "v0.3.1", changes=changes)
    rendered = render(Subject(EDGE, metadata, notes=notes), pipeline).body
    assert len([line for line in rendered.splitlines() if line.startswith("> ")]) == len(notes)
    for note in notes:
        assert not re.search(r"[\n<>@]|#\d", re.sub(r"</?code>|&#\d+;", "", note))
