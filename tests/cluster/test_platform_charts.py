"""The platform's charts, rendered by the real Helm from their own sources with the values of ours, and held to what a
cluster and a person may expect of them: the real API server takes them, none is root, none is open to the outside.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from delivery.config.errors import Json
from delivery.platform.charts import CHARTS, COLLECTOR_CHART, ChartPin
from tests.charts import Body, Pod, find, metadata, render
from tests.cluster.api_server import ApiServer, Etcd, Refused
from tests.cluster.network import Network
from tests.cluster.platforms import CONFIGURATIONS, RUNNING, Platform, Rendered, platform
from tests.cluster.prerequisites import Prerequisites
from tests.definitions import ROOT

FOUND = find(os.environ)
COLLECTOR = "otelcol-contrib"
pytestmark = pytest.mark.skipif(isinstance(FOUND, str), reason=str(FOUND))

every_platform = pytest.mark.parametrize("name", CONFIGURATIONS)
every_running = pytest.mark.parametrize("name", RUNNING)


@pytest.fixture(scope="session")
def charts() -> Path:
    assert isinstance(FOUND, Path)
    return FOUND


@pytest.fixture(scope="module")
def empty(prerequisites: Prerequisites, etcd: Etcd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(prerequisites.assets, etcd, tmp_path_factory.mktemp("servers") / "empty") as running:
        yield running


@pytest.fixture(scope="module")
def server(empty: ApiServer, charts: Path) -> ApiServer:
    """An API server with the namespaces and the definitions of the laptop's platform, and nothing else of it."""
    laptop = platform(charts, "laptop")
    for body in laptop.objects("Namespace"):
        empty.create(body)
    empty.define_all(laptop.objects("CustomResourceDefinition"))
    return empty


@pytest.mark.parametrize("pin", CHARTS, ids=lambda pin: pin.name)
def test_a_chart_is_the_one_that_is_pinned(charts: Path, pin: ChartPin) -> None:
    found = metadata(charts / pin.name)

    assert (found["name"], found["version"], found["appVersion"]) == (pin.name, pin.version, pin.app_version)


@every_platform
def test_the_server_takes_every_object(server: ApiServer, charts: Path, name: str) -> None:
    for body in platform(charts, name).objects():
        server.validate(body)


@every_running
def test_the_server_takes_every_pod_where_only_restricted_ones_may_run(
    server: ApiServer, charts: Path, name: str
) -> None:
    """Without root, privileges and capabilities: Kubernetes' own rules, in the namespace where the pod will run."""
    for pod in platform(charts, name).pods:
        server.validate(as_object(pod))


def test_a_pod_that_could_be_root_would_be_refused(server: ApiServer, charts: Path) -> None:
    for pod in platform(charts, "laptop").pods:
        body = as_object(pod)
        for part in (body["spec"], *body["spec"]["containers"]):
            part.pop("securityContext", None)
        with pytest.raises(Refused, match="violates PodSecurity"):
            server.validate(body)


@every_running
def test_every_container_has_requests_and_limits(charts: Path, name: str) -> None:
    lacking = [
        f"{pod.owner}: {container['name']} has no {kind} of {what}"
        for pod in platform(charts, name).pods
        for container in pod.containers
        for kind in ("requests", "limits")
        for what in ("cpu", "memory")
        if not container.get("resources", {}).get(kind, {}).get(what)
    ]

    assert lacking == []


@every_platform
def test_every_image_is_one_version(charts: Path, name: str) -> None:
    """A digest, or the whole number of a release: a tag like `latest` or `v3` would be another image one day."""
    images = {container["image"] for pod in platform(charts, name).pods for container in pod.containers}

    assert [
        image for image in images if not re.search(r"@sha256:[0-9a-f]{64}$|:v?\d+\.\d+\.\d+(-[\w.]+)?$", image)
    ] == []


@every_platform
def test_nothing_can_be_reached_from_outside_the_cluster(charts: Path, name: str) -> None:
    objects = platform(charts, name).objects()

    assert {body["spec"].get("type", "ClusterIP") for body in objects if body["kind"] == "Service"} == {"ClusterIP"}
    assert {body["kind"] for body in objects} & {"Ingress", "HTTPRoute", "Gateway", "GRPCRoute", "TLSRoute"} == set()
    for pod in platform(charts, name).pods:
        assert not pod.spec.get("hostNetwork"), pod.owner
        assert [port for each in pod.containers for port in each.get("ports", ()) if "hostPort" in port] == []


@every_running
def test_a_policy_covers_every_pod(charts: Path, name: str) -> None:
    here = platform(charts, name)

    assert [pod.owner for pod in here.pods if not network(here).covers(pod)] == []


SERVER, CONTROLLER = "Deployment argocd-server", "StatefulSet argocd-application-controller"
REPO_SERVER, REDIS = "Deployment argocd-repo-server", "Deployment argocd-redis"
APPLICATION_SETS = "Deployment argocd-applicationset-controller"
OTLP, JAEGER, OPERATOR = "Deployment otel-collector", "Deployment jaeger", "Deployment lifecycle-operator"
CERTIFICATES = "Deployment certificate-operator"
STAGE = Pod("a pod of a stage", 1, "podtato-kubectl-dev", {"app": "podtato-head"}, {})


@pytest.mark.parametrize(
    ("sender", "receiver", "port"),
    [
        *((each, REPO_SERVER, 8081) for each in (SERVER, CONTROLLER, APPLICATION_SETS)),
        *((each, REDIS, 6379) for each in (SERVER, CONTROLLER, REPO_SERVER)),
        *((each, OTLP, port) for each in (OPERATOR, STAGE.owner) for port in (4317, 4318)),
        (OTLP, JAEGER, 4317),
        # The API server calls the webhook. It is in no pod: an address from somewhere.
        (STAGE.owner, OPERATOR, 9443),
    ],
)
def test_what_is_needed_gets_through(charts: Path, sender: str, receiver: str, port: int) -> None:
    laptop = platform(charts, "laptop")

    assert network(laptop).lets_in(laptop.pod(receiver), port, STAGE if sender == STAGE.owner else laptop.pod(sender))


@pytest.mark.parametrize(
    ("receiver", "port"),
    [
        (SERVER, 8080),
        (REPO_SERVER, 8081),
        (REDIS, 6379),
        (JAEGER, 4317),
        (JAEGER, 16686),
        (OTLP, 13133),
        (OPERATOR, 8080),
        (CERTIFICATES, 8080),
    ],
)
def test_a_pod_of_a_stage_reaches_nothing_else(charts: Path, receiver: str, port: int) -> None:
    laptop = platform(charts, "laptop")

    assert not network(laptop).lets_in(laptop.pod(receiver), port, STAGE)


@pytest.mark.parametrize("name", ["laptop", "own values"])
def test_nobody_uses_argo_cd_without_a_login(charts: Path, name: str) -> None:
    here = chart(platform(charts, name), "argo-cd")
    settings = here.named("ConfigMap", "argocd-cm")["data"]

    assert settings["users.anonymous.enabled"] == "false"
    assert settings["exec.enabled"] == "false"
    assert here.named("ConfigMap", "argocd-rbac-cm")["data"]["policy.default"] == ""
    # The server makes the initial password; none is in a manifest.
    assert not here.named("Secret", "argocd-secret").get("data")


@every_running
def test_only_what_talks_to_the_api_server_has_a_token_for_it(charts: Path, name: str) -> None:
    here = platform(charts, name)
    by_account = {
        (body["metadata"]["namespace"], body["metadata"]["name"]): body.get("automountServiceAccountToken", True)
        for body in here.objects("ServiceAccount")
    }

    for pod in here.pods:
        of_account = by_account.get((pod.namespace, pod.spec["serviceAccountName"]), True)
        # What the pod says goes first.
        has_token = pod.spec.get("automountServiceAccountToken", of_account)
        assert has_token is (pod.owner not in {OTLP, JAEGER, REDIS}), pod.owner


def test_no_pod_of_the_platform_waits_for_keptns_webhook(charts: Path) -> None:
    """Keptn's operator looks at every pod that is created, and none is while it does not answer."""
    laptop = platform(charts, "laptop")
    hooks = laptop.objects("MutatingWebhookConfiguration")[0]["webhooks"]

    for hook in hooks:
        assert hook["failurePolicy"] == "Fail"
        excluded = {
            name
            for each in hook["namespaceSelector"]["matchExpressions"]
            if (each["key"], each["operator"]) == ("kubernetes.io/metadata.name", "NotIn")
            for name in each["values"]
        }
        assert excluded >= laptop.plan.namespaces.keys() | {"kube-system"}


def test_the_reference_says_how_much_memory_an_empty_cluster_needs(charts: Path) -> None:
    laptop = platform(charts, "laptop")
    lines, total = [], [0, 0, 0]
    for part, name in (("argocd", "Argo CD"), ("keptn", "Keptn"), ("collector", "collector"), ("jaeger", "Jaeger")):
        pods = [pod for each in laptop.charts if each.pin.part == part for pod in each.pods]
        memory = [sum(pod.replicas * pod.memory(kind) for pod in pods) for kind in ("requests", "limits")]
        row = [sum(pod.replicas for pod in pods), *memory]
        total = [before + more for before, more in zip(total, row, strict=True)]
        lines.append(as_row(name, row))

    lines.append(as_row("**all**", total))
    assert "\n".join(lines) in (ROOT / "docs/reference/platform-charts.md").read_text(encoding="utf-8")


def as_row(name: str, figures: Sequence[int]) -> str:
    pods, requests, limits = figures
    return f"| {name} | {pods} | {requests:,} Mi | {limits:,} Mi |"


@every_platform
def test_the_repositorys_credential_has_the_label_that_argo_cd_looks_for(charts: Path, name: str) -> None:
    labelled = [
        body
        for body in platform(charts, name).objects("Secret")
        if body["metadata"].get("labels", {}).get("argocd.argoproj.io/secret-type") == "repository"
    ]

    fields = {
        "token": {"password"},
        "app": {"githubAppID", "githubAppInstallationID", "githubAppPrivateKey"},
        "ssh": {"sshPrivateKey"},
    }
    assert len(labelled) == (name in fields)
    for body in labelled:
        assert body["metadata"]["namespace"] == "argocd"
        assert fields[name] <= body["stringData"].keys()


@every_platform
def test_every_secret_that_a_pod_needs_is_there(charts: Path, name: str) -> None:
    here = platform(charts, name)
    there = {(body["metadata"]["namespace"], body["metadata"]["name"]) for body in here.objects("Secret")}
    # The certificate operator makes it.
    there.add(("keptn-system", "keptn-certs"))
    needed = {
        (pod.namespace, reference["name"])
        for pod in here.pods
        for container in pod.containers
        for variable in container.get("env") or ()
        if (reference := variable.get("valueFrom", {}).get("secretKeyRef")) and not reference.get("optional")
    }
    needed |= {
        (pod.namespace, volume["secret"]["secretName"])
        for pod in here.pods
        for volume in pod.spec.get("volumes") or ()
        if "secret" in volume and not volume["secret"].get("optional")
    }

    assert needed - there == set()


@pytest.mark.parametrize(
    ("name", "which"),
    [
        *(("laptop", pin.name) for pin in CHARTS),
        *((name, COLLECTOR_CHART.name) for name in ("backend", "traces in a file")),
    ],
)
def test_a_chart_reads_every_value_of_ours(charts: Path, name: str, which: str) -> None:
    """Another value makes another manifest, or none: a chart ignores a key that it does not know without a word."""
    here = chart(platform(charts, name), which)

    with ThreadPoolExecutor(2) as beside:
        read = beside.map(lambda path: reads(charts, here, path), leaves(here.values))
    assert [".".join(path) for path, is_read in zip(leaves(here.values), read, strict=True) if not is_read] == []


@pytest.mark.parametrize("name", ["laptop", "backend", "backend and jaeger", "traces in a file"])
@pytest.mark.skipif(shutil.which(COLLECTOR) is None, reason=f"{COLLECTOR} is not on PATH")
def test_the_real_collector_takes_its_configuration(charts: Path, name: str, tmp_path: Path) -> None:
    settings = chart(platform(charts, name), "opentelemetry-collector").named("ConfigMap", "otel-collector")
    (tmp_path / "relay.yaml").write_text(settings["data"]["relay"], encoding="utf-8")

    command = [COLLECTOR, "validate", f"--config={tmp_path / 'relay.yaml'}"]
    environ = os.environ | {"MY_POD_IP": "127.0.0.1", "BACKEND_HEADER": "a header"}
    done = subprocess.run(command, env=environ, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_traces_go_where_the_configuration_says(charts: Path) -> None:
    names = ("laptop", "backend", "backend and jaeger", "traces in a file")
    exporters = {name: relay(platform(charts, name))["exporters"] for name in names}

    jaeger, backend = {"endpoint": "jaeger.observability.svc:4317"}, {"endpoint": "https://otlp.example.org"}
    header = {"headers": {"x-team": "${env:BACKEND_HEADER}"}}
    insecure = {"tls": {"insecure": True}}
    assert exporters["laptop"] == {"otlp_grpc/jaeger": jaeger | insecure}
    assert exporters["backend"] == {"otlp_http/backend": backend | header}
    assert exporters["backend and jaeger"] == {"otlp_http/backend": backend, **exporters["laptop"]}
    assert exporters["traces in a file"]["file"]["path"] == "/var/lib/otelcol/traces.jsonl"


def as_object(pod: Pod) -> Body:
    """The pod as an object that could be created."""
    about = {"name": pod.owner.rpartition(" ")[2], "namespace": pod.namespace, "labels": dict(pod.labels)}
    spec = yaml.safe_load(yaml.safe_dump(pod.spec))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec}


def network(here: Platform) -> Network:
    return Network(here.objects("NetworkPolicy"), here.plan.namespaces)


def chart(here: Platform, name: str) -> Rendered:
    return next(each for each in here.charts if each.pin.name == name)


def relay(here: Platform) -> Body:
    settings = chart(here, "opentelemetry-collector").named("ConfigMap", "otel-collector")
    found: Body = yaml.safe_load(settings["data"]["relay"])
    return found


def leaves(values: Json | Mapping[str, Json], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every single value or list."""
    if isinstance(values, Mapping) and values:
        for key, value in values.items():
            yield from leaves(value, (*path, key))
    else:
        yield path


def reads(charts: Path, here: Rendered, path: tuple[str, ...]) -> bool:
    """Whether the chart makes something else of another value there, or refuses it."""
    values: Body = yaml.safe_load(yaml.safe_dump(here.values))
    around = values
    for key in path[:-1]:
        around = around[key]
    around[path[-1]] = another(around[path[-1]])
    try:
        return render(charts / here.pin.name, here.release, here.pin.namespace, values) != here.manifests
    except subprocess.CalledProcessError:
        return True


def another(value: Json) -> Json:
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return value + "0"
        case [*items]:
            return [*items, *items, "more"]
        case _:
            return {"more": "more"}
