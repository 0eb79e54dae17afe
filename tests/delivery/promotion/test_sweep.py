"""The sweep: what is recorded as verified and got lost on its way is promoted once, by the same rules as a dispatch."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from delivery.git.repository import Repository
from delivery.github.client import GitHub
from delivery.model.request import PromotionRequest
from delivery.promotion.execute import Outcome, promote
from delivery.promotion.recorded import RecordReader
from delivery.promotion.sweep import sweep
from delivery.timeouts import Deadline
from delivery.tracing.run import start_run
from lab.forge.model import Status
from tests.delivery.promotion.story import (
    DEV,
    EDGE,
    NAME,
    PRODUCTION,
    RECORDED,
    RECORDS_TOKEN,
    TOKEN,
    TRACEPARENT,
    Run,
    Story,
    fetch_only,
    joined,
)


def results(run: Run) -> list[object]:
    """How each promotion of a sweep ended."""
    assert run.outcome, run.errors
    promotions = run.outcome["promotions"]
    assert isinstance(promotions, list)
    return [one["result"] for one in promotions]


def test_a_verified_version_whose_dispatch_got_lost_is_promoted(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.record(commit, version="v0.3.1")

    run = told.sweep()

    assert (run.status, results(run)) == (0, ["created"]), run.errors
    assert told.version(EDGE.branch) == "v0.3.1"
    [verification] = told.metadata().verifications
    assert (verification.commit, verification.traceparent, verification.recorded_by) == (commit, RECORDED, "stage-bot")
    assert RECORDED in told.production(EDGE.branch)


def test_what_was_dispatched_is_not_swept_again(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.record(commit, version="v0.3.1")
    told.promote(commit, "v0.3.1")

    assert results(told.sweep()) == []
    told.merge(1)
    assert results(told.sweep()) == []


@pytest.mark.parametrize("end", ["proposed", "merged", "closed", "reverted"])
def test_a_sweep_is_repeated_by_the_next_one_in_nothing(told: Story, end: str) -> None:
    commit = told.release("v0.3.1")
    told.record(commit, version="v0.3.1")
    told.sweep()
    if end == "closed":
        told.forge.close(NAME, 1)
    elif end != "proposed":
        told.merge(1)
    if end == "reverted":
        told.forge.commit(NAME, {"production/values.yaml": PRODUCTION.format("v0.3.0")}, "By hand")

    assert results(told.sweep()) == []
    assert len(told.pull_requests) == 1


@pytest.mark.parametrize("state", ["closed", "reverted"])
def test_what_was_declined_or_reverted_is_not_proposed_again_though_the_promoter_was_never_told(
    told: Story, state: str
) -> None:
    commit = told.release("v0.3.1")
    told.promote()
    if state == "closed":
        told.forge.close(NAME, 1)
    else:
        told.merge(1)
        told.forge.commit(NAME, {"production/values.yaml": PRODUCTION.format("v0.3.0")}, "By hand")
    told.record(commit, version="v0.3.1")

    first, second = told.sweep(), told.sweep()

    assert (results(first), results(second)) == ([{"closed": "declined", "reverted": "taken back"}[state]], [])
    assert len(told.pull_requests) == 1


def test_of_several_that_got_lost_the_newest_in_history_is_promoted_in_whatever_order_they_were_recorded(
    told: Story,
) -> None:
    commits = [told.release(f"v0.3.{number}") for number in (1, 2, 3)]
    for commit in (commits[2], commits[0], commits[1]):
        told.record(commit)

    assert results(told.sweep()) == ["created"]
    assert told.version(EDGE.branch) == "v0.3.3"
    assert results(told.sweep()) == []


@pytest.mark.parametrize("merged", [False, True])
def test_an_older_record_never_replaces_a_newer_decision(told: Story, merged: bool) -> None:
    older, newer = told.release("v0.3.1"), told.release("v0.3.2")
    told.promote(newer)
    if merged:
        told.merge(1)
    told.record(older)

    assert results(told.sweep()) == []
    assert told.version(EDGE.branch) == "v0.3.2"


def test_a_newer_record_that_got_lost_is_promoted_after_an_older_dispatch(told: Story) -> None:
    older, newer = told.release("v0.3.1"), told.release("v0.3.2")
    told.record(newer)
    told.promote(older)
    told.record(older)

    assert results(told.sweep()) == ["updated"]
    assert told.version(EDGE.branch) == "v0.3.2"


def test_a_failure_is_not_promoted_until_a_later_try_has_succeeded(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.record(commit, "failure", minutes_ago=5)
    assert results(told.sweep()) == []

    told.record(commit)
    assert results(told.sweep()) == ["created"]


def test_a_failure_after_a_success_of_the_same_commit_counts(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.record(commit, minutes_ago=5)
    told.record(commit, "failure")

    assert results(told.sweep()) == []


def test_what_a_later_success_has_set_inactive_is_verified_all_the_same(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.record(commit)
    [deployment] = told.forge.settings(NAME).deployments
    deployment.statuses.append(replace(deployment.statuses[0], state="inactive"))

    assert results(told.sweep()) == ["created"]


def test_commit_statuses_are_records_too(told: Story) -> None:
    commit = told.release("v0.3.1")
    status = replace(_status(told, commit), description=f"version=v0.3.1 traceparent={RECORDED} verifiedBy=argocd")
    told.forge.settings(NAME).statuses[commit] = [status]

    run = told.sweep()

    assert results(run) == ["created"], run.errors
    assert told.metadata().verifications[0].traceparent == RECORDED


def _status(told: Story, commit: str) -> Status:
    told.record(commit)
    deployment = told.forge.settings(NAME).deployments.pop()
    return replace(deployment.statuses[0], name="delivery/dev/podtato-head")


def test_a_sweep_reads_commit_statuses_only_where_it_may(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.forge.settings(NAME).statuses[commit] = [_status(told, commit)]
    told.record(commit)
    told.forge.add_token("no-statuses", dict.fromkeys(("contents", "deployments", "pull_requests"), "read"))

    assert results(told.sweep(RECORDS_TOKEN="no-statuses")) == ["created"]


HOSTILE = [
    ({"deployments": "not ours"}, "deploy:nobody", "dev"),
    ("no JSON {", "deploy:podtato-head\n", "dev"),
    ("[" * 100_000, "deploy:../..", "dev"),
    ({"version": "v1 && rm", "traceparent": "00-x"}, "deploy:podtato-head", "nowhere"),
    ({"application": "podtato-head"}, "migrate:podtato-head", "dev"),
]


@pytest.mark.parametrize(("payload", "task", "stage"), HOSTILE)
def test_a_record_of_what_is_not_in_the_pipeline_is_ignored(
    told: Story, payload: object, task: str, stage: str
) -> None:
    told.record(told.release("v0.3.1"), stage=stage, payload=payload)
    told.forge.settings(NAME).deployments[0].task = task

    run = told.sweep()

    assert (run.status, results(run)) == (0, []), run.errors


@pytest.mark.parametrize(
    "payload", ["no JSON {", "[" * 100_000, '"\\ud800"', [1], {"version": "$(rm) x", "traceparent": 5, "x": "\ud800"}]
)
def test_a_payload_that_is_garbage_tells_nothing_and_the_commit_counts(told: Story, payload: object) -> None:
    told.record(told.release("v0.3.1"), payload=payload)

    run = told.sweep()

    assert (run.status, results(run)) == (0, ["created"]), run.errors
    [verification] = told.metadata().verifications
    assert (verification.version, verification.traceparent) == ("", "")


def test_the_reason_of_a_failure_is_text_of_others_in_the_pull_request_and_the_log(told: Story) -> None:
    told.configure(rollback_on_failure=("production",))
    told.record(told.release("v0.3.1"), minutes_ago=60)
    told.sweep()
    told.merge(1)
    reason = (
        "@acme/ops ![x](http://evil) --> <!-- delivery-promotion {} -->\r\nhttp://user:hidden@host ghp_" + "a1" * 18
    )
    told.record(told.forge.branch(NAME, "main") or "", "failure", stage="production", reason=reason, minutes_ago=10)

    run = told.sweep()

    body = told.pull_requests[-1].body or ""
    assert results(run) == ["created"], run.errors
    assert body.count("<!-- delivery-promotion ") == 1
    assert "@acme" not in body
    assert "![" not in body
    for shown in (body, run.errors, run.summary, str(run.outcome)):
        assert not [secret for secret in ("hidden", "a1a1") if secret in shown]


def test_a_record_of_a_commit_that_is_not_on_the_stages_branch_is_ignored(told: Story) -> None:
    told.forge.commit(NAME, {"dev/values.yaml": DEV.format("v9")}, "Not merged", branch="feature")
    told.record(told.forge.branch(NAME, "feature") or "")

    run = told.sweep()

    assert (run.status, results(run), told.pull_requests) == (0, [], [])


def test_commits_further_back_than_the_fetched_history_are_promoted_once(
    told: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = told.release("v0.3.1")
    told.commits(8)
    fetch_only(3, monkeypatch)
    monkeypatch.setattr("delivery.promotion.due.DEPTH", 3)
    told.record(commit, version="v0.3.1")

    assert results(told.sweep()) == ["created"]
    assert results(told.sweep()) == []
    told.record(told.release("v0.3.2"))
    assert results(told.sweep()) == ["updated"]


def test_an_old_record_far_back_is_older_than_what_is_near(told: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    old = told.release("v0.3.1")
    told.commits(8)
    told.promote(told.release("v0.3.2"))
    fetch_only(3, monkeypatch)
    monkeypatch.setattr("delivery.promotion.due.DEPTH", 3)
    told.record(old)

    run = told.sweep()

    assert (results(run), run.requests) == ([], [])


def test_stages_on_branches_of_their_own_are_swept_there(told: Story) -> None:
    told.forge.commit(NAME, {"README.md": "dev's own"}, "Begin", branch="environments/dev")
    told.configure(edges=(replace(EDGE, source_branch="environments/dev"),))
    commit = told.forge.commit(NAME, {"dev/values.yaml": DEV.format("v0.3.1")}, "v0.3.1", branch="environments/dev")
    told.record(commit, version="v0.3.1")

    run = told.sweep()

    assert (results(run), told.version(EDGE.branch)) == (["created"], "v0.3.1"), run.errors
    assert results(told.sweep()) == []


def test_a_run_that_was_cut_off_before_its_pull_request_is_completed(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.record(commit, version="v0.3.1")
    told.forge.fail_next("POST", "/pulls", status=403)
    assert told.promote(commit, "v0.3.1").status == 1
    assert told.pull_requests == []

    run = told.sweep()

    assert (results(run), len(told.pull_requests)) == (["created"], 1), run.errors
    assert results(told.sweep()) == []


def test_a_branch_that_a_merged_promotion_left_behind_is_nothing_to_do(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    told.merge(1, "squash")
    told.promote(told.release("v0.3.2"))
    told.merge(2)

    run = told.sweep()

    assert (results(run), run.requests) == ([], [])


def test_what_one_stage_of_a_join_has_recorded_is_promoted(told: Story) -> None:
    joined(told)
    told.record(told.forge.commit(NAME, {"qa/values.yaml": DEV.format("v0.3.1")}, "v0.3.1"), stage="qa")

    assert results(told.sweep()) == ["created"]
    assert results(told.sweep()) == []


@pytest.mark.parametrize("order", [("dev", "qa"), ("qa", "dev")])
def test_a_join_of_all_counts_what_is_recorded_and_was_never_dispatched(told: Story, order: tuple[str, str]) -> None:
    joined(told)
    told.configure(requires={"production": "all"})
    commits = {
        stage: told.forge.commit(NAME, {f"{stage}/values.yaml": DEV.format("v0.3.1")}, f"v0.3.1 in {stage}")
        for stage in order
    }
    told.record(commits[order[0]], stage=order[0], version="v0.3.1")

    run = told.promote(commits[order[1]], "v0.3.1", FROM=order[1])

    assert run.result == "created", run.errors
    body = told.pull_requests[0].body or ""
    assert ("Recorded as verified by `stage-bot`" in body, "Not recorded as verified" in body) == (True, True)
    assert results(told.sweep()) == ["unchanged"]
    assert results(told.sweep()) == []


def test_a_late_record_that_all_stages_of_a_join_agree_on_is_promoted_though_a_newer_one_waits(told: Story) -> None:
    joined(told)
    told.configure(requires={"production": "all"})
    older, newer = told.release("v0.3.1"), told.release("v0.3.2")
    of_qa = told.forge.commit(NAME, {"qa/values.yaml": DEV.format("v0.3.1")}, "v0.3.1 in qa")
    assert told.promote(of_qa, FROM="qa").result == "waiting"
    assert told.promote(newer).result == "waiting"
    told.record(older)

    assert results(told.sweep()) == ["created"]
    assert told.version(told.pull_requests[0].head) == "v0.3.1"


def run_of(told: Story, commit: str, *, swept: bool) -> Callable[[], object]:
    """One run of the workflow: a sweep, or what a dispatch of `commit` starts."""
    deadline, settings = Deadline(), told.settings
    github = GitHub(settings.api_url, "acme", "gitops", TOKEN, deadline=deadline, write_interval=0)
    records = GitHub(settings.api_url, "acme", "gitops", RECORDS_TOKEN, deadline=deadline)

    def connect() -> Repository:
        return Repository(f"{settings.web_url}.git", TOKEN, deadline=deadline)

    def promoted(request: PromotionRequest, reader: RecordReader) -> Outcome:
        with start_run(EDGE, settings, environ={}) as span:
            return promote(request, settings, github, connect, span, records=reader, deadline=deadline)

    if swept:
        act = lambda due, reader: promoted(due.request, reader)  # noqa: E731
        return lambda: sweep(settings, github, records, connect, act, deadline).failures
    request = PromotionRequest("podtato-head", "dev", "production", "v0.3.1", commit, TRACEPARENT)
    return lambda: promoted(request, RecordReader(records, settings)) and ()


def test_the_sweep_a_dispatch_and_their_replays_at_once_are_one_promotion(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.record(commit, version="v0.3.1")
    gate, ended = threading.Barrier(6), []
    runs = [run_of(told, commit, swept=number % 2 == 0) for number in range(6)]

    def run(number: int) -> None:
        gate.wait()
        try:
            ended.append(runs[number]())
        except Exception as error:
            ended.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ended == [()] * 6
    [pull_request] = told.pull_requests
    assert (pull_request.state, told.version(EDGE.branch)) == ("open", "v0.3.1")
    assert results(told.sweep()) == []


def test_one_that_fails_does_not_keep_the_others_from_being_promoted(told: Story) -> None:
    commit = two_applications(told)
    told.record(commit, version="v9.9.9")
    told.record(commit, application="other", version="v0.3.1")

    run = told.sweep()

    assert (run.status, results(run)) == (1, ["failed", "created"])
    assert "version v9.9.9 was asked for" in run.summary


def test_a_stage_that_was_never_deployed_does_not_fail_every_sweep(told: Story) -> None:
    told.record(told.release("v0.3.1"))
    told.forge.commit(NAME, {"production/values.yaml": None}, "Not deployed so far")

    run = told.sweep()
    assert (run.status, results(run)) == (0, ["not ready"])

    told.forge.commit(NAME, {"production/values.yaml": PRODUCTION.format("v0.3.0")}, "Deploy it")
    assert results(told.sweep()) == ["created"]


def two_applications(told: Story) -> str:
    """A second application beside the first one; the commit at which dev has v0.3.1 of both."""
    other = replace(EDGE, application="other", source_path="other/dev", target_path="other/production")
    files = {"other/dev/values.yaml": DEV.format("v0.3.0"), "other/production/values.yaml": PRODUCTION.format("v0.3.0")}
    told.forge.commit(NAME, files, "Another application")
    told.configure(edges=(EDGE, other))
    told.forge.commit(NAME, {"other/dev/values.yaml": DEV.format("v0.3.1")}, "v0.3.1 of the other")
    return told.release("v0.3.1")


def test_of_a_group_what_is_recorded_of_every_application_is_promoted_together(told: Story) -> None:
    commit = two_applications(told)
    told.configure(groups=("production",))
    told.record(commit, version="v0.3.1")
    assert results(told.sweep()) == ["waiting"]
    told.record(commit, application="other", version="v0.3.1")

    assert results(told.sweep()) == ["created"]
    assert results(told.sweep()) == []
    assert len(told.pull_requests) == 1


def test_with_dispatch_it_starts_the_workflow_as_the_task_does(told: Story) -> None:
    told.forge.add_token("actions", {"contents": "read", "actions": "write"}, actions=True)
    text = "on: {workflow_dispatch: {inputs: {" + ", ".join(
        f"{name}: {{type: string}}" for name in ("application", "from", "to", "version", "commitID", "traceParent")
    )
    told.forge.commit(NAME, {".github/workflows/promote.yaml": text + "}}}\n"}, "The workflow")
    commit = told.release("v0.3.1")
    told.record(commit, version="v0.3.1")

    run = told.sweep("--dispatch", token="actions")

    assert (run.status, results(run)) == (0, ["started"]), run.errors
    [started] = told.forge.wait_for_runs()
    assert dict(started.inputs) == {
        "application": "podtato-head",
        "from": "dev",
        "to": "production",
        "version": "v0.3.1",
        "commitID": commit,
        "traceParent": RECORDED,
    }


@pytest.mark.parametrize(("status", "ended"), [(403, 0), (404, 0), (422, 0), (500, 1)])
def test_records_that_may_not_be_read_are_a_note_and_a_bad_moment_is_a_failure(
    told: Story, status: int, ended: int
) -> None:
    told.record(told.release("v0.3.1"))
    told.forge.fail_next("POST", "/api/graphql", status=status, times=9)

    run = told.sweep()

    assert (run.status, "records" in run.errors or ended == 1) == (ended, True)
    assert told.pull_requests == []


@pytest.mark.parametrize("given", [{"APPLICATION": "podtato-head"}, {"ROLLBACK": "why"}, {"AGAIN": "true"}])
def test_a_sweep_that_is_asked_for_one_promotion_too_is_refused(told: Story, given: dict[str, str]) -> None:
    assert told.sweep(**given).status == 2


def test_a_dry_run_says_what_is_due_and_does_nothing(told: Story) -> None:
    told.record(told.release("v0.3.1"))

    run = told.sweep("--dry-run")

    assert (results(run), told.pull_requests, run.pushes) == (["planned"], [], 0)
    assert results(told.sweep()) == ["created"]


@pytest.mark.parametrize("number", [1, 10, 50])
def test_with_nothing_to_do_it_asks_for_at_most_four_things_for_up_to_fifty_applications(
    told: Story, number: int
) -> None:
    applications = [f"app-{count}" for count in range(number)]
    edges = [
        replace(EDGE, application=name, source_path=f"{name}/dev", target_path=f"{name}/production")
        for name in applications
    ]
    files = {f"{edge.source_path}/values.yaml": DEV.format("v0.3.1") for edge in edges}
    files |= {f"{edge.target_path}/values.yaml": PRODUCTION.format("v0.3.1") for edge in edges}
    commit = told.forge.commit(NAME, files, "Many applications")
    told.configure(edges=tuple(edges))
    for name in applications:
        told.record(commit, application=name)
    assert set(results(told.sweep())) == {"nothing to change"}
    since = len(told.forge.requests)

    assert results(told.sweep()) == []

    assert len(told.forge.requests) - since <= 4
