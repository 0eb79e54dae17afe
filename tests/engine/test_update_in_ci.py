"""What the workflow `deploy` asks before an update, of the real CLI: its own history says which commit is deployed."""

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
        self.run("git", "init", "-q", "-b", "main")
        self.run("git", "add", ".")
        self.older, self.newer = (self._commit() for _ in range(2))
        self.run("pulumi", "stack", "init", "dev")

    def run(self, *command: str, **environment: str) -> str:
        """What a command in the project printed. Raises `CalledProcessError`."""
        variables = self.environment | environment
        done = subprocess.run(command, cwd=self.project, env=variables, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def _commit(self) -> str:
        self.run("git", *IDENTITY, "commit", "-q", "--allow-empty", "-m", "x")
        return self.run("git", "rev-parse", "HEAD")

    def up(self, commit: str, *options: str, **environment: str) -> None:
        """`pulumi up` at `commit`."""
        self.run("git", "checkout", "-q", "--detach", commit)
        self.run("pulumi", "up", "--yes", "--skip-preview", "--stack", "dev", *options, **environment)

    def due(self, commit: str) -> str:
        """The workflow's own question at `commit`; its output."""
        self.run("git", "checkout", "-q", "--detach", commit)
        return self.run(sys.executable, "-m", "ci.update", "--stack", "dev").splitlines()[-1]

    @property
    def history(self) -> list[tuple[str, str]]:
        """The commits of the updates with how they ended, oldest first."""
        listed: list[Any] = json.loads(self.run("pulumi", "stack", "history", "--json", "--stack", "dev"))
        return [(update["environment"]["git.head"], update["result"]) for update in reversed(listed)]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_newer_commit_is_not_undone_and_one_that_was_deployed_in_part_does_not_count(stage: Stage) -> None:
    stage.up(stage.older)
    stage.up(stage.newer, "--target", "**::pulumi:pulumi:Stack::*")
    assert (stage.due(stage.older), stage.due(stage.newer)) == ("due=true", "due=true")
    stage.up(stage.newer)
    assert (stage.due(stage.older), stage.due(stage.newer)) == ("due=false", "due=true")
    assert stage.history == [(commit, "succeeded") for commit in (stage.older, stage.newer, stage.newer)]


def test_a_newer_commit_that_failed_half_way_is_fixed_by_itself_and_not_by_an_older_one(stage: Stage) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        stage.up(stage.newer, BREAK="x")
    assert stage.history == [(stage.newer, "failed")]
    with pytest.raises(subprocess.CalledProcessError):
        stage.due(stage.older)
    assert stage.due(stage.newer) == "due=true"
