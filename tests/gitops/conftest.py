"""A dev stage with the real workflow in its repository, for the tests of the promotion task."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.cluster import Cluster
from lab.forge import Forge
from lab.keptn import Keptn
from tests.gitops.task_lab import ROOT, TOKEN, Lab


@pytest.fixture
def lab(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Lab]:
    with Cluster() as cluster, Forge(tmp_path / "forge") as forge:
        workflow = (ROOT / "gitops/workflows/promote.yaml").read_text()
        forge.create_repository("example/gitops", files={".github/workflows/promote.yaml": workflow})
        forge.add_token(TOKEN, permissions={"actions": "write"})
        yield Lab(cluster, Keptn(cluster, tmp_path / "traces.jsonl"), forge, capsys)
