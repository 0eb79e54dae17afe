"""The doctor of the platform, asked about what its charts really render, on a real API server."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from delivery.doctor.check import Check
from delivery.doctor.platform import OLDEST_SERVER
from delivery.doctor.platform_inputs import PlatformInspection
from delivery.doctor.registry import PLATFORM, run_groups
from delivery.model.secret import SecretText
from delivery.platform.charts import CHARTS, ChartPin
from delivery.platform.configuration import parse_platform
from delivery.platform.keys import SECRETS
from tests.charts import Body, find, metadata
from tests.cluster.api_server import ApiServer, Etcd
from tests.cluster.platforms import CONFIGURATIONS, platform
from tests.cluster.prerequisites import Prerequisites

FOUND = find(os.environ)
pytestmark = pytest.mark.skipif(isinstance(FOUND, str), reason=str(FOUND))

ASKED = ("Namespace", "Secret", "Deployment", "StatefulSet", "KeptnConfig")
READY = {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1}


def declared() -> list[Body]:
    """What the stack declares, of the kinds that the doctor asks for."""
    assert isinstance(FOUND, Path)
    made = platform(FOUND, "token")
    return [*made.objects("CustomResourceDefinition"), *(body for kind in ASKED for body in made.objects(kind))]


def state() -> frozenset[tuple[str, str]]:
    """What is in Pulumi's state once the stack has declared it."""
    about = ((body["kind"], body["metadata"]) for body in declared())
    return frozenset((kind, "/".join((*filter(None, [at.get("namespace")]), at["name"]))) for kind, at in about)


@pytest.fixture(scope="module")
def server(prerequisites: Prerequisites, etcd: Etcd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server with all of that, every workload ready as its controller would say."""
    with ApiServer(prerequisites.assets, etcd, tmp_path_factory.mktemp("servers") / "doctor", ["guest"]) as running:
        bodies = declared()
        running.define_all([body for body in bodies if body["kind"] == "CustomResourceDefinition"])
        for body in bodies:
            if body["kind"] in ASKED:
                running.create(body)
            if body["kind"] in ("Deployment", "StatefulSet"):
                name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
                running.merge(body["kind"], name, {"status": READY}, namespace, "status")
        yield running


Look = Callable[..., dict[str, Check]]


@pytest.fixture
def look(server: ApiServer, tmp_path: Path) -> Look:
    def look(known: frozenset[tuple[str, str]], user: str = "") -> dict[str, Check]:
        made = PlatformInspection(tmp_path, "laptop", {})
        raw = {"kubeContext": "the-cluster", **CONFIGURATIONS["token"]}
        made.parsed = parse_platform(raw, "laptop", SECRETS & raw.keys(), None)
        made.state = known
        kubeconfig = server.kubeconfig(user) if user else server.kubeconfig()
        made.add_secrets({"kubeconfig": SecretText(kubeconfig)})
        return {check.name: check for check in run_groups(PLATFORM, made, "cluster")}

    return look


def test_all_that_the_charts_bring_is_found_ready_in_the_pinned_version(look: Look) -> None:
    found = look(state())

    assert {name: check.detail for name, check in found.items() if check.status != "ok"} == {}
    assert {"Argo CD", "Keptn", "Keptn's certificates", "collector", "Jaeger"} < set(found)
    assert found["Argo CD"].detail == f"argo-cd-{CHARTS[0].version}, ready in argocd"


def test_the_same_from_others_is_told_from_what_this_stack_has(look: Look) -> None:
    found = look(frozenset())

    parts = {"Argo CD", "Keptn", "Keptn's certificates", "collector", "Jaeger"}
    assert {name for name, check in found.items() if check.status == "wrong"} == parts


def test_definitions_whose_controllers_are_gone_are_left_over(look: Look, server: ApiServer) -> None:
    controllers = [body for body in declared() if body["kind"] in ("Deployment", "StatefulSet")]
    for body in controllers:
        server.delete(body["kind"], body["metadata"]["name"], body["metadata"]["namespace"])
    try:
        found = look(frozenset())
    finally:
        for body in controllers:
            server.create(body)

    assert {found[f"{part}'s definitions"].status for part in ("Argo CD", "Keptn")} == {"wrong"}


def test_a_login_without_rights_is_told_which_it_lacks_and_is_not_called_wrong_elsewhere(look: Look) -> None:
    found = look(state(), "guest")

    assert [name for name, check in found.items() if check.status == "wrong"] == ["cluster rights"]
    assert "customresourcedefinitions.apiextensions.k8s.io" in found["cluster rights"].detail


@pytest.mark.parametrize("pin", CHARTS, ids=lambda pin: pin.name)
def test_a_server_that_a_chart_refuses_is_told_before(pin: ChartPin) -> None:
    assert isinstance(FOUND, Path)
    demanded = str(metadata(FOUND / pin.name).get("kubeVersion", ""))
    oldest = OLDEST_SERVER.get(pin.name)

    assert demanded.strip(">= ").startswith(".".join(map(str, oldest)) if oldest else "")
    assert bool(demanded) == bool(oldest)
