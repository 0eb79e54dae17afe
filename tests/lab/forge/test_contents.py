"""Files, refs and trees over REST: the calls of the official provider and of doctor."""

import base64
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from lab.forge import Forge
from tests.lab.forge.clients import NAME, Git, Rest

VALUES = "/contents/dev/values.yaml"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_file_comes_with_its_content_and_an_address_that_names_the_ref(rest: Rest) -> None:
    for query in ("", "?ref=main"):
        found = rest("GET", VALUES + query).json()
        assert base64.b64decode(found["content"]) == b"serviceVersion: v1\n"
        assert (found["type"], found["size"], found["path"]) == ("file", 19, "dev/values.yaml")
        # The official provider takes the ref out of this address, and panics when there is none.
        assert parse_qs(urlsplit(found["url"]).query) == {"ref": ["main"]}


def test_a_file_can_be_read_raw_at_any_commit(forge: Forge, rest: Rest) -> None:
    before = forge.branch(NAME, "main")
    forge.commit(NAME, {"dev/values.yaml": "serviceVersion: v2\n"}, "Next")
    answer = rest("GET", f"{VALUES}?ref={before}", Accept="application/vnd.github.raw+json")
    assert answer.text == "serviceVersion: v1\n"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/contents/none.yaml", "Not Found"),
        (f"{VALUES}?ref=none", "No commit found for the ref none"),
        ("/contents/..%2F..%2Fetc%2Fpasswd?ref=main", "Not Found"),
    ],
)
def test_what_is_not_there_is_not_found_and_does_no_harm(rest: Rest, path: str, message: str) -> None:
    answer = rest("GET", path)
    assert (answer.status_code, answer.json()["message"]) == (404, message)
    assert rest("GET", VALUES).status_code == 200


def test_a_new_file_is_one_commit(forge: Forge, git: Git, rest: Rest) -> None:
    who = {"name": "Dev", "email": "dev@example.com"}
    body = {"message": "Add it", "content": encoded("a: 1\n"), "branch": "main", "committer": who}
    answer = rest("PUT", "/contents/deep/er/new.yaml", body)
    assert answer.status_code == 201
    assert answer.json()["commit"]["sha"] == forge.branch(NAME, "main")
    git.clone()
    assert (git.folder / "deep/er/new.yaml").read_text() == "a: 1\n"
    assert git("log", "-1", "--format=%an <%ae> %s") == "Dev <dev@example.com> Add it"
    assert git("fsck", "--strict") == ""


def test_changing_a_file_needs_the_id_of_what_is_there(forge: Forge, rest: Rest) -> None:
    sha = rest("GET", VALUES).json()["sha"]
    body = {"message": "Next", "content": encoded("serviceVersion: v2\n")}
    missing = rest("PUT", VALUES, body)
    assert (missing.status_code, missing.json()["message"]) == (422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    stale = rest("PUT", VALUES, body | {"sha": "0" * 40})
    assert (stale.status_code, stale.json()["message"]) == (409, f"dev/values.yaml does not match {'0' * 40}")
    assert rest("PUT", VALUES, body | {"sha": sha}).status_code == 200
    assert forge.read(NAME, "dev/values.yaml") == b"serviceVersion: v2\n"


def test_deleting_the_last_file_of_a_folder_removes_the_folder(forge: Forge, rest: Rest) -> None:
    sha = rest("GET", VALUES).json()["sha"]
    assert rest("DELETE", VALUES, {"message": "Gone"}).status_code == 422
    assert rest("DELETE", VALUES, {"message": "Gone", "sha": sha, "branch": "main"}).json()["content"] is None
    tree = rest("GET", "/git/trees/main?recursive=1").json()["tree"]
    assert [row["path"] for row in tree if not row["path"].startswith(".github")] == [
        "production",
        "production/values.yaml",
    ]
    assert forge.read(NAME, "production/values.yaml") is not None


def test_a_protected_branch_takes_no_file_and_no_deletion(forge: Forge, rest: Rest) -> None:
    forge.protect(NAME)
    answer = rest("PUT", "/contents/new", {"message": "m", "content": ""})
    assert answer.status_code == 409
    assert answer.json()["message"] == "Could not update file: Changes must be made through a pull request."
    assert rest("DELETE", "/git/refs/heads/main").status_code == 422


def test_a_workflow_file_needs_workflows_write(forge: Forge, as_token: Callable[..., Rest]) -> None:
    path, body = "/contents/.github/workflows/new.yaml", {"message": "m", "content": ""}
    answer = as_token(contents="write")("PUT", path, body)
    assert answer.status_code == 403
    assert answer.headers["x-accepted-github-permissions"] == "workflows=write"
    assert as_token(contents="write", workflows="write")("PUT", path, body).status_code == 201
    assert forge.read(NAME, ".github/workflows/new.yaml") == b""


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/contents/a", {"content": ""}, 422),
        ("/contents/a", {"message": "m", "content": "§"}, 422),
        ("/contents/a", {"message": 1, "content": ""}, 422),
        ("/contents/a%2F..%2Fb", {"message": "m", "content": ""}, 422),
        ("/contents/dev", {"message": "m", "content": ""}, 422),
        ("/contents/a", {"message": "m", "content": "", "branch": "none"}, 404),
    ],
)
def test_a_malformed_request_changes_nothing(
    forge: Forge, rest: Rest, path: str, body: dict[str, object], status: int
) -> None:
    before = forge.branch(NAME, "main")
    assert rest("PUT", path, body).status_code == status
    assert forge.branch(NAME, "main") == before


def test_a_ref_is_created_read_and_deleted(forge: Forge, rest: Rest) -> None:
    tip = forge.branch(NAME, "main")
    created = rest("POST", "/git/refs", {"ref": "refs/heads/promote/a", "sha": tip})
    assert created.status_code == 201
    address = f"{forge.api_url}/repos/{NAME}/git/commits/{tip}"
    assert created.json()["object"] == {"sha": tip, "type": "commit", "url": address}
    again = rest("POST", "/git/refs", {"ref": "refs/heads/promote/a", "sha": tip})
    # The provider recognises exactly this message, without details behind it.
    assert (again.status_code, again.json()["message"]) == (422, "Reference already exists")
    assert "errors" not in again.json()
    assert rest("GET", "/git/ref/heads/promote/a").json()["ref"] == "refs/heads/promote/a"
    assert rest("DELETE", "/git/refs/heads/promote/a").status_code == 204
    assert rest("GET", "/git/ref/heads/promote/a").status_code == 404
    gone = rest("DELETE", "/git/refs/heads/promote/a")
    assert (gone.status_code, gone.json()["message"]) == (422, "Reference does not exist")


def test_a_ref_needs_an_object_and_a_name_that_git_takes(forge: Forge, rest: Rest) -> None:
    tip = forge.branch(NAME, "main")
    unknown = rest("POST", "/git/refs", {"ref": "refs/heads/x", "sha": "0" * 39 + "1"})
    assert (unknown.status_code, unknown.json()["message"]) == (422, "Object does not exist")
    for name in ("heads/x", "refs/heads/a..b", "refs/heads/main/below"):
        assert rest("POST", "/git/refs", {"ref": name, "sha": tip}).status_code == 422
