"""One comment on a pull request: made once, updated ever after, and nobody else's taken for it."""

from pathlib import Path

import pytest
import requests

from ci import preview_comment
from ci.comment import MARKER
from ci.report import Report
from tests.ci.conftest import REPOSITORY, TOKEN, Project


@pytest.fixture
def pull(project: Project) -> Project:
    """A pull request #1 from the branch `change`, and what its preview left behind."""
    project.forge.commit(REPOSITORY, {"a": "1\n"}, "Change", branch="change")
    project.forge.add_token("person", login="octocat")
    sent = {"title": "Change", "head": "change", "base": "main"}
    api(project, "POST", "/pulls", sent)
    project.token(pull_requests="write", contents="read")
    found(project, "changed")
    return project


def api(project: Project, method: str, path: str, sent: dict[str, str]) -> None:
    answer = requests.request(
        method,
        f"{project.forge.api_url}/repos/{REPOSITORY}{path}",
        json=sent,
        headers={"Authorization": "Bearer person"},
        timeout=10,
    )
    assert answer.ok, answer.text


def found(project: Project, text: str) -> None:
    for side, content in (("base", "before"), ("head", text)):
        path = project.folder / "rendered" / side / "dev" / "manifests" / "a.yaml"
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
    found(pull, "changed again")
    assert run(pull) == 0
    assert run(pull) == 0
    assert capsys.readouterr().out.splitlines() == ["#1: commented", "#1: updated", "#1: unchanged"]
    [body] = comments(pull)
    assert body.startswith(MARKER)
    assert "+changed again" in body


def test_the_engines_reports_are_in_the_same_comment(pull: Project) -> None:
    reports = pull.folder / "reports"
    reports.mkdir()
    (reports / "dev.json").write_text(Report("dev").to_json())
    (reports / "production.json").write_text("{")
    run(pull)
    [body] = comments(pull)
    assert "`pulumi preview`: no changes." in body
    assert "not a report of a preview" in body


def test_a_fork_cannot_say_what_the_engine_found(pull: Project) -> None:
    reports = pull.folder / "reports"
    reports.mkdir()
    (reports / "production.json").write_text(Report("production").to_json())
    run(pull, HEAD_REPOSITORY="acme/fork-of-delivery")
    [body] = comments(pull)
    assert "+changed" in body
    assert "pulumi preview" not in body
    assert "production" not in body


def test_reports_behind_a_link_are_not_read(pull: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "production.json").write_text(Report("production").to_json())
    (pull.folder / "reports").symlink_to(elsewhere)
    run(pull)
    assert "production" not in comments(pull)[0]


def test_a_persons_comment_with_the_marker_is_left_alone(pull: Project) -> None:
    api(pull, "POST", "/issues/1/comments", {"body": f"{MARKER}\nall is well, merge me"})
    run(pull)
    run(pull)
    theirs, ours = comments(pull)
    assert theirs == f"{MARKER}\nall is well, merge me"
    assert "Preview of" in ours


def test_the_one_comment_is_found_among_hundreds(pull: Project) -> None:
    run(pull)
    for number in range(120):
        api(pull, "POST", "/issues/1/comments", {"body": f"{number}"})
    found(pull, "newer")
    run(pull)
    assert sum(body.startswith(MARKER) for body in comments(pull)) == 1
    assert "+newer" in comments(pull)[0]


def test_a_preview_that_was_overtaken_by_a_push_says_nothing(pull: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(pull, HEAD_SHA="b" * 40) == 0
    assert comments(pull) == []
    assert "nothing to say" in capsys.readouterr().out


@pytest.mark.parametrize("where", [{"HEAD_BRANCH": "main"}, {"HEAD_REPOSITORY": "stranger/delivery"}])
def test_a_run_of_another_branch_says_nothing(pull: Project, where: dict[str, str]) -> None:
    assert run(pull, **where) == 0
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
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "pull_requests=write" in said
    assert TOKEN not in said


@pytest.mark.parametrize("missing", ["HEAD_REPOSITORY", "HEAD_BRANCH", "HEAD_SHA", "GITHUB_REPOSITORY", "GITHUB_TOKEN"])
def test_outside_a_workflow_it_says_what_is_missing(
    pull: Project, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(pull, **{missing: ""}) == 2
    assert missing in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_a_preview_that_found_nothing(pull: Project, tmp_path: Path) -> None:
    assert run(Project(pull.forge, tmp_path / "nothing")) == 0
    assert "Nothing was previewed" in comments(pull)[0]
