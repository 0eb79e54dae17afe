"""What the doctor says of Argo CD: a central one, the project, and each state that an Application can be in."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivery.doctor.check import Check
from delivery.doctor.inspection import Inspection
from lab.engine import PROGRAM
from tests.components.stacks import OWN
from tests.delivery.cluster.kubernetes_api import ARGOCD, CONTEXT, TOKEN, KubernetesApi, configured, kubernetes_api
from tests.delivery.doctor.surroundings import assert_told, named

APPLICATION = f"{ARGOCD}/applications/podtato-head-dev"
PROJECT = f"{ARGOCD}/appprojects/default"
SECRETS = "/api/v1/namespaces/argocd/secrets"
URL = "https://github.com/acme/podtato-head-gitops"
NEW, OLD = "b" * 40, "a" * 40


def ago(**of: float) -> str:
    """A time as Kubernetes writes it."""
    return (datetime.now(UTC) - timedelta(**of)).strftime("%Y-%m-%dT%H:%M:%SZ")


BEGUN = ago(hours=2)


def checks(api: KubernetesApi, **keys: str) -> dict[str, Check]:
    inspection = Inspection(PROGRAM, "dev", {})
    inspection.parsed = configured("dev", **keys)
    inspection.set_keys = frozenset({"kubeconfig"})
    inspection.add_secrets({"kubeconfig": api.kubeconfig()})
    return named(inspection, "Argo CD")


def state(api: KubernetesApi, status: dict[str, Any], *, automated: object = None, age: float = 60) -> Check:
    """The check of the stage's one Application with this status, made `age` minutes ago."""
    policy = {"automated": {"prune": True} if automated is None else automated}
    api.objects[APPLICATION] = {
        "metadata": {"creationTimestamp": ago(minutes=age)},
        "spec": {"syncPolicy": policy},
        "status": status,
    }
    return checks(api)["Application podtato-head-dev"]


def status(sync: str = "Synced", phase: str = "Succeeded", message: str = "", **more: Any) -> dict[str, Any]:
    """A status at the revision NEW, last synced to that."""
    operation = {"phase": phase, "message": message, "startedAt": BEGUN, "syncResult": {"revision": NEW}}
    found = {"sync": {"status": sync, "revision": NEW}, "operationState": operation, "health": {"status": "Healthy"}}
    return found | more


def condition(kind: str, message: str) -> dict[str, Any]:
    return {"conditions": [{"type": "OrphanedResourceWarning", "message": "x"}, {"type": kind, "message": message}]}


AUTHENTICATION = "failed to list refs: authentication required at https://me:hunter22@github.com/acme"


def failed(*resources: dict[str, str], compared: str = NEW) -> dict[str, Any]:
    """A sync of NEW that failed, with these resources, as Argo CD lists them; it is compared with another since."""
    message = "one or more synchronization tasks completed unsuccessfully"
    operation = {"phase": "Failed", "message": message, "syncResult": {"revision": NEW, "resources": list(resources)}}
    return status() | {"operationState": operation, "sync": {"status": "Synced", "revision": compared}}


def hook(name: str, kind: str, phase: str, **more: str) -> dict[str, str]:
    found = {"kind": "Job", "namespace": "podtato-head-dev", "name": name, "status": "Synced", "hookType": kind}
    return found | {"hookPhase": phase, "message": f"job.batch/{name} created", **more}


BACKOFF = {"message": "Job has reached the specified backoff limit"}
DEPLOYED = {"kind": "Deployment", "name": "frontend", "status": "Synced", "hookPhase": "Running"}
REFUSED = {"kind": "Service", "name": "frontend", "status": "SyncFailed", "message": "spec.ports: Required value"}
WRONG: dict[str, dict[str, Any]] = {
    "failed_pre_sync": failed(hook("check", "PreSync", "Failed", **BACKOFF), hook("record", "SyncFail", "Succeeded")),
    "failed_post_sync": failed(
        DEPLOYED, hook("check", "PreSync", "Succeeded"), hook("smoke", "PostSync", "Error", **BACKOFF), compared=OLD
    ),
    "failed_object": failed(DEPLOYED, REFUSED, hook("check", "PreSync", "Succeeded")),
    "no_credential": status("Unknown", **condition("ComparisonError", AUTHENTICATION)),
    "invalid": status("Unknown", **condition("InvalidSpecError", "repository not permitted in project")),
    "sync_error": status("OutOfSync", **condition("SyncError", "would delete all resources")),
    "failed": status("OutOfSync", "Failed", "one or more tasks failed", **condition("SyncError", "failed before")),
    "failed_hook": status("Synced", "Failed", "Job smoke-test has failed"),
    "endless": status("OutOfSync", "Running", "waiting for completion of hook batch/Job/smoke-test"),
    "out_of_sync": status("OutOfSync"),
    "degraded": status(health={"status": "Degraded"}),
    "unseen": {},
}


@pytest.mark.parametrize("name", WRONG)
def test_each_illness_of_an_application_is_wrong_with_its_fix(api: KubernetesApi, name: str) -> None:
    api.objects[SECRETS] = {"items": []}
    found = state(api, WRONG[name])
    assert found.status == "wrong"
    assert_told(f"application.{name}", found, BEGUN[:16].replace("T", " "))
    assert "hunter22" not in str(found)


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (status(), "ok"),
        (status() | {"sync": {"status": "OutOfSync", "revision": OLD}}, "unknown"),
        (status(phase="Failed") | {"sync": {"status": "Synced", "revision": OLD}}, "unknown"),
        (status("Unknown"), "unknown"),
    ],
    ids=["synced", "about to sync", "failed before", "not compared"],
)
def test_what_passes_or_may_pass_is_not_wrong(api: KubernetesApi, found: dict[str, Any], outcome: str) -> None:
    assert state(api, found).status == outcome


def test_a_sync_that_has_begun_just_now_is_fine(api: KubernetesApi) -> None:
    operation = {"phase": "Running", "startedAt": ago(minutes=1)}
    assert state(api, status("OutOfSync", operationState=operation)).status == "ok"


@pytest.mark.parametrize(
    ("reconciled", "outcome"),
    [(ago(hours=3), "unknown"), (None, "unknown"), (BEGUN, "wrong"), (ago(hours=1), "wrong")],
    ids=["before", "never", "then", "after"],
)
def test_health_from_before_the_end_of_the_sync_is_not_counted(
    api: KubernetesApi, reconciled: str | None, outcome: str
) -> None:
    found = status(health={"status": "Degraded"}, reconciledAt=reconciled)
    found["operationState"] |= {"finishedAt": BEGUN}
    check = state(api, found)
    assert check.status == outcome
    if outcome == "unknown":
        assert_told("application.old_health", check)


@pytest.mark.parametrize(
    ("verification", "automated", "outcome"),
    [("argocd", None, "unknown"), ("argocd", True, "ok"), ("keptn", None, "ok")],
)
def test_a_sync_of_chosen_objects_has_verified_nothing_where_hooks_verify(
    api: KubernetesApi, verification: str, automated: bool | None, outcome: str
) -> None:
    found = status()
    found["operationState"]["operation"] = {
        "sync": {"resources": [{"kind": "Deployment", "name": "frontend"}]},
        "initiatedBy": {"automated": automated} if automated else {"username": "admin"},
    }
    api.objects[APPLICATION] = {"spec": {"syncPolicy": {"automated": {}}}, "status": found}
    stages = json.dumps([{"name": "dev", "verification": verification}, {"name": "production", "after": ["dev"]}])
    check = checks(api, stages=stages)["Application podtato-head-dev"]
    assert check.status == outcome
    if outcome == "unknown":
        assert_told("application.selective", check)


def test_before_the_first_update_there_is_no_application_and_soon_after_it_has_no_status(api: KubernetesApi) -> None:
    assert checks(api)["Application podtato-head-dev"].status == "ok"
    assert state(api, {}, age=1).status == "unknown"


@pytest.mark.parametrize("automated", [False, {"enabled": False}], ids=["none", "off"])
def test_out_of_sync_is_fine_where_people_sync(api: KubernetesApi, automated: object) -> None:
    assert state(api, status("OutOfSync"), automated=automated).status == "ok"


def test_with_several_sources_their_revisions_are_compared_together(api: KubernetesApi) -> None:
    compared = {"status": "OutOfSync", "revisions": [NEW, NEW]}
    operation = {"phase": "Succeeded", "syncResult": {"revisions": [NEW, OLD]}}
    assert state(api, {"sync": compared, "operationState": operation}).status == "unknown"
    operation["syncResult"] = {"revision": "", "revisions": [NEW, NEW]}
    assert state(api, {"sync": compared, "operationState": operation}).status == "wrong"


def secret(kind: str, url: str) -> dict[str, Any]:
    labels = {"argocd.argoproj.io/secret-type": kind}
    return {"metadata": {"labels": labels}, "data": {"url": base64.b64encode(url.encode()).decode()}}


@pytest.mark.parametrize(
    ("secrets", "named_as_missing"),
    [
        ({"items": [secret("repository", f"{URL.upper()}.git")]}, False),
        ({"items": [secret("repo-creds", "https://github.com/acme")]}, False),
        ({"items": [secret("repository", "https://github.com/acme")]}, True),
        ({"items": [{"data": {"url": "?"}}, secret("repository", "git@github.com:acme/podtato-head-gitops")]}, True),
        (403, False),
    ],
    ids=["its own", "a template", "another", "by ssh", "not readable"],
)
def test_a_missing_credential_is_named_where_argo_cds_secrets_say_so(
    api: KubernetesApi, secrets: object, named_as_missing: bool
) -> None:
    api.objects[SECRETS] = secrets
    found = state(api, WRONG["no_credential"])
    assert found.status == "wrong"
    assert (f"argocd repo add {URL}" in found.fix) is named_as_missing


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (None, "missing"),
        ({"sourceRepos": ["https://github.com/acme/*-other"]}, "source"),
        ({"sourceRepos": ["https://github.com/*"]}, "source"),
        ({"destinations": [{"server": "https://kubernetes.default.svc", "namespace": "web-*"}]}, "namespace"),
        ({"destinations": [{"server": "https://elsewhere", "namespace": "*"}]}, "namespace"),
        ({"sourceRepos": [f"{URL}.git"], "destinations": [{"server": "https://*", "namespace": "podtato-*"}]}, "ok"),
        ({"sourceRepos": ["https://github.com/acme/*", "!https://github.com/acme/secret"]}, "ok"),
        ({"sourceRepos": ["https://github.com/**"], "destinations": [{"name": "in-cluster", "namespace": "*"}]}, "ok"),
    ],
)
def test_the_project_has_to_be_there_and_to_permit_the_repository_and_the_cluster(
    api: KubernetesApi, spec: dict[str, Any] | None, kind: str
) -> None:
    if spec is None:
        del api.objects[PROJECT]
    else:
        api.objects[PROJECT]["spec"] |= spec
    found = checks(api)["Argo CD project"]
    assert found.status == ("ok" if kind == "ok" else "wrong")
    assert_told(f"argocd_project.{kind}", found)


def test_the_project_has_to_permit_the_registry_of_a_chart_too(api: KubernetesApi) -> None:
    api.objects[PROJECT]["spec"]["sourceRepos"] = [URL]
    found = checks(api, applications=json.dumps(OWN))["Argo CD project"]
    assert found.fix == "argocd proj add-source default registry.example.org/charts"


@pytest.mark.parametrize(
    ("conditions", "outcome"),
    [
        (None, "ok"),
        ([], "ok"),
        ([{"type": "ErrorOccurred", "status": "False", "message": "all is well"}], "ok"),
        ([{"type": "ErrorOccurred", "status": "True", "message": "map has no entry for key"}], "wrong"),
    ],
    ids=["no set", "new", "fine", "failed"],
)
def test_a_set_that_makes_no_application_is_wrong_though_an_old_one_may_be_synced(
    api: KubernetesApi, conditions: list[dict[str, str]] | None, outcome: str
) -> None:
    if conditions is not None:
        api.objects[f"{ARGOCD}/applicationsets/ingress-dev"] = {"status": {"conditions": conditions}}
    api.objects[f"{ARGOCD}/applications/ingress-dev"] = {"status": status()}
    found = checks(api, applications=json.dumps(OWN))
    assert [name for name in found if name.startswith("ApplicationSet")] == ["ApplicationSet ingress-dev"]
    assert found["ApplicationSet ingress-dev"].status == outcome
    assert found["Application ingress-dev"].status == "ok"
    if outcome == "wrong":
        assert_told("application_set.failed", found["ApplicationSet ingress-dev"])


def test_what_the_login_may_not_read_of_argo_cd_is_unknown(api: KubernetesApi) -> None:
    api.objects |= {PROJECT: 403, APPLICATION: 403}
    assert {name for name, found in checks(api).items() if found.status == "unknown"} == {
        "Argo CD project",
        "Application",
    }


def central(api: KubernetesApi, argocd: KubernetesApi, server: str = "") -> dict[str, Check]:
    """The checks of a stack whose Argo CD runs in another cluster, which `server` may be the address of."""
    inspection = Inspection(PROGRAM, "dev", {})
    inspection.parsed = configured(argocdContext=CONTEXT, destinationName="dev")
    inspection.set_keys = frozenset({"kubeconfig", "argocdKubeconfig"})
    kubeconfigs = {"kubeconfig": api.kubeconfig(), "argocdKubeconfig": argocd.kubeconfig("other-token", server)}
    inspection.add_secrets(kubeconfigs)
    assert {TOKEN, "other-token"} <= set(inspection.hidden)
    inspection.add_secrets({"argocdKubeconfig": argocd.kubeconfig(server=server)})
    return named(inspection, "cluster", "Argo CD")


def test_a_central_argo_cd_is_looked_for_in_its_own_cluster_and_keptn_in_the_stages(api: KubernetesApi) -> None:
    with kubernetes_api() as argocd:
        for cluster, foreign in ((api, "argo"), (argocd, "keptn")):
            for path in [path for path in cluster.objects if foreign in path]:
                del cluster.objects[path]
        found = central(api, argocd)
        assert {check.status for check in found.values()} == {"ok"}
        assert found["Argo CD's cluster"].detail == f"v1.37.2 at {argocd.url}"
        argocd.rules = []
        assert [name for name, check in central(api, argocd).items() if check.status == "wrong"] == [
            "Argo CD's cluster rights"
        ]


def test_a_central_argo_cd_that_gives_no_answer_leaves_the_stages_cluster_checked(api: KubernetesApi) -> None:
    found = central(api, api, "http://127.0.0.1:1")
    assert {name: check.status for name, check in found.items() if check.status != "ok"} == {
        "Argo CD's cluster": "wrong",
        "in Argo CD's cluster": "unknown",
    }
    assert found["Keptn's promotion tasks"].status == "ok"


def test_a_cluster_that_refuses_the_login_is_not_asked_again_for_argo_cd(api: KubernetesApi) -> None:
    inspection = Inspection(PROGRAM, "dev", {})
    inspection.parsed = configured()
    inspection.add_secrets({"kubeconfig": api.kubeconfig("expired-token")})
    assert {name: found.status for name, found in named(inspection, "cluster", "Argo CD").items()} == {
        "cluster": "wrong",
        "in the cluster": "unknown",
    }
    assert len(api.requests) == 1
