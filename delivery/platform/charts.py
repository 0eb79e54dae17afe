"""The Helm charts that the platform consists of, each at one version.

`tests/cluster/test_platform_charts.py` holds these against the charts' own sources; what was tried with which version
is in `docs/reference/platform-charts.md`.
"""

from dataclasses import dataclass

ARGOCD = "argocd"
COLLECTOR = "collector"
JAEGER = "jaeger"
KEPTN = "keptn"
PARTS = (ARGOCD, KEPTN, COLLECTOR, JAEGER)
"""The parts that a platform may have, each a key of its configuration."""
DIGESTS = {
    "argo-cd": "",
    "jaeger": "",
    "opentelemetry-collector": "",
}
"""What the OCI registries have for the charts at these versions, written by `make chart-digests`. With a digest in its
address Helm refuses a chart whose version has another one; empty: the version alone counts."""


@dataclass(frozen=True)
class ChartPin:
    """A chart at its version. `part` is the platform's part that needs it, `app_version` what the chart installs.

    `repository` is an address of a chart repository, by https or oci.
    """

    part: str
    name: str
    repository: str
    version: str
    app_version: str
    namespace: str

    @property
    def reference(self) -> str:
        """The chart as Helm is told of it: its whole address in a registry, its name in a chart repository."""
        if not self.in_registry:
            return self.name
        return f"{self.repository}/{self.name}" + (f"@{self.digest}" if self.digest else "")

    @property
    def digest(self) -> str:
        """What an OCI registry has for the chart (`sha256:…`); empty where nobody has looked it up yet."""
        return DIGESTS.get(self.name, "")

    @property
    def in_registry(self) -> bool:
        """Whether an OCI registry has the chart."""
        return self.repository.startswith("oci://")


ARGO_CD_CHART = ChartPin(ARGOCD, "argo-cd", "oci://ghcr.io/argoproj/argo-helm", "10.1.1", "v3.4.4", "argocd")
COLLECTOR_CHART = ChartPin(
    COLLECTOR,
    "opentelemetry-collector",
    "oci://ghcr.io/open-telemetry/opentelemetry-helm-charts",
    "0.170.0",
    "0.158.0",
    "observability",
)
JAEGER_CHART = ChartPin(
    JAEGER, "jaeger", "oci://ghcr.io/jaegertracing/helm-charts", "4.11.1", "2.19.0", "observability"
)
_KEPTN_CHARTS = "https://charts.lifecycle.keptn.sh"
CERT_MANAGER_CHART = ChartPin(KEPTN, "keptn-cert-manager", _KEPTN_CHARTS, "0.3.0", "v3.0.0", "keptn-system")
OPERATOR_CHART = ChartPin(KEPTN, "keptn-lifecycle-operator", _KEPTN_CHARTS, "0.6.0", "v2.0.0", "keptn-system")
CHARTS = (ARGO_CD_CHART, JAEGER_CHART, COLLECTOR_CHART, CERT_MANAGER_CHART, OPERATOR_CHART)
"""Every chart, in the order in which they are installed: the operator asks for the collector when it starts."""
