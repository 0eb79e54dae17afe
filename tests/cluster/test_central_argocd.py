"""A stack whose Argo CD runs in another cluster, against two real API servers: what goes where."""

from pathlib import Path

from lab.forge import Forge
from tests.cluster.api_server import CONTEXT, ApiServer
from tests.cluster.team import THREE_STAGES, Team


def test_a_central_argo_cd_gets_the_application_and_the_stages_cluster_everything_else(
    server: ApiServer, without_keptn: ApiServer, forge: Forge, tmp_path: Path
) -> None:
    hub, team = without_keptn, Team("central", server, forge, tmp_path)
    team.settings |= {"argocdContext": CONTEXT, "destinationName": "spoke"}
    team.use(THREE_STAGES)
    team.secrets["argocdKubeconfig"] = hub.kubeconfig()
    before = team.tip()

    refused = team.up("dev")
    assert len(refused.errors) == 1
    assert f"no namespace {team.argocd}" in refused.errors[0]
    assert team.tip() == before

    hub.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": team.argocd}})
    done = team.up("dev")
    assert done.status == 0, done.text
    for body in team.declared("dev"):
        here, there = (hub, server) if body["kind"] == "Application" else (server, hub)
        name, namespace = body["metadata"]["name"], body["metadata"].get("namespace", "")
        assert here.get(body["kind"], name, namespace) is not None, body["kind"]
        assert there.get(body["kind"], name, namespace) is None, body["kind"]
    assert team.preview("dev", "--refresh", "--run-program", "--expect-no-changes").status == 0
