import json
import socket

import pytest

from delivery.cluster import cluster_problems
from tests.delivery.cluster.kubernetes_api import CONTEXT, KubernetesApi, configured, resources, rule


def found(api: KubernetesApi, stack: str = "dev", **keys: str) -> list[str]:
    return [problem.found for problem in cluster_problems(configured(stack, **keys), api.kubeconfig())]


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
    problems = cluster_problems(configured(), api.kubeconfig(server="http://127.0.0.1:1"))
    assert [str(problem) for problem in problems] == [
        "cluster 'the-cluster': found no cluster at http://127.0.0.1:1 (Connection refused); "
        "allowed: a cluster that answers; mend: start it or open the way to it, until this works: "
        "kubectl --context the-cluster version"
    ]


def test_a_cluster_that_takes_connections_and_says_nothing_is_given_up_without_a_second_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("delivery.cluster.connection.READ_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"http://127.0.0.1:{silent.getsockname()[1]}"
        (problem,) = cluster_problems(configured(), KubernetesApi().kubeconfig(server=server))
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert "no answer within 5 s to connect and 0 s to read" in problem.found


@pytest.mark.parametrize("version", [404, 500, {"something": "else"}])
def test_something_else_at_the_address_is_no_cluster(api: KubernetesApi, version: object) -> None:
    api.objects["/version"] = version
    (problem,) = found(api)
    assert problem.startswith(f"no cluster at {api.url} (")


def test_a_refused_login_is_one_problem_without_the_login(api: KubernetesApi) -> None:
    (problem,) = cluster_problems(configured(), api.kubeconfig(token="expired-token"))
    assert problem.found == "the login of context 'the-cluster' is refused (401)"
    assert "expired-token" not in str(problem)


def test_missing_definitions_are_one_problem_for_each_product_with_its_installation(api: KubernetesApi) -> None:
    api.objects["/apis/lifecycle.keptn.sh/v1"] = resources("keptnapps", "keptnappversions", "keptnappcontexts")
    del api.objects["/apis/argoproj.io/v1alpha1"]
    keptn, argocd = cluster_problems(configured(), api.kubeconfig())
    assert keptn.found == "no definition of keptntaskdefinitions.lifecycle.keptn.sh v1"
    assert keptn.mend.startswith("helm upgrade --install keptn ")
    assert "--kube-context the-cluster" in keptn.mend
    assert argocd.found == "no definition of applications.argoproj.io v1alpha1"
    assert "kubectl --context the-cluster apply --server-side -n argocd" in argocd.mend


def test_a_missing_namespace_of_argo_cd_is_a_problem_that_names_the_key(api: KubernetesApi) -> None:
    (problem,) = cluster_problems(configured(argocdNamespace="gitops"), api.kubeconfig())
    assert problem.found == "no namespace gitops"
    assert "create namespace gitops" in problem.mend
    assert "pulumi config set delivery:argocdNamespace" in problem.mend


@pytest.mark.parametrize("lists_rules", [True, False])
def test_missing_rights_are_found_whether_or_not_the_server_lists_rules(api: KubernetesApi, lists_rules: bool) -> None:
    api.lists_rules = lists_rules
    api.rules = [
        rule("*", "rbac.authorization.k8s.io lifecycle.keptn.sh argoproj.io apps", "*"),
        rule("get create", "core", "secrets"),
        rule("*", "core", "serviceaccounts events"),
    ]
    (problem,) = cluster_problems(configured(), api.kubeconfig())
    assert problem.found == "a login that may not delete, patch secrets in podtato-head-dev"
    assert problem.mend.endswith("kubectl --context the-cluster auth can-i delete secrets -n podtato-head-dev")


def test_rights_in_a_namespace_are_none_outside_of_any(api: KubernetesApi) -> None:
    api.cluster_rules = [rule("get", "core", "namespaces")]
    assert found(api) == ["a login that may not create, delete, patch namespaces"]


def test_a_rule_for_named_objects_is_no_right_to_all(api: KubernetesApi) -> None:
    api.rules = [rule("*", "lifecycle.keptn.sh rbac.authorization.k8s.io apps core", "*")]
    api.rules.append(rule("*", "argoproj.io", "applications") | {"resourceNames": ["another"]})
    assert found(api) == ["a login that may not create, delete, get, patch applications.argoproj.io in argocd"]


def test_nobody_can_grant_the_task_what_they_may_not_do_themselves(api: KubernetesApi) -> None:
    managed = rule("create get patch delete", "core rbac.authorization.k8s.io lifecycle.keptn.sh argoproj.io", "*")
    api.rules = [managed]
    (problem,) = found(api)
    assert problem.startswith("a login that may not grant the promotion task its role")
    assert "list deployments.apps in podtato-head-dev" in problem
    api.rules = [managed, rule("escalate", "rbac.authorization.k8s.io", "roles")]
    assert found(api) == []


def test_a_stage_that_promotes_nowhere_needs_no_right_to_secrets(api: KubernetesApi) -> None:
    api.rules = [rule("*", "lifecycle.keptn.sh argoproj.io", "*")]
    assert found(api, "production") == []


def test_what_the_login_may_not_ask_is_no_problem(api: KubernetesApi) -> None:
    api.reviews = False
    api.objects |= {"/version": 403, "/api/v1/namespaces/argocd": 403, "/apis/argoproj.io/v1alpha1": 403}
    assert found(api) == []


def test_many_applications_are_one_problem_for_each_kind_of_right(api: KubernetesApi) -> None:
    names = [f"application-{number}" for number in range(6)]
    applications = [
        {"name": name, "image": "example/image", "workload": name, "containerPort": 80, "servicePort": 80,
         "firstVersion": "v1", "promotedKeys": ["serviceVersion"]}
        for name in names
    ]  # fmt: skip
    api.rules = [rule("*", "argoproj.io lifecycle.keptn.sh rbac.authorization.k8s.io apps", "*")]
    api.rules.append(rule("*", "core", "secrets events"))
    keys = {"applications": json.dumps(applications), "pathPattern": "{application}/{stage}"}
    assert found(api, **keys) == [
        "a login that may not create, delete, get, patch serviceaccounts "
        "in application-0-dev, application-1-dev, application-2-dev and others"
    ]


def test_the_context_is_always_the_stack_s_own(api: KubernetesApi) -> None:
    (problem,) = cluster_problems(configured(kubeContext="missing"), api.kubeconfig())
    assert problem.found == f"no context 'missing' in delivery:kubeconfig; there are elsewhere, {CONTEXT}"
    assert problem.mend == "pulumi config set delivery:kubeContext elsewhere"
    assert api.requests == []


def test_a_stage_with_tasks_needs_the_right_to_define_them(api: KubernetesApi) -> None:
    api.rules = [rule("*", "argoproj.io rbac.authorization.k8s.io apps core", "*")]
    api.rules.append(rule("get", "lifecycle.keptn.sh", "keptnapps keptnappversions"))
    assert found(api) == [
        "a login that may not create, delete, get, patch keptntaskdefinitions.lifecycle.keptn.sh in podtato-head-dev"
    ]
    assert found(api, "production") == []
