"""A stage's update in CI: whatever order approvals, waiting jobs and repeated runs come in, no stage goes back."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ci.stacks import PROJECT
from ci.update import Update, last_update
from tests.ci.tools import FakePulumi

UP = ["up", "--yes", "--non-interactive", "--stack", "production"]


def noted(commit: str, kind: str = "update", result: str = "succeeded", **environment: str) -> dict[str, object]:
    """An update in the stack's history, as the CLI prints it."""
    return {"version": 0, "kind": kind, "result": result, "environment": {"git.head": commit} | environment}


class Clone:
    """A clone with three commits on one line, and a stack with a history."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "clone"
        self._clis = (folder / f"cli-{number}" for number in itertools.count())
        self.git("init", "-q", "-b", "main", str(self.folder))
        self.older, self.this, self.newer = (self.commit() for _ in range(3))
        self.git("-C", str(self.folder), "checkout", "-q", "--detach", self.this)

    def git(self, *arguments: str) -> str:
        """git's answer, without the last line end."""
        identity = ("-c", "user.name=x", "-c", "user.email=x@delivery.invalid", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self) -> str:
        """Commit something on top of what is checked out."""
        self.git("-C", str(self.folder), "commit", "-q", "--allow-empty", "-m", "x")
        return self.git("-C", str(self.folder), "rev-parse", "HEAD")

    def update(self, *history: object, status: int = 0, **environment: str) -> "Run":
        """`python -m ci.update` on a stack with this history; `status` is what the CLI's update ends with."""
        pulumi = FakePulumi(next(self._clis), (0, json.dumps(history), ""), (status, "updated\n", ""))
        return self.run(pulumi, **environment)

    def run(self, pulumi: FakePulumi, **environment: str) -> "Run":
        """The same with a CLI that answers otherwise."""
        variables = {"PYTHONPATH": str(PROJECT), **pulumi.environment(), **environment}
        command = [sys.executable, "-m", "ci.update", "--stack", "production"]
        done = subprocess.run(command, cwd=self.folder, env=variables, capture_output=True, text=True, check=False)
        return Run(done.returncode, done.stdout, done.stderr, pulumi.calls)


class Run:
    """What it ended with, what it said, and what it asked of the CLI after the history."""

    def __init__(self, status: int, out: str, errors: str, calls: list[list[str]]) -> None:
        self.status, self.out, self.errors = status, out, errors
        self.asked, self.updates = calls[:1], calls[1:]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_a_stage_that_was_never_up_goes_up_and_the_clis_status_is_the_runs(clone: Clone) -> None:
    run = clone.update(status=3)
    assert run.asked == [["stack", "history", "--json", "--page-size", "100", "--stack", "production"]]
    assert (run.updates, run.status, run.out) == ([UP], 3, "updated\n")


@pytest.mark.parametrize("before", ["older", "this"])
def test_what_is_up_goes_forward_and_may_be_repeated(clone: Clone, before: str) -> None:
    for result in ("succeeded", "failed"):
        run = clone.update(noted(getattr(clone, before), result=result))
        assert (run.updates, run.status) == ([UP], 0)


def test_a_newer_commit_is_left_in_place_and_the_run_says_so_where_people_see_it(clone: Clone) -> None:
    run = clone.update(noted(clone.newer), noted(clone.older), GITHUB_ACTIONS="true")
    assert (run.updates, run.status) == ([], 0)
    assert run.out == (
        f"::notice::production is up at {clone.newer[:12]}, which is newer than {clone.this[:12]} and contains it: "
        "nothing to do; to go back, revert on the default branch\n"
    )


def test_a_newer_commit_that_is_half_up_is_not_mixed_with_an_older_one(clone: Clone) -> None:
    run = clone.update(noted(clone.newer, result="failed"))
    assert (run.updates, run.status) == ([], 1)
    assert run.errors.count("\n") == 1
    assert "ended as 'failed'" in run.errors
    assert "push what mends it" in run.errors


def test_after_a_person_took_the_stage_back_by_hand_the_older_commit_is_what_is_up(clone: Clone) -> None:
    assert clone.update(noted(clone.older), noted(clone.newer)).updates == [UP]


def test_a_promotion_and_what_is_no_update_do_not_bring_their_commit_up(clone: Clone) -> None:
    promotion = noted(clone.newer, **{"pulumi.flag.target": "set"})
    assert clone.update(promotion, noted(clone.newer, kind="refresh"), noted(clone.older)).updates == [UP]
    assert clone.update(promotion, noted(clone.newer)).updates == []


def test_a_commit_that_is_nowhere_in_the_repository_is_told_and_holds_nothing_up(clone: Clone) -> None:
    run = clone.update(noted("f" * 40))
    assert run.updates == [UP]
    assert "nowhere in this repository: not compared" in run.out


def test_a_commit_beside_this_one_holds_nothing_up(clone: Clone) -> None:
    clone.git("-C", str(clone.folder), "checkout", "-q", clone.older)
    beside = clone.commit()
    clone.git("-C", str(clone.folder), "checkout", "-q", clone.this)
    assert clone.update(noted(beside)).updates == [UP]


def test_a_clone_without_history_is_refused_for_it_would_take_newer_for_unknown(clone: Clone, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    clone.git("clone", "-q", "--depth=1", clone.folder.as_uri(), str(shallow))
    newer, clone.folder = clone.newer, shallow
    run = clone.update(noted(newer))
    assert (run.updates, run.status) == ([], 1)
    assert run.errors.endswith("fetch all of it (fetch-depth: 0)\n")


def test_outside_a_clone_nothing_is_brought_up(clone: Clone, tmp_path: Path) -> None:
    clone.folder = tmp_path / "nothing"
    clone.folder.mkdir()
    run = clone.update(GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert (run.asked, run.status) == ([], 1)
    assert "no commit checked out" in run.errors


def test_on_pulumi_cloud_the_stack_is_the_organisations(clone: Clone) -> None:
    run = clone.update(PULUMI_ORGANIZATION="acme")
    assert [call[-1] for call in (*run.asked, *run.updates)] == ["acme/production"] * 2


def test_a_history_that_cannot_be_asked_for_or_read_holds_the_update_back(clone: Clone, tmp_path: Path) -> None:
    run = clone.run(FakePulumi(tmp_path / "refuses", (6, "", "error: no stack named 'production' found\n")))
    assert (run.updates, run.status) == ([], 6)
    assert run.errors == "error: no stack named 'production' found\n"
    run = clone.run(FakePulumi(tmp_path / "mumbles", (0, "Stack has no updates", "")))
    assert (run.updates, run.status) == ([], 1)
    assert "cannot be read" in run.errors


def test_without_a_cli_it_says_so(clone: Clone, tmp_path: Path) -> None:
    pulumi = FakePulumi(tmp_path / "bin", (0, "[]", ""))
    (tmp_path / "bin" / "pulumi").unlink()
    only_git = tmp_path / "git"
    only_git.mkdir()
    (only_git / "git").symlink_to(clone.git("--exec-path") + "/git")
    run = clone.run(pulumi, PATH=str(only_git))
    assert run.status == 1
    assert "pulumi is not on PATH" in run.errors


def test_the_cli_takes_the_process_over_so_that_a_cancelled_run_reaches_it(clone: Clone, tmp_path: Path) -> None:
    """Python would wait for it a quarter of a second and kill it, and the stack would stay locked."""
    script = tmp_path / "own" / "pulumi"
    script.parent.mkdir()
    script.write_text('#!/bin/sh\n[ "$1" = stack ] && echo "[]" || echo "I am $$"\n')
    script.chmod(0o755)
    variables = os.environ | {"PYTHONPATH": str(PROJECT), "PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "ci.update", "--stack", "production"]
    with subprocess.Popen(command, cwd=clone.folder, env=variables, stdout=subprocess.PIPE, text=True) as process:
        out, _ = process.communicate(timeout=60)
    assert out == f"I am {process.pid}\n"


@pytest.mark.parametrize("history", ["", "{}x", '{"a": 1}', "[3]", '[{"environment": {"git.head": 3}}]', "[{}]"])
def test_a_history_of_another_shape_is_one_line(history: str) -> None:
    with pytest.raises(ValueError, match=r"^the stack's history cannot be read \(\w+\)$"):
        last_update(history)


def test_an_update_from_outside_git_says_nothing_of_commits() -> None:
    commit = "a" * 40
    without = {"kind": "update", "result": "succeeded"}
    history = [without, without | {"environment": None}, noted("--all"), noted(commit)]
    assert last_update(json.dumps(history)) == Update(commit, "succeeded")
    assert last_update("[]") is None
