"""Many runs at once, lists that lag, and clocks that are wrong: the newest version is proposed, once, and says so."""

import threading
import time

import pytest

from delivery.git.repository import Repository
from delivery.github.client import GitHub
from delivery.model.request import PromotionRequest
from delivery.promotion.execute import Outcome, promote
from delivery.timeouts import Deadline
from delivery.tracing.run import start_run
from tests.delivery.promotion.story import DEV, EDGE, NAME, PRODUCTION, TOKEN, TRACEPARENT, Story

DAY = 86_400


def at_once(told: Story, commits: list[str]) -> list[Outcome | Exception]:
    """Promotions of these commits, all begun together; what came of each."""
    gate, ended = threading.Barrier(len(commits)), dict[int, Outcome | Exception]()

    def run(place: int, commit: str) -> None:
        deadline = Deadline()
        settings = told.settings
        github = GitHub(settings.api_url, "acme", "gitops", TOKEN, deadline=deadline, write_interval=0)
        request = PromotionRequest("podtato-head", "dev", "production", commit=commit, traceparent=TRACEPARENT)
        gate.wait()
        try:
            with start_run(EDGE, settings, environ={}) as span:
                ended[place] = promote(
                    request,
                    settings,
                    github,
                    lambda: Repository(f"{settings.web_url}.git", TOKEN, deadline=deadline),
                    span,
                    deadline=deadline,
                )
        except Exception as error:
            ended[place] = error

    threads = [threading.Thread(target=run, args=given) for given in enumerate(commits)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [ended[place] for place in range(len(commits))]


def test_of_many_versions_at_once_the_newest_is_proposed_and_nobody_fails(told: Story) -> None:
    versions = [f"v0.4.{number}" for number in range(20)]
    commits = [told.release(version) for version in versions]

    ended = at_once(told, commits)

    assert [found for found in ended if isinstance(found, Exception)] == []
    [pull_request] = told.pull_requests
    assert (pull_request.title.split()[2], told.version(EDGE.branch)) == (versions[-1], versions[-1])
    assert told.metadata().commit == commits[-1]


def test_of_many_closings_at_once_one_leaves_a_comment(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    back = told.release("v0.3.0", "Revert v0.3.1")

    ended = at_once(told, [back] * 10)

    assert [found for found in ended if isinstance(found, Exception)] == []
    [pull_request] = told.pull_requests
    assert (pull_request.state, len(pull_request.comments)) == ("closed", 1)


@pytest.mark.parametrize("lag", [1, 2, 3])
def test_an_older_event_right_after_the_newer_one_changes_nothing_while_the_list_lags(told: Story, lag: int) -> None:
    older, newer = told.release("v0.3.1"), told.release("v0.3.2")
    assert told.promote(newer).result == "created"
    told.forge.lag_pull_request_lists(lag)

    run = told.promote(older)

    assert (run.status, run.result) == (0, "superseded"), run.errors
    assert ("v0.3.2" in told.pull_requests[0].title, told.version(EDGE.branch)) == (True, "v0.3.2")


@pytest.mark.parametrize("lag", [1, 2])
def test_a_pull_request_that_the_list_hides_is_closed_when_nothing_is_left_to_promote(told: Story, lag: int) -> None:
    told.promote(told.release("v0.3.1"))
    told.forge.lag_pull_request_lists(lag)

    assert told.promote(told.release("v0.3.0", "Revert v0.3.1")).result == "closed as pointless"

    assert told.pull_requests[0].state == "closed"


@pytest.mark.parametrize("lag", [1, 2])
def test_a_persons_no_that_the_list_hides_counts(told: Story, lag: int) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit)
    told.forge.close(NAME, 1)
    told.forge.lag_pull_request_lists(lag)

    assert told.promote(commit).result == "declined"

    assert len(told.pull_requests) == 1


def test_a_late_event_after_one_that_changed_nothing_is_superseded(told: Story) -> None:
    older, newer = told.release("v0.3.1"), told.release("v0.3.0", "Revert v0.3.1")
    assert told.promote(newer).result == "nothing to change"

    assert told.promote(older).result == "superseded"
    assert told.pull_requests == []


def behind(told: Story, number: int, *, days: int, files: dict[str, str] | None = None) -> None:
    """So many commits on the default branch, by a clock that is `days` behind."""
    repository = told.forge.settings(NAME)
    for count in range(number):
        tip = repository.branch("main") or ""
        changed = files or {f"docs/{count}": str(count)}
        tree = repository.objects.edit_tree(
            repository.git("rev-parse", f"{tip}^{{tree}}").strip(),
            {path: repository.objects.write("blob", text.encode()) for path, text in changed.items()},
        )
        when = f"Slow <slow@example.org> {int(time.time()) - days * DAY + count} +0000"
        text = f"tree {tree}\nparent {tip}\nauthor {when}\ncommitter {when}\n\nBy a slow clock {count}"
        repository.update_ref("refs/heads/main", repository.objects.write("commit", text.encode()), tip)


@pytest.mark.parametrize("days", [0, 1, 400])
def test_commits_by_a_clock_that_is_behind_are_nobody_elses_work_on_the_branch(told: Story, days: int) -> None:
    told.promote(told.release("v0.3.1"))
    behind(told, 9, days=days)
    newer = told.release("v0.3.2")
    behind(told, 1, days=days, files={"production/values.yaml": PRODUCTION.format("v0.3.0") + "hotfix: true\n"})
    behind(told, 9, days=days)

    run = told.promote(newer)

    assert (run.status, run.result) == (0, "updated"), run.errors
    [pull_request] = told.pull_requests
    assert "other authors" not in (pull_request.body or "")
    repository = told.forge.settings(NAME)
    assert repository.git("rev-list", "--count", f"main..{EDGE.branch}").strip() == "1"
    assert repository.merged_tree(repository.branch("main") or "", pull_request.head_sha) is not None
    assert told.promote(newer).result == "unchanged"


def test_a_clock_that_is_behind_makes_no_downgrade_of_what_was_merged_before(told: Story) -> None:
    behind(told, 9, days=1)
    told.promote(told.release("v0.3.1"))
    told.merge(1)
    behind(told, 9, days=1, files={"dev/values.yaml": DEV.format("v0.3.2")})

    run = told.promote(told.forge.branch(NAME, "main") or "")

    assert (run.result, run.outcome["why"]) == ("created", "serviceVersion: v0.3.1 → v0.3.2")


def test_a_no_counts_though_its_metadata_and_its_branch_are_gone(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit)
    told.pull_requests[0].body = "No, thank you."
    told.forge.close(NAME, 1)
    told.forge.delete_branch(NAME, EDGE.branch)

    assert told.promote(commit).result == "declined"
