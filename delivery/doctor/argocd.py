"""Checks of Argo CD: can its cluster be used, and does it run there as the stack needs it.

It is the stage's cluster, unless the stack has an `argocdContext`.
"""

from collections.abc import Iterator

from delivery.cluster.facts import argocd_controllers, served_versions, server_version
from delivery.cluster.needs import ARGO_CD
from delivery.cluster.preflight import argocd_definitions, argocd_elsewhere, install_command, right_problems
from delivery.doctor.check import Check, ok, wrong
from delivery.doctor.cluster import one_check
from delivery.doctor.inspection import BlockedError, Inspection


def reachable(name: str, inspection: Inspection) -> Iterator[Check]:
    """The API server of a central Argo CD answers, and to this login."""
    if inspection.has_central_argocd:
        connection = inspection.argocd_connection
        yield ok(name, f"{server_version(connection)} at {connection.address}")
    elif "cluster" in inspection.silent:
        raise BlockedError


def is_defined(name: str, inspection: Inspection) -> Check:
    """Argo CD's definition is served in the version that the stack declares."""
    group, connection = "argoproj.io", inspection.argocd_connection
    versions = f"{group} {', '.join(served_versions(connection, group))}"
    return one_check(name, argocd_definitions(connection, inspection.configuration), versions)


def rights(name: str, inspection: Inspection) -> Iterator[Check]:
    """The login may do what an update does in the cluster of a central Argo CD."""
    if inspection.has_central_argocd:
        problems = right_problems(inspection.argocd_connection, inspection.configuration, (ARGO_CD,))
        yield one_check(name, problems, "the login may manage the Applications")


def controller(name: str, inspection: Inspection) -> Check:
    """Argo CD's application controller runs in the namespace that the stack's Applications go to."""
    connection, namespace = inspection.argocd_connection, inspection.configuration.argocd.namespace
    controllers = argocd_controllers(connection, namespace)
    if not controllers:
        fix = install_command(ARGO_CD, connection.context, namespace) + argocd_elsewhere(inspection.configuration)
        return wrong(name, f"no application controller in namespace {namespace}", fix)
    first = controllers[0]
    if not any(controller.ready for controller in controllers):
        return wrong(name, f"{first.name} in {namespace} is not ready", f"{connection.kubectl} -n {namespace} get pods")
    return ok(name, f"{first.version}, {first.name} in {namespace}")
