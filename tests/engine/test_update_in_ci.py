"""What the workflow `deploy` runs, by the real CLI: its own history says which commit is up."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.engine import PROGRAM

IDENTITY = ("-c", "user.name=x", "-c", "user.email=x@delivery.invalid", "-c", "commit.gpgsign=false")


class Stage:
    """A stack of a program that declares nothing, in a repository with two commits."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        (folder / "state").mkdir()
        self.environment = os.environ | {
            "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "nothing here is worth one",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PYTHONPATH": str(PROGRAM),
        }
        self.project.mkdir()
        runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
        (self.project / "Pulumi.yaml").write_text(json.dumps({"name": "x", "runtime": runtime}))
        (self.project / "__main__.py").write_text("import os\n\nassert 'BREAK' not in os.environ\n")
        (self.project / ".gitignore").write_text("__pycache__\n")
        self.git("init", "-q", "-b", "main")
        self.git("add", ".")
        self.older, self.newer = (self._commit() for _ in range(2))
        self.pulumi("stack", "init", "dev")

    def git(self, *arguments: str) -> str:
        """git's answer, without the last line end."""
        done = subprocess.run(["git", *IDENTITY, *arguments], cwd=self.project, check=True, capture_output=True)
        return done.stdout.decode().strip()

    def _commit(self) -> str:
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD")

    def pulumi(self, *arguments: str) -> str:
        """What the CLI printed; it has to succeed."""
        command = ["pulumi", "--non-interactive", *arguments]
        done = subprocess.run(command, cwd=self.project, env=self.environment, check=True, capture_output=True)
        return done.stdout.decode()

    def update(self, commit: str, **environment: str) -> int:
        """The workflow's own command at `commit`; its exit status."""
        self.git("checkout", "-q", "--detach", commit)
        command = [sys.executable, "-m", "ci.update", "--stack", "dev"]
        return subprocess.run(command, cwd=self.project, env=self.environment | environment, check=False).returncode

    @property
    def history(self) -> list[str]:
        """The commits of the updates with how they ended, oldest first."""
        listed: list[Any] = json.loads(self.pulumi("stack", "history", "--json", "--stack", "dev"))
        return [f"{each['environment']['git.head']} {each['result']}" for each in reversed(listed)]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_an_older_commit_does_not_take_a_newer_one_back_and_a_part_of_one_does_not_count(stage: Stage) -> None:
    assert stage.update(stage.older) == 0
    stage.git("checkout", "-q", "--detach", stage.newer)
    stage.pulumi("up", "--yes", "--skip-preview", "--stack", "dev", "--target", "**::pulumi:pulumi:Stack::*")
    assert stage.update(stage.older) == 0
    assert stage.update(stage.newer) == 0
    up = [f"{commit} succeeded" for commit in (stage.older, stage.newer, stage.older, stage.newer)]
    assert stage.history == up

    assert stage.update(stage.older) == 0
    assert stage.history == up


def test_a_newer_commit_that_failed_half_way_is_mended_by_itself_and_not_by_an_older_one(stage: Stage) -> None:
    broken = stage.environment | {"BREAK": "x"}
    command = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", "dev"]
    assert subprocess.run(command, cwd=stage.project, env=broken, check=False).returncode != 0
    assert stage.history == [f"{stage.newer} failed"]

    assert stage.update(stage.older) == 1
    assert stage.update(stage.newer) == 0
    assert stage.history == [f"{stage.newer} failed", f"{stage.newer} succeeded"]
