"""The plan of a platform: every namespace, Secret, NetworkPolicy and chart that its stack declares, as values.

`components.platform` declares it and decides nothing.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from delivery.config.errors import Json
from delivery.platform import values
from delivery.platform.charts import (
    ARGO_CD_CHART,
    ARGOCD,
    CERT_MANAGER_CHART,
    CHARTS,
    COLLECTOR,
    COLLECTOR_CHART,
    JAEGER,
    JAEGER_CHART,
    KEPTN,
    OPERATOR_CHART,
    ChartPin,
)
from delivery.platform.configuration import PlatformConfiguration

REPOSITORY_SECRET = "gitops-repository"  # noqa: S105 - the name of an object
REDIS_SECRET = "argocd-redis"  # noqa: S105 - the name that Argo CD's chart reads
_AFTER = {COLLECTOR_CHART: (JAEGER_CHART,), OPERATOR_CHART: (COLLECTOR_CHART, CERT_MANAGER_CHART)}
_RELEASES = {
    ARGO_CD_CHART: "argocd",
    JAEGER_CHART: "jaeger",
    COLLECTOR_CHART: "otel-collector",
    CERT_MANAGER_CHART: "keptn-cert-manager",
    OPERATOR_CHART: "keptn-lifecycle-operator",
}


@dataclass(frozen=True)
class ObjectName:
    """An object of a kind that a chart defines."""

    api_version: str
    kind: str
    namespace: str
    name: str


KEPTN_CONFIG = ObjectName("options.keptn.sh/v1alpha1", "KeptnConfig", OPERATOR_CHART.namespace, "keptn-config")


@dataclass(frozen=True)
class ChartPlan:
    """A chart as one release: `chart`, `version` and `repository` as Helm is told of them, the last one maybe empty.

    With a local folder as `chart` there is no version to ask for: it has one. `after` are the releases that have to be
    up before: a collector asks for the place that it sends to, and Keptn's operator for the collector, when they start.
    """

    release: str
    pin: ChartPin
    chart: str
    version: str
    repository: str
    values: Mapping[str, Json]
    after: tuple[str, ...]


@dataclass(frozen=True)
class SecretPlan:
    """A Secret: `data` in plain text, `secret_data` by the configuration key of each secret.

    The value of a `generated` field is made once, by the component, and kept.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]
    data: Mapping[str, str]
    secret_data: Mapping[str, str]
    generated: str = ""


@dataclass(frozen=True)
class PolicyPlan:
    """A NetworkPolicy: who reaches the pods with the labels `pods`, all of the namespace where there are none.

    Without `ports` nobody does; with them everybody in the cluster, or the pods there with one of these sets of labels.
    """

    name: str
    namespace: str
    pods: Mapping[str, str]
    ports: tuple[int, ...] = ()
    senders: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class PlatformPlan:
    """Everything that the platform's stack declares, each chart behind those that have to be up before.

    `keptn_config` is the spec of the `KeptnConfig`, None without Keptn. `outputs` are the commands and addresses that
    people want to know.
    """

    namespaces: Mapping[str, Mapping[str, str]]
    secrets: tuple[SecretPlan, ...]
    policies: tuple[PolicyPlan, ...]
    charts: tuple[ChartPlan, ...]
    keptn_config: Mapping[str, Json] | None
    outputs: Mapping[str, str]


def plan_platform(configuration: PlatformConfiguration) -> PlatformPlan:
    """The plan of the platform with this configuration."""
    parts = configuration.parts
    charts = tuple(_chart(pin, configuration) for pin in CHARTS if pin.part in parts)
    keptn_config: dict[str, Json] | None = None
    if KEPTN in parts:
        address = values.OTLP_GRPC if COLLECTOR in parts else configuration.collector_address
        keptn_config = {"OTelCollectorUrl": address} if address else {}
    # Nothing in these namespaces needs more than the strictest level of Kubernetes allows.
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    return PlatformPlan(
        # Where Argo CD is somebody else's, its credential goes into a namespace that is there.
        namespaces=dict.fromkeys((chart.pin.namespace for chart in charts), labels),
        secrets=_secrets(configuration),
        policies=_policies(configuration),
        charts=charts,
        keptn_config=keptn_config,
        outputs=_outputs(configuration),
    )


def _chart(pin: ChartPin, configuration: PlatformConfiguration) -> ChartPlan:
    ours = {
        ARGO_CD_CHART: values.argocd,
        JAEGER_CHART: values.jaeger,
        COLLECTOR_CHART: lambda: values.collector(configuration.backend, with_jaeger=JAEGER in configuration.parts),
        CERT_MANAGER_CHART: values.keptn_certificates,
        OPERATOR_CHART: values.keptn_operator,
    }[pin]()
    # Keptn's part has two charts; a person's values are for the operator.
    own = {} if pin == CERT_MANAGER_CHART else configuration.parts[pin.part]
    folder = f"{configuration.charts}/{pin.name}" if configuration.charts else ""
    return ChartPlan(
        release=_RELEASES[pin],
        pin=pin,
        chart=folder or pin.reference,
        version="" if folder else pin.version,
        repository="" if folder or pin.in_registry else pin.repository,
        values=values.merged(ours, own),
        after=tuple(_RELEASES[before] for before in _AFTER.get(pin, ()) if before.part in configuration.parts),
    )


def _secrets(configuration: PlatformConfiguration) -> tuple[SecretPlan, ...]:
    found = []
    if ARGOCD in configuration.parts:
        found.append(SecretPlan(REDIS_SECRET, ARGO_CD_CHART.namespace, {}, {}, {}, generated="auth"))
    if configuration.credential:
        found.append(_repository_secret(configuration))
    if configuration.backend and configuration.backend.header and COLLECTOR in configuration.parts:
        header = {"header": "backendHeader"}
        found.append(SecretPlan(values.BACKEND_SECRET, COLLECTOR_CHART.namespace, {}, {}, header))
    return tuple(found)


def _repository_secret(configuration: PlatformConfiguration) -> SecretPlan:
    """What Argo CD reads as the credential of one repository, by its label."""
    data = {"type": "git", "url": configuration.repository_url}
    match configuration.credential:
        case "githubToken":
            # GitHub looks at the password alone; git needs a user too.
            data["username"] = "x-access-token"
            secret_data = {"password": "githubToken"}
        case "sshPrivateKey":
            secret_data = {"sshPrivateKey": "sshPrivateKey"}
        case _:
            secret_data = {"githubAppPrivateKey": "githubAppPrivateKey"}
            if configuration.github_app is not None:
                data["githubAppID"] = configuration.github_app.id
                data["githubAppInstallationID"] = configuration.github_app.installation_id
            if configuration.github_api_url != "https://api.github.com":
                data["githubAppEnterpriseBaseUrl"] = configuration.github_api_url
    labels = {"argocd.argoproj.io/secret-type": "repository"}
    return SecretPlan(REPOSITORY_SECRET, ARGO_CD_CHART.namespace, labels, data, secret_data)


def _policies(configuration: PlatformConfiguration) -> tuple[PolicyPlan, ...]:
    """Nothing reaches a pod but what is named here. A port-forward and a kubelet's probe come from the node itself."""
    parts = configuration.parts
    found: list[PolicyPlan] = []
    if ARGOCD in parts:
        found.extend(_argocd_policies())
    if JAEGER in parts or COLLECTOR in parts:
        found.append(PolicyPlan("default-deny", COLLECTOR_CHART.namespace, {}))
    if COLLECTOR in parts:
        # Keptn's operator and Argo CD's hooks send from their namespaces, applications maybe from theirs.
        found.append(PolicyPlan("otlp", COLLECTOR_CHART.namespace, _labels(COLLECTOR_CHART), (4317, 4318)))
    if JAEGER in parts:
        senders = (_labels(COLLECTOR_CHART),)
        found.append(PolicyPlan("jaeger", JAEGER_CHART.namespace, _labels(JAEGER_CHART), (4317,), senders))
    if KEPTN in parts:
        namespace = OPERATOR_CHART.namespace
        found.append(PolicyPlan("default-deny", namespace, {}))
        # The API server is in no pod that could be named; it calls the webhooks.
        found.append(PolicyPlan("webhooks", namespace, {"control-plane": "lifecycle-operator"}, (9443,)))
    return tuple(found)


def _argocd_policies() -> Iterator[PolicyPlan]:
    """People reach the server by a port-forward; nothing else calls it."""
    namespace = ARGO_CD_CHART.namespace
    yield PolicyPlan("default-deny", namespace, {})
    for receiver, port, senders in (
        ("repo-server", 8081, ("server", "application-controller", "applicationset-controller")),
        ("redis", 6379, ("server", "application-controller", "repo-server")),
    ):
        name = f"argocd-{receiver}"
        yield PolicyPlan(name, namespace, _argocd_labels(receiver), (port,), tuple(map(_argocd_labels, senders)))


def _argocd_labels(component: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": f"argocd-{component}", "app.kubernetes.io/instance": _RELEASES[ARGO_CD_CHART]}


def _labels(pin: ChartPin) -> dict[str, str]:
    return {"app.kubernetes.io/name": pin.name, "app.kubernetes.io/instance": _RELEASES[pin]}


def _outputs(configuration: PlatformConfiguration) -> dict[str, str]:
    kubectl = f"kubectl --context {shlex.quote(configuration.context)}"
    found: dict[str, str] = {}
    if ARGOCD in configuration.parts:
        argocd = f"{kubectl} -n {ARGO_CD_CHART.namespace}"
        found["argocd"] = f"{argocd} port-forward service/argocd-server 8443:443"
        found["argocdAddress"] = "https://localhost:8443"
        found["argocdPassword"] = (
            f"{argocd} get secret argocd-initial-admin-secret -o jsonpath='{{.data.password}}' | base64 -d"
        )
    if JAEGER in configuration.parts:
        found["jaeger"] = f"{kubectl} -n {JAEGER_CHART.namespace} port-forward service/jaeger 16686:16686"
        found["jaegerAddress"] = "http://localhost:16686"
    if COLLECTOR in configuration.parts:
        found["otlpEndpoint"] = values.OTLP_HTTP
    return found
