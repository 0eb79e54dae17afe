"""The check of what Keptn verifies: each application's newest version in the stage, and what it is stuck at."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from delivery.cluster.keptn import PROMOTION, Item, Rollout, reason, rollouts
from delivery.cluster.preflight import update_command
from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.inspection import Inspection

LONG = timedelta(minutes=15)
"""A phase in which nothing happens for longer waits for something that may never come: Keptn gives up on none.

A task's own limit is 5 minutes, retries included.
"""
_OPEN = ("Pending", "Progressing")


def versions(name: str, inspection: Inspection) -> Iterator[Check]:
    """Keptn has verified the newest version of each application, or is about to."""
    found: dict[str, dict[str, Rollout]] = {}
    placements = inspection.configuration.stage_applications if inspection.configuration.stage.with_keptn else ()
    for placed in placements:
        space, application = placed.namespace, placed.application.name
        if space not in found:
            found[space] = rollouts(inspection.connection, space)
        title = f"{name} {application}"
        if application in found[space]:
            yield _state(title, found[space][application], space, inspection)
        else:
            yield ok(title, f"none in {space} so far")


def _state(name: str, rollout: Rollout, space: str, inspection: Inspection) -> Check:
    failed = [item for item in rollout.items if item.state == "Failed"]
    told = ", ".join(_failure(item, rollout, space, inspection) for item in failed)
    kubectl = f"{inspection.connection.kubectl} -n {space}"
    if rollout.state == "Failed":
        detail = f"{rollout.version} failed in {rollout.phase}: {told or _workloads(rollout)}"
        then = "" if rollout.phase == PROMOTION else "; then correct it with a new version"
        return wrong(name, detail, _more(failed, kubectl) + then)
    if rollout.state not in _OPEN:
        if failed:  # Keptn was told not to block deployments
            return unknown(name, f"{rollout.version} {rollout.state}, although {told}", _more(failed, kubectl))
        return ok(name, f"{rollout.version} {rollout.state}")
    since = f" since {rollout.moved:%Y-%m-%d %H:%M} UTC" if rollout.moved else ""
    detail = f"{rollout.version} has been in {rollout.phase or 'no phase'}{since}"
    if rollout.moved and datetime.now(UTC) - rollout.moved <= LONG:
        return ok(name, detail)
    items = [item for item in rollout.items if item.phase == rollout.phase]
    missing = [item for item in items if not item.name]
    if missing:
        named = ", ".join(item.definition for item in missing)
        see = f"{kubectl} get {missing[0].kind}definitions"
        fix = f"name it under `tasks`, then {update_command(inspection.stack)}, or create it; what is there: {see}"
        return wrong(name, f"{detail}: Keptn finds no definition of {named}, and waits for it without end", fix)
    running = [item for item in items if item.state in _OPEN]
    waits = ", ".join(f"{item.definition} is {item.state}" for item in running) or _workloads(rollout)
    return wrong(name, f"{detail}: {waits}", _more(running, kubectl))


def _failure(item: Item, rollout: Rollout, space: str, inspection: Inspection) -> str:
    why = reason(inspection.connection, space, rollout, item)
    return f"{item.definition} failed{f' ({why})' if why else ''}"


def _workloads(rollout: Rollout) -> str:
    return f"{', '.join(rollout.waits)} not deployed" if rollout.waits else "Keptn does not say why"


def _more(items: list[Item], kubectl: str) -> str:
    """The command that shows more; of a failed task Keptn deletes the pod with its log."""
    if not items:
        return f"{kubectl} get keptnworkloadversions,pods, and describe what is not ready"
    return f"{kubectl} describe {' '.join(f'{item.kind}/{item.name}' for item in items)}"
