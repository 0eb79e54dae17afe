from collections.abc import Callable

import pytest

from delivery.doctor.check import Check
from delivery.doctor.in_cluster import in_cluster
from tests.delivery.cluster.kubernetes_api import KubernetesApi, configured, resources, rule, workload

OPERATORS = "/apis/apps/v1/deployments"
CONFIGS = "/apis/options.keptn.sh/v1alpha1/keptnconfigs"
CONTROLLERS = "/apis/apps/v1/namespaces/argocd/statefulsets"


def checks(api: KubernetesApi, stack: str = "dev", **keys: str) -> dict[str, Check]:
    return {each.name: each for each in in_cluster(configured(stack, **keys), api.kubeconfig())}


def operator(ready: int = 1, **environment: str) -> dict[str, object]:
    return {"items": [workload("lifecycle-operator", "keptn", "operator:v2.0.0", ready, **environment)]}


def test_a_healthy_cluster_is_fine_and_tells_its_versions(api: KubernetesApi) -> None:
    assert {name: str(each.status) + " " + each.detail for name, each in checks(api).items()} == {
        "cluster": f"ok v1.37.2 at {api.url}",
        "Keptn's definitions": "ok lifecycle.keptn.sh v1, v1beta1",
        "Argo CD's definitions": "ok argoproj.io v1alpha1",
        "cluster rights": "ok the login may manage all that the stack declares",
        "Keptn's promotion tasks": "ok on, lifecycle-operator v2.0.0 in keptn-system",
        "collector address": "ok otel:4317",
        "Argo CD": "ok v3.1.0, argocd-application-controller in argocd",
    }


def test_a_stack_that_deploys_to_no_cluster_says_so_and_asks_none(api: KubernetesApi) -> None:
    (check,) = checks(api, cluster="render").values()
    assert check == Check("cluster", "ok", "not asked: delivery:cluster is render, this stack deploys to none")
    assert api.requests == []


def test_an_unreachable_cluster_is_wrong_and_leaves_the_rest_unknown(api: KubernetesApi) -> None:
    kubeconfig = api.kubeconfig(server="http://127.0.0.1:1")
    found = list(in_cluster(configured(), kubeconfig))
    assert [each.status for each in found] == ["wrong", "unknown"]
    assert found[0].mend.endswith("kubectl --context the-cluster version")


def test_a_server_that_does_not_tell_its_version_is_unknown(api: KubernetesApi) -> None:
    api.objects["/version"] = 403
    assert checks(api)["cluster"].status == "unknown"


def break_definitions(api: KubernetesApi) -> None:
    api.objects["/apis/lifecycle.keptn.sh/v1"] = 404
    api.objects["/apis/lifecycle.keptn.sh"] = {"versions": [{"version": "v1alpha3"}]}


def break_argocd_definitions(api: KubernetesApi) -> None:
    api.objects["/apis/argoproj.io/v1alpha1"] = resources("appprojects")


def break_rights(api: KubernetesApi) -> None:
    api.rules = [rule("get", "*", "*")]


def switch_tasks_off(api: KubernetesApi) -> None:
    api.objects[OPERATORS] = operator(PROMOTION_TASKS_ENABLED="false")


def remove_tasks_switch(api: KubernetesApi) -> None:
    api.objects[OPERATORS] = operator()


def stop_operator(api: KubernetesApi) -> None:
    api.objects[OPERATORS] = operator(ready=0, PROMOTION_TASKS_ENABLED="true")


def remove_operator(api: KubernetesApi) -> None:
    api.objects[OPERATORS] = {"items": []}


def remove_collector(api: KubernetesApi) -> None:
    api.objects[CONFIGS]["items"][0]["spec"] = {}


def remove_configs(api: KubernetesApi) -> None:
    api.objects[CONFIGS] = {"items": []}


def remove_config_definition(api: KubernetesApi) -> None:
    del api.objects[CONFIGS]


def remove_argocd(api: KubernetesApi) -> None:
    api.objects[CONTROLLERS] = {"items": []}


def stop_argocd(api: KubernetesApi) -> None:
    api.objects[CONTROLLERS] = {"items": [workload("argocd-application-controller", "argocd", "argocd:v3", ready=0)]}


@pytest.mark.parametrize(
    ("illness", "name", "detail", "mend"),
    [
        (break_definitions, "Keptn's definitions", "lifecycle.keptn.sh is served as v1alpha3", "helm upgrade"),
        (break_argocd_definitions, "Argo CD's definitions", "missing applications v1alpha1", "kubectl --context"),
        (break_rights, "cluster rights", "may not create, delete, patch secrets", "auth can-i"),
        (switch_tasks_off, "Keptn's promotion tasks", "off, lifecycle-operator", "promotionTasksEnabled=true"),
        (remove_tasks_switch, "Keptn's promotion tasks", "off, lifecycle-operator", "promotionTasksEnabled=true"),
        (stop_operator, "Keptn's promotion tasks", "is not ready", "describe deployment lifecycle-operator"),
        (remove_operator, "Keptn's promotion tasks", "not installed", "helm upgrade"),
        (remove_collector, "collector address", "KeptnConfig keptn has no", "-n keptn-system patch keptnconfig keptn"),
        (remove_configs, "collector address", "there is no KeptnConfig", "apply -f -"),
        (remove_config_definition, "collector address", "KeptnConfig is not defined", "helm upgrade"),
        (remove_argocd, "Argo CD", "no application controller in namespace argocd", "apply --server-side"),
        (stop_argocd, "Argo CD", "is not ready", "-n argocd get pods"),
    ],
)
def test_each_illness_is_found_and_no_other(
    api: KubernetesApi, illness: Callable[[KubernetesApi], None], name: str, detail: str, mend: str
) -> None:
    illness(api)
    found = checks(api)
    assert [each.name for each in found.values() if each.status == "wrong"] == [name]
    assert detail in found[name].detail
    assert mend in found[name].mend


@pytest.mark.parametrize(
    ("path", "name"),
    [
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
    assert [each.name for each in found.values() if each.status != "ok"] == [name]
    assert found[name].status == "unknown"


def test_promotion_tasks_may_be_off_where_nothing_is_promoted(api: KubernetesApi) -> None:
    switch_tasks_off(api)
    assert checks(api, "production")["Keptn's promotion tasks"].status == "ok"


def test_an_argo_cd_that_scales_by_itself_is_found_as_a_deployment(api: KubernetesApi) -> None:
    api.objects["/apis/apps/v1/namespaces/argocd/deployments"] = api.objects.pop(CONTROLLERS)
    assert checks(api)["Argo CD"].status == "ok"
