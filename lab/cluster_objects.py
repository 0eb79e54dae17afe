"""The Kubernetes objects that the stand-in for the cluster serves, with the fields that the promotion task reads.

Also `Access`, the form in which a request can be compared with the rules of a Role.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

_REASONS = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 429: "TooManyRequests", 503: "ServiceUnavailable"}


@dataclass(frozen=True, order=True)
class Access:
    """One thing a role may allow: `Access("list", "apps", "deployments")`; the core API group is empty."""

    verb: str
    group: str
    resource: str


TASK_ROLE = frozenset(
    {
        Access("list", "apps", "deployments"),
        Access("get", "lifecycle.keptn.sh", "keptnapps"),
        Access("get", "lifecycle.keptn.sh", "keptnappversions"),
        Access("create", "", "events"),
    }
)
"""Everything that the promotion task does, and so everything that its role has to allow."""


def accesses(rules: Iterable[Mapping[str, Iterable[str]]]) -> frozenset[Access]:
    """The rules of a Kubernetes Role (`apiGroups`, `resources`, `verbs`), one `Access` for each combination."""
    return frozenset(
        Access(verb, group, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )


@dataclass(frozen=True)
class Deployment:
    """A Deployment as the task sees it: the version in its pods' labels, and how far it has rolled out.

    Where `updated`, `available` or `total` (pods of any version) is None it equals `replicas`; where `observed` is
    None it equals `generation`.
    """

    name: str
    version: str
    replicas: int = 1
    updated: int | None = None
    available: int | None = None
    total: int | None = None
    generation: int = 1
    observed: int | None = None

    def manifest(self, namespace: str, application: str) -> dict[str, object]:
        """The object as the API serves it. Zero counts are left out of the status, as Kubernetes does."""
        available = self.replicas if self.available is None else self.available
        counts = {
            "observedGeneration": self.generation if self.observed is None else self.observed,
            "replicas": self.replicas if self.total is None else self.total,
            "updatedReplicas": self.replicas if self.updated is None else self.updated,
            "availableReplicas": available,
            "readyReplicas": available,
            "unavailableReplicas": max(0, self.replicas - available),
        }
        labels = {"part-of": application, "name": self.name, "version": self.version}
        pods = {"metadata": {"labels": {f"app.kubernetes.io/{key}": value for key, value in labels.items()}}}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.name, "namespace": namespace, "generation": self.generation},
            "spec": {"replicas": self.replicas, "template": pods},
            "status": {key: count for key, count in counts.items() if count},
        }


def app_version_name(application: str, version: str, generation: int) -> str:
    """A KeptnAppVersion's name as Keptn makes it (`podtato-head-v0.3.1-d4735e3a`), with the generation's hash."""
    revision = sha256(str(generation).encode()).hexdigest()[:8]
    return f"{application}-{version}-{revision}".lower().replace("_", "-")


def status_object(code: int, message: str) -> dict[str, object]:
    """The body of an answer that is no success."""
    reason = _REASONS.get(code, "InternalError")
    head = {"apiVersion": "v1", "kind": "Status", "status": "Failure"}
    return {**head, "message": message, "reason": reason, "code": code}
