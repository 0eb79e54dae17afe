import json
import socket

import pytest

from delivery.cluster import cluster_problems, connect
from delivery.cluster.facts import missing_rights
from delivery.cluster.needs import granted_rights, rights
from tests.components.stacks import OWN
from tests.delivery.cluster.kubernetes_api import (
    ARGOCD,
    CONTEXT,
    KubernetesApi,
    configured,
    kubernetes_api,
    resources,
    rule,
)
from tests.messages import assert_message


def found(api: KubernetesApi, stack: str = "dev", **keys: str) -> list[str]:
    return [str(problem) for problem in cluster_problems(configured(stack, **keys), {"kubeconfig": api.kubeconfig()})]


def lacking(api: KubernetesApi, stack: str = "dev") -> set[str]:
    """The rights that the login lacks for managing what the stack declares, as `verb name namespace`."""
    missing = missing_rights(connect(CONTEXT, api.kubeconfig()), rights(configured(stack)))
    return {f"{right.verb} {right.name} {right.namespace}".strip() for right in missing}


def test_a_healthy_cluster_has_no_problem_and_is_asked_ten_times(api: KubernetesApi) -> None:
    assert found(api) == []
    assert len(api.requests) == 10


def test_a_stack_that_deploys_to_no_cluster_asks_none(api: KubernetesApi) -> None:
    assert found(api, cluster="render") == []
    assert api.requests == []


def test_it_only_reads(api: KubernetesApi) -> None:
    found(api)
    posts = {request for request in api.requests if not request.startswith("GET ")}
    assert posts == {f"POST /apis/authorization.k8s.io/v1/selfsubject{kind}reviews" for kind in ("rules", "access")}, (
        "the two reviews are questions, which the server does not store"
    )


def test_a_cluster_that_is_not_there_is_one_problem_with_its_address(api: KubernetesApi) -> None:
    (problem,) = cluster_problems(configured(), {"kubeconfig": api.kubeconfig(server="http://127.0.0.1:1")})
    assert_message("cluster.unreachable", str(problem))


def test_a_cluster_that_takes_connections_and_never_answers_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.cluster.connection.READ_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"http://127.0.0.1:{silent.getsockname()[1]}"
        (problem,) = cluster_problems(configured(), {"kubeconfig": KubernetesApi().kubeconfig(server=server)})
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert_message("cluster.silent", str(problem).replace(server, "SERVER"))


@pytest.mark.parametrize("version", [404, 500, {"something": "else"}])
def test_something_else_at_the_address_is_no_cluster(api: KubernetesApi, version: object) -> None:
    api.objects["/version"] = version
    assert len(found(api)) == 1


def test_a_refused_login_is_one_problem_without_the_login(api: KubernetesApi) -> None:
    (problem,) = cluster_problems(configured(), {"kubeconfig": api.kubeconfig(token="expired-token")})
    assert "expired-token" not in str(problem)
    assert_message("cluster.refused_login", str(problem))


def test_missing_definitions_are_one_problem_for_each_product_with_its_installation(api: KubernetesApi) -> None:
    api.objects["/apis/lifecycle.keptn.sh/v1"] = resources("keptnapps", "keptnappversions", "keptnappcontexts")
    del api.objects["/apis/argoproj.io/v1alpha1"]
    keptn, argocd = found(api)
    assert_message("cluster.keptn_definitions", keptn)
    assert_message("cluster.argocd_definitions", argocd)


def test_a_missing_namespace_of_argo_cd_is_a_problem_that_names_the_key(api: KubernetesApi) -> None:
    (problem,) = found(api, argocdNamespace="gitops")
    assert_message("cluster.argocd_namespace", problem)


@pytest.mark.parametrize("lists_rules", [True, False])
def test_missing_rights_are_found_whether_or_not_the_server_lists_rules(api: KubernetesApi, lists_rules: bool) -> None:
    api.lists_rules = lists_rules
    api.rules = [
        rule("*", "rbac.authorization.k8s.io lifecycle.keptn.sh argoproj.io apps", "*"),
        rule("get create", "core", "secrets"),
        rule("*", "core", "serviceaccounts events"),
    ]
    assert lacking(api) == {"delete secrets podtato-head-dev", "patch secrets podtato-head-dev"}
    (problem,) = found(api)
    assert_message("cluster.rights", problem)


def test_rights_in_a_namespace_are_none_outside_of_any(api: KubernetesApi) -> None:
    api.cluster_rules = [rule("get", "core", "namespaces")]
    assert lacking(api) == {"create namespaces", "delete namespaces", "patch namespaces"}


def test_a_rule_for_named_objects_is_no_right_to_all(api: KubernetesApi) -> None:
    api.rules = [rule("*", "lifecycle.keptn.sh rbac.authorization.k8s.io apps core", "*")]
    api.rules.append(rule("*", "argoproj.io", "applications") | {"resourceNames": ["another"]})
    assert "create applications.argoproj.io argocd" in lacking(api)


def test_nobody_can_grant_the_task_what_they_may_not_do_themselves(api: KubernetesApi) -> None:
    managed = rule("create get patch delete", "core rbac.authorization.k8s.io lifecycle.keptn.sh argoproj.io", "*")
    api.rules = [managed]
    assert {right.verb for right in granted_rights(configured())} - {"create", "get", "patch", "delete"} == {"list"}
    (problem,) = found(api)
    assert_message("cluster.grants", problem)
    api.rules = [managed, rule("escalate", "rbac.authorization.k8s.io", "roles")]
    assert found(api) == []


def test_a_stage_that_promotes_nowhere_needs_no_right_to_secrets(api: KubernetesApi) -> None:
    api.rules = [rule("*", "lifecycle.keptn.sh argoproj.io", "*")]
    assert "create secrets podtato-head-dev" in lacking(api)
    assert lacking(api, "production") == set()


def test_a_stage_with_tasks_needs_the_right_to_define_them(api: KubernetesApi) -> None:
    api.rules = [rule("*", "argoproj.io rbac.authorization.k8s.io apps core", "*")]
    assert {name.split()[1] for name in lacking(api)} == {"keptntaskdefinitions.lifecycle.keptn.sh"}
    assert lacking(api, "production") == set()


def test_what_the_login_may_not_ask_is_no_problem(api: KubernetesApi) -> None:
    api.reviews = False
    api.objects |= {"/version": 403, "/api/v1/namespaces/argocd": 403, "/apis/argoproj.io/v1alpha1": 403}
    assert found(api) == []


def test_many_applications_are_one_problem_for_each_kind_of_right(api: KubernetesApi) -> None:
    applications = [
        {"name": f"application-{number}", "image": "example/image", "workload": "web", "containerPort": 80,
         "servicePort": 80, "firstVersion": "v1", "promotedKeys": ["serviceVersion"]}
        for number in range(6)
    ]  # fmt: skip
    api.rules = [rule("*", "argoproj.io lifecycle.keptn.sh rbac.authorization.k8s.io apps", "*")]
    api.rules.append(rule("*", "core", "secrets events"))
    assert len(found(api, applications=json.dumps(applications), pathPattern="{application}/{stage}")) == 1


def test_the_context_is_always_the_stack_s_own(api: KubernetesApi) -> None:
    (problem,) = found(api, kubeContext="missing")
    assert_message("cluster.no_context", problem)
    assert api.requests == []


def test_a_chart_of_a_registry_needs_the_definition_of_sets_and_the_right_to_them(api: KubernetesApi) -> None:
    keys = {"applications": json.dumps(OWN), "postDeploymentTasks": "[]"}
    assert {problem.split(" (")[0].rpartition(" of ")[2] for problem in found(api, **keys)} == {
        "applicationsets.argoproj.io v1alpha1"
    }
    api.objects[f"{ARGOCD.rpartition('/namespaces')[0]}"] = resources("applications", "applicationsets")
    assert found(api, **keys) == []
    api.rules = [rule("*", "core lifecycle.keptn.sh rbac.authorization.k8s.io apps", "*")]
    api.rules.append(rule("*", "argoproj.io", "applications"))
    (problem,) = found(api, **keys)
    assert "patch applicationsets.argoproj.io in argocd" in problem


CENTRAL = {"argocdContext": CONTEXT, "destinationName": "dev"}


def without_argocd(api: KubernetesApi) -> None:
    for path in [path for path in api.objects if "argo" in path]:
        del api.objects[path]


def without_keptn(api: KubernetesApi) -> None:
    for path in [path for path in api.objects if "keptn" in path]:
        del api.objects[path]


WITHOUT_KEPTN = {
    "stages": json.dumps([{"name": "dev", "verification": "argocd"}, {"name": "production", "after": ["dev"]}])
}


def test_a_stage_that_argo_cd_verifies_needs_nothing_of_keptn(api: KubernetesApi) -> None:
    without_keptn(api)
    api.rules = [rule("*", "core argoproj.io rbac.authorization.k8s.io apps batch", "*")]
    assert found(api, **WITHOUT_KEPTN) == []
    assert not [request for request in api.requests if "keptn" in request]
    # The last stage is Keptn's all the same.
    (problem,) = found(api, "production", **WITHOUT_KEPTN)
    assert "keptntaskdefinitions" in problem


def test_the_role_of_a_hook_reads_jobs_and_pods_and_is_there_without_a_token() -> None:
    stages = json.dumps([{"name": "dev"}, {"name": "production", "after": ["dev"], "verification": "argocd"}])
    configuration = configured("production", stages=stages)
    granted = {(right.name, right.verb) for right in granted_rights(configuration)}
    assert {("jobs.batch", "list"), ("pods", "list"), ("replicasets.apps", "list")} < granted
    needed = {right.name for right in rights(configuration)}
    assert {"roles.rbac.authorization.k8s.io", "serviceaccounts"} < needed
    assert not {"secrets", "keptntaskdefinitions.lifecycle.keptn.sh"} & needed


def test_a_last_stage_that_records_has_the_task_and_its_rights() -> None:
    configuration = configured("production", promotionToken="x")
    assert {"secrets", "keptntaskdefinitions.lifecycle.keptn.sh"} < {right.name for right in rights(configuration)}
    assert granted_rights(configuration)


def both(api: KubernetesApi, argocd: KubernetesApi) -> list[str]:
    secrets = {"kubeconfig": api.kubeconfig(), "argocdKubeconfig": argocd.kubeconfig()}
    return [str(problem) for problem in cluster_problems(configured(**CENTRAL), secrets)]


def test_with_a_central_argo_cd_neither_cluster_has_to_have_what_belongs_to_the_other(api: KubernetesApi) -> None:
    with kubernetes_api() as argocd:
        without_argocd(api)
        without_keptn(argocd)
        api.rules = [rule("*", "core lifecycle.keptn.sh rbac.authorization.k8s.io apps", "*")]
        argocd.rules, argocd.cluster_rules = [rule("*", "argoproj.io", "applications")], []
        assert both(api, argocd) == []
        without_argocd(argocd)
        definitions, namespace = both(api, argocd)
        argocd.rules = []
        *_, rights = both(api, argocd)
    assert_message("cluster.central_argocd_definitions", definitions)
    assert_message("cluster.central_argocd_namespace", namespace)
    assert_message("cluster.central_argocd_rights", rights)


def test_each_of_two_clusters_that_are_not_there_is_a_problem_of_its_own(api: KubernetesApi) -> None:
    gone = api.kubeconfig(server="http://127.0.0.1:1")
    for kubeconfig, argocd in ((gone, api.kubeconfig()), (api.kubeconfig(), gone)):
        (problem,) = cluster_problems(configured(**CENTRAL), {"kubeconfig": kubeconfig, "argocdKubeconfig": argocd})
        assert "no cluster at http://127.0.0.1:1" in problem.found
    assert len(cluster_problems(configured(**CENTRAL), {"kubeconfig": gone})) == 2


def test_the_context_of_a_central_argo_cd_may_be_in_the_same_kubeconfig(api: KubernetesApi) -> None:
    (problem,) = found(api, **CENTRAL | {"argocdContext": "elsewhere"})
    assert problem.startswith("cluster 'elsewhere': found no cluster at http://127.0.0.1:1")


def test_a_context_of_argo_cd_that_is_not_there_is_told_by_its_own_keys(api: KubernetesApi) -> None:
    (problem,) = found(api, **CENTRAL | {"argocdContext": "hub"})
    assert_message("cluster.no_argocd_context", problem)
