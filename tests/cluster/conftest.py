"""The servers that all tests of this tier share, and the reasons to skip it where something is not there."""

import os
import shutil
from collections.abc import Iterator

import pytest

from lab.forge import Forge
from tests.cluster.api_server import ApiServer, Etcd
from tests.cluster.prerequisites import Prerequisites, find
from tests.cluster.team import TOKEN, Team
from tests.definitions import WITHOUT_KEPTN, has_keptn


@pytest.fixture(scope="session")
def prerequisites() -> Prerequisites:
    found = find(os.environ)
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(scope="session")
def keptn(prerequisites: Prerequisites) -> None:
    """For a test whose stages Keptn verifies: skips it where the definitions are Argo CD's alone."""
    if not has_keptn(prerequisites.definitions):
        pytest.skip(WITHOUT_KEPTN)


@pytest.fixture(scope="session")
def etcd(prerequisites: Prerequisites, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    with Etcd(prerequisites.assets, tmp_path_factory.mktemp("etcd")) as running:
        yield running


@pytest.fixture(scope="session")
def server(prerequisites: Prerequisites, etcd: Etcd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """The API server with the custom resource definitions. `guest` and the two deployers have no rights yet."""
    folder = tmp_path_factory.mktemp("servers") / "with-definitions"
    with ApiServer(prerequisites.assets, etcd, folder, users=("guest", "deployer-keptn", "deployer-argocd")) as running:
        running.define(prerequisites.definitions)
        yield running


@pytest.fixture(scope="session")
def bare_server(
    prerequisites: Prerequisites, etcd: Etcd, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """A second API server, without any custom resource definition."""
    folder = tmp_path_factory.mktemp("servers") / "bare"
    with ApiServer(prerequisites.assets, etcd, folder) as running:
        yield running


@pytest.fixture(scope="session")
def without_keptn(
    prerequisites: Prerequisites, etcd: Etcd, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """A third API server, with the definitions of Argo CD alone: it knows nothing of Keptn."""
    folder = tmp_path_factory.mktemp("definitions")
    for path in prerequisites.definitions.glob("argoproj.io_*.yaml"):
        shutil.copy(path, folder)
    with ApiServer(prerequisites.assets, etcd, tmp_path_factory.mktemp("servers") / "without-keptn") as running:
        running.define(folder)
        yield running


@pytest.fixture(scope="session")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    with Forge(tmp_path_factory.mktemp("forge")) as running:
        running.add_token(TOKEN, login="platform-engineer")
        yield running


@pytest.fixture(scope="session")
def delivered(
    keptn: None,  # noqa: ARG001 - its stages need it
    server: ApiServer,
    forge: Forge,
    tmp_path_factory: pytest.TempPathFactory,
) -> Team:
    """A team whose two stages are up. Tests that use it change nothing."""
    team = Team("delivered", server, forge, tmp_path_factory.mktemp("delivered"))
    for stage in ("dev", "production"):
        done = team.up(stage)
        assert done.status == 0, done.text
    return team
