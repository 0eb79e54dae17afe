"""What a promotion does when the forge, the network or a repository is not as it should be.

Every failure is one line that says what to do, and running again after its cause is gone completes the work.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from delivery.git.repository import GitError, RefUpdate, Repository
from delivery.github.client import GitHub, GitHubError, PullRequest
from delivery.model.hints import Hint, HintedError
from delivery.promotion.history import EdgeNotReadyError
from delivery.promotion.publish import ForgeChangedError
from delivery.values.document import ValuesError
from tests.delivery.promotion.story import EDGE, NAME, PRODUCTION, TOKEN, TRACEPARENT, Run, Story
from tests.messages import assert_message

PULLS = f"/repos/{NAME}/pulls"
GIT = f"/{NAME}.git"
BRANCH = EDGE.branch


def failed_with(run: Run, error: type[Exception], status: int = 0) -> None:
    """It ended with one line that has no token in it, after an `error` (from GitHub: with this HTTP `status`)."""
    assert run.status == 1, run.errors
    assert isinstance(run.error, error)
    assert getattr(run.error, "status", 0) == status
    assert len([line for line in run.errors.splitlines() if line.startswith("error: ")]) == 1
    assert TOKEN not in run.errors
    assert "Traceback" not in run.errors


def meanwhile(monkeypatch: pytest.MonkeyPatch, target: type, method: str, act: Callable[[], object]) -> list[object]:
    """Let a person `act` right before the promoter's first call of `method`; what comes of it is in the list then."""
    call = getattr(target, method)
    acted: list[object] = []
    due = [act]

    def interrupted(self: object, *given: object, **named: object) -> object:
        if due:
            acted.append(due.pop()())
        return call(self, *given, **named)

    monkeypatch.setattr(target, method, interrupted)
    return acted


def completes(told: Story, commit: str) -> None:
    assert told.promote(commit).status == 0
    [pull_request] = told.pull_requests
    assert pull_request.state == "open"
    assert told.version(BRANCH) == "v0.3.1"
    told.merge(1)
    assert told.version() == "v0.3.1"


@pytest.mark.parametrize("status", [502, None])
@pytest.mark.parametrize(
    ("method", "path", "after_commit"),
    [
        ("GET", PULLS, False),
        ("POST", f"{GIT}/git-upload-pack", False),
        ("POST", f"{GIT}/git-receive-pack", False),
        ("POST", f"{GIT}/git-receive-pack", True),
        ("POST", PULLS, False),
        ("POST", PULLS, True),
    ],
)
def test_a_hiccup_is_got_over_without_a_duplicate(
    told: Story, method: str, path: str, status: int | None, after_commit: bool
) -> None:
    told.forge.fail_next(method, f"^{path}", status=status, after_commit=after_commit)

    run = told.promote(told.release("v0.3.1"))

    assert (run.status, run.result) == (0, "created"), run.errors
    assert len(told.pull_requests) == 1


@pytest.mark.parametrize(
    ("method", "path", "times"),
    [
        ("POST", f"{GIT}/git-receive-pack", 3),
        ("POST", PULLS, 6),
        ("PATCH", f"{PULLS}/1", 6),
    ],
)
def test_after_a_lasting_failure_running_again_completes(told: Story, method: str, path: str, times: int) -> None:
    if method == "PATCH":
        told.promote(told.release("v0.3.0-rc1"))
    commit = told.release("v0.3.1")
    told.forge.fail_next(method, f"^{path}", status=503, times=times)

    git = path.startswith(GIT)
    failed_with(told.promote(commit), GitError if git else GitHubError, 0 if git else 503)

    assert told.forge.pending_faults == 0
    completes(told, commit)


@pytest.mark.parametrize("status", [200, 201, 204, 302, 400, 403, 404, 409, 422, 451, 503])
@pytest.mark.parametrize("existing", [False, True])
def test_a_refusal_that_came_after_github_has_acted_loses_nothing(told: Story, status: int, existing: bool) -> None:
    if existing:
        told.promote(told.release("v0.3.0-rc1"))
    commit = told.release("v0.3.1")
    method, path = ("PATCH", f"^{PULLS}/1") if existing else ("POST", f"^{PULLS}$")
    times = 6 if status == 503 else 1
    said = "<html>Log in</html>" if status == 201 else {"message": "No"}
    told.forge.fail_next(method, path, status=status, body=said, times=times, after_commit=True)

    run = told.promote(commit)

    assert (run.status, run.result) == (0, "updated" if existing else "created"), run.errors
    assert told.forge.pending_faults == 0
    completes(told, commit)


def test_a_token_that_may_only_push_does_not_end_what_another_run_has_opened(
    told: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.forge.add_token("pusher", {"contents": "write", "pull_requests": "read"}, actions=True)
    commit = told.release("v0.3.1")
    other = meanwhile(monkeypatch, GitHub, "create_pull_request", lambda: told.promote(commit).result)

    run = told.promote(commit, token="pusher")

    assert other == ["created"]
    assert run.status == 0, run.errors
    completes(told, commit)


@pytest.mark.parametrize("existing", [False, True])
def test_of_two_versions_at_once_the_newer_one_is_what_the_pull_request_says_and_brings(
    told: Story, monkeypatch: pytest.MonkeyPatch, existing: bool
) -> None:
    if existing:
        told.promote(told.release("v0.3.1"))
    older, newer = told.release("v0.3.2"), told.release("v0.3.3")
    late = "update_pull_request" if existing else "create_pull_request"
    other = meanwhile(monkeypatch, GitHub, late, lambda: told.promote(older).status)

    run = told.promote(newer)

    assert (run.status, other) == (0, [0]), run.errors
    [pull_request] = told.pull_requests
    assert ("v0.3.3" in pull_request.title, told.version(BRANCH)) == (True, "v0.3.3")
    assert told.metadata().commit == newer
    assert told.promote(older).result == "superseded"


def test_an_older_run_that_comes_to_its_text_late_leaves_that_of_the_newer_one(
    told: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.promote(told.release("v0.3.1"))
    older, newer = told.release("v0.3.2"), told.release("v0.3.3")
    other = meanwhile(monkeypatch, GitHub, "update_pull_request", lambda: told.promote(newer).status)

    run = told.promote(older)

    assert (run.status, other) == (0, [0]), run.errors
    [pull_request] = told.pull_requests
    assert ("v0.3.3" in pull_request.title, told.version(BRANCH)) == (True, "v0.3.3")


def test_a_run_cut_off_between_branch_and_text_is_completed_by_any_event(
    told: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = told.release("v0.3.1")
    told.promote(first)
    newer = told.release("v0.3.2")
    with monkeypatch.context() as killed:
        killed.setattr(GitHub, "update_pull_request", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt()))
        assert told.promote(newer).status == 1
    assert ("v0.3.1" in told.pull_requests[0].title, told.version(BRANCH)) == (True, "v0.3.2")

    assert told.promote(first).status == 0

    assert ("v0.3.2" in told.pull_requests[0].title, told.metadata().traceparent) == (True, TRACEPARENT)


def test_a_torn_pull_request_is_completed_though_something_newer_was_decided_since(
    told: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.promote(told.release("v0.3.1"))
    middle = told.release("v0.3.2")
    with monkeypatch.context() as killed:
        killed.setattr(GitHub, "update_pull_request", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt()))
        assert told.promote(middle).status == 1
    newer = told.release("v0.3.0", "Revert")
    told.forge.commit(NAME, {"production/values.yaml": PRODUCTION.format("v0.3.5")}, "Hotfix")
    assert told.promote(newer).result == "taken back"

    assert told.promote(middle).status == 0

    assert "v0.3.2" in told.pull_requests[0].title


def test_what_answers_something_else_than_it_was_told_is_read_again_and_fails_in_the_end(
    told: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit)
    get = GitHub.get_pull_request
    monkeypatch.setattr(GitHub, "get_pull_request", lambda *given: replace(get(*given), head="ab" * 20))

    failed_with(told.promote(commit), ForgeChangedError)

    assert sum(told.slept) > 60


def test_a_pull_request_that_an_earlier_release_closed_with_its_branch_is_not_a_persons_no(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit)
    with Repository(f"{told.settings.web_url}.git", TOKEN) as repository:
        repository.push([RefUpdate(f"refs/heads/{BRANCH}", "", told.forge.branch(NAME, BRANCH))])
    assert told.pull_requests[0].state == "closed"

    assert told.promote(commit).result == "created"

    told.forge.close(NAME, 2)
    told.forge.delete_branch(NAME, BRANCH)
    assert told.promote(commit).result == "declined"


def test_a_list_that_lags_behind_is_asked_again_before_giving_up(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit)
    told.forge.lag_pull_request_lists(2)

    run = told.promote(commit)

    assert run.status == 0, run.errors
    assert len(told.pull_requests) == 1


def test_a_rate_limit_is_waited_for(told: Story) -> None:
    told.forge.fail_next("POST", f"^{PULLS}", status=429, headers={"retry-after": "1"})

    assert told.promote(told.release("v0.3.1")).result == "created"


def test_somebody_who_pushes_in_between_makes_it_read_again(told: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    told.promote(told.release("v0.3.1"))
    commit = told.release("v0.3.2")

    theirs = meanwhile(
        monkeypatch, Repository, "push", lambda: told.forge.commit(NAME, {"notes.md": "mine"}, "Mine", branch=BRANCH)
    )

    run = told.promote(commit)

    assert (run.status, run.result) == (0, "updated"), run.errors
    assert told.forge.settings(NAME).git("rev-parse", f"{BRANCH}^").strip() == theirs[0]


@pytest.mark.parametrize(
    ("permissions", "error", "status"),
    [
        (None, GitHubError, 401),
        ({"contents": "read", "pull_requests": "write"}, GitError, 0),
        ({"contents": "write", "pull_requests": "read"}, GitHubError, 403),
    ],
)
def test_a_token_that_may_not_is_told_what_it_lacks(
    told: Story, permissions: dict[str, str] | None, error: type[Exception], status: int
) -> None:
    commit = told.release("v0.3.1")
    if permissions:
        told.forge.add_token("weak", permissions, actions=True)

    run = told.promote(commit, token="weak")

    failed_with(run, error, status)
    assert isinstance(run.error, HintedError)
    assert run.error.hint is (None if permissions else Hint.TOKEN)
    assert told.pull_requests == []
    completes(told, commit)


def test_actions_that_may_not_open_pull_requests(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.forge.settings(NAME).actions_may_open_pull_requests = False

    run = told.promote(commit)

    failed_with(run, GitHubError, 403)
    assert_message("promotion.actions_may_not_open", run.errors.splitlines()[-1])
    told.forge.settings(NAME).actions_may_open_pull_requests = True
    completes(told, commit)


@pytest.mark.parametrize("foreign", [False, True])
def test_a_text_that_may_not_be_changed_leaves_the_branch_that_it_tells_of(told: Story, foreign: bool) -> None:
    told.promote(told.release("v0.3.1"))
    if foreign:
        told.forge.commit(NAME, {"notes.md": "mine"}, "Mine", branch=BRANCH)
    before = told.forge.branch(NAME, BRANCH)
    commit = told.release("v0.3.2")
    told.forge.add_token("pusher", {"contents": "write", "pull_requests": "read"}, actions=True)

    failed_with(told.promote(commit, token="pusher"), GitHubError, 403)

    [pull_request] = told.pull_requests
    assert "v0.3.1" in pull_request.title
    assert told.forge.branch(NAME, BRANCH) == before
    assert told.promote(commit).result == "updated"
    assert told.version(BRANCH) == "v0.3.2"


@pytest.mark.parametrize(("target", "method"), [(Repository, "push"), (GitHub, "update_pull_request")])
@pytest.mark.parametrize("how", ["merge", "squash"])
def test_who_merges_while_it_is_updated_gets_the_newer_version_proposed_anew(
    told: Story, monkeypatch: pytest.MonkeyPatch, target: type, method: str, how: str
) -> None:
    told.promote(told.release("v0.3.1"))
    commit = told.release("v0.3.2")
    meanwhile(monkeypatch, target, method, lambda: told.merge(1, how))

    run = told.promote(commit)

    assert run.status == 0, run.errors
    merged = told.pull_requests[0]
    said = "v0.3.1" if target is Repository else "v0.3.2"
    assert (told.version(), said in merged.title) == (said, True)
    assert told.promote(commit).status == 0
    if target is Repository:
        assert (run.result, len(told.pull_requests)) == ("created", 2)
        told.merge(2)
    assert told.version() == "v0.3.2"
    assert told.promote(commit).result == "nothing to change"


def test_who_closes_while_it_is_updated_gets_the_newer_version_proposed_anew(
    told: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.promote(told.release("v0.3.1"))
    title = told.pull_requests[0].title
    commit = told.release("v0.3.2")
    meanwhile(monkeypatch, Repository, "push", lambda: told.pull_requests[0].close())

    run = told.promote(commit)

    assert (run.status, run.result) == (0, "created"), run.errors
    assert [(found.state, found.title == title) for found in told.pull_requests] == [("closed", True), ("open", False)]
    assert told.promote(commit).result == "unchanged"


def test_a_merged_pull_request_is_not_closed_as_pointless(told: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    told.promote(told.release("v0.3.1"))
    body = told.pull_requests[0].body
    back = told.release("v0.3.0", "Back")
    meanwhile(monkeypatch, GitHub, "update_pull_request", lambda: told.merge(1))

    run = told.promote(back)

    assert (run.status, run.result) == (0, "created"), run.errors
    assert (told.pull_requests[0].body, told.pull_requests[0].comments) == (body, [])
    told.merge(2)
    assert told.version() == "v0.3.0"


def test_a_text_that_could_not_be_put_back_is_not_believed(told: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    told.promote(told.release("v0.3.1"))
    commit = told.release("v0.3.2")
    meanwhile(monkeypatch, Repository, "push", lambda: told.merge(1))
    update = GitHub.update_pull_request
    texts: list[str] = []

    def once(self: GitHub, number: int, title: str, body: str, *, close: bool = False) -> PullRequest:
        if texts:
            raise GitHubError(503, "GitHub is gone; run again later")
        texts.append(title)
        return update(self, number, title, body, close=close)

    monkeypatch.setattr(GitHub, "update_pull_request", once)
    failed_with(told.promote(commit), GitHubError, 503)
    assert "v0.3.2" in told.pull_requests[0].title

    monkeypatch.setattr(GitHub, "update_pull_request", update)
    assert told.promote(commit).result == "created"
    told.merge(2)
    assert told.version() == "v0.3.2"


def test_a_protected_branch(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.forge.protect(NAME, BRANCH)

    failed_with(told.promote(commit), GitError)
    assert told.forge.branch(NAME, BRANCH) is None

    told.forge.unprotect(NAME, BRANCH)
    completes(told, commit)


def test_a_repository_branch_or_commit_that_is_not_there(told: Story) -> None:
    failed_with(told.promote("", "", "--repository", "acme/nowhere"), GitHubError, 404)
    failed_with(told.promote("ab" * 20), GitError)
    told.configure(default_branch="trunk")
    failed_with(told.promote(), GitError)


@pytest.mark.parametrize("file", ["dev/values.yaml", "production/values.yaml"])
def test_values_that_are_not_there(told: Story, file: str) -> None:
    commit = told.forge.commit(NAME, {file: None, "dev/other": "x"}, "Remove")

    failed_with(told.promote(commit), EdgeNotReadyError)


@pytest.mark.parametrize(
    "content", [b"serviceVersion:\tv0.3.1\n\tx: y\n", b"serviceVersion: 1\nserviceVersion: 2\n", b"\xff\n", b"- x\n"]
)
@pytest.mark.parametrize("stage", ["dev", "production"])
def test_unreadable_values_are_an_error_and_nothing_is_written(told: Story, content: bytes, stage: str) -> None:
    told.release("v0.3.1")
    commit = told.forge.commit(NAME, {f"{stage}/values.yaml": content}, "Break it")

    run = told.promote(commit if stage == "dev" else "")

    failed_with(run, ValuesError)
    assert f"{stage}/values.yaml" in run.errors
    assert (run.pushes, told.pull_requests) == (0, [])
    told.forge.commit(NAME, {"production/values.yaml": PRODUCTION.format("v0.3.0")}, "Fix it")
    completes(told, told.release("v0.3.1", "Fix it"))


def test_a_branch_in_the_way_is_named(told: Story) -> None:
    told.forge.commit(NAME, {"x": "y"}, "A branch called like a folder", branch="promote")
    commit = told.release("v0.3.1")

    failed_with(told.promote(commit), GitError)
    assert told.forge.branch(NAME, BRANCH) is None

    told.forge.delete_branch(NAME, "promote")
    completes(told, commit)
