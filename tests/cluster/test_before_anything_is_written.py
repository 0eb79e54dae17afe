"""What would stop an update in the cluster is found before the first write, there and in the repository."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from delivery.cluster.needs import Right, granted_rights, rights
from delivery.config.files import read_stack_config
from delivery.config.reader import parse
from delivery.model.settings import VERIFICATIONS
from lab.engine import PROGRAM
from lab.forge import Forge
from tests.cluster.api_server import ApiServer, Body
from tests.cluster.programs import free_ports
from tests.cluster.team import THREE_STAGES, Done, Team

_ROLES = "rbac.authorization.k8s.io"


def refused(team: Team, server: ApiServer) -> Done:
    """An update of dev that fails and leaves neither a commit nor an object."""
    before = team.tip(), server.names("Namespace"), len(team.forge.requests)
    done = team.up("dev")
    assert done.status != 0
    assert "Traceback" not in done.text
    assert (team.tip(), server.names("Namespace")) == before[:2]
    writes = [each for each in team.forge.requests[before[2] :] if each.kind == "rest" and each.method != "GET"]
    assert writes == []
    return done


def test_a_cluster_that_cannot_be_reached(server: ApiServer, forge: Forge, tmp_path: Path) -> None:
    team = Team("unreachable", server, forge, tmp_path)
    nowhere = f"https://127.0.0.1:{free_ports(1)[0]}"
    team.secrets["kubeconfig"] = team.secrets["kubeconfig"].replace(server.url, nowhere)

    (line,) = refused(team, server).errors

    assert line.startswith("cluster 'the-cluster': found ")
    assert f"{nowhere} (Connection refused)" in line
    assert line.endswith("until this works: kubectl --context the-cluster version")


def test_a_context_that_the_kubeconfig_has_not(server: ApiServer, forge: Forge, tmp_path: Path) -> None:
    team = Team("misspelt", server, forge, tmp_path)
    team.settings["kubeContext"] = "the-clutser"

    (line,) = refused(team, server).errors

    assert "context 'the-clutser' of delivery:kubeconfig" in line


def test_a_cluster_without_the_definitions_of_keptn_and_argo_cd(
    bare_server: ApiServer, forge: Forge, tmp_path: Path
) -> None:
    team = Team("bare", bare_server, forge, tmp_path)

    keptn, argo_cd = refused(team, bare_server).errors

    assert "found no definition of keptntaskdefinitions.lifecycle.keptn.sh v1" in keptn
    assert "fix: pulumi -C platform up -s laptop " in keptn
    assert "found no definition of applications.argoproj.io v1alpha1" in argo_cd
    assert "fix: install it there: docs/how-to/existing-cluster.md" in argo_cd

    team.settings["stages"] = json.dumps([{"name": "dev", "verification": "argocd"}])
    assert refused(team, bare_server).errors == [argo_cd]


def test_a_login_without_rights(server: ApiServer, forge: Forge, tmp_path: Path) -> None:
    team = Team("guest", server, forge, tmp_path)
    team.secrets["kubeconfig"] = server.kubeconfig("guest")

    lines = refused(team, server).errors

    assert all("found a login that may not" in line and "fix: bind a role" in line for line in lines)
    namespaces = next(line for line in lines if "namespaces" in line)
    assert "may not create, delete, get, patch namespaces" in namespaces
    assert namespaces.endswith("kubectl --context the-cluster auth can-i create namespaces")


@pytest.mark.parametrize("verification", VERIFICATIONS)
def test_the_rights_that_are_asked_for_are_enough(
    server: ApiServer, forge: Forge, tmp_path: Path, verification: str, request: pytest.FixtureRequest
) -> None:
    if verification == "keptn":
        request.getfixturevalue("keptn")
    user = f"deployer-{verification}"
    team = Team(user, server, forge, tmp_path)
    team.secrets["kubeconfig"] = server.kubeconfig(user)
    team.settings["stages"] = json.dumps([{**stage, "verification": verification} for stage in THREE_STAGES])
    given = read_stack_config(PROGRAM, "dev").override(team.settings, {})
    configuration = parse({key.removeprefix("delivery:"): text for key, text in given.values.items()}, "dev")
    grant(server, user, {*rights(configuration), *granted_rights(configuration)})

    done = team.up("dev")

    assert done.status == 0, done.text
    assert team.preview("dev", "--refresh", "--run-program", "--expect-no-changes").status == 0


def grant(server: ApiServer, user: str, needed: Iterable[Right]) -> None:
    """Let `user` do exactly this, in any namespace."""
    rules = [{"apiGroups": [each.group], "resources": [each.resource], "verbs": [each.verb]} for each in needed]
    head: Body = {"apiVersion": f"{_ROLES}/v1", "metadata": {"name": user}}
    server.create(head | {"kind": "ClusterRole", "rules": rules})
    role = {"apiGroup": _ROLES, "kind": "ClusterRole", "name": user}
    subjects = [{"apiGroup": _ROLES, "kind": "User", "name": user}]
    server.create(head | {"kind": "ClusterRoleBinding", "roleRef": role, "subjects": subjects})
