"""The forge to a git client: clone, fetch, push, and the refusals that GitHub makes of a push."""

import pytest

from lab.forge import Forge
from tests.lab.forge.clients import NAME, Git


def test_a_clone_has_the_files_and_a_push_arrives(forge: Forge, git: Git) -> None:
    git.clone()
    pushed = git.commit("dev/values.yaml", "serviceVersion: v2\n")
    git("push", "-q", "origin", "main")
    assert forge.branch(NAME, "main") == pushed
    assert forge.read(NAME, "dev/values.yaml") == b"serviceVersion: v2\n"


def test_one_shallow_fetch_brings_a_commit_by_id_and_branches_that_may_be_missing(forge: Forge, git: Git) -> None:
    verified = forge.branch(NAME, "main")
    assert verified
    forge.commit(NAME, {"dev/values.yaml": "serviceVersion: v9\n"}, "Later")
    forge.forget_requests()
    git.folder.mkdir()
    git("init", "-q", "--bare")
    git("fetch", "-q", "--depth=1", git.url, "main:refs/heads/main", verified, "+refs/heads/none*:refs/heads/none*")
    assert git("show", f"{verified}:dev/values.yaml") == "serviceVersion: v1"
    assert git("show", "main:dev/values.yaml") == "serviceVersion: v9"
    assert {(record.kind, record.service) for record in forge.requests} == {("git", "upload-pack")}


def test_a_large_push_arrives_in_chunks(forge: Forge, git: Git) -> None:
    git.clone()
    git("config", "http.postBuffer", "1000")
    git("config", "core.compression", "0")
    git.commit("large.txt", "".join(f"line {number}\n" for number in range(20000)))
    git("push", "-q", "origin", "main")
    assert (forge.read(NAME, "large.txt") or b"").endswith(b"line 19999\n")


def test_who_may_not_is_told_why(forge: Forge, git: Git) -> None:
    forge.add_token("elsewhere", repositories=["acme/other"])
    forge.add_token("reader", {"contents": "read"}, login="reader")
    git.clone()
    git.commit("a.txt", "a\n")
    for token, command, told in (
        ("", "ls-remote", "could not read Username"),
        ("wrong", "ls-remote", "Invalid username or token"),
        ("elsewhere", "ls-remote", "Repository not found."),
        ("reader", "push", f"Permission to {NAME}.git denied to reader."),
    ):
        url = Git(git.home, forge, token).url if token else f"{forge.url}/{NAME}.git"
        done = git.run(command, url)
        assert done.returncode
        assert told in done.stderr, token
    assert git.run("ls-remote", Git(git.home, forge, "reader").url).returncode == 0


def test_a_protected_branch_refuses_a_push_and_other_branches_of_it_pass(forge: Forge, git: Git) -> None:
    git.clone()
    before = forge.branch(NAME, "main")
    pushed = git.commit("a.txt", "a\n")
    forge.protect(NAME)
    done = git.run("push", "origin", "main", "main:other")
    assert done.returncode == 1
    assert "remote: error: GH006: Protected branch update failed for refs/heads/main." in done.stderr
    assert "[remote rejected] main -> main (protected branch hook declined)" in done.stderr
    assert (forge.branch(NAME, "main"), forge.branch(NAME, "other")) == (before, pushed)


def test_an_atomic_push_is_refused_whole(forge: Forge, git: Git) -> None:
    git.clone()
    git.commit("a.txt", "a\n")
    forge.protect(NAME)
    assert git.run("push", "--atomic", "origin", "main", "main:other").returncode == 1
    assert forge.branch(NAME, "other") is None


@pytest.mark.parametrize(
    ("actions", "reason"),
    [
        (False, "refusing to allow a Personal Access Token to create or update workflow `{path}` without `workflow`"),
        (True, "refusing to allow a GitHub App to create or update workflow `{path}` without `workflows` permission"),
    ],
)
def test_pushing_a_workflow_needs_its_own_permission(forge: Forge, git: Git, actions: bool, reason: str) -> None:
    path = ".github/workflows/promote.yaml"
    git.clone()
    git.commit(path, "on: push\n")
    forge.add_token("writer", {"contents": "write"}, actions=actions)
    done = git.run("push", Git(git.home, forge, "writer").url, "main:changed")
    assert reason.format(path=path) in done.stderr
    assert forge.branch(NAME, "changed") is None
    assert git.run("push", Git(git.home, forge, "writer").url, "origin/main:refs/heads/same").returncode == 0


def test_the_default_branch_cannot_be_deleted_and_another_can(forge: Forge, git: Git) -> None:
    git.clone()
    git("push", "-q", "origin", "main:other")
    assert "refusing to delete the current branch" in git.run("push", "origin", ":main").stderr
    git("push", "-q", "origin", ":other")
    assert forge.branch(NAME, "other") is None


def test_a_push_cut_off_after_it_took_effect_looks_failed_to_the_client(forge: Forge, git: Git) -> None:
    git.clone()
    pushed = git.commit("a.txt", "a\n")
    forge.fail_next("POST", "git-receive-pack", after_commit=True)
    assert git.run("push", "origin", "main").returncode != 0
    assert forge.branch(NAME, "main") == pushed
    assert 0 in [record.status for record in forge.requests if record.service == "receive-pack"]


def test_a_push_that_meets_a_server_error_changes_nothing(forge: Forge, git: Git) -> None:
    git.clone()
    before = forge.branch(NAME, "main")
    git.commit("a.txt", "a\n")
    forge.fail_next("POST", "git-receive-pack", status=503)
    assert "503" in git.run("push", "origin", "main").stderr
    assert forge.branch(NAME, "main") == before
