"""The REST client against answers as GitHub gives them, with a clock that only the test moves."""

import json
import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

import pytest
import requests

from delivery.github.answers import Kind
from delivery.github.client import GitHub, GitHubError
from delivery.timeouts import Deadline
from tests.slow_server import HEAD, trickling

PULL = {
    "number": 7,
    "html_url": "https://github.com/acme/gitops/pull/7",
    "title": "t",
    "body": None,
    "state": "open",
    "merged_at": None,
    "merge_commit_sha": None,
    "head": {"ref": "b", "sha": "ab" * 20, "repo": {"id": 5}},
    "base": {"ref": "main", "repo": {"id": 5}},
    "labels": [],
}


class Answers(requests.Session):
    """Gives prepared answers and keeps the requests."""

    def __init__(self, *answers: tuple[int, object, Mapping[str, str]] | Exception) -> None:
        super().__init__()
        self.answers = list(answers)
        self.sent: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        response = requests.Response()
        response.status_code, body, headers = answer
        response._content = (body if isinstance(body, str) else json.dumps(body)).encode()
        response.headers.update(headers)
        response.request = request
        return response


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def client(
    *answers: tuple[int, object, Mapping[str, str]] | Exception, seconds: float = 120
) -> tuple[GitHub, Answers, Clock]:
    session, clock = Answers(*answers), Clock()
    deadline = Deadline(seconds, clock=clock, sleep=clock.sleep)
    github = GitHub("https://api.example/", "acme", "gitops", "s3cret", session=session, now=clock, deadline=deadline)
    return github, session, clock


def test_a_netrc_does_not_replace_the_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "netrc").write_text("machine api.example login x password y\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    github, session, _ = client((200, [], {}))

    github.list_pull_requests("b", "main")

    assert session.sent[0].headers["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize(
    ("status", "headers", "waited"),
    [
        (429, {"retry-after": "7"}, 7),
        (403, {"retry-after": "3"}, 3),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1020"}, 21),
        (429, {}, 60),
        (502, {}, 2),
    ],
)
def test_it_waits_as_the_server_asks(status: int, headers: dict[str, str], waited: float) -> None:
    github, _, clock = client((status, {"message": "no"}, headers), (200, [PULL], {}))

    [found] = github.list_pull_requests("b", "main")

    assert (found.number, found.body, found.state) == (7, "", "open")
    assert clock.slept == [waited]


def test_it_does_not_wait_longer_than_it_has() -> None:
    github, session, clock = client((429, {"message": "slow down"}, {"retry-after": "3600"}))

    with pytest.raises(GitHubError):
        github.list_pull_requests("b", "main")
    assert (len(session.sent), clock.slept) == (1, [])


@pytest.mark.parametrize(
    ("status", "message", "kind", "refused"),
    [
        (422, "Validation Failed", Kind.OTHER, True),
        (422, "A pull request already exists for acme:b.", Kind.ALREADY_EXISTS, True),
        (403, "Resource not accessible", Kind.OTHER, True),
        (307, "Moved", Kind.OTHER, True),
        (429, "slow down", Kind.LIMITED, False),
        (403, "You have exceeded a secondary rate limit", Kind.LIMITED, False),
        (408, "timeout", Kind.OTHER, False),
        (503, "unavailable", Kind.OTHER, False),
    ],
)
def test_a_limit_or_a_bad_moment_is_no_refusal(status: int, message: str, kind: Kind, refused: bool) -> None:
    github, _, _ = client(*[(status, {"message": message}, {"retry-after": "3600"})] * 6)
    with pytest.raises(GitHubError) as caught:
        github.create_pull_request("b", "main", "t", "x")
    assert (caught.value.status, caught.value.kind, caught.value.refused) == (status, kind, refused)


def test_a_plain_403_is_a_missing_permission_and_is_named() -> None:
    github, session, _ = client(
        (403, {"message": "Resource not accessible"}, {"x-accepted-github-permissions": "pull_requests=write"})
    )

    with pytest.raises(GitHubError) as caught:
        github.create_pull_request("b", "main", "t", "x")
    error = caught.value
    assert (error.status, error.permissions, len(session.sent)) == (403, "pull_requests=write", 1)


def test_writes_keep_a_second_between_each_other() -> None:
    github, _, clock = client((201, PULL, {}), (200, [], {}), (200, {}, {}))

    github.create_pull_request("b", "main", "t", "x")
    clock.time += 0.25
    github.add_labels(7, ["l"])
    github.request_reviewers(7, ["r"], [])

    assert clock.slept == [0.75, 1.0]
    assert [request.split()[0] for request in github.requests] == ["POST"] * 3


def test_a_token_that_a_server_echoes_is_not_repeated() -> None:
    github, _, _ = client((400, {"message": "bad\nBearer s3cret"}, {}))

    with pytest.raises(GitHubError) as caught:
        github.add_labels(7, ["l"])
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("body", ["<html>", {"message": "x"}, [{"number": 1}], "null"])
def test_an_answer_that_is_not_githubs_is_one_line(body: object) -> None:
    github, _, _ = client((200, body, {}))

    with pytest.raises(GitHubError):
        github.list_pull_requests("b", "main")


@pytest.mark.parametrize(
    "head", [{"ref": "b", "repo": {"id": 6}}, {"ref": "b", "repo": None}, {"ref": "other", "repo": {"id": 5}}]
)
def test_only_this_branch_of_this_repository_is_ours(head: dict[str, object]) -> None:
    github, session, _ = client((200, [{**PULL, "head": {**head, "sha": "x"}}, PULL], {}))

    [found] = github.list_pull_requests("b", "main")

    assert found.head == "ab" * 20
    assert "head=acme%3Ab" in (session.sent[0].url or "")


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda github: github.comment(7, "hello"), requests.ConnectionError("reset")),
        (lambda github: github.list_pull_requests("b", "main"), requests.exceptions.InvalidURL("x")),
    ],
    ids=["a comment that may have arrived", "an address that is none"],
)
def test_what_may_have_been_done_or_can_never_be_is_not_tried_again(
    call: Callable[[GitHub], object], error: Exception
) -> None:
    github, session, _ = client(error)

    with pytest.raises(GitHubError) as caught:
        call(github)
    assert (caught.value.status, len(session.sent)) == (0, 1)


def test_nothing_in_common_is_diverged() -> None:
    github, _, _ = client((404, {"message": "No common ancestor"}, {}))

    assert github.compare("a", "b") == "diverged"


@pytest.mark.parametrize(
    "head",
    [HEAD, b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 301 Moved\r\nLocation: /api/"],
    ids=["body", "head", "hop"],
)
def test_an_answer_that_drips_is_cut_off_at_the_deadline_and_may_have_taken_effect(head: bytes) -> None:
    asked: list[str] = []
    with trickling(head, asked) as url:
        github = GitHub(url, "acme", "gitops", "s3cret", deadline=Deadline(0.4))
        began = time.monotonic()
        with pytest.raises(GitHubError) as caught:
            github.create_pull_request("b", "main", "t", "x")
        assert time.monotonic() - began < 10
        with pytest.raises(GitHubError) as after:
            github.list_pull_requests("b", "main")
    assert (caught.value.status, caught.value.refused) == (0, False)
    assert (after.value.status, len(asked), len(github.requests)) == (0, 1, 1)


def test_a_name_service_that_does_not_answer_is_not_awaited_beyond_the_deadline() -> None:
    never = Event()

    class Waiting(requests.Session):
        def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # noqa: ARG002
            never.wait()
            raise AssertionError

    github = GitHub("https://api.example", "acme", "gitops", "s3cret", session=Waiting(), deadline=Deadline(0.1))
    with pytest.raises(GitHubError):
        github.list_pull_requests("b", "main")
    never.set()


def test_a_pull_request_that_the_list_does_not_show_is_not_looked_for_beyond_the_deadline() -> None:
    github, session, clock = client(*[(200, [], {})] * 4, seconds=2.5)

    assert github.find_open("b", "main") is None
    assert (len(session.sent), clock.slept) == (2, [0.0, 1.0])
