"""The platform's stack: what of it is there, whose it is, and what would stop an update or its destruction."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from delivery.cluster.installed import DEFINITIONS
from delivery.doctor.__main__ import main
from delivery.doctor.check import Check
from delivery.doctor.platform_inputs import PlatformInspection
from delivery.doctor.registry import PLATFORM, run_groups
from delivery.platform.charts import CHARTS, PARTS
from delivery.platform.configuration import PlatformConfiguration
from tests.delivery.cluster.kubernetes_api import CONTEXT, Body, KubernetesApi, rule, workload
from tests.delivery.doctor.surroundings import Project, assert_told

URL = "https://github.com/acme/podtato-head-gitops"
CONTROLLERS = {
    "argo-cd": ("statefulsets", "argocd-application-controller", {"app.kubernetes.io/part-of": "argocd"}),
    "keptn-lifecycle-operator": ("deployments", "lifecycle-operator", {"control-plane": "lifecycle-operator"}),
    "keptn-cert-manager": ("deployments", "certificate-operator", {"control-plane": "certificate-operator"}),
    "opentelemetry-collector": ("deployments", "otel-collector", {"app.kubernetes.io/name": "opentelemetry-collector"}),
    "jaeger": ("deployments", "jaeger", {"app.kubernetes.io/name": "jaeger"}),
}
KINDS = ("applications.argoproj.io", "appprojects.argoproj.io", "keptnapps.lifecycle.keptn.sh")
SECRET = "/api/v1/namespaces/argocd/secrets"
CONFIGS = "/apis/options.keptn.sh/v1alpha1/keptnconfigs"
ADDRESS = "otel-collector.observability.svc:4317"


def list_of(api: KubernetesApi, resource: str, namespace: str = "") -> list[Body]:
    """The stand-in's list of the controllers of a kind, in one namespace or in all."""
    where = f"/namespaces/{namespace}" if namespace else ""
    found: list[Body] = api.objects.setdefault(f"/apis/apps/v1{where}/{resource}", {"items": []})["items"]
    return found


def add(api: KubernetesApi, chart: str, version: str = "", **changes: Any) -> Body:
    """Let a chart's controller be there, as the pin has it or in another version."""
    (pin,) = (pin for pin in CHARTS if pin.name == chart)
    resource, name, labels = CONTROLLERS[chart]
    made = workload(name, pin.namespace, f"image:{pin.app_version}", PROMOTION_TASKS_ENABLED="true")
    made["metadata"]["labels"] = labels | {"helm.sh/chart": f"{chart}-{version or pin.version}"}
    made["metadata"] |= changes
    for namespace in ("", made["metadata"]["namespace"]):
        list_of(api, resource, namespace).append(made)
    return made


def credential(api: KubernetesApi, **data: str) -> None:
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in (data | {"url": URL}).items()}
    metadata = {"name": "gitops", "labels": {"argocd.argoproj.io/secret-type": "repository"}}
    api.objects[SECRET] = {"items": [{"metadata": metadata, "data": encoded}]}


def configured(**changes: Any) -> PlatformConfiguration:
    """A configuration that wants every part, changed."""
    made = PlatformConfiguration(
        stack="laptop",
        context=CONTEXT,
        parts={part: {} for part in PARTS},
        charts="",
        repository_url=URL,
        credential="githubToken",
        github_app=None,
        github_api_url="https://api.github.com",
        backend=None,
        collector_address="",
    )
    return replace(made, **changes)


def state(*without: str) -> Body:
    """The state of a stack that has installed all of it, but what is named."""
    objects = [("apps/v1:Deployment", "observability/otel-collector"), ("apps/v1:Deployment", "observability/jaeger")]
    objects += [("apps/v1:Deployment", f"keptn-system/{kind}-operator") for kind in ("lifecycle", "certificate")]
    objects += [("apps/v1:StatefulSet", "argocd/argocd-application-controller")]
    objects += [("apiextensions.k8s.io/v1:CustomResourceDefinition", name) for name in KINDS]
    objects += [("options.keptn.sh/v1alpha1:KeptnConfig", "keptn-system/keptn-config")]
    known = [{"type": f"kubernetes:{kind}", "id": name} for kind, name in objects if name not in without]
    return {"deployment": {"resources": [{"type": "pulumi:pulumi:Stack"}, *known]}}


Platform = Callable[..., dict[str, Check]]


@pytest.fixture
def look(api: KubernetesApi, project: Project) -> Platform:
    """The checks of a platform's cluster, by name; all of it is there as the stack has installed it."""
    api.objects = {"/version": {"gitVersion": "v1.37.2"}}
    for chart in CONTROLLERS:
        add(api, chart)
    api.objects[DEFINITIONS] = {"items": [{"metadata": {"name": name}} for name in KINDS]}
    for group in ("argoproj.io", "lifecycle.keptn.sh"):
        api.objects[f"/apis/{group}"] = {"preferredVersion": {"version": "v1"}}
    config = {"metadata": {"name": "keptn-config", "namespace": "keptn-system"}}
    api.objects[CONFIGS] = {"items": [config | {"spec": {"OTelCollectorUrl": ADDRESS}}]}
    credential(api, password="classified-token")
    (project.folder / "platform").mkdir()

    def look(known: Body | None = None, *titles: str, **changes: Any) -> dict[str, Check]:
        project.cli(state=state() if known is None else known)
        made = PlatformInspection(project.folder, "laptop", project.environ)
        made.parsed = configured(**changes)
        made.set_keys = frozenset({"kubeconfig"})
        made.add_secrets({"kubeconfig": api.kubeconfig()})
        return {check.name: check for check in run_groups(PLATFORM, made, *(titles or ("cluster",)))}

    return look


def test_a_platform_that_this_stack_has_installed_is_fine_and_tells_its_versions(
    api: KubernetesApi, look: Platform
) -> None:
    assert {name: f"{check.status} {check.detail}" for name, check in look().items()} == {
        "cluster": f"ok v1.37.2 at {api.url}",
        "cluster rights": "ok the login may do everything",
        "Argo CD": "ok argo-cd-10.1.1, ready in argocd",
        "Jaeger": "ok jaeger-4.11.1, ready in observability",
        "collector": "ok opentelemetry-collector-0.170.0, ready in observability",
        "Keptn's certificates": "ok keptn-cert-manager-0.3.0, ready in keptn-system",
        "Keptn": "ok keptn-lifecycle-operator-0.6.0, ready in keptn-system",
        "Keptn's promotion tasks": "ok on, lifecycle-operator in keptn-system",
        "collector address": f"ok KeptnConfig names {ADDRESS}",
        "repository credential": f"ok Secret gitops has a token for {URL}",
        "destroy": "ok nothing of others would go with it",
    }


def test_an_empty_cluster_lacks_everything_and_one_command_brings_it(api: KubernetesApi, look: Platform) -> None:
    api.objects = {"/version": {"gitVersion": "v1.37.2"}}
    lacking = {name: check for name, check in look({}).items() if check.status == "wrong"}
    assert set(lacking) == {
        *("Argo CD", "Jaeger", "collector", "Keptn's certificates", "Keptn"),
        "repository credential",
    }
    assert {check.fix for check in lacking.values()} == {"pulumi -C platform up -s laptop"}


def old_server(api: KubernetesApi) -> None:
    api.objects["/version"] = {"gitVersion": "v1.26.9+k3s1"}


def small_rights(api: KubernetesApi) -> None:
    api.cluster_rules = [rule("create delete get patch", "core apiextensions.k8s.io admissionregistration.k8s.io", "*")]
    api.rules = [rule("*", "core networking.k8s.io apps rbac.authorization.k8s.io", "*")]


def gone_collector(api: KubernetesApi) -> None:
    list_of(api, "deployments", "observability")[:] = [add(api, "jaeger")]


def another_version(api: KubernetesApi) -> None:
    list_of(api, "statefulsets").clear()
    add(api, "argo-cd", "9.0.0")


def stopped_jaeger(api: KubernetesApi) -> None:
    (jaeger,) = (one for one in list_of(api, "deployments", "observability") if one["metadata"]["name"] == "jaeger")
    jaeger["status"] = {}


def switched_off(api: KubernetesApi) -> None:
    for one in list_of(api, "deployments"):
        one["spec"]["template"]["spec"]["containers"][0]["env"] = []


def other_address(api: KubernetesApi) -> None:
    api.objects[CONFIGS]["items"][0]["spec"]["OTelCollectorUrl"] = "http://user:classified@otel:4317"


def second_config(api: KubernetesApi) -> None:
    api.objects[CONFIGS]["items"].append({"metadata": {"name": "other", "namespace": "keptn"}, "spec": {}})


def no_config(api: KubernetesApi) -> None:
    api.objects[CONFIGS] = {"items": []}


def no_credential(api: KubernetesApi) -> None:
    api.objects[SECRET] = {"items": []}


def broken_credential(api: KubernetesApi) -> None:
    credential(api, sshPrivateKey="classified")


def second_argocd(api: KubernetesApi) -> None:
    release = {"meta.helm.sh/release-name": "cd"}
    add(api, "argo-cd", "9.5.0", name="cd-server", namespace="gitops", annotations=release)


@pytest.mark.parametrize(
    ("illness", "name"),
    [
        (old_server, "cluster"),
        (small_rights, "cluster rights"),
        (gone_collector, "collector"),
        (another_version, "Argo CD"),
        (stopped_jaeger, "Jaeger"),
        (switched_off, "Keptn's promotion tasks"),
        (other_address, "collector address"),
        (second_config, "collector address"),
        (no_config, "collector address"),
        (no_credential, "repository credential"),
        (broken_credential, "repository credential"),
        (second_argocd, "Argo CD"),
    ],
)
def test_each_illness_is_found_and_no_other(
    api: KubernetesApi, look: Platform, illness: Callable[[KubernetesApi], None], name: str
) -> None:
    illness(api)
    found = look()
    assert [check.name for check in found.values() if check.status == "wrong"] == [name]
    assert "classified" not in str(found[name])
    assert_told(f"platform.{illness.__name__}", found[name], api.url)


@pytest.mark.parametrize(
    ("chart", "part", "name"),
    [
        ("argo-cd", "argocd", "Argo CD"),
        ("keptn-lifecycle-operator", "keptn", "Keptn"),
        ("keptn-cert-manager", "keptn", "Keptn's certificates"),
        ("opentelemetry-collector", "collector", "collector"),
        ("jaeger", "jaeger", "Jaeger"),
    ],
)
def test_a_part_that_is_not_this_stacks_would_collide_and_can_be_left_to_its_owner(
    look: Platform, chart: str, part: str, name: str
) -> None:
    (pin,) = (pin for pin in CHARTS if pin.name == chart)
    found = look(state(f"{pin.namespace}/{CONTROLLERS[chart][1]}"))
    assert [check.name for check in found.values() if check.status == "wrong"] == [name]
    assert found[name].fix == f"pulumi -C platform config set -s laptop platform:{part} false"
    parts: dict[str, dict[str, str]] = {key: {} for key in PARTS if key != part}
    assert {check.status for check in look(state(), parts=parts).values()} == {"ok"}


def test_of_a_platform_that_others_have_installed_the_parts_alone_are_told(api: KubernetesApi, look: Platform) -> None:
    switched_off(api)
    second_config(api)
    parts = {"Argo CD", "Jaeger", "collector", "Keptn's certificates", "Keptn"}
    assert {name for name, check in look({}).items() if check.status == "wrong"} == parts


def test_a_collector_of_others_in_another_namespace_is_none_of_the_platforms(
    api: KubernetesApi, look: Platform
) -> None:
    add(api, "opentelemetry-collector", name="theirs", namespace="monitoring")
    assert look()["collector"].status == "ok"


def test_a_namespace_of_others_stops_an_update_unless_the_part_in_it_says_so(
    api: KubernetesApi, look: Platform
) -> None:
    for namespace in ("argocd", "observability"):
        api.objects[f"/api/v1/namespaces/{namespace}"] = {"metadata": {"name": namespace}}
    known = state()
    known["deployment"]["resources"].append({"type": "kubernetes:core/v1:Namespace", "id": "argocd"})
    assert not [name for name in look(known) if name.startswith("namespace")]
    list_of(api, "deployments", "observability").clear()
    found = {name: check for name, check in look(known).items() if name.startswith("namespace")}
    assert {name: check.status for name, check in found.items()} == {"namespace observability": "wrong"}
    assert_told("platform.namespace", found["namespace observability"])


def test_a_credential_is_looked_for_in_an_argo_cd_of_others_too(api: KubernetesApi, look: Platform) -> None:
    no_credential(api)
    parts: dict[str, dict[str, str]] = {key: {} for key in PARTS if key != "argocd"}
    assert look(parts=parts)["repository credential"].status == "wrong"
    assert "repository credential" not in look(parts=parts, credential="")


def test_definitions_that_an_installation_has_left_stop_an_update_too(api: KubernetesApi, look: Platform) -> None:
    for resource in ("statefulsets", "deployments"):
        list_of(api, resource).clear()
    api.objects["/apis/argoproj.io/v1/applications"] = {"items": [{"metadata": {"name": "a", "namespace": "argocd"}}]}
    name = "Argo CD's definitions"
    assert name not in look()
    found = look({})[name]
    assert found.status == "wrong"
    assert_told("platform.definitions", found)


def test_what_would_stop_the_destruction_is_named_and_is_no_fault(api: KubernetesApi, look: Platform) -> None:
    applications = [{"metadata": {"name": f"shop-{number}", "namespace": "argocd"}} for number in range(7)]
    api.objects["/apis/argoproj.io/v1/applications"] = {"items": applications}
    # Argo CD makes this one itself.
    api.objects["/apis/argoproj.io/v1/appprojects"] = {
        "items": [{"metadata": {"name": "default", "namespace": "argocd"}}]
    }
    found = look()["destroy"]
    assert found.status == "ok"
    assert_told("platform.destroy", found)


def test_without_the_state_nothing_is_called_somebody_elses(look: Platform) -> None:
    found = look({"deployment": "nonsense"})
    assert {name for name, check in found.items() if check.status == "wrong"} == set()
    assert {"Argo CD", "Keptn", "destroy"} <= {name for name, check in found.items() if check.status == "unknown"}
    assert_told("platform.no_state", found["Argo CD"])


@pytest.mark.parametrize("path", ["/apis/apps/v1/deployments", DEFINITIONS, SECRET, CONFIGS, "/version"])
def test_what_the_login_may_not_read_is_unknown(api: KubernetesApi, look: Platform, path: str) -> None:
    api.objects[path] = 403
    statuses = [check.status for check in look().values()]
    assert "unknown" in statuses
    assert "wrong" not in statuses


def test_without_a_credential_only_a_public_repository_is_read(api: KubernetesApi, look: Platform) -> None:
    no_credential(api)
    found = look(credential="")["repository credential"]
    assert found.status == "unknown"
    assert_told("platform.public", found)


def given(project: Project, **keys: object) -> None:
    """Let the platform's folder be there, its stack with these keys; `{"secure": …}` is an encrypted one."""
    folder = project.folder / "platform"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: platform\nruntime: python\n")
    config = {f"platform:{key}": value for key, value in keys.items()}
    (folder / "Pulumi.laptop.yaml").write_text(yaml.safe_dump({"config": config}))


def looked(project: Project) -> tuple[PlatformInspection, dict[str, Check]]:
    """A look at the inputs of the stack, and its checks."""
    project.cli()
    made = PlatformInspection(project.folder, "laptop", project.environ)
    return made, {check.name: check.presentable(made.hidden) for check in run_groups(PLATFORM, made, "inputs")}


def test_the_inputs_of_a_configured_platform_are_fine(project: Project) -> None:
    given(project, kubeContext="dev-cluster", jaeger=False, repositoryURL=URL)
    made, found = looked(project)
    assert {check.status for check in found.values()} == {"ok"}
    assert made.left_out == ("jaeger",)


def test_keptn_is_looked_for_where_a_stage_of_the_pipeline_verifies_with_it(project: Project) -> None:
    given(project, kubeContext="dev-cluster")
    assert looked(project)[0].left_out == ()
    by_argocd = {"verification": "argocd"}
    project.configure(stages=[{"name": "dev", **by_argocd}, {"name": "production", "after": ["dev"], **by_argocd}])
    assert looked(project)[0].left_out == ("keptn",)


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ({"kubeContext": "dev", "githubtoken": "classified"}, "unknown_key"),
        ({"kubeContext": "dev", "repositoryURL": URL, "githubToken": "classified-token"}, "plain_text"),
        ({"kubeContext": "dev-cluster", "argocd": "perhaps"}, "no_flag"),
    ],
)
def test_a_mistake_in_the_configuration_is_one_line(project: Project, keys: dict[str, object], kind: str) -> None:
    given(project, **keys)
    _, found = looked(project)
    assert found["configuration"].status == "wrong"
    assert "classified" not in str(found)
    assert_told(f"platform.{kind}", found["configuration"])


def test_without_a_context_an_update_is_refused_and_the_line_sets_it(project: Project) -> None:
    given(project)
    found = looked(project)[1]["configuration"]
    assert found.status == "wrong"
    assert_told("platform.no_context", found)


def test_without_the_folder_the_line_says_where_it_is_looked_for(project: Project) -> None:
    (check,) = looked(project)[1].values()
    assert_told("platform.no_folder", check)


@pytest.mark.parametrize(("asked", "stack"), [("platform", "laptop"), ("platform/shared", "shared")])
def test_the_command_checks_the_platform_and_prints_the_same_json(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, asked: str, stack: str
) -> None:
    given(project)
    project.cli()
    monkeypatch.setenv("PATH", str(project.programs))
    assert main(["--project", str(project.folder), "--stack", asked, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["stack"] == asked
    assert set(document["checks"][0]) == {"name", "status", "detail", "mend", "fix"}
    (wrong,) = (check for check in document["checks"] if check["name"] == "configuration")
    assert f" -s {stack} " in wrong["fix"]


def test_a_stage_that_is_called_platform_is_a_stage(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(project)
    (project.folder / "Pulumi.platform.yaml").write_text("config: {}\n")
    monkeypatch.setenv("PATH", str(project.programs))
    main(["--project", str(project.folder), "--stack", "platform"])
    assert "platform:kubeContext" not in capsys.readouterr().out
