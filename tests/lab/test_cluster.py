"""The stand-in for the cluster: it lets through what a role allows, and answers as the API server does."""

from collections.abc import Iterator

import pytest
import requests

from lab.cluster import Cluster
from lab.cluster_objects import Access, Deployment, accesses

DEV, APPLICATION = "podtato-head-dev", "podtato-head"
KEPTN = f"/apis/lifecycle.keptn.sh/v1/namespaces/{DEV}"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{DEV}/deployments"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as running:
        running.set_stage(DEV, APPLICATION, "v1", metadata={"commitID": "a" * 40})
        yield running


def get(cluster: Cluster, path: str, account: str = DEV) -> requests.Response:
    token = (cluster.service_account_dir(account) / "token").read_text()
    return requests.get(cluster.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=5)


def test_a_stage_has_a_keptn_app_a_rollout_and_a_deployment_whose_status_leaves_out_what_is_zero(
    cluster: Cluster,
) -> None:
    app = get(cluster, f"{KEPTN}/keptnapps/{APPLICATION}").json()
    assert app["spec"] == {"version": "v1", "workloads": [{"name": APPLICATION, "version": "v1"}]}
    rollout = get(cluster, f"{KEPTN}/keptnappversions/podtato-head-v1-6b86b273").json()
    assert rollout["spec"]["metadata"] == {"commitID": "a" * 40}
    cluster.set_deployments(DEV, APPLICATION, Deployment(APPLICATION, "v1", updated=0, available=0))
    [deployment] = get(cluster, DEPLOYMENTS).json()["items"]
    assert deployment["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/version"] == "v1"
    assert deployment["status"] == {"observedGeneration": 1, "replicas": 1, "unavailableReplicas": 1}


def test_what_is_not_there_is_a_404_with_a_status(cluster: Cluster) -> None:
    answer = get(cluster, f"{KEPTN}/keptnapps/other")
    assert (answer.status_code, answer.json()["reason"]) == (404, "NotFound")


def test_an_unknown_token_another_namespaces_account_and_what_the_role_lacks_are_refused(cluster: Cluster) -> None:
    assert requests.get(cluster.url + DEPLOYMENTS, timeout=5).status_code == 401
    assert get(cluster, DEPLOYMENTS, account="elsewhere").status_code == 403
    cluster.seen.clear()
    answer = get(cluster, f"/api/v1/namespaces/{DEV}/secrets")
    assert answer.status_code == 403
    assert answer.json()["message"].startswith('secrets is forbidden: User "system:serviceaccount:')
    assert cluster.seen == {Access("list", "", "secrets")}


def test_the_rules_of_a_role_become_accesses() -> None:
    rules = [{"apiGroups": ["apps", ""], "resources": ["a"], "verbs": ["get", "list"]}]
    assert accesses(rules) == {Access(verb, group, "a") for verb in ("get", "list") for group in ("apps", "")}
