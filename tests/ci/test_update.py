"""A stage's update in CI: whatever order approvals, waiting jobs and repeated runs come in, no stage goes back."""

import json
import subprocess
from pathlib import Path

import pytest

from ci import update
from ci.update import Update, UpdateError, is_due, last_update
from tests.ci.tools import FakePulumi

IDENTITY = ("-c", "user.name=x", "-c", "user.email=x@delivery.invalid", "-c", "commit.gpgsign=false")


def git(*arguments: str) -> str:
    """git's answer in the current folder, without the last line end."""
    return subprocess.run(["git", *IDENTITY, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def commit() -> str:
    """Commit something on top of what is checked out."""
    git("commit", "-q", "--allow-empty", "-m", "x")
    return git("rev-parse", "HEAD")


def noted(commit: str, kind: str = "update", result: str = "succeeded", **environment: str) -> dict[str, object]:
    """An update in the stack's history, as the CLI prints it."""
    return {"version": 0, "kind": kind, "result": result, "environment": {"git.head": commit} | environment}


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Three commits on one line, `this` of them checked out, in a clone that is the current folder."""
    folder = tmp_path / "clone"
    git("init", "-q", "-b", "main", str(folder))
    monkeypatch.chdir(folder)
    commits = {name: commit() for name in ("older", "this", "newer")}
    git("checkout", "-q", "--detach", commits["this"])
    return commits


def due(line: dict[str, str], *history: object) -> bool:
    return is_due(json.dumps(history), line["this"])


@pytest.mark.parametrize("result", ["succeeded", "failed"])
@pytest.mark.parametrize("before", ["older", "this"])
def test_a_stage_goes_forward_and_an_update_may_be_repeated(line: dict[str, str], before: str, result: str) -> None:
    assert due(line)
    assert due(line, noted(line[before], result=result))


def test_a_newer_commit_is_left_in_place_and_an_annotation_tells(
    line: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert not due(line, noted(line["newer"]), noted(line["older"]))
    assert capsys.readouterr().out.startswith(f"::notice::{line['newer'][:12]} ")


def test_a_newer_commit_that_failed_half_way_is_not_mixed_with_an_older_one(line: dict[str, str]) -> None:
    with pytest.raises(UpdateError):
        due(line, noted(line["newer"], result="failed"))


def test_after_a_downgrade_by_hand_the_older_commit_is_what_is_deployed(line: dict[str, str]) -> None:
    assert due(line, noted(line["older"]), noted(line["newer"]))


def test_a_promotion_and_what_is_no_update_do_not_deploy_their_commit(line: dict[str, str]) -> None:
    promotion = noted(line["newer"], **{"pulumi.flag.target": "set"})
    assert due(line, promotion, noted(line["newer"], kind="refresh"), noted(line["older"]))
    assert not due(line, promotion, noted(line["newer"]))


def test_a_commit_beside_this_one_or_nowhere_in_the_repository_holds_nothing_up(line: dict[str, str]) -> None:
    git("checkout", "-q", line["older"])
    assert due(line, noted(commit()))
    assert due(line, noted("f" * 40))


def test_a_clone_without_history_is_refused_for_it_would_take_newer_for_unknown(
    line: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("clone", "-q", "--depth=1", Path.cwd().as_uri(), str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    with pytest.raises(UpdateError):
        due(line, noted(line["newer"]))


@pytest.mark.parametrize("history", ["", "{}x", '{"a": 1}', "[3]", '[{"environment": {"git.head": 3}}]', "[{}]"])
def test_a_history_of_another_shape_is_refused(history: str) -> None:
    with pytest.raises(UpdateError):
        last_update(history)


def test_an_update_from_outside_git_says_nothing_of_commits() -> None:
    commit = "a" * 40
    without = {"kind": "update", "result": "succeeded"}
    history = [without, without | {"environment": None}, noted("--all"), noted(commit)]
    assert last_update(json.dumps(history)) == Update(commit, succeeded=True)
    assert last_update("[]") is None


def test_the_step_gets_the_decision_as_its_output(line: dict[str, str], tmp_path: Path) -> None:
    for before, expected in (("older", "due=true\n"), ("newer", "due=false\n")):
        pulumi = FakePulumi(tmp_path / before, (0, json.dumps([noted(line[before])]), ""))
        output = tmp_path / f"{before}-output"
        assert update.main(["--stack", "acme/production"], pulumi.environment(GITHUB_OUTPUT=str(output))) == 0
        assert output.read_text() == expected
        assert pulumi.calls == [["stack", "history", "--json", "--page-size", "100", "--stack", "acme/production"]]


@pytest.mark.usefixtures("line")
def test_without_a_history_no_update_is_due(tmp_path: Path) -> None:
    pulumi = FakePulumi(tmp_path / "cli", (6, "", "error: no stack named 'production' found\n"))
    output = tmp_path / "output"
    assert update.main(["--stack", "production"], pulumi.environment(GITHUB_OUTPUT=str(output))) == 1
    assert not output.exists()
