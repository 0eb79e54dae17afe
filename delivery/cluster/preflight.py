"""What would stop an update in its cluster, found before anything is written anywhere.

A preview with Pulumi is green where the cluster cannot be reached or a definition is missing, and the update
fails in the middle, with the repository's half already committed.
"""

import shlex
from collections.abc import Iterable
from contextlib import suppress

from delivery.cluster.connection import Connection, Refused, connect
from delivery.cluster.facts import has_namespace, missing_definitions, missing_rights, server_version
from delivery.cluster.kubeconfig import ClusterError
from delivery.cluster.needs import ARGO_CD, DEFINITIONS, KEPTN, Definition, Right, granted_rights, rights
from delivery.config.errors import Problem, set_mend
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration

_ROLES = "rbac.authorization.k8s.io"


def cluster_problems(configuration: StackConfiguration, kubeconfig: SecretText | None) -> list[Problem]:
    """What the stack's cluster lacks for an update, one problem for each, with its mend.

    Empty where the stack deploys to no cluster, and for whatever the login may not ask: only what is known to be
    wrong is a problem. A healthy cluster is asked ten times for one application.
    """
    cluster = configuration.cluster
    if cluster.mode != "deploy" or not cluster.context:
        return []
    try:
        with connect(cluster.context, kubeconfig) as connection:
            with suppress(Refused):
                server_version(connection)
            return [
                *definition_problems(connection, configuration),
                *argocd_namespace_problems(connection, configuration),
                *right_problems(connection, configuration),
            ]
    except ClusterError as error:
        return [problem_of(cluster.context, error)]


def problem_of(context: str, error: ClusterError) -> Problem:
    """A cluster that cannot be asked, as a problem."""
    return Problem(f"cluster {context!r}", error.found, "a cluster that answers", error.mend)


def definition_problems(connection: Connection, configuration: StackConfiguration) -> list[Problem]:
    """One problem for each product whose definitions the server does not all serve."""
    try:
        missing = missing_definitions(connection, DEFINITIONS)
    except Refused:
        return []
    return [
        _definitions(connection, configuration, product, [each for each in missing if each.product == product])
        for product in (KEPTN, ARGO_CD)
        if any(each.product == product for each in missing)
    ]


def argocd_namespace_problems(connection: Connection, configuration: StackConfiguration) -> list[Problem]:
    """A problem when the namespace that Argo CD's Applications go to is not there."""
    namespace = configuration.argocd.namespace
    try:
        if has_namespace(connection, namespace):
            return []
    except Refused:
        return []
    mend = f"{install_command(ARGO_CD, connection.context, namespace)}, or, where it is elsewhere: "
    mend += set_mend("argocdNamespace", "its-namespace")
    return [Problem(f"cluster {connection.context!r}", f"no namespace {namespace}", "the one of Argo CD", mend)]


def right_problems(connection: Connection, configuration: StackConfiguration) -> list[Problem]:
    """One problem for each kind of object that the stack declares and its login may not manage."""
    granted = set(granted_rights(configuration))
    lacking = missing_rights(connection, {*rights(configuration), *granted})
    problems = [
        _rights(connection.context, group) for group in _by_name(each for each in lacking if each not in granted)
    ]
    # Whoever may escalate grants anything.
    escalate = {each: Right(each.namespace, _ROLES, "roles", "escalate") for each in lacking if each in granted}
    refused = missing_rights(connection, escalate.values())
    ungrantable = [right for right, instead in escalate.items() if instead in refused]
    if ungrantable:
        problems.append(_grants(connection.context, ungrantable))
    return problems


def install_command(product: str, context: str, namespace: str = "argocd") -> str:
    """The command that installs `product` as this project needs it; `namespace` is Argo CD's."""
    where = shlex.quote(context)
    if product == KEPTN:
        return (
            f"helm upgrade --install keptn keptn --repo https://charts.lifecycle.keptn.sh --kube-context {where} "
            "--namespace keptn-system --create-namespace --set lifecycleOperator.promotionTasksEnabled=true"
        )
    return (
        f"kubectl --context {where} create namespace {namespace}; kubectl --context {where} apply --server-side "
        f"-n {namespace} -f https://raw.githubusercontent.com/argoproj/argo-cd/stable/manifests/install.yaml"
    )


def _definitions(
    connection: Connection, configuration: StackConfiguration, product: str, missing: list[Definition]
) -> Problem:
    names = ", ".join(f"{each.name} {each.version}" for each in missing)
    return Problem(
        f"cluster {connection.context!r}",
        f"no definition of {names}",
        f"{product}, installed before the first update",
        install_command(product, connection.context, configuration.argocd.namespace),
    )


def _by_name(missing: Iterable[Right]) -> list[list[Right]]:
    found: dict[str, list[Right]] = {}
    for right in missing:
        found.setdefault(right.name, []).append(right)
    return list(found.values())


def _rights(context: str, missing: list[Right]) -> Problem:
    return Problem(
        f"cluster {context!r}",
        f"a login that may not {_told(missing)}",
        "create, delete, get and patch for all that the stack declares",
        _until(context, missing[0]),
    )


def _grants(context: str, missing: list[Right]) -> Problem:
    told = "; ".join(_told(group) for group in _by_name(missing))
    return Problem(
        f"cluster {context!r}",
        f"a login that may not grant the promotion task its role, because it may not itself {told}",
        "what the role grants, or the verb escalate on roles",
        _until(context, missing[0]),
    )


def _told(missing: list[Right]) -> str:
    verbs = ", ".join(sorted({right.verb for right in missing}))
    namespaces = sorted({right.namespace for right in missing if right.namespace})
    place = f" in {', '.join(namespaces[:3])}{' and others' if len(namespaces) > 3 else ''}" if namespaces else ""
    return f"{verbs} {missing[0].name}{place}"


def _until(context: str, right: Right) -> str:
    option = f" -n {right.namespace}" if right.namespace else ""
    asked = f"kubectl --context {shlex.quote(context)} auth can-i {right.verb} {right.name}{option}"
    return f"bind a role with these rights to it, until this says yes: {asked}"
