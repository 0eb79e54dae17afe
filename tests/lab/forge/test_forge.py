"""The forge as a server: tokens, headers, misbehaviour on demand, records, and its end."""

import gzip
import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from lab.forge import Forge
from tests.lab.forge.clients import NAME, Rest


def test_a_token_that_is_missing_revoked_or_of_another_repository_is_told_so(forge: Forge) -> None:
    none = requests.get(f"{forge.api_url}/repos/{NAME}", timeout=10)
    assert (none.status_code, none.json()["message"]) == (401, "Requires authentication")
    forge.add_token("elsewhere", repositories=["acme/other"])
    forge.remove_token("token")
    for token, status, message in (("token", 401, "Bad credentials"), ("elsewhere", 404, "Not Found")):
        answer = Rest(forge, token)("GET", "")
        assert (answer.status_code, answer.json()["message"], answer.json()["status"]) == (status, message, str(status))


@pytest.mark.parametrize(
    ("method", "path", "permissions", "needed"),
    [
        ("GET", "/contents/dev/values.yaml", {}, "contents=read"),
        ("PUT", "/contents/new", {"contents": "read"}, "contents=write"),
        ("GET", "/pulls", {"contents": "write"}, "pull_requests=read"),
        ("POST", "/pulls", {"pull_requests": "read"}, "pull_requests=write"),
        ("POST", "/issues/1/comments", {"issues": "read"}, "issues=write; pull_requests=write"),
        ("POST", "/git/refs", {"contents": "read"}, "contents=write"),
        ("GET", "/actions/permissions/workflow", {"actions": "write"}, "administration=read"),
        ("POST", "/actions/workflows/promote.yaml/dispatches", {"actions": "read"}, "actions=write"),
    ],
)
def test_a_call_without_its_permission_is_refused_and_says_which(
    as_token: Callable[..., Rest], method: str, path: str, permissions: dict[str, str], needed: str
) -> None:
    answer = as_token(**permissions)(method, path, {})
    assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by personal access token")
    assert answer.headers["x-accepted-github-permissions"] == needed


def test_a_workflow_token_is_refused_as_an_integration(as_token: Callable[..., Rest]) -> None:
    assert as_token(of_a_workflow=True)("GET", "/pulls").json()["message"] == "Resource not accessible by integration"


def test_every_answer_tells_limits_and_an_unchanged_read_is_304(forge: Forge, rest: Rest) -> None:
    first = rest("GET", "/git/ref/heads/main")
    assert int(first.headers["x-ratelimit-remaining"]) > 0
    assert first.headers["x-github-request-id"]
    again = rest("GET", "/git/ref/heads/main", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    forge.commit(NAME, {"a": "1"}, "Next")
    assert rest("GET", "/git/ref/heads/main", **{"If-None-Match": first.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (429, {"retry-after": "3"}, "You have exceeded a secondary rate limit"),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, "You have exceeded a secondary rate limit"),
        (502, {}, "Server Error"),
    ],
)
def test_an_answer_can_be_asked_for_in_advance_and_is_used_up(
    forge: Forge, rest: Rest, status: int, headers: dict[str, str], message: str
) -> None:
    forge.fail_next("GET", r"/pulls$", status=status, headers=headers, times=2)
    assert rest("GET", "").status_code == 200
    for _ in range(2):
        refused = rest("GET", "/pulls")
        assert refused.status_code == status
        assert refused.headers.items() >= headers.items()
        assert refused.json()["message"].startswith(message)
    assert forge.pending_faults == 0
    assert rest("GET", "/pulls").status_code == 200


def test_a_reset_before_leaves_nothing_and_a_reset_after_leaves_the_change(forge: Forge, rest: Rest) -> None:
    new = {"ref": "refs/heads/new", "sha": forge.branch(NAME, "main")}
    for after_commit in (False, True):
        forge.fail_next("POST", "/git/refs", after_commit=after_commit)
        with pytest.raises(requests.ConnectionError):
            rest("POST", "/git/refs", new)
        assert (forge.branch(NAME, "new") is not None) is after_commit
    assert [record.status for record in forge.requests] == [0, 0]


def test_a_held_answer_comes_when_it_is_let_go(forge: Forge, rest: Rest) -> None:
    release = forge.hold_next("GET", "/pulls")
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(rest("GET", "/pulls").status_code))
    asking.start()
    assert Rest(forge)("GET", "").status_code == 200
    assert release.arrived.wait(10)
    asking.join(0.1)
    assert asking.is_alive()
    release.set()
    asking.join(10)
    assert answers == [200]


def test_every_request_is_recorded(forge: Forge, rest: Rest) -> None:
    rest("GET", "/pulls?state=all")
    rest("GET", "/none")
    subprocess.run(
        ["git", "ls-remote", forge.url.replace("//", "//x:token@") + f"/{NAME}"], check=True, capture_output=True
    )
    seen = [(record.kind, record.method, record.path, record.status, record.service) for record in forge.requests]
    assert seen[:2] == [
        ("rest", "GET", f"/repos/{NAME}/pulls?state=all", 200, ""),
        ("rest", "GET", f"/repos/{NAME}/none", 404, ""),
    ]
    assert {(kind, service) for kind, _, _, _, service in seen[2:]} == {("git", "upload-pack")}


def test_bodies_may_be_compressed_or_in_chunks_and_must_be_json(forge: Forge, rest: Rest) -> None:
    url, tip = f"{forge.api_url}/repos/{NAME}/git/refs", forge.branch(NAME, "main")
    one, two = (json.dumps({"ref": f"refs/heads/{name}", "sha": tip}).encode() for name in ("one", "two"))
    compressed = rest.session.post(url, data=gzip.compress(one), headers={"Content-Encoding": "gzip"}, timeout=10)
    chunked = rest.session.post(url, data=iter([two[:5], two[5:]]), timeout=10)
    broken = rest.session.post(url, data=b"{", timeout=10)
    assert [compressed.status_code, chunked.status_code] == [201, 201]
    assert (broken.status_code, broken.json()["message"]) == (400, "Problems parsing JSON")


def test_a_stopped_forge_answers_no_more_and_leaves_nothing_running(tmp_path: Path) -> None:
    before = threading.active_count()
    with Forge(tmp_path) as forge:
        forge.create_repository(NAME, files={"a": "1"})
        forge.add_token("token")
        forge.on_dispatch(lambda *_: None)
        rest = Rest(forge)
        assert rest("GET", "/contents/a").status_code == 200
        url = forge.url
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=10)
    for thread in threading.enumerate():
        if thread.name.startswith(("forge", "Thread-")) and thread is not threading.current_thread():
            thread.join(5)
    assert threading.active_count() <= before
