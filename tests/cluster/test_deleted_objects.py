"""What is deleted behind Pulumi's back comes back: `pulumi up --refresh --run-program` looks before it compares."""

from collections.abc import Iterator

import pytest

from lab.forge import Forge
from tests.cluster.api_server import ApiServer, Body
from tests.cluster.team import THREE_STAGES, Team


@pytest.fixture(scope="module")
def team(server: ApiServer, forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> Team:
    team = Team("deleted", server, forge, tmp_path_factory.mktemp("deleted"))
    team.use(THREE_STAGES)
    done = team.up("dev")
    assert done.status == 0, done.text
    return team


def absent(team: Team) -> Iterator[str]:
    for body in team.declared("dev"):
        metadata: Body = body["metadata"]
        if team.server.get(body["kind"], metadata["name"], metadata.get("namespace", "")) is None:
            yield f"{body['kind']} {metadata['name']}"


def test_a_secret_and_an_application_come_back(team: Team) -> None:
    team.server.delete("Secret", "github-token", team.namespace("dev"))
    team.server.delete("Application", "podtato-head-dev", team.argocd)
    assert sorted(absent(team)) == ["Application podtato-head-dev", "Secret github-token"]

    done = team.up("dev", "--refresh", "--run-program")

    assert done.status == 0, done.text
    assert list(absent(team)) == []


def test_a_namespace_comes_back_with_all_that_was_in_it(team: Team) -> None:
    team.server.remove_namespace(team.namespace("dev"))
    assert len(list(absent(team))) == {"keptn": 7, "argocd": 5}[team.server.verification]

    done = team.up("dev", "--refresh", "--run-program")

    assert done.status == 0, done.text
    assert list(absent(team)) == []
