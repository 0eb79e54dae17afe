"""Git in its temporary repository, against bare repositories in a folder."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from delivery.git.commits import File
from delivery.git.process import explain, git_environment
from delivery.git.repository import ConcurrentPushError, GitError, RefUpdate, Repository
from delivery.model.hints import with_hint
from delivery.timeouts import Deadline
from tests.messages import assert_message
from tests.slow_server import HEAD, trickling

ZERO_CONFIG = {"PATH": os.environ["PATH"]}


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A bare repository whose `main` holds `a/values.yaml` (`x: 1`) and an executable `run`."""
    path = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True)
    stream = (
        "commit refs/heads/main\ncommitter Ada <ada@example.org> 1700000000 +0000\ndata 5\nBegin\n"
        "M 100644 inline a/values.yaml\ndata 5\nx: 1\n\nM 100755 inline run\ndata 3\n#!\n\n"
    )
    subprocess.run(["git", f"--git-dir={path}", "fast-import", "--quiet"], input=stream.encode(), check=True)
    return path


def git(remote: Path, *arguments: str) -> str:
    done = subprocess.run(["git", f"--git-dir={remote}", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def opened(remote: Path) -> Repository:
    return Repository(remote.as_uri(), deadline=Deadline(sleep=lambda _: None), environ=ZERO_CONFIG)


def test_a_commit_changes_one_file_and_keeps_its_mode(remote: Path) -> None:
    with opened(remote) as repository:
        repository.fetch(["+refs/heads/main:refs/tip"], 1)
        tip = repository.resolve("refs/tip") or ""
        file = repository.read(tip, "run")
        assert file == File(b"#!\n", "100755")

        new = repository.commit(tip, {"run": File(b"#!/bin/sh\n", "100755")}, "Message\n")
        repository.push([RefUpdate("refs/heads/branch", new, None, True)])

    assert git(remote, "diff", "--raw", "--abbrev=4", "main", "branch").split()[:2] == [":100755", "100755"]
    assert git(remote, "log", "-1", "--format=%ce %P", "branch") == f"promoter@delivery.invalid {tip}"


@pytest.mark.parametrize("when", [253402300800, 2**63 - 1])
def test_a_clock_beyond_what_a_date_can_be_tells_no_time(remote: Path, when: int) -> None:
    stream = f"commit refs/heads/main\ncommitter Ada <ada@example.org> {when} +0000\ndata 5\nLater\n"
    stream += "from refs/heads/main^0\n"
    subprocess.run(["git", f"--git-dir={remote}", "fast-import", "--quiet"], input=stream.encode(), check=True)

    with opened(remote) as repository:
        assert repository.committed_at(repository.fetch_tip("main") or "") is None


def test_a_branch_that_moved_is_not_overwritten(remote: Path) -> None:
    with opened(remote) as repository:
        repository.fetch(["+refs/heads/main:refs/tip"], 1)
        tip = repository.resolve("refs/tip") or ""
        one, two = (repository.commit(tip, {"a/values.yaml": File(text, "100644")}, "m") for text in (b"x: 2", b"x: 3"))
        repository.push([RefUpdate("refs/heads/branch", one, None, True)])

        for observed, rewrite in ((None, True), (tip, True), (tip, False)):
            with pytest.raises(ConcurrentPushError):
                repository.push([RefUpdate("refs/heads/branch", two, observed, rewrite)])
        repository.push([RefUpdate("refs/heads/branch", one, None, True)])

    assert git(remote, "rev-parse", "branch") == one


def test_a_missing_branch_in_a_pattern_is_no_error_but_a_named_one_is(remote: Path) -> None:
    with opened(remote) as repository:
        repository.fetch(["+refs/heads/main:refs/tip", "+refs/heads/none*:refs/none/*"], 1)
        assert repository.resolve("refs/none/none") is None
        for name, message in (("+refs/heads/trunk:refs/trunk", "default_branch"), ("12" * 20, "commit")):
            with pytest.raises(GitError) as caught:
                repository.fetch([name], 1)
            assert_message(f"git.{message}", str(caught.value).replace(remote.as_uri(), "REMOTE"))


def test_a_commit_that_was_just_made_is_asked_for_again(remote: Path) -> None:
    slept: list[float] = []
    with Repository(remote.as_uri(), deadline=Deadline(sleep=slept.append), environ=ZERO_CONFIG) as repository:
        repository.fetch_commit(git(remote, "rev-parse", "main"))
        assert slept == []
        with pytest.raises(GitError) as caught:
            repository.fetch_commit("12" * 20)
    assert slept == [1.0, 2.0]
    assert_message("git.not_given_out", str(caught.value))


def test_what_is_no_file_reads_as_none(remote: Path) -> None:
    with opened(remote) as repository:
        repository.fetch(["+refs/heads/main:refs/tip"], 1)
        assert repository.read("refs/tip", "a") is None
        assert repository.read("refs/tip", "a/other.yaml") is None
        assert repository.read("refs/tip", ":(glob)a/*") is None


def test_nobodys_configuration_takes_part(remote: Path, tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text('[url "file:///nowhere/"]\n\tinsteadOf = file://\n[core]\n\tx\n')
    hostile = ZERO_CONFIG | {"HOME": str(tmp_path), "GIT_DIR": "/nowhere", "GIT_TRACE_CURL": "1"}

    with Repository(remote.as_uri(), environ=hostile) as repository:
        repository.fetch(["+refs/heads/main:refs/tip"], 1)
        assert repository.resolve("refs/tip")


def test_a_transfer_that_stands_still_for_half_a_minute_is_ended() -> None:
    environ = ZERO_CONFIG | git_environment("https://forge.example/a/b.git", "", "n", "m@example.org", ZERO_CONFIG)
    command = ["git", "config", "--get-regexp", r"^http\.lowspeed"]
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    assert sorted(done.stdout.splitlines()) == ["http.lowspeedlimit 1000", "http.lowspeedtime 30"]


def test_the_token_is_for_the_remotes_server_only_and_not_in_any_argument() -> None:
    environ = git_environment("https://github.com/acme/gitops.git", "s3cret", "n", "m", {"GITHUB_TOKEN": "s3cret"})

    assert not any("s3cret" in value for value in environ.values())
    keys = [value for name, value in environ.items() if name.startswith("GIT_CONFIG_KEY")]
    assert "http.https://github.com/.extraHeader" in keys
    for remote in ("file:///x", "git@github.com:acme/gitops.git", "ssh://github.com/x"):
        assert not any("xtraHeader" in value for value in git_environment(remote, "s3cret", "n", "m", {}).values())


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("remote: error: GH006: Protected branch update failed", "protected"),
        ("remote: error: GH013: Repository rule violations found", "protected"),
        ("fatal: unable to access 'x': The requested URL returned error: 403", "permission"),
        ("remote: Write access to repository not granted.", "permission"),
        ("fatal: Authentication failed for 'x'", "token"),
        ("remote: Repository not found.", "not_found"),
        ("error: cannot lock ref 'x': 'promote' exists; cannot create 'x'", "branch_in_the_way"),
        ("fatal: the remote end hung up: s3cret", "hung_up"),
        ("odd: https://user:pw@host/x.git s3cret\x1b[0m", "unknown"),
    ],
)
def test_complaints_come_with_the_fix_and_without_secrets(said: str, message: str) -> None:
    line = with_hint(*explain(said, "s3cret"))

    assert_message(f"git.{message}", line)
    assert not any(secret in line for secret in ("s3cret", "pw@", "\x1b"))


def test_a_network_that_is_down_is_tried_three_times() -> None:
    slept: list[float] = []
    deadline = Deadline(sleep=slept.append)
    with (
        Repository("http://127.0.0.1:9/x.git", deadline=deadline, environ=ZERO_CONFIG) as repository,
        pytest.raises(GitError),
    ):
        repository.fetch(["main"], 1)
    assert slept == [2.0, 4.0]


@pytest.mark.parametrize("head", [HEAD, b"HTTP/1.1 200 OK\r\nX-Slow: "], ids=["body", "head"])
def test_a_transfer_that_drips_ends_at_the_deadline_with_all_its_processes(head: bytes) -> None:
    asked: list[str] = []
    with trickling(head, asked) as url:
        deadline = Deadline(2)  # git has to get as far as asking, on a busy machine too
        with Repository(f"{url}/x.git", deadline=deadline, environ=ZERO_CONFIG) as repository:
            began = time.monotonic()
            for _ in range(2):
                with pytest.raises(GitError):
                    repository.fetch(["main"], 1)
        assert time.monotonic() - began < 10
        assert not subprocess.run(["pgrep", "-f", url], capture_output=True, check=False).stdout
    assert (len(asked), deadline.expired) == (1, True)


def test_the_token_is_not_sent_to_where_a_server_redirects() -> None:
    asked: list[str] = []
    with trickling(accepted=asked) as elsewhere:
        moved = f"HTTP/1.1 301 Moved\r\nLocation: {elsewhere}/y.git/info/refs\r\nContent-Length: 0\r\n\r\n".encode()
        with (
            trickling(moved) as url,
            Repository(f"{url}/x.git", "s3cret", environ=ZERO_CONFIG) as repository,
            pytest.raises(GitError) as caught,
        ):
            repository.fetch(["main"], 1)
    assert asked == []
    assert_message("git.moved", str(caught.value).replace(url, "URL"))
