"""Whether the stages are healthy, as Argo CD and Keptn say: what each of them still waits for, in a few words."""

from collections.abc import Iterable, Iterator

from delivery.cluster.argocd import application
from delivery.cluster.connection import Connection, RefusedError
from delivery.cluster.facts import server_version
from delivery.cluster.keptn import Rollout, rollouts
from delivery.cluster.kubeconfig import ClusterError
from delivery.model.pipeline import StageApplication
from delivery.model.stack import StackConfiguration
from delivery.text import one_line

_LONGEST = 120


def unanswered(connection: Connection) -> list[str]:
    """Empty where the API server answers."""
    try:
        server_version(connection)
    except (ClusterError, RefusedError) as error:
        return [f"the cluster's API server: {error}"]
    return []


def unhealthy(connection: Connection, stages: Iterable[StackConfiguration]) -> list[str]:
    """One text for each application of `stages` that is not healthy yet; empty where all are.

    Healthy is: Argo CD has synced the newest commit that it knows, all of that is Healthy, its hooks have succeeded,
    and where Keptn verifies the stage, it has Completed the version.
    """
    try:
        return [text for stage in stages for text in _unhealthy(connection, stage)]
    except (ClusterError, RefusedError) as error:
        return [f"the cluster's API server: {error}"]


def _unhealthy(connection: Connection, stage: StackConfiguration) -> Iterator[str]:
    for placed in stage.stage_applications:
        waits = _argocd(connection, stage, placed)
        if not waits and stage.stage.with_keptn:
            known = rollouts(connection, placed.namespace)
            waits = _keptn(known.get(placed.application.name))
        if waits:
            yield one_line(f"{placed.argocd_application}: {waits}", _LONGEST)


def _argocd(connection: Connection, stage: StackConfiguration, placed: StageApplication) -> str:
    found = application(connection, stage.argocd.namespace, placed.argocd_application)
    if found is None:
        return "no Application yet"
    if found.errors:
        return "; ".join(f"{kind}: {text}" for kind, text in found.errors.items())
    if found.failures:
        return "; ".join(f"{failure.kind} {failure.name} failed: {failure.message}" for failure in found.failures)
    if found.phase not in ("", "Succeeded"):
        return f"sync {found.phase}{f', {found.message}' if found.message else ''}"
    if (found.sync, found.health) == ("Synced", "Healthy"):
        return ""
    return f"{found.sync or 'not compared'}, {found.health or 'health not known'}"


def _keptn(rollout: Rollout | None) -> str:
    if rollout is None:
        return "Synced, Healthy; Keptn has no version yet"
    if rollout.state == "Completed":
        return ""
    failed = [item.definition for item in rollout.items if item.state == "Failed"]
    told = f", failed: {', '.join(failed)}" if failed else ""
    return f"Synced, Healthy; Keptn: {rollout.version} {rollout.state} in {rollout.phase or 'no phase'}{told}"
