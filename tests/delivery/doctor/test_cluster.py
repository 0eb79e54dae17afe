import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from delivery.doctor.check import Check
from delivery.doctor.inspection import Inspection
from delivery.platform.plan import KEPTN_CONFIG
from lab.cluster_objects import DaemonSet, Deployment, StatefulSet
from lab.engine import PROGRAM
from tests.delivery.cluster.kubernetes_api import (
    KubernetesApi,
    configured,
    resources,
    rule,
    workload,
)
from tests.delivery.doctor.surroundings import assert_told, named

OPERATORS = "/apis/apps/v1/deployments"
CONFIGS = "/apis/options.keptn.sh/v1alpha1/keptnconfigs"
CONTROLLERS = "/apis/apps/v1/namespaces/argocd/statefulsets"


def checks(api: KubernetesApi, stack: str = "dev", server: str = "", **keys: str) -> dict[str, Check]:
    inspection = Inspection(PROGRAM, stack, {})
    inspection.parsed = configured(stack, **keys)
    inspection.set_keys = frozenset({"kubeconfig"})
    inspection.add_secrets({"kubeconfig": api.kubeconfig(server=server)})
    return named(inspection, "cluster", "Argo CD")


def operator(ready: int = 1, **environment: str) -> dict[str, object]:
    return {"items": [workload("lifecycle-operator", "keptn", "operator:v2.0.0", ready, **environment)]}


def test_a_healthy_cluster_is_fine_and_tells_its_versions(api: KubernetesApi) -> None:
    assert {name: f"{check.status} {check.detail}" for name, check in checks(api).items()} == {
        "cluster": f"ok v1.37.2 at {api.url}",
        "Keptn's definitions": "ok lifecycle.keptn.sh v1, v1beta1",
        "Argo CD's definitions": "ok argoproj.io v1alpha1",
        "cluster rights": "ok the login may manage all that the stack declares",
        "Keptn's promotion tasks": "ok on, lifecycle-operator v2.0.0 in keptn-system",
        "collector address": "ok otel:4317",
        "workloads": "ok none in podtato-head-dev so far",
        "Keptn's version podtato-head": "ok none in podtato-head-dev so far",
        "Argo CD": "ok v3.1.0, argocd-application-controller in argocd",
        "Argo CD project": "ok default permits the repository and the stage's cluster",
        "Application podtato-head-dev": "ok is not there: `pulumi up --refresh --run-program -s dev` creates it",
    }


def test_a_stack_that_deploys_to_no_cluster_says_so_and_asks_none(api: KubernetesApi) -> None:
    (check,) = checks(api, cluster="render").values()
    assert (check.name, check.status) == ("cluster", "ok")
    assert api.requests == []


def test_without_a_context_no_cluster_is_asked() -> None:
    inspection = Inspection(PROGRAM, "dev", {})
    inspection.parsed = replace(configured(), cluster=replace(configured().cluster, context=""))
    (check,) = named(inspection, "cluster").values()
    assert (check.name, check.status) == ("cluster", "unknown")


def test_a_kubeconfig_that_cannot_be_decrypted_is_not_replaced_by_another() -> None:
    inspection = Inspection(PROGRAM, "dev", {})
    inspection.parsed, inspection.set_keys = configured(), frozenset({"kubeconfig"})
    (check,) = named(inspection, "cluster").values()
    assert (check.name, check.status) == ("cluster", "unknown")


def test_an_unreachable_cluster_is_wrong_and_leaves_the_rest_unknown(api: KubernetesApi) -> None:
    found = checks(api, server="http://127.0.0.1:1")
    assert {name: check.status for name, check in found.items()} == {"cluster": "wrong", "in the cluster": "unknown"}


def break_definitions(api: KubernetesApi) -> None:
    api.objects["/apis/lifecycle.keptn.sh/v1"] = 404
    api.objects["/apis/lifecycle.keptn.sh"] = {"versions": [{"version": "v1alpha3"}]}


def break_argocd_definitions(api: KubernetesApi) -> None:
    api.objects["/apis/argoproj.io/v1alpha1"] = resources("appprojects")


def break_rights(api: KubernetesApi) -> None:
    api.rules = [rule("get", "*", "*")]


def switch_tasks_off(api: KubernetesApi) -> None:
    api.objects[OPERATORS] = operator(PROMOTION_TASKS_ENABLED="false")


def switch_tasks_off_in_a_release(api: KubernetesApi) -> None:
    switch_tasks_off(api)
    (found,) = api.objects[OPERATORS]["items"]
    found["metadata"]["annotations"] = {"meta.helm.sh/release-name": "lifecycle"}


def remove_tasks_switch(api: KubernetesApi) -> None:
    api.objects[OPERATORS] = operator()


def stop_operator(api: KubernetesApi) -> None:
    api.objects[OPERATORS] = operator(ready=0, PROMOTION_TASKS_ENABLED="true")


def remove_operator(api: KubernetesApi) -> None:
    api.objects[OPERATORS] = {"items": []}


def remove_collector(api: KubernetesApi) -> None:
    api.objects[CONFIGS]["items"][0]["spec"] = {}


def remove_collector_of_the_platform(api: KubernetesApi) -> None:
    metadata = {"name": KEPTN_CONFIG.name, "namespace": KEPTN_CONFIG.namespace}
    api.objects[CONFIGS] = {"items": [{"metadata": metadata, "spec": {}}]}


def remove_configs(api: KubernetesApi) -> None:
    api.objects[CONFIGS] = {"items": []}


def remove_config_definition(api: KubernetesApi) -> None:
    del api.objects[CONFIGS]


def remove_argocd(api: KubernetesApi) -> None:
    api.objects[CONTROLLERS] = {"items": []}


def stop_argocd(api: KubernetesApi) -> None:
    api.objects[CONTROLLERS] = {"items": [workload("argocd-application-controller", "argocd", "argocd:v3", ready=0)]}


@pytest.mark.parametrize(
    ("illness", "name"),
    [
        (break_definitions, "Keptn's definitions"),
        (break_argocd_definitions, "Argo CD's definitions"),
        (break_rights, "cluster rights"),
        (switch_tasks_off, "Keptn's promotion tasks"),
        (switch_tasks_off_in_a_release, "Keptn's promotion tasks"),
        (remove_tasks_switch, "Keptn's promotion tasks"),
        (stop_operator, "Keptn's promotion tasks"),
        (remove_operator, "Keptn's promotion tasks"),
        (remove_collector, "collector address"),
        (remove_collector_of_the_platform, "collector address"),
        (remove_configs, "collector address"),
        (remove_config_definition, "collector address"),
        (remove_argocd, "Argo CD"),
        (stop_argocd, "Argo CD"),
    ],
)
def test_each_illness_is_found_and_no_other(
    api: KubernetesApi, illness: Callable[[KubernetesApi], None], name: str
) -> None:
    illness(api)
    found = checks(api)
    assert [check.name for check in found.values() if check.status == "wrong"] == [name]
    assert_told(f"cluster.{illness.__name__}", found[name])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/version", "cluster"),
        ("/apis/lifecycle.keptn.sh/v1", "Keptn's definitions"),
        ("/apis/argoproj.io/v1alpha1", "Argo CD's definitions"),
        (OPERATORS, "Keptn's promotion tasks"),
        (CONFIGS, "collector address"),
        (CONTROLLERS, "Argo CD"),
    ],
)
def test_what_the_login_may_not_read_is_unknown(api: KubernetesApi, path: str, name: str) -> None:
    api.objects[path] = 403
    found = checks(api)
    assert [(check.name, check.status) for check in found.values() if check.status != "ok"] == [(name, "unknown")]


def test_promotion_tasks_may_be_off_where_nothing_is_promoted(api: KubernetesApi) -> None:
    switch_tasks_off(api)
    assert checks(api, "production")["Keptn's promotion tasks"].status == "ok"


def test_a_stage_that_argo_cd_verifies_has_no_check_of_keptn(api: KubernetesApi) -> None:
    for path in [path for path in api.objects if "keptn" in path]:
        del api.objects[path]
    remove_operator(api)
    stages = json.dumps([{"name": "dev", "verification": "argocd"}, {"name": "production", "after": ["dev"]}])
    found = checks(api, stages=stages)
    assert {name for name, check in found.items() if check.status != "ok"} == set()
    assert set(found) == {
        *("cluster", "cluster rights", "collector address", "workloads"),
        *("Argo CD's definitions", "Argo CD", "Argo CD project", "Application podtato-head-dev"),
    }


@pytest.mark.parametrize("without", ["part-of", "name", "version"])
def test_a_hook_needs_no_label_of_a_workload_and_heeds_its_application_s(api: KubernetesApi, without: str) -> None:
    stages = json.dumps([{"name": "dev", "verification": "argocd"}, {"name": "production", "after": ["dev"]}])
    other = Deployment("web", "v1", available=0).manifest("podtato-head-dev", "a-team-s-own-name")
    api.objects[f"{SPACE}/deployments"] = {"items": [running(without=without), other]}
    found = checks(api, stages=stages)["workloads"]
    assert (found.status, found.detail.split(" ")[0]) == ("ok", "none" if without == "part-of" else "1")
    api.objects[f"{SPACE}/deployments"] = {"items": [running(available=0)]}
    assert checks(api, stages=stages)["workloads"].status == "wrong"


def test_where_hooks_send_the_trace_is_told_without_a_login(api: KubernetesApi) -> None:
    stages = json.dumps([{"name": "dev", "verification": "argocd"}, {"name": "production", "after": ["dev"]}])
    assert_told("cluster.no_endpoint", checks(api, stages=stages)["collector address"])
    found = checks(api, stages=stages, otlpEndpoint="http://otel.monitoring:4318")
    assert found["collector address"].detail == "http://otel.monitoring:4318"


def test_an_argo_cd_that_scales_by_itself_is_found_as_a_deployment(api: KubernetesApi) -> None:
    api.objects["/apis/apps/v1/namespaces/argocd/deployments"] = api.objects.pop(CONTROLLERS)
    assert checks(api)["Argo CD"].status == "ok"


SECRET = "/api/v1/namespaces/podtato-head-dev/secrets/github-token"
GOOD = {"githubRepoOwner": "acme", "githubRepo": "podtato-head-gitops", "apiToken": "classified-token"}


def external(api: KubernetesApi, content: object, stack: str = "dev") -> Check | None:
    """The check of the Secret with this content (JSON, or bytes as they are) under SECURE_DATA."""
    if content is not None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        api.objects[SECRET] = {"data": {"SECURE_DATA": base64.b64encode(data).decode()}}
    return checks(api, stack, promotionSecret="external").get("promotion secret")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (GOOD, "ok"),
        (None, "none"),
        (b"classified", "json"),
        (b"\xff", "json"),
        (["classified"], "json"),
        ({**GOOD, "githubRepo": "classified"}, "fields"),
        ({**GOOD, "apiToken": ""}, "token"),
        ({**GOOD, "apiToken": "two words"}, "token"),
        ({"githubRepo": GOOD["githubRepo"], "githubRepoOwner": GOOD["githubRepoOwner"]}, "token"),
    ],
)
def test_a_secret_that_something_else_fills_has_to_have_what_the_task_reads(
    api: KubernetesApi, content: object, kind: str
) -> None:
    check = external(api, content)
    assert check is not None
    assert check.status == ("ok" if kind == "ok" else "wrong")
    assert "classified" not in str(check)
    assert_told(f"promotion_secret.{kind}", check)


def test_a_secret_that_the_login_may_not_read_is_unknown(api: KubernetesApi) -> None:
    api.objects[SECRET] = 403
    check = external(api, None)
    assert check is not None
    assert check.status == "unknown"


def test_no_secret_is_looked_for_where_the_stack_fills_it_or_promotes_nothing(api: KubernetesApi) -> None:
    assert external(api, None, "production") is None
    assert "promotion secret" not in checks(api)
    assert not [request for request in api.requests if "secrets" in request]


SPACE = "/apis/apps/v1/namespaces/podtato-head-dev"
LABELS = {"part-of": "podtato-head", "name": "podtato-head-frontend", "version": "v0.3.0"}


def running(kind: type[Deployment] = Deployment, /, without: str = "", **counts: int) -> dict[str, object]:
    """A workload of the application as the API lists it, its pods without one of the labels."""
    made: dict[str, Any] = kind("podtato-head-frontend", "v0.3.0", **counts).manifest(
        "podtato-head-dev", "podtato-head"
    )
    made["spec"]["template"]["metadata"]["labels"].pop(f"app.kubernetes.io/{without}", None)
    return made


@pytest.mark.parametrize("kind", [Deployment, StatefulSet, DaemonSet])
class TestWorkloads:
    """Of each kind that Keptn verifies."""

    @staticmethod
    def told(api: KubernetesApi, kind: type[Deployment], without: str = "", **counts: int) -> Check:
        api.objects[f"{SPACE}/{kind.resource}"] = {"items": [running(kind, without, **counts)]}
        return checks(api)["workloads"]

    def test_are_fine_where_keptn_knows_them_and_they_are_available(
        self, api: KubernetesApi, kind: type[Deployment]
    ) -> None:
        found = self.told(api, kind, replicas=3)
        assert (found.status, found.detail) == ("ok", "1 in podtato-head-dev, fully available")

    @pytest.mark.parametrize("label", LABELS)
    def test_that_lack_a_label_are_named(self, api: KubernetesApi, kind: type[Deployment], label: str) -> None:
        found = self.told(api, kind, label)
        assert (found.status, f"no app.kubernetes.io/{label}," in found.detail) == ("unknown", True)
        assert f"{kind.__name__} podtato-head-frontend in podtato-head-dev" in found.detail

    def test_that_are_not_available_are_wrong(self, api: KubernetesApi, kind: type[Deployment]) -> None:
        found = self.told(api, kind, replicas=3, available=2)
        assert found.status == "wrong"
        assert_told(f"workloads.{kind.__name__.lower()}", found)


def test_a_workload_of_an_application_that_the_pipeline_does_not_have_is_named(api: KubernetesApi) -> None:
    other = Deployment("shop", "v1").manifest("podtato-head-dev", "shop")
    api.objects[f"{SPACE}/deployments"] = {"items": [running(), other]}
    found = checks(api)["workloads"]
    assert found.status == "unknown"
    assert_told("workloads.other", found)


def test_a_login_that_may_not_list_workloads_leaves_them_unknown(api: KubernetesApi) -> None:
    api.objects[f"{SPACE}/statefulsets"] = 403
    assert checks(api)["workloads"].status == "unknown"
