"""The engine tier: the real CLI, language host and providers, on the lab's forge. It skips where they are missing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.forge import Forge
from lab.pulumi_cli import missing_programs
from tests.engine.team import Team

HOW_TO_GET = (
    "install the CLI with `python -c 'from pulumi.automation import PulumiCommand; PulumiCommand.install()'`, "
    "with `brew install pulumi`, or in CI with the action pulumi/actions; the two providers with "
    "`pulumi plugin install resource github` and `pulumi plugin install resource kubernetes`; all of them go on PATH"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip this folder's tests with the reason, where the engine is not there."""
    missing = missing_programs()
    if missing:
        reason = f"not on PATH: {', '.join(missing)}; {HOW_TO_GET}"
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    """A forge of the test's own."""
    with Forge(tmp_path / "forge") as forge:
        yield forge


@pytest.fixture
def team(tmp_path: Path, forge: Forge) -> Team:
    """A team with an empty GitOps repository."""
    return Team(tmp_path, forge)
