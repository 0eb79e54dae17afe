"""The check of what runs in the stage: which workloads are known by their labels, and whether they are available.

By what it says the promotion task decides, so it asks in the task's own words.
"""

from collections.abc import Iterator

from delivery.cluster.connection import Object
from delivery.cluster.facts import field_of
from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.inspection import Inspection
from gitops.tasks.verification import KINDS, pod_label, unavailable

_PREFIX = "app.kubernetes.io/"


def workloads(name: str, inspection: Inspection) -> Iterator[Check]:
    """Every workload of the stage's applications has the labels that it is known by, and is fully available."""
    configuration = inspection.configuration
    applications = {application.name for application in configuration.pipeline.applications}
    for namespace in dict.fromkeys(placed.namespace for placed in configuration.stage_applications):
        found = [
            {**one, "kind": kind}
            for kind, resource in KINDS.items()
            for one in inspection.connection.items(f"/apis/apps/v1/namespaces/{namespace}/{resource}") or ()
        ]
        if not configuration.stage.with_keptn:
            # Argo CD knows its objects without labels, and runs no hook behind them before they are healthy.
            found = [one for one in found if pod_label(one, "part-of") in applications]
        checks = [check for one in found if (check := _check(name, one, applications, inspection, namespace))]
        yield from checks
        if not checks:
            none = "none" if configuration.stage.with_keptn else f"none with the label {_PREFIX}part-of"
            yield ok(
                name, f"{len(found)} in {namespace}, fully available" if found else f"{none} in {namespace} so far"
            )


def _check(name: str, one: Object, applications: set[str], inspection: Inspection, namespace: str) -> Check | None:
    kind, called = str(one["kind"]), str(field_of(one, "metadata", "name"))
    where = f"{kind} {called} in {namespace}"
    part_of = str(pod_label(one, "part-of") or "")
    if inspection.configuration.stage.with_keptn:
        missing = [label for label in ("part-of", "name", "version") if not pod_label(one, label)]
        if missing:
            labels = ", ".join(f"{_PREFIX}{label}" for label in missing)
            detail = f"{where}: its pods have no {labels}, so Keptn does not count it as part of an application"
            return unknown(name, detail, "add the labels to its pod template, unless it is none of the pipeline's")
        if part_of not in applications:
            return unknown(
                name, f"{where}: {_PREFIX}part-of is {part_of}, no application of the pipeline", "correct it"
            )
    if lack := unavailable(one):
        kubectl = inspection.connection.kubectl
        fix = f"{kubectl} -n {namespace} rollout status {kind.lower()}/{called}"
        return wrong(name, f"{lack}, in {namespace}: no version of it is promoted", fix)
    return None
