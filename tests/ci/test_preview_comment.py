"""One comment on a pull request: made once, updated ever after, and nobody else's taken for it."""

import pytest
import requests

from ci import preview_comment
from ci.comment import MARKER
from tests.ci.conftest import REPOSITORY, TOKEN, Project


@pytest.fixture
def pull(project: Project) -> Project:
    """A pull request #1 from the branch `change`, and what it renders."""
    project.forge.commit(REPOSITORY, {"a": "1\n"}, "Change", branch="change")
    project.forge.add_token("person", login="octocat")
    api(project, "/pulls", {"title": "Change", "head": "change", "base": "main"})
    project.token(pull_requests="write", contents="read")
    rendered(project, "changed")
    return project


def api(project: Project, path: str, sent: dict[str, str]) -> None:
    url = f"{project.forge.api_url}/repos/{REPOSITORY}{path}"
    requests.post(url, json=sent, headers={"Authorization": "Bearer person"}, timeout=10).raise_for_status()


def rendered(project: Project, text: str) -> None:
    for side, content in (("base", "before"), ("head", text)):
        path = project.folder / side / "dev" / "manifests" / "a.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def run(project: Project, **environment: str) -> int:
    head = {
        "HEAD_REPOSITORY": REPOSITORY,
        "HEAD_BRANCH": "change",
        "HEAD_SHA": project.forge.branch(REPOSITORY, "change") or "",
    }
    return preview_comment.main([str(project.folder)], project.environment(**head) | environment)


def comments(project: Project) -> list[str]:
    [pull] = project.forge.pull_requests(REPOSITORY)
    return [comment.body for comment in pull.comments]


def test_the_first_preview_comments_and_the_next_one_updates_that_comment(
    pull: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(pull) == 0
    rendered(pull, "changed again")
    assert run(pull) == 0
    assert run(pull) == 0
    assert capsys.readouterr().out.splitlines() == ["#1: created", "#1: updated", "#1: unchanged"]
    [body] = comments(pull)
    assert body.startswith(MARKER)
    assert "+changed again" in body


def test_a_persons_comment_with_the_marker_is_left_alone(pull: Project) -> None:
    api(pull, "/issues/1/comments", {"body": f"{MARKER}\nmerge me"})
    run(pull)
    run(pull)
    theirs, ours = comments(pull)
    assert theirs == f"{MARKER}\nmerge me"
    assert "+changed" in ours


def test_the_one_comment_is_found_among_hundreds(pull: Project) -> None:
    for number in range(120):
        api(pull, "/issues/1/comments", {"body": f"{number}"})
    run(pull)
    rendered(pull, "newer")
    run(pull)
    [ours] = [body for body in comments(pull) if body.startswith(MARKER)]
    assert "+newer" in ours


@pytest.mark.parametrize(
    "head", [{"HEAD_SHA": "b" * 40}, {"HEAD_BRANCH": "main"}, {"HEAD_REPOSITORY": "stranger/delivery"}]
)
def test_a_preview_of_another_branch_or_of_an_older_push_is_not_published(pull: Project, head: dict[str, str]) -> None:
    assert run(pull, **head) == 0
    assert comments(pull) == []


def test_a_lost_answer_makes_no_second_comment(pull: Project) -> None:
    pull.forge.fail_next("POST", r"/issues/1/comments", after_commit=True)
    assert run(pull) == 1
    assert run(pull) == 0
    assert len(comments(pull)) == 1


def test_a_token_that_may_not_comment_is_told_what_it_needs_and_never_shown(
    pull: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    pull.token(pull_requests="read")
    assert run(pull) == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "pull_requests=write" in errors
    assert TOKEN not in errors


@pytest.mark.parametrize("missing", preview_comment.VARIABLES)
def test_outside_a_workflow_it_names_what_is_missing(
    pull: Project, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(pull, **{missing: ""}) == 2
    assert missing in capsys.readouterr().err
