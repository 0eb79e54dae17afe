"""Keptn's two operators for real, as their charts would start them: with the chart's environment, arguments and rights.

They run as programs of this machine against the API server. Two things differ from a pod: an election of a leader needs
one, and names of Services are known in a cluster alone.
"""

import base64
import json
import os
import re
import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPSConnection
from pathlib import Path

import pytest
import requests
import yaml

from delivery.platform.charts import CERT_MANAGER_CHART, COLLECTOR_CHART, OPERATOR_CHART
from tests.charts import Body, Pod, find
from tests.cluster.api_server import CONTEXT, ApiServer, Etcd
from tests.cluster.platforms import platform
from tests.cluster.prerequisites import Prerequisites
from tests.cluster.programs import Program, free_ports

FOUND = find(os.environ)
PROGRAMS = ("keptn-certificate-operator", "keptn-lifecycle-operator", "otelcol-contrib")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
pytestmark = [
    pytest.mark.skipif(isinstance(FOUND, str), reason=str(FOUND)),
    pytest.mark.skipif(bool(MISSING), reason=f"Keptn is not here: {', '.join(MISSING)} not on PATH"),
]
NAMESPACE, STAGE = "keptn-system", "podtato-kubectl-dev"
CERTIFICATES = Path("/tmp/webhook/certs")
"""The operator reads no option that would name another folder."""


class Keptn:
    """Keptn as the platform installs it, and a collector that writes what it gets into a file; for a `with` block."""

    def __init__(self, server: ApiServer, folder: Path) -> None:
        assert isinstance(FOUND, Path)
        self.server, self._folder = server, folder
        self._platform = platform(FOUND, "traces in a file")
        self._running = ExitStack()

    def __enter__(self) -> "Keptn":
        keptn = [each for each in self._platform.charts if each.pin in (CERT_MANAGER_CHART, OPERATOR_CHART)]
        objects = [body for each in keptn for body in each.objects]
        for name, labels in self._platform.plan.namespaces.items():
            about = {"name": name, "labels": dict(labels)}
            self.server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": about})
        self.server.define_all([body for body in objects if body["kind"] == "CustomResourceDefinition"])
        for body in objects:
            if body["kind"] != "CustomResourceDefinition":
                self.server.apply(body)
        with self._running:
            self._start("Deployment certificate-operator", "keptn-certificate-operator")
            self._collector = self._start_collector()
            self._configure()
            self._running.callback(shutil.rmtree, CERTIFICATES.parent, ignore_errors=True)
            self.operator = self._start("Deployment lifecycle-operator", "keptn-lifecycle-operator")
            self._running = self._running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def log(self) -> str:
        """What the lifecycle operator says."""
        return (self._folder / "keptn-lifecycle-operator.log").read_text(encoding="utf-8")

    def spans(self) -> list[Body]:
        """Every span that has reached the collector."""
        path = self._folder / "traces.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [
            span
            for line in lines
            for resource in json.loads(line)["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]

    def _start(self, owner: str, program: str) -> Program:
        pod = self._platform.pod(owner)
        [container] = pod.spec["containers"]
        assert container["command"] == ["/manager"]
        health, metrics = free_ports(2)
        # Outside a pod nobody knows in which namespace the leader is elected.
        arguments = [each for each in container["args"] if each != "--leader-elect"]
        arguments += [f"--health-probe-bind-address=127.0.0.1:{health}", f"--metrics-bind-address=127.0.0.1:{metrics}"]
        kubeconfig = self._folder / f"{program}.kubeconfig"
        account = self.server.kubeconfig_of(pod.spec["serviceAccountName"], pod.namespace)
        kubeconfig.write_text(yaml.safe_dump(yaml.safe_load(account) | {"current-context": CONTEXT}), "utf-8")
        environ = {"PATH": os.defpath, "HOME": str(self._folder), "KUBECONFIG": str(kubeconfig)} | environment(pod)
        environ["KEPTN_DORA_METRICS_PORT"] = str(free_ports(1)[0])
        running = Program([shutil.which(program) or "", *arguments], self._folder / f"{program}.log", environ)
        self._running.callback(running.stop)
        running.wait_for(lambda: answers(f"http://127.0.0.1:{health}/readyz"))
        return running

    def _start_collector(self) -> int:
        """Start it with the platform's configuration, but for its ports and the folder. Returns the port for gRPC."""
        chart = next(each for each in self._platform.charts if each.pin == COLLECTOR_CHART)
        text: str = chart.named("ConfigMap", "otel-collector")["data"]["relay"].replace(
            "/var/lib/otelcol", str(self._folder)
        )
        ports = dict(zip(("4317", "4318", "13133"), map(str, free_ports(3)), strict=True))
        text = re.sub(r"(?<=:)(4317|4318|13133)\b", lambda found: ports[found[1]], text)
        (self._folder / "relay.yaml").write_text(text, encoding="utf-8")
        command = [shutil.which("otelcol-contrib") or "", f"--config={self._folder / 'relay.yaml'}"]
        running = Program(command, self._folder / "collector.log", {"PATH": os.defpath, "MY_POD_IP": "127.0.0.1"})
        self._running.callback(running.stop)
        running.wait_for(lambda: answers(f"http://127.0.0.1:{ports['13133']}/"))
        return int(ports["4317"])

    def _configure(self) -> None:
        [config] = self._platform.objects("KeptnConfig")
        assert config["spec"]["OTelCollectorUrl"] == "otel-collector.observability.svc:4317"
        self.server.create(config | {"spec": config["spec"] | {"OTelCollectorUrl": f"127.0.0.1:{self._collector}"}})


@pytest.fixture(scope="module")
def keptn(prerequisites: Prerequisites, etcd: Etcd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keptn]:
    folder = tmp_path_factory.mktemp("keptn")
    with (
        ApiServer(prerequisites.assets, etcd, tmp_path_factory.mktemp("servers") / "keptn") as server,
        Keptn(server, folder) as running,
    ):
        about = {"name": STAGE, "annotations": {"keptn.sh/lifecycle-toolkit": "enabled"}}
        server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": about})
        yield running


def test_the_operator_reads_the_config_and_serves(keptn: Keptn) -> None:
    keptn.operator.wait_for(lambda: "reconciling Keptn Config: keptn-config" in keptn.log)

    assert "unable to initialize OTel" not in keptn.log


def test_the_webhook_gates_a_pod_of_a_stage_with_the_certificate_that_the_other_operator_made(keptn: Keptn) -> None:
    def authority() -> str:
        body = keptn.server.get("MutatingWebhookConfiguration", "lifecycle-mutating-webhook-configuration")
        assert body is not None
        return str(body["webhooks"][0]["clientConfig"].get("caBundle", ""))

    keptn.operator.wait_for(lambda: bool(authority()) and listens(9443))
    answer, certificate = ask(review(new_pod()))

    made = keptn.server.get("Secret", "keptn-certs", NAMESPACE)
    assert made is not None
    assert certificate == ssl.PEM_cert_to_DER_cert(base64.b64decode(made["data"]["tls.crt"]).decode())
    # What the API server was told to trust.
    assert authority() == made["data"]["ca.crt"]
    assert answer["response"]["allowed"], answer
    patch = json.loads(base64.b64decode(answer["response"]["patch"]))
    assert {"name": "keptn-prechecks-gate"} in next(
        each["value"] for each in patch if "schedulingGates" in each["path"]
    )


def test_promotion_tasks_are_on_and_their_span_reaches_the_collector(keptn: Keptn) -> None:
    """Without the span there is no `traceparent` for the promotion, and so no trace from commit to production."""
    keptn.server.create(
        {
            "apiVersion": "lifecycle.keptn.sh/v1",
            "kind": "KeptnApp",
            "metadata": {"name": "podtato-head", "namespace": STAGE},
            "spec": {"version": "v0.3.0", "workloads": []},
        }
    )

    keptn.operator.wait_for(lambda: "PromotionTasks" in {span["name"] for span in keptn.spans()})
    versions = keptn.server.items("KeptnAppVersion", STAGE)
    [version] = [each for each in versions if each["spec"]["appName"] == "podtato-head"]
    assert version["status"]["status"] == "Succeeded"


@pytest.mark.parametrize("account", ["lifecycle-operator", "certificate-operator"])
def test_an_operator_may_take_the_lead(keptn: Keptn, account: str) -> None:
    what = {"verb": "create", "group": "coordination.k8s.io", "resource": "leases", "namespace": NAMESPACE}

    assert keptn.server.may(f"system:serviceaccount:{NAMESPACE}:{account}", what)


def environment(pod: Pod) -> dict[str, str]:
    """The pod's environment, where a name of the pod stands for the pod's name."""
    of_pod = {"metadata.namespace": pod.namespace, "metadata.name": "a-pod"}
    return {
        each["name"]: each["value"] if "value" in each else of_pod[each["valueFrom"]["fieldRef"]["fieldPath"]]
        for each in pod.spec["containers"][0]["env"]
    }


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def new_pod() -> Body:
    labels = {f"app.kubernetes.io/{key}": value for key, value in (("name", "front"), ("version", "v0.3.0"))}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "front-1", "uid": "2"}
    about = {"name": "front-1-a", "namespace": STAGE, "labels": labels, "ownerReferences": [owner]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": about,
        "spec": {"containers": [{"name": "a", "image": "a:1"}]},
    }


def review(body: Body) -> Body:
    request = {
        "uid": "1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "name": body["metadata"]["name"],
        "namespace": body["metadata"]["namespace"],
        "operation": "CREATE",
        "userInfo": {},
        "object": body,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def ask(body: Body) -> tuple[Body, bytes]:
    """What the webhook answers, and the certificate with which it does so.

    OpenSSL takes a certificate for self-signed when its issuer has the same name, as here; Go's TLS does not.
    """
    trusting_all = ssl._create_unverified_context()  # noqa: S323 - it is compared below
    connection = HTTPSConnection("127.0.0.1", 9443, context=trusting_all, timeout=30)
    try:
        connection.request("POST", "/mutate-v1-pod", json.dumps(body), {"Content-Type": "application/json"})
        assert isinstance(connection.sock, ssl.SSLSocket)
        certificate = connection.sock.getpeercert(binary_form=True)
        answer: Body = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    assert certificate is not None
    return answer, certificate
