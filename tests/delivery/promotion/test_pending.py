"""What is due along an edge, as a stack that declares its promotions reads it; the engine's part is in its own tier."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from delivery.git.repository import Repository
from delivery.github.client import GitHub
from delivery.model.promoted_keys import in_values
from delivery.model.request import PromotionRequest
from delivery.promotion.desired import DesiredPromotion
from delivery.promotion.history import PromotionError
from delivery.promotion.pending import PendingPromotion, read_pending
from delivery.tracing.otlp import TRACE_FILE
from delivery.tracing.run import start_run
from tests.delivery.promotion.story import EDGE, NAME, RECORDS_TOKEN, TOKEN, TRACEPARENT, Story, platform, spans
from tests.messages import assert_message


def read(
    told: Story, asked: PromotionRequest | None = None, environ: Mapping[str, str] | None = None
) -> PendingPromotion:
    settings = told.settings
    span = start_run(EDGE, settings, environ=environ or {})
    github, records = (
        GitHub(settings.api_url, settings.owner, settings.repository, token) for token in (TOKEN, RECORDS_TOKEN)
    )

    def connect() -> Repository:
        return Repository(f"{settings.web_url}.git", TOKEN)

    try:
        request = (asked or PromotionRequest()).along(EDGE)
        return read_pending(request, EDGE, settings, github, connect, span, record=True, records=records)
    finally:
        span.end()


def desired(told: Story, commit: str = "") -> DesiredPromotion:
    found = read(told, PromotionRequest(commit=commit)).desired
    assert found is not None
    return found


def test_a_promotion_that_is_proposed_already_is_unchanged(told: Story) -> None:
    commit = told.release("v0.3.1")
    assert not desired(told, commit).unchanged
    told.promote(commit)
    assert desired(told, commit).unchanged


def test_a_promotion_is_not_unchanged_when_something_newer_is_due(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    told.release("v0.3.2")
    due = desired(told)
    assert (due.unchanged, due.open and due.open.number, due.rendered.metadata.version) == (False, 1, "v0.3.2")


def test_a_branch_that_others_left_with_the_right_values_needs_no_commit(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    told.forge.commit(NAME, {"production/notes.md": "careful"}, "Add notes", branch=EDGE.branch)
    assert desired(told).declared_files == ()


def test_a_branch_that_others_worked_on_gets_what_is_newer(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    told.forge.commit(NAME, {"production/notes.md": "careful"}, "Add notes", branch=EDGE.branch)
    told.release("v0.3.2")
    assert "serviceVersion: v0.3.2 " in desired(told).declared_files[0].content


def test_what_a_finished_promotion_left_on_the_branch_is_committed_anew(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit, TRACEPARENT="")
    told.forge.close(NAME, 1)
    due = read(told, PromotionRequest(commit=commit, again=True)).desired
    assert due is not None
    assert (due.stale_head, due.open, due.previous_pull_request) == (told.forge.branch(NAME, EDGE.branch), None, 1)
    assert "serviceVersion: v0.3.1 " in due.declared_files[0].content
    assert not due.unchanged


def test_what_was_read_is_on_the_span_with_a_link_to_what_was_verified(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit)
    file = told.folder / "traces.jsonl"

    read(told, environ={TRACE_FILE: str(file)})

    run = next(span for span in spans(file) if not span["parentSpanId"])
    attributes = {attribute["key"]: attribute["value"].get("stringValue") for attribute in run["attributes"]}
    assert attributes["vcs.ref.head.revision"] == commit
    assert attributes["service.version"] == "v0.3.1"
    assert [link["traceId"] for link in run["links"]] == [TRACEPARENT.split("-")[1]]


@pytest.mark.parametrize(
    ("application", "source", "meant"),
    [
        ("", "", True),
        ("podtato-head", "dev", True),
        ("", "dev", True),
        ("podtato-head", "", True),
        ("another", "dev", False),
        ("another", "", False),
        ("podtato-head", "qa", False),
    ],
)
def test_a_request_is_for_the_edges_that_it_names_and_for_no_other(application: str, source: str, meant: bool) -> None:
    request = PromotionRequest(application=application, source=source, version="v9").along(EDGE)
    assert (request.application, request.source, request.target) == ("podtato-head", "dev", "production")
    assert (request.version == "v9") is meant


def test_a_stack_that_this_update_brings_up_to_date_has_nothing_to_promote_so_far(told: Story) -> None:
    told.release("v0.3.1")
    told.forge.commit(
        NAME, {"production/platform.yaml": platform(replace(EDGE, promoted_keys=in_values("image.tag")))}, "Keys"
    )
    pending = read(told)
    assert pending.desired is None
    assert_message("promotion.own_stack_not_updated", pending.why)


def test_where_a_record_is_demanded_an_update_proposes_the_newest_recorded_commit_and_no_newer_one(told: Story) -> None:
    told.configure(require_record=("production",))
    commit = told.release("v0.3.1")
    told.record(commit)
    unverified = told.release("v0.3.2")

    due = desired(told)
    assert (due.rendered.metadata.commit, due.rendered.metadata.verifications[0].recorded_by) == (commit, "stage-bot")
    with pytest.raises(PromotionError):
        desired(told, unverified)
    told.promote(commit)
    assert desired(told).unchanged
    told.merge(1)
    assert read(told).desired is None
