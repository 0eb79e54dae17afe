"""The platform's plans for tests: what its stack declares with the charts of a folder, by configuration."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from delivery.config.errors import Json
from delivery.platform.charts import ChartPin
from delivery.platform.configuration import parse_platform
from delivery.platform.keys import SECRETS
from delivery.platform.plan import KEPTN_CONFIG, PlatformPlan, plan_platform
from tests import charts as sources
from tests.charts import Body, Pod

_REPOSITORY = {"repositoryURL": "https://github.com/podtato-team/podtato-head"}
_BACKEND = {"backendEndpoint": "https://otlp.example.org"}
CONFIGURATIONS: dict[str, dict[str, str]] = {
    "laptop": {},
    "token": {**_REPOSITORY, "githubToken": "a token"},
    "app": {**_REPOSITORY, "githubAppId": "1", "githubAppInstallationId": "2", "githubAppPrivateKey": "a key"},
    "ssh": {"repositoryURL": "git@github.com:podtato-team/podtato-head.git", "sshPrivateKey": "a key"},
    "backend": {**_BACKEND, "backendHeaderName": "x-team", "backendHeader": "a header"},
    "backend and jaeger": {**_BACKEND, "jaeger": "true"},
    "traces in a file": {"jaeger": "false"},
    "without keptn": {"keptn": "false"},
    "only argocd": {"keptn": "false", "collector": "false", "jaeger": "false"},
    "own values": {
        "argocdValues": json.dumps({"server": {"replicas": 2}, "dex": {"enabled": True, "resources": {}}}),
        "keptnValues": json.dumps({"replicas": 2}),
    },
}
"""Every kind of platform, by its name here."""
RUNNING = tuple(name for name in CONFIGURATIONS if name != "own values")
"""Those whose pods are ours to answer for."""


_CLUSTER_WIDE = ("apiextensions.k8s.io/v1", "admissionregistration.k8s.io/v1")


@dataclass(frozen=True)
class Rendered:
    """One chart as its release: the values of ours and the objects that come of them."""

    pin: ChartPin
    release: str
    values: Mapping[str, Json]
    manifests: str
    objects: Sequence[Body]

    @property
    def pods(self) -> list[Pod]:
        """The pods that it starts."""
        return list(sources.pods(self.objects, self.pin.namespace))

    def named(self, kind: str, name: str) -> Body:
        """One of its objects."""
        return next(body for body in self.objects if (body["kind"], body["metadata"]["name"]) == (kind, name))


@dataclass(frozen=True)
class Platform:
    """A platform's plan, with its charts as Helm renders them."""

    plan: PlatformPlan
    charts: Sequence[Rendered]

    def own_objects(self) -> Iterator[Body]:
        """What it declares beside the charts, as manifests, with a text in place of each secret."""
        for name, labels in self.plan.namespaces.items():
            yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels)}}
        for secret in self.plan.secrets:
            about = {"name": secret.name, "namespace": secret.namespace, "labels": dict(secret.labels)}
            fields = {
                **secret.data,
                **dict.fromkeys([*secret.secret_data, *filter(None, [secret.generated])], "secret"),
            }
            yield {"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": fields}
        for policy in self.plan.policies:
            rule = {
                "from": [{"podSelector": {"matchLabels": dict(labels)}} for labels in policy.senders],
                "ports": [{"port": port, "protocol": "TCP"} for port in policy.ports],
            }
            selector = {"matchLabels": dict(policy.pods)}
            spec = {"podSelector": selector, "policyTypes": ["Ingress"], "ingress": [rule] if policy.ports else []}
            about = {"name": policy.name, "namespace": policy.namespace}
            yield {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": about, "spec": spec}
        if self.plan.keptn_config is not None:
            kind = {"apiVersion": KEPTN_CONFIG.api_version, "kind": KEPTN_CONFIG.kind}
            about = {"name": KEPTN_CONFIG.name, "namespace": KEPTN_CONFIG.namespace}
            yield {**kind, "metadata": about, "spec": dict(self.plan.keptn_config)}

    def objects(self, kind: str = "") -> list[Body]:
        """Everything that it declares, of one kind where that is named."""
        found = [*self.own_objects(), *(body for chart in self.charts for body in chart.objects)]
        return [body for body in found if not kind or body["kind"] == kind]

    @property
    def pods(self) -> list[Pod]:
        """The pods of all its charts."""
        return [pod for chart in self.charts for pod in chart.pods]

    def pod(self, owner: str) -> Pod:
        """The pod of one workload."""
        return next(pod for pod in self.pods if pod.owner == owner)


@cache
def platform(charts: Path, name: str) -> Platform:
    """The platform of that name, one of `CONFIGURATIONS`, with the charts of that folder."""
    raw = {"kubeContext": "the-cluster", **CONFIGURATIONS[name]}
    plan = plan_platform(parse_platform(raw, "laptop", SECRETS & raw.keys(), None, str(charts)))
    found = []
    for chart in plan.charts:
        values = json.dumps(chart.values, sort_keys=True)
        manifests, objects = _rendered(charts / chart.pin.name, chart.release, chart.pin.namespace, values)
        found.append(Rendered(chart.pin, chart.release, chart.values, manifests, objects))
    return Platform(plan, found)


@cache
def _rendered(folder: Path, release: str, namespace: str, values: str) -> tuple[str, list[Body]]:
    manifests = sources.render(folder, release, namespace, json.loads(values))
    bodies = sources.objects(manifests)
    for body in bodies:
        # Pulumi's Chart gives its namespace to what has none.
        if body["apiVersion"] not in _CLUSTER_WIDE:
            body["metadata"].setdefault("namespace", namespace)
    return manifests, bodies
