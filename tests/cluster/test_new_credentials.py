"""A kubeconfig that was replaced: `--run-program` asks with the new one, where Pulumi has stored the old one."""

from pathlib import Path

from lab.forge import Forge
from tests.cluster.api_server import ApiServer
from tests.cluster.team import Team

APPLICATION = "podtato-head-prod"


def test_a_refresh_an_update_and_destroy_go_on_with_a_new_kubeconfig(
    server: ApiServer, forge: Forge, tmp_path: Path
) -> None:
    team = Team("rotated", server, forge, tmp_path)
    team.secrets["kubeconfig"] = server.account("ci-first")
    first = team.up("production")
    assert first.status == 0, first.text
    server.delete("Application", APPLICATION, team.argocd)

    team.secrets["kubeconfig"] = server.account("ci-second")
    server.end_account("ci-first")
    stored = team.preview("production", "--refresh")
    updated = team.up("production", "--refresh", "--run-program")

    assert "unreachable cluster" in stored.text
    assert updated.status == 0, updated.text
    assert server.get("Application", APPLICATION, team.argocd) is not None

    team.secrets["kubeconfig"] = server.account("ci-third")
    server.end_account("ci-second")
    # Pulumi waits for what it deletes, and no controller runs here that would bring that to its end.
    server.delete("Application", APPLICATION, team.argocd)
    server.remove_namespace(team.namespace("production"))
    destroyed = team.destroy("production", "--run-program")

    assert destroyed.status == 0, destroyed.text
