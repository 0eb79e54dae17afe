"""What would stop an update in its clusters, found before anything is written.

A preview with Pulumi is green where the cluster cannot be reached or a definition is missing. The update then fails
in the middle, with its commits to the repository already made.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress

from delivery.cluster.connection import Connection, RefusedError, connect
from delivery.cluster.facts import (
    has_namespace,
    missing_definitions,
    missing_rights,
    served_versions,
    server_version,
)
from delivery.cluster.kubeconfig import ClusterError
from delivery.cluster.needs import ARGO_CD, KEPTN, STAGE, Right, definitions, granted_rights, rights, targets
from delivery.config.errors import Kind, Problem, set_fix
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration

_ROLES = "rbac.authorization.k8s.io"


def cluster_problems(configuration: StackConfiguration, secrets: Mapping[str, SecretText]) -> list[Problem]:
    """What the stack's cluster, or each of its two, lacks for an update, one problem for each, with its fix.

    `secrets` are those of the configuration, by key. Empty where the stack deploys to no cluster. What the login may
    not ask is no problem: only what is known to be wrong is one. A healthy cluster is asked ten times for one
    application.
    """
    cluster = configuration.cluster
    if cluster.mode != "deploy" or not cluster.context:
        return []
    problems: list[Problem] = []
    for target in targets(configuration, secrets):
        try:
            connection = connect(target.context, secrets.get(target.keys[1]), target.keys)
            with suppress(RefusedError):
                server_version(connection)
            for product in target.products:
                for check in CHECKS[product]:
                    with suppress(RefusedError):
                        problems += check(connection, configuration)
            with suppress(RefusedError):
                problems += right_problems(connection, configuration, target.products)
        except ClusterError as error:
            problems.append(_problem(target.context, error.found, "a cluster that answers", error.fix))
    return problems


def keptn_definitions(connection: Connection, configuration: StackConfiguration) -> list[Problem]:
    """A problem when the server does not serve all of Keptn's definitions that are used."""
    return _definitions(connection, configuration, KEPTN)


def argocd_definitions(connection: Connection, configuration: StackConfiguration) -> list[Problem]:
    """A problem when the server does not serve Argo CD's definition."""
    return _definitions(connection, configuration, ARGO_CD)


def argocd_namespace(connection: Connection, configuration: StackConfiguration) -> list[Problem]:
    """A problem when the namespace of Argo CD, where the Applications go, is missing."""
    namespace = configuration.argocd.namespace
    if has_namespace(connection, namespace):
        return []
    fix = f"{install_command(connection.context, namespace)}; or, where it is elsewhere: "
    fix += set_fix(configuration.stage.name, "argocdNamespace", "NAMESPACE")
    fix += argocd_elsewhere(configuration)
    return [_problem(connection.context, f"no namespace {namespace}", "the one of Argo CD", fix)]


def argocd_elsewhere(configuration: StackConfiguration) -> str:
    """The fix for a stack whose Argo CD is looked for in its own cluster, to be added to another one."""
    if configuration.cluster.argocd_context:
        return ""
    return f"; in another cluster: {set_fix(configuration.stage.name, 'argocdContext', 'CONTEXT')}"


def right_problems(
    connection: Connection, configuration: StackConfiguration, products: Container[str] = (STAGE, ARGO_CD)
) -> list[Problem]:
    """A problem for each kind of object of these products that the stack declares and its login may not manage."""
    granted = set(granted_rights(configuration)) if STAGE in products else set()
    lacking = missing_rights(connection, {*rights(configuration, products), *granted})
    problems = lacking_rights(connection, (right for right in lacking if right not in granted))
    # A login with the verb `escalate` may grant what it may not do itself.
    escalate = {right: Right(right.namespace, _ROLES, "roles", "escalate") for right in lacking if right in granted}
    refused = missing_rights(connection, escalate.values())
    ungrantable = [right for right, instead in escalate.items() if instead in refused]
    if ungrantable:
        listed = "; ".join(_listed(group) for group in _by_name(ungrantable))
        found = f"a login that may not grant the promotion task its role, because it may not itself {listed}"
        allowed = "what the role grants, or the verb escalate on roles"
        problems.append(_problem(connection.context, found, allowed, _bind(connection, ungrantable[0])))
    return problems


def lacking_rights(connection: Connection, lacking: Iterable[Right]) -> list[Problem]:
    """A problem for each kind of object that the login may not manage, as these rights tell."""
    allowed = "create, delete, get and patch for all that the stack declares"
    return [
        _problem(connection.context, f"a login that may not {_listed(group)}", allowed, _bind(connection, group[0]))
        for group in _by_name(lacking)
    ]


CHECKS: Mapping[str, tuple[Callable[[Connection, StackConfiguration], list[Problem]], ...]] = {
    STAGE: (),
    KEPTN: (keptn_definitions,),
    ARGO_CD: (argocd_definitions, argocd_namespace),
}
"""What has to be in a cluster, by product; the rights of the login come on top."""


def install_command(context: str, namespace: str = "") -> str:
    """How Argo CD, Keptn, its `KeptnConfig`, the collector and Jaeger get into the cluster: by the platform's stack.

    `namespace` is the one of Argo CD, where that is missing: the platform has it in `argocd`. What a stage's own stack
    declares gets there by `update_command`.
    """
    by_hand = "docs/how-to/existing-cluster.md"
    if namespace not in ("", "argocd"):
        return f"install it there: {by_hand}"
    return f"{platform_command()} (with platform:kubeContext {context!r}); without that stack: {by_hand}"


def platform_command(action: str = "up", stack: str = "laptop") -> str:
    """A command on the platform's stack."""
    return f"pulumi -C platform {action} -s {stack}"


def update_command(stack: str) -> str:
    """The command that updates a stage's stack, also what was changed or removed outside of it since."""
    return f"pulumi up --refresh --run-program -s {stack}"


def _definitions(connection: Connection, configuration: StackConfiguration, product: str) -> list[Problem]:
    missing = missing_definitions(connection, definitions(configuration, product))
    if not missing:
        return []
    names = ", ".join(f"{definition.name} {definition.version}" for definition in missing)
    served = ", ".join(served_versions(connection, missing[0].group)) or "none"
    return [
        _problem(
            connection.context,
            f"no definition of {names} (versions of {missing[0].group} served: {served})",
            f"{product}, installed before the first update",
            install_command(connection.context, configuration.argocd.namespace if product == ARGO_CD else ""),
        )
    ]


def _problem(context: str, found: str, allowed: str, fix: str) -> Problem:
    return Problem(f"cluster {context!r}", found, allowed, fix, Kind.CLUSTER)


def _by_name(missing: Iterable[Right]) -> list[list[Right]]:
    found: dict[str, list[Right]] = {}
    for right in missing:
        found.setdefault(right.name, []).append(right)
    return list(found.values())


def _listed(missing: list[Right]) -> str:
    verbs = ", ".join(sorted({right.verb for right in missing}))
    namespaces = sorted({right.namespace for right in missing if right.namespace})
    place = f" in {', '.join(namespaces[:3])}{' and others' if len(namespaces) > 3 else ''}" if namespaces else ""
    return f"{verbs} {missing[0].name}{place}"


def _bind(connection: Connection, right: Right) -> str:
    option = f" -n {right.namespace}" if right.namespace else ""
    asked = f"{connection.kubectl} auth can-i {right.verb} {right.name}{option}"
    return f"bind a role with these rights to it, until this says yes: {asked}"
