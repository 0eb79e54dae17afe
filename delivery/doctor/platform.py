"""Checks of the platform's stack: can its cluster take it, and does what it brings run there, installed by this stack.

A part that somebody else has installed is found by its labels: an update would stop at the first object that is there
already, in the middle. Whose it is says Pulumi's state, and where it is not this stack's, the object itself.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from delivery.cluster.argocd import credentials
from delivery.cluster.connection import RefusedError
from delivery.cluster.facts import Workload, has_namespace, keptn_configs, missing_rights, server_version
from delivery.cluster.installed import Installed, controllers, kinds, objects
from delivery.cluster.needs import ALL_RIGHTS, platform_rights
from delivery.cluster.preflight import lacking_rights
from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.cluster import PROMOTION_TASKS, TRUE, one_check
from delivery.doctor.platform_inputs import PlatformInspection
from delivery.platform.charts import (
    ARGO_CD_CHART,
    ARGOCD,
    CERT_MANAGER_CHART,
    COLLECTOR_CHART,
    JAEGER_CHART,
    KEPTN,
    OPERATOR_CHART,
    ChartPin,
)
from delivery.platform.others import DEFINITIONS, objects_of_others
from delivery.platform.plan import KEPTN_CONFIG
from delivery.text import without_secrets


@dataclass(frozen=True)
class Part:
    """How a chart's controllers are known. A `cluster_wide` one is there once: another one anywhere collides."""

    title: str
    selector: str
    cluster_wide: bool = False


PARTS = {
    ARGO_CD_CHART.name: Part("Argo CD", "app.kubernetes.io/part-of=argocd", cluster_wide=True),
    CERT_MANAGER_CHART.name: Part("Keptn's certificates", "control-plane=certificate-operator", cluster_wide=True),
    OPERATOR_CHART.name: Part("Keptn", "control-plane=lifecycle-operator", cluster_wide=True),
    COLLECTOR_CHART.name: Part("collector", "app.kubernetes.io/name=opentelemetry-collector"),
    JAEGER_CHART.name: Part("Jaeger", "app.kubernetes.io/name=jaeger"),
}
"""The parts by the names of their charts."""

OLDEST_SERVER = {
    ARGO_CD_CHART.name: (1, 25),
    CERT_MANAGER_CHART.name: (1, 27),
    OPERATOR_CHART.name: (1, 27),
    JAEGER_CHART.name: (1, 21),
}
"""What the charts demand (`kubeVersion` in Chart.yaml); the others demand nothing."""


def reachable(name: str, inspection: PlatformInspection) -> Check:
    """The API server answers, to this login, and is new enough for the charts."""
    version, pins = server_version(inspection.connection), inspection.pins
    detail = f"{version} at {inspection.connection.address}"
    found = re.match(r"v(\d+)\.(\d+)", version)
    for pin in pins:
        oldest = OLDEST_SERVER.get(pin.name, (0, 0))
        if found and (int(found[1]), int(found[2])) < oldest:
            needed = ".".join(map(str, oldest))
            return wrong(name, f"{detail}; the chart {pin.name} needs {needed} or later", "update the cluster")
    return ok(name, detail)


def rights(name: str, inspection: PlatformInspection) -> Check:
    """The login may do all that an update does: definitions and roles are the whole cluster's."""
    connection = inspection.connection
    if not missing_rights(connection, [ALL_RIGHTS]):
        return ok(name, "the login may do everything")
    webhooks = OPERATOR_CHART in inspection.pins
    lacking = missing_rights(connection, platform_rights(inspection.plan.namespaces, webhooks))
    return one_check(name, lacking_rights(connection, lacking), "the login may manage all that the stack declares")


def parts(name: str, inspection: PlatformInspection) -> Iterator[Check]:
    """Each part that the configuration wants is there, in the pinned version, ready, and this stack's."""
    for pin in inspection.pins:
        title = PARTS[pin.name].title
        try:
            yield _part(title, pin, inspection)
        except RefusedError as refusal:
            yield unknown(title, str(refusal))
    if inspection.left_out:
        yield ok(name, f"left out by the configuration: {', '.join(inspection.left_out)}")


def _part(title: str, pin: ChartPin, inspection: PlatformInspection) -> Check:
    part = PARTS[pin.name]
    found = controllers(inspection.connection, part.selector, "" if part.cluster_wide else pin.namespace)
    if not found:
        return wrong(title, "is not installed", inspection.update_command)
    if inspection.state is None:
        first, runs = found[0]
        detail = f"{_version(first, runs)} in {first.namespace}; whether this stack has installed it is not known"
        return unknown(title, f"{detail}: {inspection.stateless}", "log in to the state's backend: pulumi login")
    others = [(one, runs) for one, runs in found if one.id not in inspection.state]
    if others:
        first, runs = others[0]
        by = f"installed by {first.installer}" if first.installer else "not installed by this stack"
        detail = f"{_version(first, runs)} in {first.namespace}, {by}: an update would stop at what is there"
        return wrong(title, detail, inspection.leave_out(pin.part))
    for one, runs in found:
        if not runs.ready:
            kubectl = f"{inspection.connection.kubectl} -n {one.namespace}"
            fix = f"{kubectl} describe {one.kind.lower()} {one.name}; {kubectl} get events"
            return wrong(title, f"{one.kind} {one.name} in {one.namespace} is not ready", fix)
    first, runs = found[0]
    wanted = f"{pin.name}-{pin.version}"
    if first.chart and first.chart != wanted:
        return wrong(title, f"{first.chart}, the pin is {wanted}", inspection.update_command)
    return ok(title, f"{_version(first, runs)}, ready in {first.namespace}")


def _version(one: Installed, runs: Workload) -> str:
    return one.chart or runs.version


def definitions(name: str, inspection: PlatformInspection) -> Iterator[Check]:
    """No definition is left over from an installation that is gone: an update stops at those, too."""
    connection, state = inspection.connection, inspection.state
    for chart in (ARGO_CD_CHART, OPERATOR_CHART) if state is not None else ():
        part = PARTS[chart.name]
        if chart not in inspection.pins or controllers(connection, part.selector):
            continue
        left = [kind.name for kind in kinds(connection, DEFINITIONS[chart.part]) if kind.id not in (state or ())]
        if not left:
            continue
        count = sum(len(objects(connection, kind)) for kind in left)
        detail = f"{', '.join(left)} left over from another installation, with objects of these kinds: {count}"
        fix = f"{connection.kubectl} delete crd {' '.join(left)}{', which deletes those objects too' if count else ''}"
        yield wrong(f"{part.title}'s {name}", detail, fix)


def namespaces(name: str, inspection: PlatformInspection) -> Iterator[Check]:
    """No namespace of the platform is there already: an update stops at one, too. Of a part in it the part tells."""
    connection, state = inspection.connection, inspection.state
    for space in inspection.plan.namespaces if state is not None else ():
        pins = [pin for pin in inspection.pins if pin.namespace == space]
        if ("Namespace", space) in (state or ()) or not has_namespace(connection, space):
            continue
        if any(controllers(connection, PARTS[pin.name].selector, space) for pin in pins):
            continue
        leave = "; ".join(inspection.leave_out(part) for part in dict.fromkeys(pin.part for pin in pins))
        fix = f"move what is in it and delete it ({connection.kubectl} delete namespace {space}), or: {leave}"
        yield wrong(f"{name} {space}", "is there, and not this stack's: an update would stop at it", fix)


def promotion_tasks(name: str, inspection: PlatformInspection) -> Iterator[Check]:
    """Keptn's operator, where it is this stack's, has promotion tasks switched on."""
    for one, runs in _own_operators(inspection):
        where = f"{one.name} in {one.namespace}"
        if runs.environment.get(PROMOTION_TASKS, "") in TRUE:
            yield ok(name, f"on, {where}")
        else:
            yield wrong(name, f"off, {where}", inspection.update_command)


def _own_operators(inspection: PlatformInspection) -> list[tuple[Installed, Workload]]:
    """Keptn's operators that are not known to be somebody else's: that is said of the part."""
    if KEPTN not in inspection.configuration.parts:
        return []
    found, state = controllers(inspection.connection, PARTS[OPERATOR_CHART.name].selector), inspection.state
    return [(one, runs) for one, runs in found if state is None or one.id in state]


def collector(name: str, inspection: PlatformInspection) -> Iterator[Check]:
    """`KeptnConfig` names the collector that this stack brings, and no other one says otherwise."""
    if inspection.plan.keptn_config is None or not _own_operators(inspection):
        return
    wanted = str(inspection.plan.keptn_config.get("OTelCollectorUrl") or "")
    configs = keptn_configs(inspection.connection) or ()
    ours = (KEPTN_CONFIG.namespace, KEPTN_CONFIG.name)
    others = [one for one in configs if (one.namespace, one.name) != ours]
    if not configs:
        yield wrong(name, "there is no KeptnConfig: no promotion has a trace", inspection.update_command)
    elif others:
        # Each one that Keptn reads replaces the one before.
        first = others[0]
        named = without_secrets(first.collector) or "no collector"
        fix = f"{inspection.connection.kubectl} -n {first.namespace} delete keptnconfig {first.name}"
        yield wrong(name, f"KeptnConfig {first.name} in {first.namespace} is not this stack's, and names {named}", fix)
    else:
        named = without_secrets(", ".join(one.collector or "none" for one in configs))
        if wanted and {one.collector for one in configs} != {wanted}:
            yield wrong(name, f"KeptnConfig names {named}, not {wanted}", inspection.update_command)
        else:
            yield ok(name, f"KeptnConfig names {named}")


def credential(name: str, inspection: PlatformInspection) -> Iterator[Check]:
    """Argo CD has a credential for the GitOps repository, in a form that it accepts."""
    url = inspection.configuration.repository_url
    if not url or not (ARGOCD in inspection.configuration.parts or inspection.configuration.credential):
        return
    found = credentials(inspection.connection, ARGO_CD_CHART.namespace, url)
    for one in found:
        where = f"Secret {one.name}"
        if one.lacks:
            yield wrong(name, f"{where} is not what Argo CD accepts for {url}: {one.lacks}", inspection.update_command)
        else:
            yield ok(name, f"{where} has {one.form} for {url}")
    if not found and inspection.configuration.credential:
        yield wrong(name, f"Argo CD has none for {url}", inspection.update_command)
    elif not found:
        fix = f"where it is private: pulumi -C platform config set -s {inspection.stack} --secret platform:githubToken"
        yield unknown(name, f"none is configured for {url}: Argo CD reads it only where it is public", fix)


def destroy(name: str, inspection: PlatformInspection) -> Check:
    """What would stop `pulumi destroy`: objects of others, of kinds that would go with the platform."""
    if inspection.state is None:
        return unknown(name, f"whether this stack has installed anything is not known: {inspection.stateless}")
    refusal = objects_of_others(inspection.connection, inspection.configuration.parts) if inspection.state else ""
    return ok(name, f"would be refused: {refusal}" if refusal else "nothing of others would go with it")
