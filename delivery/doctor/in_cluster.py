"""Checks of the stack's cluster: can it be used, and do Keptn and Argo CD run there as the stack needs them."""

from collections.abc import Callable, Iterator

from delivery.cluster.connection import Connection, Refused, connect
from delivery.cluster.facts import (
    argocd_controllers,
    keptn_configs,
    keptn_operators,
    missing_definitions,
    served_versions,
    server_version,
)
from delivery.cluster.kubeconfig import ClusterError
from delivery.cluster.needs import ARGO_CD, DEFINITIONS, KEPTN
from delivery.cluster.preflight import install_command, right_problems
from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration

PROMOTION_TASKS = "PROMOTION_TASKS_ENABLED"
"""The variable by which Keptn's chart switches promotion tasks on; the operator's own default is off."""

_TRUE = ("1", "t", "T", "TRUE", "true", "True")  # what the operator, a Go program, reads as true


def in_cluster(configuration: StackConfiguration, kubeconfig: SecretText | None) -> Iterator[Check]:
    """All checks of the cluster; one line that says why where there is none to check."""
    cluster = configuration.cluster
    if cluster.mode != "deploy":
        yield ok("cluster", f"not asked: delivery:cluster is {cluster.mode}, this stack deploys to none")
        return
    if not cluster.context:
        yield unknown("cluster", "not asked: delivery:kubeContext is not set")
        return
    try:
        with connect(cluster.context, kubeconfig) as connection:
            yield reachable(connection)
            for name, check in CHECKS.items():
                try:
                    yield check(connection, configuration)
                except Refused as refusal:
                    yield unknown(name, str(refusal))
    except ClusterError as error:
        yield wrong("cluster", error.found, error.mend)
        yield unknown("in the cluster", "not asked: the cluster gave no answer")


def reachable(connection: Connection) -> Check:
    """The API server answers, and to this login."""
    try:
        return ok("cluster", f"{server_version(connection)} at {connection.address}")
    except Refused as refusal:
        return unknown("cluster", f"{connection.address} does not tell its version: {refusal}")


def keptn_definitions(connection: Connection, configuration: StackConfiguration) -> Check:
    """Keptn's definitions are served in the version that the stack declares."""
    return _definitions(connection, configuration, KEPTN)


def argocd_definitions(connection: Connection, configuration: StackConfiguration) -> Check:
    """Argo CD's definition is served in the version that the stack declares."""
    return _definitions(connection, configuration, ARGO_CD)


def rights(connection: Connection, configuration: StackConfiguration) -> Check:
    """The login may do all that an update does."""
    problems = right_problems(connection, configuration)
    if problems:
        return wrong("cluster rights", "; ".join(each.found for each in problems), problems[0].mend)
    return ok("cluster rights", "the login may manage all that the stack declares")


def promotion_tasks(connection: Connection, configuration: StackConfiguration) -> Check:
    """Keptn's operator runs, with promotion tasks switched on."""
    name, context = "Keptn's promotion tasks", connection.context
    operators = keptn_operators(connection)
    if not operators:
        return wrong(name, "Keptn's lifecycle operator is not installed", install_command(KEPTN, context))
    operator = operators[0]
    where = f"{operator.name} {operator.version} in {operator.namespace}"
    if not operator.ready:
        mend = f"{connection.kubectl} -n {operator.namespace} describe deployment {operator.name}"
        return wrong(name, f"{where} is not ready", mend)
    if operator.environment.get(PROMOTION_TASKS, "") in _TRUE:
        return ok(name, f"on, {where}")
    if not configuration.promotes_to:
        return ok(name, f"off, {where}: nothing is promoted from {configuration.stage.name}")
    return wrong(name, f"off, {where}", install_command(KEPTN, context))


def collector(connection: Connection, configuration: StackConfiguration) -> Check:
    """Keptn knows a collector: without one there is no traceparent to promote."""
    del configuration
    name = "collector address"
    configs = keptn_configs(connection)
    if configs is None:
        return wrong(name, "KeptnConfig is not defined", install_command(KEPTN, connection.context))
    given = sorted({each.collector for each in configs if each.collector})
    if given:
        return ok(name, ", ".join(given))
    kubectl = connection.kubectl
    spec = '"spec":{"OTelCollectorUrl":"COLLECTOR-HOST:4317"}'
    if configs:
        first = configs[0]
        found = f"KeptnConfig {first.name} has no OTelCollectorUrl"
        mend = f"{kubectl} -n {first.namespace} patch keptnconfig {first.name} --type merge -p '{{{spec}}}'"
    else:
        found = "there is no KeptnConfig"
        kind = '"apiVersion":"options.keptn.sh/v1alpha1","kind":"KeptnConfig","metadata":{"name":"keptn"}'
        mend = f"echo '{{{kind},{spec}}}' | {kubectl} -n keptn-system apply -f -"
    return wrong(name, f"{found}: spans go nowhere, and no promotion has a trace", mend)


def argocd(connection: Connection, configuration: StackConfiguration) -> Check:
    """Argo CD's application controller runs in the namespace that the stack's Applications go to."""
    namespace = configuration.argocd.namespace
    controllers = argocd_controllers(connection, namespace)
    if not controllers:
        mend = install_command(ARGO_CD, connection.context, namespace)
        return wrong("Argo CD", f"no application controller in namespace {namespace}", mend)
    if not any(each.ready for each in controllers):
        mend = f"{connection.kubectl} -n {namespace} get pods"
        return wrong("Argo CD", f"{controllers[0].name} in {namespace} is not ready", mend)
    return ok("Argo CD", f"{controllers[0].version}, {controllers[0].name} in {namespace}")


CHECKS: dict[str, Callable[[Connection, StackConfiguration], Check]] = {
    "Keptn's definitions": keptn_definitions,
    "Argo CD's definitions": argocd_definitions,
    "cluster rights": rights,
    "Keptn's promotion tasks": promotion_tasks,
    "collector address": collector,
    "Argo CD": argocd,
}
"""Every check of a cluster that answers, by the name of its line."""


def _definitions(connection: Connection, configuration: StackConfiguration, product: str) -> Check:
    wanted = [each for each in DEFINITIONS if each.product == product]
    missing = missing_definitions(connection, wanted)
    group = wanted[0].group
    versions = ", ".join(served_versions(connection, group))
    if missing:
        names = ", ".join(f"{each.resource} {each.version}" for each in missing)
        served = f"{group} is served as {versions}" if versions else f"{group} is not served at all"
        mend = install_command(product, connection.context, configuration.argocd.namespace)
        return wrong(f"{product}'s definitions", f"missing {names}; {served}", mend)
    return ok(f"{product}'s definitions", f"{group} {versions}")
