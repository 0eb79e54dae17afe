"""The git database over REST: refs, blobs, trees, commits."""

from collections.abc import Callable

from lab.forge import Forge
from tests.lab.forge.clients import NAME, Git, Rest


def several_files_as_one_commit(rest: Rest, parent: str) -> str:
    blob = rest("POST", "/git/blobs", {"content": "dmFsdWU6IDIK", "encoding": "base64"}).json()["sha"]
    tree = rest(
        "POST",
        "/git/trees",
        {
            "base_tree": parent,
            "tree": [
                {"path": "dev/values.yaml", "mode": "100644", "type": "blob", "sha": blob},
                {"path": "run.sh", "mode": "100755", "type": "blob", "content": "#!/bin/sh\n"},
                {"path": "production/values.yaml", "mode": "100644", "type": "blob", "sha": None},
            ],
        },
    )
    assert tree.status_code == 201, tree.text
    commit = rest("POST", "/git/commits", {"message": "Two", "tree": tree.json()["sha"], "parents": [parent]})
    assert commit.status_code == 201, commit.text
    sha: str = commit.json()["sha"]
    return sha


def test_several_files_become_one_commit(forge: Forge, git: Git, rest: Rest) -> None:
    parent = forge.branch(NAME, "main") or ""
    commit = several_files_as_one_commit(rest, parent)
    assert rest("PATCH", "/git/refs/heads/main", {"sha": commit, "force": False}).status_code == 200
    git.clone()
    assert git("ls-tree", "-r", "--format=%(objectmode) %(path)", "HEAD").splitlines() == [
        "100644 .github/workflows/promote.yaml",
        "100644 dev/values.yaml",
        "100755 run.sh",
    ]
    assert git("fsck", "--strict") == ""
    listed = rest("GET", f"/git/trees/{commit}?recursive=1").json()["tree"]
    assert [row["path"] for row in listed if row["type"] == "blob"][-1] == "run.sh"


def test_a_ref_moves_only_forward_unless_forced(forge: Forge, rest: Rest) -> None:
    parent = forge.branch(NAME, "main") or ""
    commit = several_files_as_one_commit(rest, parent)
    newer = forge.commit(NAME, {"x": "x"}, "Meanwhile")
    answer = rest("PATCH", "/git/refs/heads/main", {"sha": commit, "force": False})
    assert (answer.status_code, answer.json()["message"]) == (422, "Update is not a fast forward")
    assert forge.branch(NAME, "main") == newer
    assert rest("PATCH", "/git/refs/heads/main", {"sha": commit, "force": True}).status_code == 200


def test_a_ref_is_created_read_and_deleted(forge: Forge, rest: Rest) -> None:
    tip = forge.branch(NAME, "main")
    created = rest("POST", "/git/refs", {"ref": "refs/heads/promote/a", "sha": tip})
    assert (created.status_code, created.json()["object"]) == (
        201,
        {"sha": tip, "type": "commit", "url": f"{forge.api_url}/repos/{NAME}/git/commits/{tip}"},
    )
    again = rest("POST", "/git/refs", {"ref": "refs/heads/promote/a", "sha": tip})
    # The provider recognises exactly this message, without details behind it.
    assert (again.status_code, again.json()["message"], "errors" in again.json()) == (
        422,
        "Reference already exists",
        False,
    )
    assert rest("GET", "/git/ref/heads/promote/a").json()["ref"] == "refs/heads/promote/a"
    assert [row["ref"] for row in rest("GET", "/git/matching-refs/heads/promote").json()] == ["refs/heads/promote/a"]
    assert rest("DELETE", "/git/refs/heads/promote/a").status_code == 204
    assert rest("GET", "/git/ref/heads/promote/a").status_code == 404
    gone = rest("DELETE", "/git/refs/heads/promote/a")
    assert (gone.status_code, gone.json()["message"]) == (422, "Reference does not exist")


def test_a_ref_needs_an_object_and_a_name_that_git_takes(forge: Forge, rest: Rest) -> None:
    tip = forge.branch(NAME, "main")
    unknown = rest("POST", "/git/refs", {"ref": "refs/heads/x", "sha": "0" * 39 + "1"})
    assert (unknown.status_code, unknown.json()["message"]) == (422, "Object does not exist")
    assert rest("POST", "/git/refs", {"ref": "heads/x", "sha": tip}).status_code == 422
    assert rest("POST", "/git/refs", {"ref": "refs/heads/a..b", "sha": tip}).status_code == 422
    assert rest("POST", "/git/refs", {"ref": "refs/heads/main/below", "sha": tip}).status_code == 422


def test_a_protected_branch_is_neither_moved_nor_deleted(forge: Forge, rest: Rest) -> None:
    commit = several_files_as_one_commit(rest, forge.branch(NAME, "main") or "")
    forge.protect(NAME)
    answer = rest("PATCH", "/git/refs/heads/main", {"sha": commit})
    assert (answer.status_code, answer.json()["message"]) == (422, "Changes must be made through a pull request.")
    assert rest("DELETE", "/git/refs/heads/main").status_code == 422


def test_a_tree_with_a_workflow_file_needs_workflows_write(as_token: Callable[..., Rest]) -> None:
    tree = {"tree": [{"path": ".github/workflows/x.yaml", "mode": "100644", "type": "blob", "content": "on: push"}]}
    answer = as_token(contents="write")("POST", "/git/trees", tree)
    assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by personal access token")


def test_a_tree_and_a_commit_name_only_what_is_there(rest: Rest) -> None:
    line = {"path": "a", "mode": "100644", "type": "blob", "sha": "0" * 39 + "1"}
    assert rest("POST", "/git/trees", {"tree": [line]}).status_code == 422
    assert rest("POST", "/git/trees", {"tree": [line | {"path": "../a"}]}).status_code == 422
    assert rest("POST", "/git/commits", {"message": "m", "tree": "0" * 40}).status_code == 422


def test_a_blob_reads_back(rest: Rest) -> None:
    sha = rest("POST", "/git/blobs", {"content": "grüße\n"}).json()["sha"]
    assert rest("GET", f"/git/blobs/{sha}", Accept="application/vnd.github.raw").content == "grüße\n".encode()
    assert rest("GET", f"/git/blobs/{sha}").json()["size"] == 8
