"""One comment on a pull request: made once, updated ever after, within GitHub's limit, harmless whatever is in it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from ci import DIFFERENCE, preview_comment
from ci.preview_comment import LIMIT, MARKER, comment, fenced
from lab.forge import Forge
from tests.messages import assert_message
from tests.workflow_files import ROOT

REPOSITORY = "acme/delivery"
TOKEN = "ghs_workflows_own"


class Pull:
    """A pull request #1 from the branch `change`, and the folder of what it renders."""

    def __init__(self, forge: Forge, folder: Path) -> None:
        self.forge, self.folder = forge, folder
        forge.create_repository(REPOSITORY, files={"README.md": "x\n"})
        forge.commit(REPOSITORY, {"a": "1\n"}, "Change", branch="change")
        forge.add_token("person", login="octocat")
        self.post("/pulls", {"title": "Change", "head": "change", "base": "main"})
        self.token("write")
        self.render("changed")

    def token(self, pull_requests: str) -> None:
        """Let the workflow's token do this and nothing else."""
        grants = {"pull_requests": pull_requests, "contents": "read"}
        self.forge.add_token(TOKEN, grants, repositories=[REPOSITORY], actions=True)

    def post(self, path: str, sent: dict[str, str]) -> None:
        """What a person sends to the API."""
        url = f"{self.forge.api_url}/repos/{REPOSITORY}{path}"
        requests.post(url, json=sent, headers={"Authorization": "Bearer person"}, timeout=10).raise_for_status()

    def render(self, text: str) -> None:
        """Write what differs."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / DIFFERENCE).write_text(f"-before\n+{text}\n", encoding="utf-8")

    def run(self, **environment: str) -> int:
        """The workflow's step; its exit status."""
        step = {
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": self.forge.api_url,
            "GITHUB_TOKEN": TOKEN,
            "DELIVERY_WRITE_INTERVAL": "0",
            "HEAD_REPOSITORY": REPOSITORY,
            "HEAD_BRANCH": "change",
            "HEAD_SHA": self.forge.branch(REPOSITORY, "change") or "",
        }
        return preview_comment.main([str(self.folder)], step | environment)

    @property
    def comments(self) -> list[str]:
        """The texts of the comments, oldest first."""
        [pull] = self.forge.pull_requests(REPOSITORY)
        return [comment.body for comment in pull.comments]


@pytest.fixture
def pull(tmp_path: Path) -> Iterator[Pull]:
    with Forge(tmp_path / "forge") as forge:
        yield Pull(forge, tmp_path / "rendered")


def test_the_first_preview_comments_and_the_next_one_updates_that_comment(
    pull: Pull, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pull.run() == 0
    pull.render("changed again")
    assert pull.run() == 0
    assert pull.run() == 0
    assert capsys.readouterr().out.splitlines() == ["#1: created", "#1: updated", "#1: unchanged"]
    [body] = pull.comments
    assert body.startswith(MARKER)
    assert "+changed again" in body


def test_a_persons_comment_with_the_marker_is_left_alone(pull: Pull) -> None:
    pull.post("/issues/1/comments", {"body": f"{MARKER}\nmerge me"})
    pull.run()
    pull.run()
    theirs, ours = pull.comments
    assert theirs == f"{MARKER}\nmerge me"
    assert "+changed" in ours


def test_the_one_comment_is_found_among_hundreds(pull: Pull) -> None:
    for number in range(120):
        pull.post("/issues/1/comments", {"body": f"{number}"})
    pull.run()
    pull.render("newer")
    pull.run()
    [ours] = [body for body in pull.comments if body.startswith(MARKER)]
    assert "+newer" in ours


@pytest.mark.parametrize(
    "head", [{"HEAD_SHA": "b" * 40}, {"HEAD_BRANCH": "main"}, {"HEAD_REPOSITORY": "stranger/delivery"}]
)
def test_a_preview_of_another_branch_or_of_an_older_push_is_not_published(pull: Pull, head: dict[str, str]) -> None:
    assert pull.run(**head) == 0
    assert pull.comments == []


def test_a_lost_answer_makes_no_second_comment(pull: Pull) -> None:
    pull.forge.fail_next("POST", r"/issues/1/comments", after_commit=True)
    assert pull.run() == 1
    assert pull.run() == 0
    assert len(pull.comments) == 1


def test_a_token_that_may_not_comment_is_told_what_it_needs_and_never_shown(
    pull: Pull, capsys: pytest.CaptureFixture[str]
) -> None:
    pull.token("read")
    assert pull.run() == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "pull_requests=write" in errors
    assert TOKEN not in errors


@pytest.mark.parametrize("missing", preview_comment.VARIABLES)
def test_outside_a_workflow_it_names_what_is_missing(
    pull: Pull, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pull.run(**{missing: ""}) == 2
    assert missing in capsys.readouterr().err


def test_the_comment_shows_what_differs(tmp_path: Path) -> None:
    assert "### " in comment("a" * 40, "https://runs/7", tmp_path)
    (tmp_path / DIFFERENCE).write_text("@@ -1 +1 @@\n-a: 1\n+a: 2\n", encoding="utf-8")
    assert_message("ci.comment", comment("a" * 40, "https://runs/7", tmp_path))


def test_what_lies_behind_a_link_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2", encoding="utf-8")
    (tmp_path / DIFFERENCE).symlink_to(tmp_path / "secret")
    assert "hunter2" not in comment("a" * 40, "", tmp_path)


def test_text_cannot_end_its_code_block_or_hide_in_it() -> None:
    assert fenced("```\n@everyone\n````", 100) == "`````diff\n```\n@everyone\n````\n`````"
    assert "\u202e" not in fenced("a\u202eb\x1b[31m", 100)


@pytest.mark.parametrize("line", ["+x", "+€" * 300, "`" * 70_000, "\n", "\u2028" * 20_000])
def test_what_does_not_fit_is_cut(tmp_path: Path, line: str) -> None:
    (tmp_path / DIFFERENCE).write_text(f"{line}\n" * 20_000, encoding="utf-8")
    text = comment("a" * 40, "https://runs/7", tmp_path)
    assert text.startswith(MARKER)
    assert len(text.encode()) <= LIMIT
    assert text.endswith("</sub>")


@given(st.text(max_size=500))
def test_whatever_is_in_it_the_code_block_is_one(text: str) -> None:
    block = fenced(text, 2000).split("\n")
    assert block == [""] or [line.startswith(block[-1]) for line in block].count(True) == 2


def test_commenting_needs_no_more_than_the_promoters_requirements() -> None:
    code = "import sys; sys.modules |= dict.fromkeys(('pulumi', 'yaml')); import ci.preview_comment"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
