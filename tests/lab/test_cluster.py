"""The stand-in for the cluster: it lets through what a role allows, and answers as the API server does."""

from collections.abc import Iterator

import pytest
import requests

from lab.cluster import Cluster
from lab.cluster_objects import HOOK_ROLE, Access, Deployment, Job, accesses

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


def test_a_namespace_has_the_jobs_of_hooks_each_with_its_pod_by_label(cluster: Cluster) -> None:
    cluster.roles[DEV] = HOOK_ROLE
    failed = Job("web-smoke", "web", "smoke", "PostSync", 1, "a" * 40, "503", "BackoffLimitExceeded", 60.0, 120.0)
    for job in (failed, Job("api-smoke", "api", "smoke", "PostSync", 0, "b" * 40), Job("old", "web", "x", "", 0, "")):
        cluster.set_job(DEV, job)
    cluster.delete_job(DEV, "old")
    of_web = "?labelSelector=delivery/application%3Dweb,delivery/task%3Dsmoke"
    [job] = get(cluster, f"/apis/batch/v1/namespaces/{DEV}/jobs{of_web}").json()["items"]
    assert job["metadata"]["annotations"]["delivery/commit"] == "a" * 40
    assert job["status"]["startTime"] == "1970-01-01T00:01:00Z"
    [condition] = job["status"]["conditions"]
    assert (condition["type"], condition["reason"]) == ("Failed", "BackoffLimitExceeded")
    [pod] = get(cluster, f"/api/v1/namespaces/{DEV}/pods?labelSelector=job-name%3Dweb-smoke").json()["items"]
    [container] = pod["status"]["containerStatuses"]
    assert (container["state"]["terminated"]["exitCode"], container["state"]["terminated"]["message"]) == (1, "503")
    assert len(get(cluster, f"/api/v1/namespaces/{DEV}/pods").json()["items"]) == 2
    [replica_set] = get(cluster, f"/apis/apps/v1/namespaces/{DEV}/replicasets").json()["items"]
    assert replica_set["metadata"]["ownerReferences"][0]["name"] == APPLICATION


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
