"""The forge to a git client: clone, fetch, push, and the refusals that GitHub makes of a push."""

from pathlib import Path

import pytest

from lab.forge import Forge
from tests.lab.forge.clients import NAME, Git, Rest


def test_a_clone_has_the_files_and_a_push_arrives(forge: Forge, git: Git) -> None:
    git.clone()
    pushed = git.commit("dev/values.yaml", "serviceVersion: v2\n")
    git("push", "-q", "origin", "main")
    assert forge.branch(NAME, "main") == pushed
    assert forge.read(NAME, "dev/values.yaml") == b"serviceVersion: v2\n"


@pytest.mark.parametrize("protocol", ["0", "1", "2"])
def test_every_protocol_version_fetches(git: Git, protocol: str) -> None:
    git.clone("-c", f"protocol.version={protocol}")
    assert (git.folder / "dev/values.yaml").read_text() == "serviceVersion: v1\n"


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


def test_a_fetch_may_leave_blobs_out(git: Git) -> None:
    git.folder.mkdir()
    git("init", "-q", "--bare")
    git("fetch", "-q", "--filter=blob:none", git.url, "main")
    assert "missing" in git("cat-file", "--batch-check", "--batch-all-objects") or git("rev-list", "FETCH_HEAD")


def test_a_large_push_arrives_in_chunks(forge: Forge, git: Git) -> None:
    git.clone()
    git("config", "http.postBuffer", "1000")
    git("config", "core.compression", "0")
    git.commit("large.txt", "".join(f"line {number}\n" for number in range(20000)))
    git("push", "-q", "origin", "main")
    assert (forge.read(NAME, "large.txt") or b"").endswith(b"line 19999\n")


def test_a_push_from_a_shallow_clone_arrives(forge: Forge, git: Git) -> None:
    forge.commit(NAME, {"dev/values.yaml": "serviceVersion: v2\n"}, "Second")
    git.clone("--depth=1")
    pushed = git.commit("new.txt", "new\n")
    git("push", "-q", "origin", "main")
    assert forge.branch(NAME, "main") == pushed


def test_who_has_no_token_is_asked_for_one(forge: Forge, git: Git) -> None:
    done = git.run("ls-remote", f"{forge.url}/{NAME}.git", folder=git.home)
    assert done.returncode == 128
    assert "could not read Username" in done.stderr


def test_a_wrong_token_is_refused(forge: Forge, git: Git, tmp_path: Path) -> None:
    stranger = Git(git.home, forge, "wrong")
    done = stranger.run("ls-remote", stranger.url, folder=tmp_path)
    assert "Invalid username or token" in done.stderr
    assert "Authentication failed" in done.stderr


def test_a_repository_that_the_token_does_not_see_is_not_found(forge: Forge, git: Git) -> None:
    forge.add_token("elsewhere", repositories=["acme/other"])
    stranger = Git(git.home, forge, "elsewhere")
    done = stranger.run("ls-remote", stranger.url, folder=git.home)
    assert "Repository not found." in done.stderr


def test_pushing_needs_contents_write(forge: Forge, git: Git) -> None:
    forge.add_token("reader", {"contents": "read"}, login="reader")
    git.clone()
    git.commit("a.txt", "a\n")
    reader = Git(git.home, forge, "reader")
    assert reader.run("ls-remote", reader.url).returncode == 0
    done = reader.run("push", reader.url, "main")
    assert f"Permission to {NAME}.git denied to reader." in done.stderr
    assert "error: 403" in done.stderr


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


def test_a_branch_that_leaves_workflows_alone_needs_no_workflow_permission(forge: Forge, git: Git) -> None:
    git.clone()
    pushed = git.commit("a.txt", "a\n")
    forge.add_token("writer", {"contents": "write"})
    assert git.run("push", Git(git.home, forge, "writer").url, "main:changed").returncode == 0
    assert forge.branch(NAME, "changed") == pushed


def test_a_lease_on_an_old_tip_loses_to_who_pushed_before(forge: Forge, git: Git) -> None:
    git.clone()
    seen = git("rev-parse", "main")
    newer = forge.commit(NAME, {"b.txt": "b"}, "Meanwhile")
    git.commit("a.txt", "a\n")
    done = git.run("push", f"--force-with-lease=main:{seen}", "origin", "main")
    assert "stale info" in done.stderr
    assert forge.branch(NAME, "main") == newer


def test_the_default_branch_cannot_be_deleted_and_another_can(forge: Forge, git: Git) -> None:
    git.clone()
    git("push", "-q", "origin", "main:other")
    assert "refusing to delete the current branch" in git.run("push", "origin", ":main").stderr
    git("push", "-q", "origin", ":other")
    assert forge.branch(NAME, "other") is None


def test_a_pull_request_can_be_fetched_by_its_number_but_not_pushed(git: Git, rest: Rest, proposed: int) -> None:
    git.clone()
    head = rest("GET", f"/pulls/{proposed}").json()["head"]["sha"]
    git("fetch", "-q", "origin", f"refs/pull/{proposed}/head")
    assert git("rev-parse", "FETCH_HEAD") == head
    done = git.run("push", "origin", f"main:refs/pull/{proposed}/head", "--force")
    assert "deny updating a hidden ref" in done.stderr


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
