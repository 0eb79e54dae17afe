"""A forge with one repository, a REST session and a git client, for the tests in this folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.forge import Forge
from tests.lab.forge.clients import NAME, WORKFLOW, Git, Rest


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with Forge(tmp_path / "forge") as forge:
        forge.create_repository(
            NAME,
            files={
                "dev/values.yaml": "serviceVersion: v1\n",
                "production/values.yaml": "serviceVersion: v0\n",
                ".github/workflows/promote.yaml": WORKFLOW,
            },
        )
        forge.add_token("token")
        yield forge


@pytest.fixture
def rest(forge: Forge) -> Rest:
    return Rest(forge)


@pytest.fixture
def as_token(forge: Forge) -> Callable[..., Rest]:
    """Give REST with a token that has only these permissions."""

    def make(of_a_workflow: bool = False, **permissions: str) -> Rest:
        forge.add_token("narrow", permissions, actions=of_a_workflow)
        return Rest(forge, "narrow")

    return make


@pytest.fixture
def git(forge: Forge, tmp_path: Path) -> Git:
    home = tmp_path / "home"
    home.mkdir()
    return Git(home, forge)


@pytest.fixture
def proposed(forge: Forge, rest: Rest) -> int:
    """An open pull request from `promote` into `main`; its number."""
    forge.commit(NAME, {"production/values.yaml": "serviceVersion: v1\n"}, "Promote v1", branch="promote")
    answer = rest("POST", "/pulls", {"title": "Promote v1", "head": "promote", "base": "main", "body": "why"})
    assert answer.status_code == 201, answer.text
    number: int = answer.json()["number"]
    return number
