"""A healthy surrounding for the doctor: the forge with all files as declared, a cluster, a project folder, tools."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.forge import Forge
from tests.delivery.doctor.surroundings import PERMISSIONS, REPOSITORY, TOKENS, Project, commit_declared


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with Forge(tmp_path / "forge") as forge:
        forge.create_repository(REPOSITORY)
        forge.settings(REPOSITORY).actions_may_open_pull_requests = True
        for key, token in TOKENS.items():
            forge.add_token(token, PERMISSIONS[key])
        commit_declared(forge, "dev", "production")
        yield forge


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", tmp_path / "bin")
