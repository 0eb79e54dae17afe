"""A laptop with all tools, and an empty GitOps repository with a first commit."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.forge import Forge
from tests.delivery.cluster.kubernetes_api import KubernetesApi
from tests.delivery.laptop.machine import REPOSITORY, Laptop


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with Forge(tmp_path / "forge") as forge:
        forge.create_repository(REPOSITORY, files={"README.md": "# GitOps\n"})
        yield forge


@pytest.fixture
def laptop(tmp_path: Path, forge: Forge, api: KubernetesApi) -> Laptop:
    return Laptop(tmp_path, forge, api)
