import base64
from typing import Any

import pytest

from delivery.cluster.argocd import credentials
from delivery.cluster.connection import Connection, connect
from delivery.cluster.installed import DEFINITIONS, controllers, kinds, objects
from tests.delivery.cluster.kubernetes_api import CONTEXT, KubernetesApi, workload

URL = "https://github.com/acme/gitops"
SSH = "git@github.com:acme/gitops.git"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nAA==\n-----END RSA PRIVATE KEY-----\n"


@pytest.fixture
def connection(api: KubernetesApi) -> Connection:
    return connect(CONTEXT, api.kubeconfig())


def server(**metadata: object) -> dict[str, Any]:
    made = workload("argocd-server", "argocd", "quay.io/argoproj/argocd:v3.4.4")
    made["metadata"] |= metadata
    return made


def installer(api: KubernetesApi, connection: Connection, **metadata: object) -> str:
    api.objects["/apis/apps/v1/deployments"] = {"items": [server(**metadata)]}
    ((found, _),) = controllers(connection, "app.kubernetes.io/part-of=argocd")
    return found.installer


@pytest.mark.parametrize(
    ("metadata", "who"),
    [
        ({}, ""),
        ({"annotations": {"meta.helm.sh/release-name": "cd"}}, "the release cd of Helm"),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}, "Argo CD"),
        ({"managedFields": [{"manager": "pulumi-kubernetes-1a2b"}]}, "another stack of Pulumi"),
        ({"managedFields": [{"manager": "kubectl-client-side-apply"}]}, "kubectl"),
        ({"managedFields": [{"manager": "kube-controller-manager"}, {"manager": "helm"}]}, "Helm"),
        # What somebody scales or patches later does not become theirs.
        ({"managedFields": [{"manager": "kubectl-edit"}, {"manager": "pulumi-kubernetes"}]}, "another stack of Pulumi"),
        ({"managedFields": [{"manager": "kubectl"}], "annotations": {"meta.helm.sh/release-name": "cd"}},
         "the release cd of Helm"),
    ],
)  # fmt: skip
def test_who_has_installed_a_controller_is_told_by_the_surest_sign(
    api: KubernetesApi, connection: Connection, metadata: dict[str, object], who: str
) -> None:
    assert installer(api, connection, **metadata) == who


def test_controllers_are_found_by_their_labels_and_have_the_identity_of_pulumis_state(
    api: KubernetesApi, connection: Connection
) -> None:
    chart = {"helm.sh/chart": "argo-cd-10.1.1", "app.kubernetes.io/part-of": "argocd"}
    others = server(labels={"app.kubernetes.io/part-of": "shop"}, name="shop")
    api.objects["/apis/apps/v1/namespaces/argocd/statefulsets"] = {"items": [server(labels=chart), others]}
    ((found, runs),) = controllers(connection, "app.kubernetes.io/part-of=argocd", "argocd")
    assert found.id == ("StatefulSet", "argocd/argocd-server")
    assert (found.chart, runs.version, runs.ready) == ("argo-cd-10.1.1", "v3.4.4", True)


def test_definitions_are_read_without_their_schemas_and_those_of_others_left_out(
    api: KubernetesApi, connection: Connection
) -> None:
    names = ("applications.argoproj.io", "rollouts.argoproj.io", "keptnapps.lifecycle.keptn.sh", "shops.example.com")
    api.objects[DEFINITIONS] = {"items": [{"metadata": {"name": name}} for name in names]}
    found = kinds(connection, ("applications.argoproj.io", "lifecycle.keptn.sh"))
    assert [one.id for one in found] == [
        ("CustomResourceDefinition", "applications.argoproj.io"),
        ("CustomResourceDefinition", "keptnapps.lifecycle.keptn.sh"),
    ]
    assert "PartialObjectMetadataList" in api.accepted[-1]


def test_the_objects_of_a_kind_are_read_in_the_version_that_the_server_prefers(
    api: KubernetesApi, connection: Connection
) -> None:
    api.objects["/apis/lifecycle.keptn.sh"] = {"preferredVersion": {"version": "v1"}}
    api.objects["/apis/lifecycle.keptn.sh/v1/keptnapps"] = {"items": [{"metadata": {"name": "a", "namespace": "b"}}]}
    assert objects(connection, "keptnapps.lifecycle.keptn.sh") == (("b", "a"),)
    assert objects(connection, "keptnapps.unknown.example.com") == ()


@pytest.mark.parametrize(
    ("url", "data", "form", "usable"),
    [
        (URL, {"password": "t"}, "a token", True),
        (URL, {"password": "t", "type": "git"}, "a token", True),
        (URL, {"password": "t", "type": "helm"}, "a token", False),
        (SSH, {"password": "t"}, "a token", False),
        (SSH, {"sshPrivateKey": PEM}, "an SSH key", True),
        ("ssh://git@github.com/acme/gitops", {"sshPrivateKey": PEM}, "an SSH key", True),
        (SSH, {"sshPrivateKey": "/home/me/.ssh/id"}, "an SSH key", False),
        (URL, {"sshPrivateKey": PEM}, "an SSH key", False),
        (URL, {"githubAppPrivateKey": PEM, "githubAppID": "7"}, "a GitHub App", True),
        (URL, {"githubAppPrivateKey": PEM, "githubAppID": "Iv1"}, "a GitHub App", False),
        (URL, {"githubAppPrivateKey": "nonsense", "githubAppID": "7"}, "a GitHub App", False),
        (URL, {}, "", False),
    ],
)
def test_a_credential_is_told_by_its_form_and_by_what_argo_cd_cannot_use_of_it(
    api: KubernetesApi, connection: Connection, url: str, data: dict[str, str], form: str, usable: bool
) -> None:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in (data | {"url": url}).items()}
    api.objects["/api/v1/namespaces/argocd/secrets"] = {"items": [{"metadata": {"name": "r"}, "data": encoded}]}
    (found,) = credentials(connection, "argocd", url)
    assert (found.name, found.form, not found.lacks) == ("r", form, usable)
    assert not any(value in found.lacks for value in data.values() if len(value) > 3)
