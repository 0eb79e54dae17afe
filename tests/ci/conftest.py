"""A forge with the project's repository and a workflow's own token, as the job that comments has it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.forge import Forge

REPOSITORY = "acme/delivery"
TOKEN = "ghs_workflows_own"


@dataclass(frozen=True)
class Project:
    """The repository, the folder of what was rendered, and the environment of a step."""

    forge: Forge
    folder: Path

    def environment(self, **more: str) -> dict[str, str]:
        """What the step sees."""
        return {
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": self.forge.api_url,
            "GITHUB_TOKEN": TOKEN,
            "DELIVERY_WRITE_INTERVAL": "0",
            "RUN_URL": "https://github.com/acme/delivery/actions/runs/7",
            **more,
        }

    def token(self, **permissions: str) -> None:
        """Let the workflow's token do this and nothing else."""
        self.forge.add_token(TOKEN, permissions, repositories=[REPOSITORY], actions=True)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A repository without pull requests."""
    with Forge(tmp_path / "forge") as forge:
        forge.create_repository(REPOSITORY, files={"README.md": "x\n"})
        yield Project(forge, tmp_path / "rendered")
