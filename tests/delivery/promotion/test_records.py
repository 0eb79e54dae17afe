"""What records are worth to a promotion: who has verified it, what is refused without one, what a failure asks for.

How the sweep finds what is recorded is in `test_sweep.py`.
"""

import pytest

from delivery.promotion.history import PromotionError
from tests.delivery.promotion.story import DEV, NAME, RECORDED, Story, joined
from tests.messages import assert_message

FAILED = "00-43679963727bf63245f9b55983c73104-d427a6fcfc56cd6a-01"


def tip(told: Story) -> str:
    found = told.forge.branch(NAME, "main")
    assert found
    return found


def failing(told: Story, *, minutes_ago: float = 10) -> str:
    """v0.3.1 in production, whose verification there has failed; the commit that was synced."""
    told.configure(rollback_on_failure=("production",))
    told.record(told.release("v0.3.1"), version="v0.3.1", minutes_ago=60)
    assert told.sweep().status == 0
    told.merge(1)
    merged = tip(told)
    reason = "smoke: the page answers 500"
    told.record(merged, "failure", stage="production", reason=reason, minutes_ago=minutes_ago, trace=FAILED)
    return merged


def test_a_dispatcher_cannot_promote_what_was_never_verified_where_a_record_is_demanded(told: Story) -> None:
    told.configure(require_record=("production",))
    recorded = told.release("v0.3.1")
    told.record(recorded, version="v0.3.1")
    unverified = told.release("v0.3.2")

    run = told.promote(unverified, "v0.3.2")

    assert (run.status, told.pull_requests) == (1, [])
    assert isinstance(run.error, PromotionError)
    assert_message("promotion.unrecorded", str(run.error).replace(unverified[:12], "COMMIT").replace(recorded, "KNOWN"))
    assert told.promote(unverified, "v0.3.2", AGAIN="true").status == 1
    assert told.promote(recorded, "v0.3.1").result == "created"


def test_neither_can_a_run_that_names_no_commit(told: Story) -> None:
    told.configure(require_record=("production",))
    told.release("v0.3.1")

    assert (told.promote().status, told.pull_requests) == (1, [])


@pytest.mark.parametrize("state", ["failure", "pending"])
def test_a_record_of_anything_but_success_is_none(told: Story, state: str) -> None:
    told.configure(require_record=("production",))
    commit = told.release("v0.3.1")
    told.record(commit, state, version="v0.3.1")

    assert (told.promote(commit, "v0.3.1").status, told.pull_requests) == (1, [])


def test_a_record_of_another_stage_or_application_is_none(told: Story) -> None:
    told.configure(require_record=("production",))
    commit = told.release("v0.3.1")
    told.record(commit, version="v0.3.1", stage="production")
    told.record(commit, version="v0.3.1", application="shop")

    assert (told.promote(commit, "v0.3.1").status, told.pull_requests) == (1, [])


def test_where_records_cannot_be_read_a_stage_that_demands_one_gets_nothing(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.record(commit, version="v0.3.1")
    told.configure(require_record=("production",))

    assert told.promote(commit, "v0.3.1", RECORDS_TOKEN="nobody's").status == 1
    told.configure(require_record=())
    run = told.promote(commit, "v0.3.1", RECORDS_TOKEN="nobody's")
    assert run.result == "created"
    assert run.outcome["notes"]


def test_in_a_join_each_source_stage_needs_its_own_record(told: Story) -> None:
    joined(told)
    told.configure(requires={"production": "all"}, require_record=("production",))
    of_dev = told.release("v0.3.1")
    of_qa = told.forge.commit(NAME, {"qa/values.yaml": DEV.format("v0.3.1")}, "v0.3.1 in qa")
    told.record(of_dev, version="v0.3.1")

    assert told.promote(of_dev, "v0.3.1").result == "waiting"
    assert told.promote(of_qa, "v0.3.1", FROM="qa").status == 1
    assert told.pull_requests == []
    told.record(of_qa, stage="qa", version="v0.3.1")
    assert told.promote(of_qa, "v0.3.1", FROM="qa").result == "created"


def test_a_rollback_needs_no_record(told: Story) -> None:
    told.record(told.release("v0.3.1"), version="v0.3.1")
    told.sweep()
    told.merge(1)
    told.configure(require_record=("production",))

    assert told.rollback().result == "created"


@pytest.mark.parametrize("recorded", [True, False])
def test_the_pull_request_says_who_has_recorded_it_or_that_nobody_has(told: Story, *, recorded: bool) -> None:
    commit = told.release("v0.3.1")
    if recorded:
        told.record(commit, version="v0.3.1")

    told.promote(commit, "v0.3.1")

    [verification] = told.metadata().verifications
    assert verification.recorded_by == ("stage-bot" if recorded else "")
    body = told.pull_requests[0].body or ""
    assert ("by `stage-bot`" in body) == recorded


def test_a_failed_verification_proposes_the_rollback_with_its_reason_and_trace(told: Story) -> None:
    told.configure(trace_url="https://traces.example.org/{trace_id}")
    failing(told)

    assert told.sweep().status == 0

    rollback = told.pull_requests[-1]
    assert (rollback.state, rollback.head) == ("open", "rollback/podtato-head/dev/production")
    assert told.version(rollback.head) == "v0.3.0"
    assert "smoke: the page answers 500" in (rollback.body or "")
    for trace in (RECORDED, FAILED):
        assert f"https://traces.example.org/{trace.split('-')[1]}" in (rollback.body or "")


@pytest.mark.parametrize("end", ["open", "closed"])
def test_it_is_proposed_once_whatever_people_do_with_it(told: Story, end: str) -> None:
    failing(told)
    told.sweep()
    if end == "closed":
        told.forge.close(NAME, told.pull_requests[-1].number)
    proposed = len(told.pull_requests)

    told.sweep()

    assert len(told.pull_requests) == proposed
    assert told.pull_requests[-1].state == end
    assert told.version("main") == "v0.3.1", "nobody but a person merges it"


def test_without_the_setting_a_failure_is_a_record_alone(told: Story) -> None:
    failing(told)
    told.configure(rollback_on_failure=())
    told.sweep()

    assert len(told.pull_requests) == 1


def test_while_the_task_may_try_again_nothing_is_proposed(told: Story) -> None:
    merged = failing(told, minutes_ago=2)
    told.sweep()
    assert len(told.pull_requests) == 1

    told.record(merged, stage="production", minutes_ago=1)
    told.sweep()
    assert len(told.pull_requests) == 1


def test_a_failure_of_what_was_there_before_the_promotion_proposes_nothing(told: Story) -> None:
    told.configure(rollback_on_failure=("production",))
    before = tip(told)
    told.record(told.release("v0.3.1"), version="v0.3.1", minutes_ago=60)
    told.sweep()
    told.merge(1)
    told.record(before, "failure", stage="production", reason="a replay", minutes_ago=10)

    told.sweep()

    assert len(told.pull_requests) == 1
