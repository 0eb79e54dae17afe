"""What Keptn says of the versions that it verifies, as values: states, phases, and why one failed.

Read in lifecycle-toolkit 2.5: `keptnappversion_types.go`, `controllers/common/task/handler.go`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from delivery.cluster.connection import Connection, Object
from delivery.cluster.facts import field_of, objects_of, time_of
from delivery.text import without_secrets

_API = "/apis/lifecycle.keptn.sh/v1/namespaces"
PROMOTION = "PromotionTasks"
"""The phase of the promotion tasks."""
_PHASES = {  # what the spec names for a phase, and where the status has an item for each that was started
    "AppPreDeployTasks": ("keptntask", "preDeploymentTasks", "preDeploymentTaskStatus"),
    "AppPreDeployEvaluations": ("keptnevaluation", "preDeploymentEvaluations", "preDeploymentEvaluationTaskStatus"),
    "AppPostDeployTasks": ("keptntask", "postDeploymentTasks", "postDeploymentTaskStatus"),
    "AppPostDeployEvaluations": ("keptnevaluation", "postDeploymentEvaluations", "postDeploymentEvaluationTaskStatus"),
    PROMOTION: ("keptntask", "promotionTasks", "promotionTaskStatus"),
}


@dataclass(frozen=True)
class Item:
    """A task or an evaluation in a phase. `name` is that of its object of this `kind`; empty: it was not started."""

    phase: str
    kind: str
    definition: str
    name: str
    state: str


@dataclass(frozen=True)
class Rollout:
    """A version as Keptn verifies it. `moved` is when it last did something; `waits` are its unfinished workloads."""

    application: str
    version: str
    state: str
    phase: str
    moved: datetime | None
    items: tuple[Item, ...]
    waits: tuple[str, ...]


def rollouts(connection: Connection, namespace: str) -> dict[str, Rollout]:
    """The newest version of each application in the namespace, by the application. Raises as `Connection` does."""
    found = connection.items(f"{_API}/{namespace}/keptnappversions") or ()
    # Away and back is the same version twice; the times tell which one is the current one.
    found = sorted(found, key=lambda one: str(field_of(one, "metadata", "creationTimestamp") or ""))
    known = [_rollout(one) for one in found if field_of(one, "status", "status") != "Deprecated"]
    return {one.application: one for one in known}


def reason(connection: Connection, namespace: str, rollout: Rollout, item: Item) -> str:
    """Why a task or an evaluation failed, as far as the cluster still has it; may be empty."""
    if item.phase == PROMOTION:
        # Keptn's Job deletes its failed pod with the log, so the task leaves its reason in an Event.
        selector = f"involvedObject.name={rollout.application},reason=PromotionFailed"
        events = connection.items(f"/api/v1/namespaces/{namespace}/events", fieldSelector=selector) or ()
        if events:
            newest = max(events, key=lambda event: str(event.get("lastTimestamp") or ""))
            return without_secrets(str(newest.get("message") or ""))
    found = connection.get(f"{_API}/{namespace}/{item.kind}s/{item.name}") if item.name else None
    status = field_of(found or {}, "status")
    if not isinstance(status, dict):
        return ""
    objectives = status.get("evaluationStatus")
    said = [status.get("reason"), status.get("message")]
    for name, objective in objectives.items() if isinstance(objectives, dict) else ():
        if isinstance(objective, dict) and objective.get("status") != "Succeeded":
            said.append(f"{name} {objective.get('message') or objective.get('value') or ''}".strip())
    return without_secrets(": ".join(str(text) for text in said if text))


def _rollout(found: Object) -> Rollout:
    items, status = tuple(_items(found)), field_of(found, "status")
    listed = [each for *_, key in _PHASES.values() for each in objects_of(found, "status", key)]
    times = [field_of(found, "metadata", "creationTimestamp"), field_of(found, "status", "startTime")]
    times += [each.get(key) for each in listed for key in ("startTime", "endTime")]
    moved = [time for time in map(time_of, times) if time]
    waits = [each for each in objects_of(found, "status", "workloadStatus") if each.get("status") != "Succeeded"]
    state, phase = (status.get("status"), status.get("currentPhase")) if isinstance(status, dict) else (None, None)
    return Rollout(
        application=str(field_of(found, "spec", "appName") or ""),
        version=str(field_of(found, "spec", "version") or ""),
        state=str(state or "Pending"),
        phase=str(phase or ""),
        moved=max(moved, default=None),
        items=items,
        waits=tuple(str(field_of(each, "workload", "name") or "") for each in waits),
    )


def _items(found: Object) -> Iterator[Item]:
    for phase, (kind, of_spec, of_status) in _PHASES.items():
        named = field_of(found, "spec", of_spec)
        started = {str(each.get("definitionName")): each for each in objects_of(found, "status", of_status)}
        for definition in dict.fromkeys((*map(str, named if isinstance(named, list) else ()), *started)):
            item = started.get(definition, {})
            yield Item(phase, kind, definition, str(item.get("name") or ""), str(item.get("status") or ""))
