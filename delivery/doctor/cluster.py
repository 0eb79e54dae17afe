"""Checks of the stack's cluster: can it be used, and do Keptn and Argo CD run there as the stack needs them."""

from delivery.cluster.facts import (
    argocd_controllers,
    keptn_configs,
    keptn_operators,
    served_versions,
    server_version,
)
from delivery.cluster.needs import ARGO_CD, KEPTN
from delivery.cluster.preflight import argocd_definitions, install_command, keptn_definitions, right_problems
from delivery.config.errors import Problem
from delivery.doctor.check import Check, ok, wrong
from delivery.doctor.inspection import Inspection

PROMOTION_TASKS = "PROMOTION_TASKS_ENABLED"
"""The variable by which Keptn's chart switches promotion tasks on; the operator's own default is off."""

_TRUE = ("1", "t", "T", "TRUE", "true", "True")  # what the operator, a Go program, reads as true


def reachable(name: str, inspection: Inspection) -> Check:
    """The API server answers, and to this login."""
    return ok(name, f"{server_version(inspection.connection)} at {inspection.connection.address}")


def keptn_is_defined(name: str, inspection: Inspection) -> Check:
    """Keptn's definitions are served in the version that the stack declares."""
    group = "lifecycle.keptn.sh"
    versions = f"{group} {', '.join(served_versions(inspection.connection, group))}"
    return _check(name, keptn_definitions(inspection.connection, inspection.configuration), versions)


def argocd_is_defined(name: str, inspection: Inspection) -> Check:
    """Argo CD's definition is served in the version that the stack declares."""
    group = "argoproj.io"
    versions = f"{group} {', '.join(served_versions(inspection.connection, group))}"
    return _check(name, argocd_definitions(inspection.connection, inspection.configuration), versions)


def rights(name: str, inspection: Inspection) -> Check:
    """The login may do all that an update does."""
    problems = right_problems(inspection.connection, inspection.configuration)
    return _check(name, problems, "the login may manage all that the stack declares")


def promotion_tasks(name: str, inspection: Inspection) -> Check:
    """Keptn's operator runs, with promotion tasks switched on."""
    connection = inspection.connection
    operators = keptn_operators(connection)
    if not operators:
        return wrong(name, "Keptn's lifecycle operator is not installed", install_command(KEPTN, connection.context))
    operator = operators[0]
    where = f"{operator.name} {operator.version} in {operator.namespace}"
    if not operator.ready:
        fix = f"{connection.kubectl} -n {operator.namespace} describe deployment {operator.name}"
        return wrong(name, f"{where} is not ready", fix)
    if operator.environment.get(PROMOTION_TASKS, "") in _TRUE:
        return ok(name, f"on, {where}")
    if not inspection.configuration.promotes_to:
        return ok(name, f"off, {where}: nothing is promoted from {inspection.stack}")
    return wrong(name, f"off, {where}", install_command(KEPTN, connection.context))


def collector(name: str, inspection: Inspection) -> Check:
    """Keptn knows a collector: without one there is no traceparent to promote."""
    connection = inspection.connection
    configs = keptn_configs(connection)
    if configs is None:
        return wrong(name, "KeptnConfig is not defined", install_command(KEPTN, connection.context))
    addresses = sorted({config.collector for config in configs if config.collector})
    if addresses:
        return ok(name, ", ".join(addresses))
    spec = '"spec":{"OTelCollectorUrl":"COLLECTOR-HOST:4317"}'
    if configs:
        first = configs[0]
        found = f"KeptnConfig {first.name} has no OTelCollectorUrl"
        patch = f"-n {first.namespace} patch keptnconfig {first.name} --type merge -p '{{{spec}}}'"
        fix = f"{connection.kubectl} {patch}"
    else:
        found = "there is no KeptnConfig"
        kind = '"apiVersion":"options.keptn.sh/v1alpha1","kind":"KeptnConfig","metadata":{"name":"keptn"}'
        fix = f"echo '{{{kind},{spec}}}' | {connection.kubectl} -n keptn-system apply -f -"
    return wrong(name, f"{found}: spans go nowhere, and no promotion has a trace", fix)


def argocd(name: str, inspection: Inspection) -> Check:
    """Argo CD's application controller runs in the namespace that the stack's Applications go to."""
    connection, namespace = inspection.connection, inspection.configuration.argocd.namespace
    controllers = argocd_controllers(connection, namespace)
    if not controllers:
        fix = install_command(ARGO_CD, connection.context, namespace)
        return wrong(name, f"no application controller in namespace {namespace}", fix)
    first = controllers[0]
    if not any(controller.ready for controller in controllers):
        return wrong(name, f"{first.name} in {namespace} is not ready", f"{connection.kubectl} -n {namespace} get pods")
    return ok(name, f"{first.version}, {first.name} in {namespace}")


def _check(name: str, problems: list[Problem], otherwise: str) -> Check:
    if problems:
        return wrong(name, "; ".join(problem.found for problem in problems), problems[0].fix)
    return ok(name, otherwise)
