"""`examples/operator` against a real API server: it takes the manifests, and the accounts' rights are enough."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.forge import Forge
from tests.cluster.api_server import CONTEXT, ApiServer
from tests.cluster.team import Team
from tests.definitions import ROOT, WITHOUT_OPERATOR, operator_definitions

NAME = "by-operator"


def manifests(name: str) -> list[dict[str, Any]]:
    """The file's documents, with every namespace but the operator's own renamed: other tests have such, too."""
    text = (ROOT / "examples" / "operator" / name).read_text(encoding="utf-8")
    renamed = text.replace("podtato-head-", f"{NAME}-podtato-head-").replace(
        "namespace: argocd", f"namespace: {NAME}-argocd"
    )
    return list(yaml.safe_load_all(renamed))


@pytest.fixture(scope="module")
def team(server: ApiServer, forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A team whose administrator has applied the example's `access.yaml`."""
    team = Team(NAME, server, forge, tmp_path_factory.mktemp(NAME))
    for body in manifests("access.yaml"):
        server.create(body)
    return team


@pytest.mark.skipif(operator_definitions() is None, reason=WITHOUT_OPERATOR)
@pytest.mark.parametrize("name", ["stacks.yaml", "preview.yaml"])
def test_the_server_takes_every_stack_as_it_is(team: Team, name: str) -> None:
    for body in manifests(name):
        stored = team.server.validate(body)
        assert stored["spec"]["stack"] == body["spec"]["stack"]


def test_the_account_of_a_stage_brings_its_stack_up_in_the_namespace_that_it_finds(
    team: Team,
    keptn: None,  # noqa: ARG001 - its stages need it
    tmp_path: Path,
) -> None:
    team.server.mount(tmp_path, "stack-dev", "delivery")
    [mounted] = [body for body in manifests("access.yaml") if body["kind"] == "ConfigMap"]
    kubeconfig = mounted["data"]["config"].replace("https://kubernetes.default.svc", team.server.url)
    kubeconfig = kubeconfig.replace("/var/run/secrets/kubernetes.io/serviceaccount", str(tmp_path))
    (tmp_path / "config").write_text(kubeconfig.replace("in-cluster", CONTEXT), encoding="utf-8")
    del team.secrets["kubeconfig"]
    team.environment["KUBECONFIG"] = str(tmp_path / "config")
    team.settings["adoptExisting"] = "true"

    done = team.up("dev")

    assert done.status == 0, done.text
    assert team.server.get("Secret", "github-token", team.namespace("dev"))
    assert team.preview("dev", "--expect-no-changes").status == 0
