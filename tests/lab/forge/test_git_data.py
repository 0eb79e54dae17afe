"""Git's own objects over REST, and the signatures that GitHub gives to commits that it makes itself."""

from typing import Any

import pytest

from lab.forge import ApiError, Forge
from tests.lab.forge.clients import NAME, Git, Rest

VALUES = "dev/values.yaml"
APP = "promoter[bot]"


@pytest.fixture
def app(forge: Forge) -> Rest:
    """REST with the token of a GitHub App."""
    forge.add_token("installation", login=APP)
    return Rest(forge, "installation")


def entry(mode: str = "100644", **of: str) -> dict[str, str]:
    return {"path": VALUES, "mode": mode, "type": "blob", **of}


def tree(rest: Rest, forge: Forge, mode: str = "100644") -> str:
    made = rest("POST", "/git/trees", {"base_tree": forge.branch(NAME, "main"), "tree": [entry(mode, content="v2\n")]})
    assert made.status_code == 201, made.text
    sha: str = made.json()["sha"]
    return sha


def commit(rest: Rest, forge: Forge, **more: object) -> dict[str, Any]:
    """A commit on the default branch, on no branch itself."""
    body = {"message": "Promote v2", "tree": tree(rest, forge), "parents": [forge.branch(NAME, "main")]}
    made = rest("POST", "/git/commits", body | more)
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


def test_a_tree_is_another_one_with_a_file_changed_and_keeps_its_mode(forge: Forge, git: Git, rest: Rest) -> None:
    made = tree(rest, forge, "100755")
    body = {"message": "m", "tree": made, "parents": [forge.branch(NAME, "main")]}
    sha = rest("POST", "/git/commits", body).json()["sha"]
    git.clone()
    git("fetch", "-q", "origin", sha)
    assert git("ls-tree", "-r", sha, VALUES).startswith("100755 blob")
    assert git("diff", "--name-only", "origin/main", sha) == VALUES
    assert git("fsck", "--strict", "--no-dangling") == ""


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/git/trees", {"base_tree": "0" * 40, "tree": []}, "base_tree is not a valid tree oid"),
        ("/git/trees", {"tree": [entry(sha="0" * 40)]}, f"tree.sha {'0' * 40} is not a valid blob"),
        ("/git/commits", {"message": "m", "tree": "0" * 40}, "Tree SHA does not exist"),
        ("/git/commits", {"tree": "0" * 40}, 'Invalid request.\n\n"message" wasn\'t supplied.'),
    ],
)
def test_objects_of_what_is_not_there_are_refused(rest: Rest, path: str, body: object, message: str) -> None:
    answer = rest("POST", path, body)
    assert (answer.status_code, answer.json()["message"]) == (422, message)


def test_a_parent_has_to_be_a_commit(forge: Forge, rest: Rest) -> None:
    made = tree(rest, forge)
    answer = rest("POST", "/git/commits", {"message": "m", "tree": made, "parents": [made]})
    assert answer.json()["message"] == "Parent SHA does not exist or is not a commit object"


def test_github_signs_what_an_app_commits_and_the_signature_is_a_part_of_the_commit(
    forge: Forge, git: Git, app: Rest
) -> None:
    made = commit(app, forge)
    assert (made["verification"]["verified"], made["verification"]["reason"]) == (True, "valid")
    git.clone()
    git("fetch", "-q", "origin", made["sha"])
    raw = git("cat-file", "commit", made["sha"])
    assert "\ngpgsig -----BEGIN PGP SIGNATURE-----\n" in raw
    assert git("show", "-s", "--format=%cn <%ce> %an", made["sha"]) == f"GitHub <noreply@github.com> {APP}"
    assert git("show", "-s", "--format=%ae", made["sha"]).endswith(f"+{APP}@users.noreply.github.com")
    assert git("fsck", "--strict", "--no-dangling") == ""


def test_github_signs_neither_what_a_person_commits_nor_what_names_an_author(
    forge: Forge, rest: Rest, app: Rest
) -> None:
    who = {"name": "Promoter", "email": "promoter@example.com"}
    for made in (commit(rest, forge), commit(app, forge, author=who), commit(app, forge, committer=who)):
        assert made["verification"] == {"verified": False, "reason": "unsigned", "signature": None, "payload": None}


def test_a_branch_that_demands_signatures_takes_verified_commits_alone(forge: Forge, git: Git, app: Rest) -> None:
    forge.demand_signatures(NAME, "promote/*")
    git.clone()
    unsigned = git.commit(VALUES, "v2\n")
    done = git.run("push", "origin", "main:promote/x", "main:other")
    assert "remote: error: GH013: Repository rule violations found for refs/heads/promote/x." in done.stderr
    said = [line.removeprefix("remote:").strip() for line in done.stderr.splitlines()]
    place = said.index("- Commits must have verified signatures.")
    assert said[place + 1 : place + 4] == ["Found 1 violation:", "", unsigned]
    assert "main -> promote/x (push declined due to repository rule violations)" in done.stderr
    assert (forge.branch(NAME, "promote/x"), forge.branch(NAME, "other")) == (None, unsigned)
    signed = commit(app, forge)["sha"]
    git("fetch", "-q", "origin", signed)
    git("push", "-q", "origin", f"{signed}:refs/heads/promote/x")
    assert forge.branch(NAME, "promote/x") == signed


def test_a_changed_commit_keeps_no_valid_signature(forge: Forge, git: Git, app: Rest) -> None:
    forge.demand_signatures(NAME, "promote/*")
    git.clone()
    git("fetch", "-q", "origin", commit(app, forge)["sha"])
    raw = git("cat-file", "commit", "FETCH_HEAD").replace("Promote v2", "Promote v9")
    (git.folder / "raw").write_text(raw)
    forged = git("hash-object", "-t", "commit", "-w", "raw")
    assert git.run("push", "origin", f"{forged}:refs/heads/promote/x").returncode == 1


def test_what_is_on_the_default_branch_already_may_be_unsigned(forge: Forge, git: Git) -> None:
    forge.demand_signatures(NAME, "*")
    git.clone()
    git("push", "-q", "origin", "main:promote/x")
    assert forge.branch(NAME, "promote/x") == forge.branch(NAME, "main")


def test_rules_about_signatures_hold_over_rest_too(forge: Forge, rest: Rest, app: Rest) -> None:
    forge.demand_signatures(NAME, "main")
    assert [rule["type"] for rule in rest("GET", "/rules/branches/main").json()] == ["required_signatures"]
    new = {"message": "m", "content": ""}
    answer = rest("PUT", "/contents/new", new)
    assert (answer.status_code, "Commits must have verified signatures." in answer.json()["message"]) == (409, True)
    assert app("PUT", "/contents/new", new).status_code == 201
    forge.demand_signatures(NAME, "main", "promote")
    answer = rest("POST", "/git/refs", {"ref": "refs/heads/promote", "sha": commit(rest, forge)["sha"]})
    assert (answer.status_code, "Commits must have verified signatures." in answer.json()["message"]) == (422, True)


def test_a_merge_brings_no_unsigned_commits_where_a_squash_is_signed(forge: Forge, proposed: int) -> None:
    forge.demand_signatures(NAME, "main")
    with pytest.raises(ApiError, match="verified signatures"):
        forge.merge(NAME, proposed)
    forge.merge(NAME, proposed, "squash")
    assert forge.read(NAME, "production/values.yaml") == b"serviceVersion: v1\n"
