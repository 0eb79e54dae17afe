"""The REST client against answers as GitHub gives them, with a clock that only the test moves."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import requests

from delivery.github.answers import Kind
from delivery.github.client import GitHub, GitHubError

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


def client(*answers: tuple[int, object, Mapping[str, str]] | Exception) -> tuple[GitHub, Answers, Clock]:
    session, clock = Answers(*answers), Clock()
    github = GitHub(
        "https://api.example/", "acme", "gitops", "s3cret", session=session, sleep=clock.sleep, clock=clock, now=clock
    )
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

    with pytest.raises(GitHubError, match="run again later"):
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

    with pytest.raises(GitHubError, match="needs: pull_requests=write") as caught:
        github.create_pull_request("b", "main", "t", "x")
    assert (caught.value.status, len(session.sent)) == (403, 1)


def test_writes_keep_a_second_between_each_other() -> None:
    github, _, clock = client((201, PULL, {}), (200, [], {}), (200, {}, {}))

    github.create_pull_request("b", "main", "t", "x")
    clock.time += 0.25
    github.add_labels(7, ["l"])
    github.request_reviewers(7, ["r"], [])

    assert clock.slept == [0.75, 1.0]
    assert [each.split()[0] for each in github.requests] == ["POST"] * 3


def test_a_comment_is_never_said_twice() -> None:
    github, session, _ = client(requests.ConnectionError("reset"))

    with pytest.raises(GitHubError, match="no answer"):
        github.comment(7, "hello")
    assert len(session.sent) == 1


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


@pytest.mark.parametrize("fork", [{"id": 6}, None])
def test_a_fork_of_the_same_owner_is_a_stranger(fork: dict[str, int] | None) -> None:
    github, _, _ = client((200, [{**PULL, "head": {"ref": "b", "sha": "x", "repo": fork}}, PULL], {}))

    [found] = github.list_pull_requests("b", "main")

    assert found.head == "ab" * 20


def test_a_server_that_ignores_the_head_filter_makes_no_strangers_ours() -> None:
    github, _, _ = client((200, [PULL, {**PULL, "head": {"ref": "other", "sha": "x", "repo": {"id": 5}}}], {}))

    assert [each.number for each in github.list_pull_requests("b", "main")] == [7]


def test_a_pull_request_from_a_fork_with_the_same_branch_name_is_not_asked_for() -> None:
    github, session, _ = client((200, [], {}))

    github.list_pull_requests("promote/a/b", "main")

    assert "head=acme%3Apromote%2Fa%2Fb" in (session.sent[0].url or "")


def test_a_moved_repository_is_not_written_to_elsewhere() -> None:
    github, _, _ = client((307, {"message": "Moved"}, {"Location": "https://elsewhere.example/"}))

    with pytest.raises(GitHubError, match="has moved"):
        github.create_pull_request("b", "main", "t", "x")


def test_an_address_that_is_none_is_not_tried_again() -> None:
    github, session, _ = client(requests.exceptions.InvalidURL("x"))

    with pytest.raises(GitHubError, match="is the address right"):
        github.list_pull_requests("b", "main")
    assert len(session.sent) == 1


def test_nothing_in_common_is_diverged() -> None:
    github, _, _ = client((404, {"message": "No common ancestor"}, {}))

    assert github.compare("a", "b") == "diverged"
