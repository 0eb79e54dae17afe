"""An Argo CD Application that deploys a team's own files, taken over as `make adopt` says: it goes on as it was."""

import json
from pathlib import Path

import pytest
import yaml

from delivery.adopt.__main__ import main
from delivery.config.keys import PROJECT
from lab.forge import Forge
from tests.cluster.api_server import CONTEXT, ApiServer, Body
from tests.cluster.team import TOKEN, Team

pytestmark = pytest.mark.usefixtures("keptn")

OVERLAY = "resources: [../../base]\nimages:\n  - name: ghcr.io/acme/shop\n    newTag: v1\n"
KEPT = ("project", "destination", "syncPolicy", "ignoreDifferences", "revisionHistoryLimit", "source")


def theirs(team: Team, url: str, stage: str) -> Body:
    """The Application of a stage, as a team has made it with kubectl."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": f"shop-{stage}",
            "namespace": team.argocd,
            "labels": {"team": "shop"},
            "annotations": {"notifications.argoproj.io/subscribe.on-sync-failed.slack": "shop"},
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        },
        "spec": {
            "project": "shop",
            "source": {
                "repoURL": url,
                "targetRevision": "main",
                "path": f"apps/shop/overlays/{stage}",
                "kustomize": {"namePrefix": "a-"},
            },
            "destination": {"server": "https://kubernetes.default.svc", "namespace": f"adopted-shop-{stage}"},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": False}, "retry": {"limit": 2}},
            "ignoreDifferences": [{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}],
            "revisionHistoryLimit": 3,
        },
    }


def test_an_application_that_is_taken_over_keeps_all_that_it_had(
    server: ApiServer, forge: Forge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    team = Team("adopted", server, forge, tmp_path)
    url = f"{forge.url}/{team.repository}"
    files = {f"apps/shop/overlays/{stage}/kustomization.yaml": OVERLAY for stage in ("dev", "production")}
    forge.commit(team.repository, {**files, "apps/shop/base/kustomization.yaml": "resources: []\n"}, message="Deploy")
    before = {stage: server.create(theirs(team, url, stage)) for stage in ("dev", "production")}
    (tmp_path / "kubeconfig").write_text(server.kubeconfig())
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))

    command = ["--context", CONTEXT, "--argocd-namespace", team.argocd, "--repository", url, "--json"]
    status = main(command, {"GITHUB_TOKEN": TOKEN})

    printed = json.loads(capsys.readouterr().out)
    assert [each["kind"] for each in printed["findings"] if each["kind"] not in ("expected", "decide")] == [
        "differs"
    ] * 2
    assert status == 3
    # The shipped file has another name there.
    left = [each["about"] for each in printed["findings"] if "remove argocdApplication:" in each["text"]]
    assert left == ["Pulumi.production.yaml"]
    team.settings["argocdApplication"] = "{application}-{stage}"
    del team.settings["namespacePattern"]
    for name in ("Pulumi.yaml", "Pulumi.production.yaml"):
        for key, value in yaml.safe_load(printed["files"][name])["config"].items():
            value = value["value"] if name == "Pulumi.yaml" else value
            team.settings[key.removeprefix(f"{PROJECT}:")] = value if isinstance(value, str) else json.dumps(value)

    done = team.up("production")

    assert done.status == 0, done.text
    found = server.get("Application", "shop-production", team.argocd)
    assert found is not None
    assert {key: found["spec"].get(key) for key in KEPT} == {key: before["production"]["spec"].get(key) for key in KEPT}
    own, programs = found["spec"]["sources"]
    assert own == found["spec"]["source"]
    assert programs["path"] == ".delivery/shop/production"
    assert found["spec"].keys() - before["production"]["spec"].keys() == {"sources"}
    kept = found["metadata"]
    assert kept["uid"] == before["production"]["metadata"]["uid"]
    assert kept["labels"] == {"team": "shop"}
    assert kept["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]
    assert kept["annotations"].keys() - before["production"]["metadata"]["annotations"].keys() == {
        "argocd.argoproj.io/manifest-generate-paths"
    }
    assert server.get("Application", "shop-dev", team.argocd) == before["dev"]
    assert set(files) <= set(forge_files(forge, team))
    again = team.preview("production", "--expect-no-changes")
    assert again.status == 0, again.text


def forge_files(forge: Forge, team: Team) -> list[str]:
    """The team's own files that are as they were."""
    stages = ("dev", "production")
    paths = [f"apps/shop/overlays/{stage}/kustomization.yaml" for stage in stages]
    return [path for path in paths if forge.read(team.repository, path) == OVERLAY.encode()]
