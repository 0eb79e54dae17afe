"""The REST client against answers as GitHub gives them, with a clock that only the test moves."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
import requests

from delivery.github.answers import Kind
from delivery.github.client import GitHub, GitHubError
from delivery.timeouts import Deadline
from tests.slow_server import HEAD, trickling

HEAD_OF_PULL = {"ref": "b", "sha": "ab" * 20, "repo": {"id": 5}}
PULL: dict[str, object] = {
    "number": 7,
    "html_url": "https://github.com/acme/gitops/pull/7",
    "title": "t",
    "body": None,
    "state": "open",
    "merged_at": None,
    "merge_commit_sha": None,
    "head": HEAD_OF_PULL,
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
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        response._content = text if isinstance(text, bytes) else text.encode()
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


NOT_GITHUBS: dict[str, object] = {
    "a page": "<html><body>Please log in</body></html>",
    "other bytes": b'[{"title": "\xff\xfe"}]',
    "deep": "[" * 100_000,
    "a number beyond all": "[" + "9" * 10_000 + "]",
    "nothing": "",
    "null": None,
    "a text": '"text"',
    "an object": {},
    "a message": {"message": "x"},
    "a list of nothing": [None],
    "a list of lists": [[]],
    "a list of objects": [{"number": 1}],
    "numbers for all": [dict.fromkeys(PULL, 7)],
    **{
        f"pull request with {key}={value!r}": [PULL | {key: value}]
        for key, value in [
            ("number", "7"),
            ("number", True),
            ("number", float("nan")),
            ("title", None),
            ("title", "half \ud800"),
            ("body", {}),
            ("state", "odd"),
            ("head", {**HEAD_OF_PULL, "sha": "HEAD"}),
            ("head", {**HEAD_OF_PULL, "ref": 5}),
            ("merge_commit_sha", 0),
            ("labels", None),
            ("labels", ["text"]),
        ]
    },
}
READS: dict[str, Callable[[GitHub], object]] = {
    "list": lambda github: github.list_pull_requests("b", "main"),
    "open": lambda github: github.list_open("main"),
    "compare": lambda github: github.compare("a", "b"),
    "commits": lambda github: github.newest_commit("a", "b"),
    "pages": lambda github: github.pages("/x", {}, lambda item: item["id"]),
    "update": lambda github: github.update_pull_request(7, "t", "x"),
}


@pytest.mark.parametrize("body", NOT_GITHUBS.values(), ids=NOT_GITHUBS)
@pytest.mark.parametrize("call", READS.values(), ids=READS)
def test_an_answer_that_is_not_githubs_is_tried_again_and_then_one_line(
    call: Callable[[GitHub], object], body: object
) -> None:
    github, session, clock = client(*[(200, body, {})] * 9)

    with pytest.raises(GitHubError) as caught:
        call(github)
    assert (caught.value.kind, caught.value.refused, "\n" in str(caught.value)) == (Kind.GARBLED, False, False)
    assert (len(session.sent), list(filter(None, clock.slept))) == (6, [2, 4, 8, 16, 32])


@pytest.mark.parametrize("body", NOT_GITHUBS.values(), ids=NOT_GITHUBS)
def test_a_pull_request_that_may_have_been_opened_is_not_opened_again(body: object) -> None:
    github, session, _ = client((201, body, {}))

    with pytest.raises(GitHubError) as caught:
        github.create_pull_request("b", "main", "t", "x")
    assert (caught.value.kind, caught.value.refused, len(session.sent)) == (Kind.GARBLED, False, 1)


def test_a_gateway_that_answers_for_once_costs_one_pause() -> None:
    github, _, clock = client((200, NOT_GITHUBS["a page"], {}), (200, [PULL], {}))

    assert [found.number for found in github.list_pull_requests("b", "main")] == [7]
    assert clock.slept == [2]


@pytest.mark.parametrize("body", NOT_GITHUBS.values(), ids=NOT_GITHUBS)
@pytest.mark.parametrize("status", [403, 404, 422])
def test_a_refusal_of_any_shape_is_one_line(status: int, body: object) -> None:
    github, _, _ = client((status, body, {}))

    with pytest.raises(GitHubError) as caught:
        github.create_pull_request("b", "main", "t", "x")
    assert (caught.value.status, caught.value.refused, "\n" in str(caught.value)) == (status, True, False)


@pytest.mark.parametrize(
    "head", [{"ref": "b", "repo": {"id": 6}}, {"ref": "b", "repo": None}, {"ref": "other", "repo": {"id": 5}}]
)
def test_only_this_branch_of_this_repository_is_ours(head: dict[str, object]) -> None:
    github, session, _ = client((200, [{**PULL, "head": {**head, "sha": "cd" * 20}}, PULL], {}))

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

    assert github.find("b", "main", lambda one: one.state == "open") is None
    assert (len(session.sent), clock.slept) == (2, [0.0, 1.0])


@pytest.fixture
def redirecting() -> Iterator[tuple[str, list[tuple[str, str | None]], list[str]]]:
    """An API whose /repos/… redirects to the last of a list, if any; what it was asked, and with which credential."""
    asked: list[tuple[str, str | None]] = []
    targets: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append((f"{self.command} {self.path.partition('?')[0]}", self.headers["Authorization"]))
            moved = targets and "/repos/" in self.path
            self.send_response(301 if moved else 200)
            if moved:
                self.send_header("Location", targets[-1])
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, args=(0.02,)).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked, targets
        finally:
            server.shutdown()


@pytest.mark.parametrize("token", ["s3cret", ""])
def test_a_repository_that_has_moved_within_the_api_is_read_with_the_same_token_and_no_netrc(
    redirecting: tuple[str, list[tuple[str, str | None]], list[str]],
    token: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login x password y\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    url, asked, targets = redirecting
    targets.append("/repositories/5/pulls")

    assert GitHub(url, "acme", "gitops", token).list_open("main") == ()

    sent = f"Bearer {token}" if token else None
    assert asked == [("GET /repos/acme/gitops/pulls", sent), ("GET /repositories/5/pulls", sent)]


@pytest.mark.parametrize(
    "target",
    [
        "http://localhost:{port}/x",
        "http://me:pw@127.0.0.1:{port}/x",
        "https://127.0.0.1:{port}/x",
        "/x\xff",
        "http://[",
    ],
)
@pytest.mark.parametrize("write", [False, True], ids=["GET", "POST"])
def test_the_token_is_sent_to_no_other_address(
    redirecting: tuple[str, list[tuple[str, str | None]], list[str]], target: str, write: bool
) -> None:
    url, asked, targets = redirecting
    targets.append(target.format(port=url.rpartition(":")[2]))
    github = GitHub(url, "acme", "gitops", "s3cret")

    with pytest.raises(GitHubError) as caught:
        _ = github.create_pull_request("b", "main", "t", "x") if write else github.list_open("main")
    assert (caught.value.status, len(asked)) == (301, 1)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("api_url", "address"),
    [
        ("https://api.github.com", "https://api.github.com/graphql"),
        ("https://api.acme.ghe.com/", "https://api.acme.ghe.com/graphql"),
        ("https://git.example/api/v3", "https://git.example/api/graphql"),
        ("https://git.example/below/api/v3/", "https://git.example/below/api/graphql"),
    ],
)
def test_graphql_has_its_own_address_beside_rest(api_url: str, address: str) -> None:
    session = Answers((200, {"data": {"repository": 1}}, {}))
    github = GitHub(api_url, "acme", "gitops", "s3cret", session=session)

    assert github.graphql("query", {"x": 2}, read=lambda found: found["data"]["repository"]) == 1

    assert session.sent[0].url == address
    assert json.loads(session.sent[0].body or "")["variables"] == {"owner": "acme", "name": "gitops", "x": 2}


@pytest.mark.parametrize(
    ("kind", "message", "status"),
    [
        ("FORBIDDEN", "Resource not accessible by integration", 403),
        ("INSUFFICIENT_SCOPES", "Your token has not been granted the required scopes", 403),
        ("NOT_FOUND", "Could not resolve to a Repository with the name 'acme/gitops'.", 404),
        (None, "Field 'commitOid' doesn't exist on type 'Deployment'", 422),
    ],
)
def test_an_error_of_graphql_is_an_error_though_its_status_is_a_success(
    kind: str | None, message: str, status: int
) -> None:
    error = {"message": message, "path": ["repository", "stage0"]} | ({"type": kind} if kind else {})
    github, _, _ = client((200, {"data": {"repository": None}, "errors": [error]}, {}))

    with pytest.raises(GitHubError) as caught:
        github.graphql("query", {}, read=lambda found: found)

    assert (caught.value.status, caught.value.refused) == (status, True)


@pytest.mark.parametrize(
    ("error", "headers", "waited"),
    [
        ({"type": "RATE_LIMITED", "message": "API rate limit exceeded"}, {"retry-after": "9"}, 9),
        ({"message": "You have exceeded a secondary rate limit"}, {}, 60),
        ({"message": "Something went wrong while executing your query"}, {}, 2),
    ],
)
def test_graphql_waits_where_its_success_tells_of_a_limit_or_a_bad_moment(
    error: dict[str, str], headers: dict[str, str], waited: float
) -> None:
    github, _, clock = client((200, {"data": None, "errors": [error]}, headers), (200, {"data": 5}, {}))

    assert github.graphql("query", {}, read=lambda found: found["data"]) == 5
    assert clock.slept == [waited]


def test_what_is_optional_may_be_missing_for_want_of_a_permission() -> None:
    error = {"type": "FORBIDDEN", "message": "no", "path": ["repository", "nodes", 0, "status"]}
    github, _, _ = client((200, {"data": {"repository": {}}, "errors": [error]}, {}))

    assert github.graphql("query", {}, optional=("status",), read=lambda found: found["data"]) == {"repository": {}}


@pytest.mark.parametrize("body", [{"errors": 5}, {"errors": [3]}, {"errors": [{"path": 5, "type": "FORBIDDEN"}]}, []])
def test_what_is_no_answer_of_graphql_is_none_of_github(body: object) -> None:
    github, _, _ = client(*[(200, body, {})] * 6, seconds=1)
    with pytest.raises(GitHubError):
        github.graphql("query", {}, optional=("status",), read=lambda found: found["data"])
