"""The Kubernetes objects that the stand-in for the cluster serves, with the fields that the promotion task reads.

Also `Access`, the form in which a request can be compared with the rules of a Role.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import ClassVar

_REASONS = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 429: "TooManyRequests", 503: "ServiceUnavailable"}


@dataclass(frozen=True, order=True)
class Access:
    """One thing a role may allow: `Access("list", "apps", "deployments")`; the core API group is empty."""

    verb: str
    group: str
    resource: str


TASK_ROLE = frozenset(
    {
        *(Access("list", "apps", resource) for resource in ("deployments", "statefulsets", "daemonsets")),
        Access("get", "lifecycle.keptn.sh", "keptnapps"),
        Access("get", "lifecycle.keptn.sh", "keptnappversions"),
        Access("create", "", "events"),
    }
)
"""Everything that the promotion task does, and so everything that its role has to allow."""
HOOK_ROLE = frozenset(
    {
        *(Access("list", "apps", kind) for kind in ("deployments", "statefulsets", "daemonsets", "replicasets")),
        Access("list", "batch", "jobs"),
        Access("list", "", "pods"),
        Access("create", "", "events"),
    }
)
"""The same where it is a hook of Argo CD's, and reads the other hooks."""


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
    None it equals `generation`. `began` and `ended` are when its newest version was rolled out, in seconds since 1970.
    """

    resource: ClassVar[str] = "deployments"

    name: str
    version: str
    replicas: int = 1
    updated: int | None = None
    available: int | None = None
    total: int | None = None
    generation: int = 1
    observed: int | None = None
    began: float = 0.0
    ended: float = 0.0

    def manifest(self, namespace: str, application: str) -> dict[str, object]:
        """The object as the API serves it in a list, without its kind."""
        observed = self.generation if self.observed is None else self.observed
        return {
            "metadata": {"name": self.name, "namespace": namespace, "generation": self.generation},
            "spec": {**self._spec(), "template": self._pods(application)},
            "status": {"observedGeneration": observed, **self._status()},
        }

    def replica_set(self, namespace: str, application: str) -> dict[str, object]:
        """The newest ReplicaSet of a Deployment."""
        pods = self._pods(application)
        metadata = {
            "name": f"{self.name}-{sha256(self.version.encode()).hexdigest()[:10]}",
            "namespace": namespace,
            "labels": pods["metadata"]["labels"],
            "annotations": {"deployment.kubernetes.io/revision": str(self.generation)},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": self.name, "controller": True}],
            "creationTimestamp": moment(self.began),
        }
        return {"metadata": metadata, "spec": {"replicas": self.replicas, "template": pods}}

    def _pods(self, application: str) -> dict[str, dict[str, dict[str, str]]]:
        labels = {"part-of": application, "name": self.name, "version": self.version}
        return {"metadata": {"labels": {f"app.kubernetes.io/{key}": value for key, value in labels.items()}}}

    def _counts(self) -> tuple[int, int, int]:
        """Pods of any version, updated ones and available ones."""
        found = (self.total, self.updated, self.available)
        total, updated, available = (self.replicas if count is None else count for count in found)
        return total, updated, available

    def _spec(self) -> dict[str, object]:
        return {"replicas": self.replicas}

    def _status(self) -> dict[str, object]:
        """Zero counts are left out, as by Kubernetes."""
        total, updated, available = self._counts()
        counts = {"replicas": total, "updatedReplicas": updated, "availableReplicas": available}
        counts |= {"readyReplicas": available, "unavailableReplicas": max(0, self.replicas - available)}
        return {key: count for key, count in counts.items() if count} | self._progress()

    def _progress(self) -> dict[str, object]:
        if not self.ended:
            return {}
        done = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
        return {"conditions": [done | {"lastUpdateTime": moment(self.ended)}]}


@dataclass(frozen=True)
class StatefulSet(Deployment):
    """A StatefulSet; `strategy` is that of its updates, and `revised` that its newest revision is the current one."""

    resource: ClassVar[str] = "statefulsets"
    strategy: str = "RollingUpdate"
    revised: bool = True

    def _spec(self) -> dict[str, object]:
        return {"replicas": self.replicas, "updateStrategy": {"type": self.strategy}}

    def _status(self) -> dict[str, object]:
        total, updated, available = self._counts()
        revisions = {"currentRevision": f"{self.name}-{2 if self.revised else 1}", "updateRevision": f"{self.name}-2"}
        # Of these two counts Kubernetes writes the zero.
        counts = {"replicas": total, "availableReplicas": available}
        return {**revisions, **counts, **({"updatedReplicas": updated} if updated else {})}


@dataclass(frozen=True)
class DaemonSet(Deployment):
    """A DaemonSet; `replicas` are the nodes that it matches."""

    resource: ClassVar[str] = "daemonsets"

    def _spec(self) -> dict[str, object]:
        return {"updateStrategy": {"type": "RollingUpdate"}}

    def _status(self) -> dict[str, object]:
        total, updated, available = self._counts()
        always = {"desiredNumberScheduled": self.replicas, "currentNumberScheduled": total, "numberReady": available}
        counts = {"updatedNumberScheduled": updated, "numberAvailable": available, "numberMisscheduled": 0}
        return {**always, **{key: count for key, count in counts.items() if count}}


@dataclass(frozen=True)
class Job:
    """A Job of a hook and its last pod. `error` is why it failed (`BackoffLimitExceeded`), empty where it completed.

    `said` is what the container wrote last. Times are in seconds since 1970; `ended` 0 is a Job that still runs.
    """

    name: str
    application: str
    task: str
    phase: str
    wave: int
    commit: str
    said: str = ""
    error: str = ""
    began: float = 0.0
    ended: float = 0.0

    def manifest(self, namespace: str) -> dict[str, object]:
        """The Job as the API serves it in a list."""
        hook = {"hook": self.phase, "hook-delete-policy": "BeforeHookCreation", "sync-wave": str(self.wave)}
        annotations = {f"argocd.argoproj.io/{key}": value for key, value in hook.items()}
        status: dict[str, object] = {"startTime": moment(self.began)}
        if self.ended and self.error:
            failed = {"type": "Failed", "status": "True", "reason": self.error, "message": f"Job failed: {self.error}"}
            status |= {"failed": 1, "conditions": [failed | {"lastTransitionTime": moment(self.ended)}]}
        elif self.ended:
            done = {"type": "Complete", "status": "True", "lastTransitionTime": moment(self.ended)}
            status |= {"succeeded": 1, "completionTime": moment(self.ended), "conditions": [done]}
        else:
            status |= {"active": 1}
        return {
            "metadata": {
                "name": self.name,
                "namespace": namespace,
                "labels": self._labels,
                "annotations": annotations | {"delivery/commit": self.commit},
                "creationTimestamp": moment(self.began),
            },
            "status": status,
        }

    def pod(self, namespace: str) -> dict[str, object]:
        """Its last pod, with what the container said at its end."""
        code, reason = (1, "Error") if self.error else (0, "Completed")
        ended = {"exitCode": code, "reason": reason, "message": self.said, "finishedAt": moment(self.ended)}
        state = {"terminated": ended | {"startedAt": moment(self.began)}} if self.ended else {"running": {}}
        return {
            "metadata": {
                "name": f"{self.name}-{sha256(f'{self.name}{self.began}'.encode()).hexdigest()[:5]}",
                "namespace": namespace,
                "labels": {**self._labels, "batch.kubernetes.io/job-name": self.name, "job-name": self.name},
                "creationTimestamp": moment(self.began),
            },
            "status": {
                "phase": ("Failed" if self.error else "Succeeded") if self.ended else "Running",
                "containerStatuses": [{"name": "task", "restartCount": 0, "state": state}],
            },
        }

    @property
    def _labels(self) -> dict[str, str]:
        return {"delivery/application": self.application, "delivery/task": self.task}


def moment(seconds: float) -> str:
    """A time (seconds since 1970) as Kubernetes writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def app_version_name(application: str, version: str, generation: int) -> str:
    """A KeptnAppVersion's name as Keptn makes it (`podtato-head-v0.3.1-d4735e3a`), with the generation's hash."""
    revision = sha256(str(generation).encode()).hexdigest()[:8]
    return f"{application}-{version}-{revision}".lower().replace("_", "-")


def status_object(code: int, message: str) -> dict[str, object]:
    """The body of an answer that is no success."""
    reason = _REASONS.get(code, "InternalError")
    head = {"apiVersion": "v1", "kind": "Status", "status": "Failure"}
    return {**head, "message": message, "reason": reason, "code": code}
