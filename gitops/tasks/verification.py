"""Whether the stage runs a version now, fully available: the question that Keptn's promotion phase leaves open."""

import hashlib
from typing import Any

from gitops.tasks.http_client import Budget, PromotionError
from gitops.tasks.inputs import Promotion
from gitops.tasks.kubernetes import Kubernetes
from gitops.tasks.text import at

POLL_SECONDS = 5.0
KINDS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}


def pod_label(workload: Any, name: str) -> Any:
    """A label that a workload gives its pods: those are the ones that Keptn reads."""
    return at(workload, "spec", "template", "metadata", "labels", f"app.kubernetes.io/{name}")


def workloads(promotion: Promotion, kubernetes: Kubernetes) -> list[Any]:
    """The application's workloads in this namespace, with the kind, which the API leaves out in lists."""
    return [
        {**one, "kind": kind}
        for kind, resource in KINDS.items()
        for one in at(kubernetes.get("apps/v1", resource, "items", list), "items") or ()
        if pod_label(one, "part-of") == promotion.application
    ]


def superseded(promotion: Promotion, kubernetes: Kubernetes, found: list[Any]) -> str:
    """Why this app version is not the one that the stage runs now; empty when it is."""
    app = kubernetes.get("lifecycle.keptn.sh/v1", f"keptnapps/{promotion.application}", "spec", dict)
    if app is None:
        raise PromotionError(f"no KeptnApp {promotion.application}: check that Keptn watches this namespace")
    kubernetes.involved["uid"], version = str(at(app, "metadata", "uid")), at(app, "spec", "version")
    if not isinstance(version, str):
        raise PromotionError(f"KeptnApp {promotion.application} has no version: check that Keptn manages it")
    if version != promotion.version:
        return f"the stage runs {version}"
    # Keptn learns of a new version up to its discovery window (30 s) after the workloads have it. It names a workload
    # by the label and has its version from there, both in lower case. It shortens long names: any version will do then.
    listed = at(app, "spec", "workloads")
    known = {str(at(one, "name")): str(at(one, "version")) for one in (listed if isinstance(listed, list) else ())}
    for workload in found:
        name, ahead = (str(pod_label(workload, key) or "").lower() for key in ("name", "version"))
        name = name.replace("_", "-")
        if ahead and ahead not in ((known[name],) if name in known else (version, *known.values())):
            return f"{workload['kind']} {at(workload, 'metadata', 'name')} runs {ahead}"
    # Away and back is the same version twice: the current KeptnAppVersion, which Keptn names after the hash of the
    # KeptnApp's generation, has the commit that tells them apart.
    revision = hashlib.sha256(str(at(app, "metadata", "generation")).encode()).hexdigest()[:8]
    current = f"{promotion.application}-{promotion.version}-{revision}".lower().replace("_", "-")
    rollout = kubernetes.get("lifecycle.keptn.sh/v1", f"keptnappversions/{current}", "spec", dict)
    commit = at(rollout, "spec", "metadata", "commitID") or promotion.commit
    return "" if commit == promotion.commit else f"the stage runs it from commit {commit}"


def unavailable(workload: Any) -> str:
    """What a workload lacks to be fully rolled out at its current generation; empty when nothing."""
    kind, status, strategy = workload["kind"], at(workload, "status"), at(workload, "spec", "updateStrategy", "type")
    name, wanted = f"{kind} {at(workload, 'metadata', 'name')}", at(workload, "spec", "replicas")
    if at(status, "observedGeneration") != at(workload, "metadata", "generation"):
        return f"{name} has a change that is not rolled out"
    counts = ("replicas", "updatedReplicas", "availableReplicas")
    if kind == "DaemonSet":
        counts = ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable")
        wanted = at(status, "desiredNumberScheduled") or 0
    pods, updated, available = (at(status, count) or 0 for count in counts)
    full = pods == updated == available == wanted and not at(status, "unavailableReplicas")
    # OnDelete never makes the new revision the current one, however many pods have it. A DaemonSet may match no node.
    revised = strategy == "OnDelete" or at(status, "currentRevision") == at(status, "updateRevision")
    if full and revised and (wanted or kind == "DaemonSet"):
        return ""
    waits = "; OnDelete: delete its other pods" if strategy == "OnDelete" and updated != wanted else ""
    return f"{name} has {updated} updated and {available} available of {pods} pods; it needs {wanted}{waits}"


def lacking(found: list[Any]) -> str:
    """What these workloads lack to be fully rolled out; empty when nothing."""
    return ", ".join(filter(None, map(unavailable, found)))


def verify(promotion: Promotion, kubernetes: Kubernetes, budget: Budget) -> str:
    """Wait until the stage runs this version, fully available; then empty, or why it is superseded."""
    while True:  # each look reads everything again: a version replaced during the wait is not promoted
        found = workloads(promotion, kubernetes)
        if reason := superseded(promotion, kubernetes, found):
            return reason
        lacks = [lack for lack in map(unavailable, found) if lack]
        if not lacks and any(at(one, "status", "desiredNumberScheduled") != 0 for one in found):
            return ""
        lacks = lacks or [f"no {', '.join(KINDS)} runs pods with app.kubernetes.io/part-of={promotion.application}"]
        budget.wait(POLL_SECONDS, f"{promotion.version} is not fully available: fix the stage ({', '.join(lacks)})")
