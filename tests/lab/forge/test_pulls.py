"""Pull requests over REST, with their comments and labels, and how they follow git."""

from collections.abc import Callable

import pytest

from lab.forge import ApiError, Forge
from tests.lab.forge.clients import NAME, Git, Rest


def opened(rest: Rest, head: str, **more: object) -> int:
    answer = rest("POST", "/pulls", {"title": head, "head": head, "base": "main", **more})
    assert answer.status_code == 201, answer.text
    number: int = answer.json()["number"]
    return number


def test_a_new_pull_request_tells_both_ends(forge: Forge, rest: Rest, proposed: int) -> None:
    pull = rest("GET", f"/pulls/{proposed}").json()
    assert (pull["state"], pull["title"], pull["body"], pull["merged"]) == ("open", "Promote v1", "why", False)
    assert (pull["head"]["label"], pull["head"]["sha"]) == ("acme:promote", forge.branch(NAME, "promote"))
    assert (pull["base"]["ref"], pull["base"]["sha"]) == ("main", forge.branch(NAME, "main"))
    assert (pull["mergeable"], pull["mergeable_state"]) == (True, "clean")
    assert pull["html_url"] == f"{forge.url}/{NAME}/pull/{proposed}"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            {"title": "t", "head": "promote", "base": "main"},
            {"resource": "PullRequest", "code": "custom", "message": "A pull request already exists for acme:promote."},
        ),
        (
            {"title": "t", "head": "level", "base": "main"},
            {"resource": "PullRequest", "code": "custom", "message": "No commits between main and level"},
        ),
        (
            {"title": "t", "head": "none", "base": "main"},
            {"resource": "PullRequest", "field": "head", "code": "invalid"},
        ),
        (
            {"title": "t", "head": "promote", "base": "none"},
            {"resource": "PullRequest", "field": "base", "code": "invalid"},
        ),
        (
            {"title": "", "head": "promote", "base": "main"},
            {"resource": "PullRequest", "field": "title", "code": "missing_field"},
        ),
    ],
)
@pytest.mark.usefixtures("proposed")
def test_what_cannot_be_proposed_is_a_failed_validation(
    forge: Forge, rest: Rest, body: dict[str, str], error: dict[str, str]
) -> None:
    rest("POST", "/git/refs", {"ref": "refs/heads/level", "sha": forge.branch(NAME, "main")})
    answer = rest("POST", "/pulls", body)
    assert answer.status_code == 422
    assert answer.json() | {"documentation_url": ""} == {
        "message": "Validation Failed",
        "errors": [error],
        "documentation_url": "",
        "status": "422",
    }


def test_a_missing_head_is_an_invalid_request(rest: Rest) -> None:
    answer = rest("POST", "/pulls", {"title": "t", "base": "main"})
    assert (answer.status_code, answer.json()["message"]) == (422, 'Invalid request.\n\n"head" wasn\'t supplied.')


def test_lists_are_narrowed_by_state_head_and_base(forge: Forge, rest: Rest, proposed: int) -> None:
    forge.commit(NAME, {"x": "x"}, "x", branch="other")
    other = opened(rest, "other")
    forge.close(NAME, proposed)

    def numbers(query: str) -> list[int]:
        return [pull["number"] for pull in rest("GET", f"/pulls?{query}").json()]

    assert numbers("") == [other]
    assert numbers("state=all") == [other, proposed]
    assert numbers("state=all&direction=asc") == [proposed, other]
    assert numbers("state=closed") == [proposed]
    assert numbers("state=all&head=acme:promote&base=main") == [proposed]
    assert numbers("state=all&head=someone:promote") == []
    assert numbers("state=all&base=none") == []


def test_a_long_list_comes_in_pages_with_links(forge: Forge, rest: Rest) -> None:
    for number in range(3):
        forge.commit(NAME, {"x": str(number)}, "x", branch=f"b{number}")
        opened(rest, f"b{number}")
    first = rest("GET", "/pulls?per_page=2&state=all")
    assert [pull["number"] for pull in first.json()] == [3, 2]
    assert set(first.links) == {"next", "last"}
    second = rest.session.get(first.links["next"]["url"], timeout=10)
    assert [pull["number"] for pull in second.json()] == [1]
    assert set(second.links) == {"prev", "first"}


def test_a_list_that_lags_misses_the_newest_once(forge: Forge, rest: Rest, proposed: int) -> None:
    forge.lag_pull_request_lists(1)
    assert rest("GET", "/pulls?head=acme:promote").json() == []
    assert [pull["number"] for pull in rest("GET", "/pulls?head=acme:promote").json()] == [proposed]


def test_title_body_and_state_can_be_edited(rest: Rest, proposed: int) -> None:
    edited = rest("PATCH", f"/pulls/{proposed}", {"title": "Other", "body": None}).json()
    assert (edited["title"], edited["body"]) == ("Other", None)
    assert rest("PATCH", f"/pulls/{proposed}", {"state": "closed"}).json()["state"] == "closed"
    assert rest("PATCH", f"/pulls/{proposed}", {"state": "open"}).json()["state"] == "open"


def test_one_that_is_closed_can_be_edited_and_not_reopened_without_its_branch(
    forge: Forge, rest: Rest, proposed: int
) -> None:
    forge.delete_branch(NAME, "promote")
    assert rest("PATCH", f"/pulls/{proposed}", {"title": "Other"}).json()["state"] == "closed"
    answer = rest("PATCH", f"/pulls/{proposed}", {"state": "open"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["message"] == "state cannot be changed. The promote branch has been deleted."


def test_a_push_to_its_branch_moves_its_head(forge: Forge, git: Git, rest: Rest, proposed: int) -> None:
    git.clone("--branch=promote")
    pushed = git.commit("production/values.yaml", "serviceVersion: v2\n")
    git("push", "-q", "origin", "promote")
    assert rest("GET", f"/pulls/{proposed}").json()["head"]["sha"] == pushed
    assert forge.pull_requests(NAME)[0].head_sha == pushed


def test_deleting_its_branch_closes_it(rest: Rest, proposed: int) -> None:
    assert rest("DELETE", "/git/refs/heads/promote").status_code == 204
    pull = rest("GET", f"/pulls/{proposed}").json()
    assert (pull["state"], pull["merged"], pull["head"]["ref"]) == ("closed", False, "promote")


def test_a_branch_reset_to_its_base_closes_it_unmerged(git: Git, rest: Rest, proposed: int) -> None:
    git.clone()
    git("push", "-q", "--force", "origin", "main:promote")
    pull = rest("GET", f"/pulls/{proposed}").json()
    assert (pull["state"], pull["merged"]) == ("closed", False)


def test_commits_that_reach_the_base_by_push_make_it_merged(git: Git, rest: Rest, proposed: int) -> None:
    git.clone()
    git("merge", "-q", "--no-ff", "origin/promote", "-m", "By hand")
    git("push", "-q", "origin", "main")
    pull = rest("GET", f"/pulls/{proposed}").json()
    assert (pull["state"], pull["merged"], pull["merge_commit_sha"]) == ("closed", True, git("rev-parse", "main"))


@pytest.mark.parametrize(
    ("method", "parents", "subject"),
    [("merge", 2, "Merge pull request #1 from acme/promote"), ("squash", 1, "Promote v1 (#1)")],
)
def test_merging_makes_a_real_commit(
    forge: Forge, git: Git, rest: Rest, proposed: int, method: str, parents: int, subject: str
) -> None:
    rest("PATCH", f"/pulls/{proposed}", {"title": "Another title"})
    commit = forge.merge(NAME, proposed, method)
    assert forge.read(NAME, "production/values.yaml") == b"serviceVersion: v1\n"
    git.clone()
    assert git("rev-parse", "HEAD") == commit
    assert len(git("rev-list", "--parents", "-1", "HEAD").split()) == 1 + parents
    assert git("log", "-1", "--format=%s") == subject
    assert git("fsck", "--strict", "--no-dangling") == ""
    pull = rest("GET", f"/pulls/{proposed}").json()
    assert (pull["state"], pull["merged"], pull["merge_commit_sha"]) == ("closed", True, commit)


def test_what_git_cannot_merge_is_not_mergeable(forge: Forge, rest: Rest, proposed: int) -> None:
    forge.commit(NAME, {"production/values.yaml": "serviceVersion: v7\n"}, "Elsewhere")
    assert rest("GET", f"/pulls/{proposed}").json()["mergeable_state"] == "dirty"
    with pytest.raises(ApiError, match="not mergeable"):
        forge.merge(NAME, proposed)


def test_a_closed_one_and_one_without_approvals_are_not_merged(forge: Forge, proposed: int) -> None:
    forge.protect(NAME, reviews=1)
    with pytest.raises(ApiError, match="At least 1 approving review"):
        forge.merge(NAME, proposed)
    forge.unprotect(NAME)
    forge.close(NAME, proposed)
    with pytest.raises(ApiError, match="not mergeable"):
        forge.merge(NAME, proposed)


def test_actions_may_open_pull_requests_only_where_that_is_allowed(forge: Forge, as_token: Callable[..., Rest]) -> None:
    forge.commit(NAME, {"x": "x"}, "x", branch="promote")
    workflow = as_token(of_a_workflow=True, contents="write", pull_requests="write")
    body = {"title": "t", "head": "promote", "base": "main"}
    answer = workflow("POST", "/pulls", body)
    assert answer.status_code == 403
    assert answer.json()["message"] == "GitHub Actions is not permitted to create or approve pull requests."
    forge.settings(NAME).actions_may_open_pull_requests = True
    assert workflow("POST", "/pulls", body).json()["user"]["login"] == "github-actions[bot]"


def test_reviewers_are_collaborators_other_than_the_author(forge: Forge, rest: Rest, proposed: int) -> None:
    forge.settings(NAME).collaborators.update({"octocat", "hubot"})
    path = f"/pulls/{proposed}/requested_reviewers"
    assert rest("POST", path, {"reviewers": ["octocat"]}).json()["message"].endswith("from pull request author.")
    stranger = rest("POST", path, {"reviewers": ["stranger"]})
    assert (stranger.status_code, "not a collaborator" in stranger.json()["message"]) == (422, True)
    asked = rest("POST", path, {"reviewers": ["hubot"]})
    assert asked.status_code == 201
    assert [person["login"] for person in asked.json()["requested_reviewers"]] == ["hubot"]


def test_a_number_that_is_none_is_not_found(rest: Rest) -> None:
    assert rest("GET", "/pulls/7").status_code == 404
    assert rest("GET", "/pulls/seven").status_code == 404


def test_comments_and_labels_are_kept_in_order(forge: Forge, rest: Rest, proposed: int) -> None:
    path = f"/issues/{proposed}"
    first, _ = (rest("POST", f"{path}/comments", {"body": body}).json()["id"] for body in ("first", "second"))
    assert rest("PATCH", f"/issues/comments/{first}", {"body": "edited"}).status_code == 200
    assert [comment["body"] for comment in rest("GET", f"{path}/comments").json()] == ["edited", "second"]
    assert rest("POST", f"{path}/comments", {"body": " "}).status_code == 422
    assert rest("POST", "/issues/99/comments", {"body": "x"}).status_code == 404
    rest("POST", f"{path}/labels", {"labels": ["promotion"]})
    assert [label["name"] for label in rest("POST", f"{path}/labels", {"labels": ["dev", "promotion"]}).json()] == [
        "promotion",
        "dev",
    ]
    assert forge.pull_requests(NAME)[0].labels == ["promotion", "dev"]
