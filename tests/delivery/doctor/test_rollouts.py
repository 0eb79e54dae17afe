"""What the doctor says of the versions that Keptn verifies: which one is stuck, at what, and how to see more."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivery.doctor.check import Check
from delivery.doctor.inspection import Inspection
from lab.engine import PROGRAM
from tests.delivery.cluster.kubernetes_api import KubernetesApi, configured
from tests.delivery.doctor.surroundings import assert_told, named

KEPTN = "/apis/lifecycle.keptn.sh/v1/namespaces/podtato-head-dev"
EVENTS = "/api/v1/namespaces/podtato-head-dev/events"
NAME = "Keptn's version podtato-head"


def ago(**of: float) -> str:
    """A time as Kubernetes writes it."""
    return (datetime.now(UTC) - timedelta(**of)).strftime("%Y-%m-%dT%H:%M:%SZ")


LONG_AGO = ago(hours=2)


def version(phase: str, status: str = "Progressing", /, since: str = LONG_AGO, **more: Any) -> dict[str, Any]:
    """A KeptnAppVersion; `more` is its status."""
    spec = {
        "appName": "podtato-head",
        "version": "v0.3.1",
        "preDeploymentTasks": ["before"],
        "postDeploymentTasks": ["smoke", "load"],
        "postDeploymentEvaluations": ["errors"],
        "promotionTasks": ["promote"],
    }
    found = {"currentPhase": phase, "status": status, "startTime": since, **more}
    return {"metadata": {"creationTimestamp": since}, "spec": spec, "status": found}


def item(definition: str, status: str, **times: str) -> dict[str, str]:
    return {"definitionName": definition, "name": f"post-{definition}-12345", "status": status, **times}


def checks(api: KubernetesApi, *versions: dict[str, Any], **keys: str) -> dict[str, Check]:
    api.objects[f"{KEPTN}/keptnappversions"] = {"items": list(versions)}
    inspection = Inspection(PROGRAM, "dev", {})
    inspection.parsed = configured("dev", **keys)
    inspection.add_secrets({"kubeconfig": api.kubeconfig()})
    return named(inspection, "cluster")


@pytest.mark.parametrize(
    "found",
    [
        lambda: version("Completed", "Succeeded"),
        lambda: version("AppDeploy", since=ago(minutes=5)),
        lambda: version("AppPreDeployTasks", "Pending", since=ago(minutes=1)),
        lambda: version(
            "AppPostDeployTasks", postDeploymentTaskStatus=[item("smoke", "Progressing", startTime=ago(minutes=9))]
        ),
    ],
    ids=["verified", "deploying", "just begun", "a task began a while after the rest"],
)
def test_a_version_that_is_verified_or_moves_is_fine(api: KubernetesApi, found: Callable[[], dict[str, Any]]) -> None:
    check = checks(api, found())[NAME]
    assert check.status == "ok"
    assert "v0.3.1" in check.detail


WAITING = [{"workload": {"name": "podtato-head-frontend"}, "status": "Progressing"}]
STUCK = {
    "deploying": version("AppDeploy", workloadStatus=[*WAITING, {"workload": {"name": "x"}, "status": "Succeeded"}]),
    "not_defined": version("AppPostDeployTasks", postDeploymentTaskStatus=[item("smoke", "Succeeded")]),
    "running": version("AppPreDeployTasks", preDeploymentTaskStatus=[item("before", "Progressing")]),
    "unseen": {"spec": {"appName": "podtato-head", "version": "v0.3.1"}},
}


@pytest.mark.parametrize("name", STUCK)
def test_a_version_that_does_not_move_is_wrong_and_what_it_waits_for_is_named(api: KubernetesApi, name: str) -> None:
    check = checks(api, STUCK[name])[NAME]
    assert check.status == "wrong"
    assert_told(f"keptn_version.{name}", check, LONG_AGO[:16].replace("T", " "))


FAILED = {
    "task": version(
        "AppPostDeployTasks",
        "Failed",
        postDeploymentTaskStatus=[item("smoke", "Failed"), item("load", "Succeeded")],
    ),
    "evaluation": version(
        "AppPostDeployEvaluations", "Failed", postDeploymentEvaluationTaskStatus=[item("errors", "Failed")]
    ),
    "promotion": version("PromotionTasks", "Failed", promotionTaskStatus=[item("promote", "Failed")]),
    "deployment": version("AppDeploy", "Failed", workloadStatus=[WAITING[0] | {"status": "Failed"}]),
}
EVALUATION = {
    "evaluationStatus": {
        "rate": {"status": "Failed", "value": "7", "message": "value '7' did not meet objective '<5'"},
        "other": {"status": "Succeeded", "value": "1"},
    }
}


@pytest.mark.parametrize("name", FAILED)
def test_a_version_that_failed_is_wrong_with_the_reason_that_the_cluster_has(api: KubernetesApi, name: str) -> None:
    job = {"reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}
    api.objects[f"{KEPTN}/keptntasks/post-smoke-12345"] = {"status": job}
    api.objects[f"{KEPTN}/keptnevaluations/post-errors-12345"] = {"status": EVALUATION}
    told = [{"message": "old", "lastTimestamp": ago(hours=1)}, {"message": "401", "lastTimestamp": ago(minutes=1)}]
    api.objects[EVENTS] = {"items": told}
    check = checks(api, FAILED[name])[NAME]
    assert check.status == "wrong"
    assert_told(f"keptn_version.failed_{name}", check)
    asked = "involvedObject.name%3Dpodtato-head%2Creason%3DPromotionFailed"
    assert any(asked in request for request in api.requests) is (name == "promotion")


def test_the_reason_may_be_gone_and_nothing_secret_is_in_it(api: KubernetesApi) -> None:
    assert checks(api, FAILED["task"])[NAME].status == "wrong"
    api.objects[f"{KEPTN}/keptntasks/post-smoke-12345"] = {"status": {"message": "see https://me:hunter22@host/"}}
    assert "hunter22" not in checks(api, FAILED["task"])[NAME].detail


def test_a_task_that_failed_without_blocking_is_told_and_not_wrong(api: KubernetesApi) -> None:
    check = checks(api, version("Completed", "Succeeded", postDeploymentTaskStatus=[item("smoke", "Failed")]))[NAME]
    assert check.status == "unknown"
    assert_told("keptn_version.not_blocked", check)


def test_the_newest_version_counts_and_none_that_keptn_gave_up_or_that_is_of_another_application(
    api: KubernetesApi,
) -> None:
    before = version("AppDeploy", "Failed", since=ago(hours=3))
    deprecated = version("Deprecated", "Deprecated", since=ago(minutes=1))
    other = version("AppDeploy", "Failed")
    other["spec"] = {"appName": "neighbour", "version": "v9"}
    found = checks(api, version("Completed", "Succeeded"), before, deprecated, other)
    assert [(name, check.status) for name, check in found.items() if name.startswith("Keptn's version")] == [
        (NAME, "ok")
    ]


def test_a_namespace_of_several_applications_is_listed_once(api: KubernetesApi) -> None:
    found = checks(
        api,
        applications='[{"name": "podtato-head", "image": "a/b"}, {"name": "web", "image": "a/c"}]',
        namespacePattern="podtato-head-{stage}",
        pathPattern="{application}/{stage}",
    )
    assert found[NAME].status == found["Keptn's version web"].status == "ok"
    assert len([request for request in api.requests if "keptnappversions" in request]) == 1


def test_a_login_that_may_not_read_versions_leaves_them_unknown(api: KubernetesApi) -> None:
    inspection = checks(api)
    api.objects[f"{KEPTN}/keptnappversions"] = 403
    assert inspection[NAME].status == "ok"
    again = Inspection(PROGRAM, "dev", {})
    again.parsed = configured("dev")
    again.add_secrets({"kubeconfig": api.kubeconfig()})
    assert named(again, "cluster")["Keptn's version"].status == "unknown"
