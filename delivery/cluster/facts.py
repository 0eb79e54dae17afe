"""Single questions to a cluster, each with its answer. All raise `RefusedError` for what the login may not read."""

import base64
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime

from delivery.cluster.connection import Connection, Object, RefusedError
from delivery.cluster.needs import Definition, Right
from delivery.config.errors import Json
from delivery.model.secret import SecretText

_REVIEWS = "/apis/authorization.k8s.io/v1"
_AT_ONCE = 8
_OPERATOR = "control-plane=lifecycle-operator"
_CONTROLLER = "app.kubernetes.io/component=application-controller"


@dataclass(frozen=True)
class Workload:
    """A controller that runs in the cluster. `version` is its image's tag, `environment` its plain variables.

    `release` is the one of Helm that it is part of, empty where `helm install` has not made it.
    """

    name: str
    namespace: str
    version: str
    ready: bool
    environment: Mapping[str, str]
    release: str


@dataclass(frozen=True)
class KeptnConfig:
    """Keptn's settings. `collector` is the address that its spans go to, empty for nowhere."""

    name: str
    namespace: str
    collector: str


def server_version(connection: Connection) -> str:
    """The API server's version, like `v1.37.2`. Raises `ClusterError` when no working Kubernetes API answers."""
    try:
        version = (connection.get("/version") or {}).get("gitVersion")
    except RefusedError as refusal:
        if refusal.status == 403:
            raise
        raise connection.unusable(str(refusal)) from None
    if not isinstance(version, str):
        raise connection.unusable("what answers is no Kubernetes API")
    return version


def has_namespace(connection: Connection, name: str) -> bool:
    """Whether the namespace is there."""
    return connection.get(f"/api/v1/namespaces/{name}") is not None


def missing_definitions(connection: Connection, definitions: Iterable[Definition]) -> tuple[Definition, ...]:
    """Those of `definitions` that the server does not serve. Its discovery tells, which every login may read."""
    wanted = tuple(definitions)
    served: set[tuple[str, str, str]] = set()
    for group, version in dict.fromkeys((definition.group, definition.version) for definition in wanted):
        found = connection.get(f"/apis/{group}/{version}") or {}
        served |= {(group, version, str(resource.get("name"))) for resource in objects_of(found, "resources")}
    return tuple(item for item in wanted if (item.group, item.version, item.resource) not in served)


def served_versions(connection: Connection, group: str) -> tuple[str, ...]:
    """The versions of an API group that the server serves; none when it does not know the group."""
    found = connection.get(f"/apis/{group}") or {}
    return tuple(str(version.get("version")) for version in objects_of(found, "versions"))


def missing_rights(connection: Connection, needed: Iterable[Right]) -> tuple[Right, ...]:
    """Those of `needed` that the login does not have.

    One review for each namespace lists all rules. What it does not cover (some servers cannot list the rules of a
    login) is reviewed one by one. A right that no review tells of is not missing.
    """
    by_namespace: dict[str, list[Right]] = {}
    for right in sorted(set(needed)):
        by_namespace.setdefault(right.namespace, []).append(right)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda pair: _uncovered(connection, *pair), by_namespace.items())
        uncovered = [right for rights in found for right in rights]
        allowed = pool.map(lambda right: _may(connection, right), uncovered)
        return tuple(right for right, may in zip(uncovered, allowed, strict=True) if not may)


def keptn_configs(connection: Connection) -> tuple[KeptnConfig, ...] | None:
    """Every KeptnConfig of the cluster, None where there is no such definition."""
    found = connection.items("/apis/options.keptn.sh/v1alpha1/keptnconfigs")
    if found is None:
        return None
    return tuple(KeptnConfig(*_name(item), str(field_of(item, "spec", "OTelCollectorUrl") or "")) for item in found)


def keptn_operators(connection: Connection) -> tuple[Workload, ...]:
    """Keptn's lifecycle operator, in any namespace."""
    return tuple(map(workload_of, connection.items("/apis/apps/v1/deployments", labelSelector=_OPERATOR) or ()))


def secret_value(connection: Connection, namespace: str, name: str, key: str) -> SecretText | None:
    """What the Secret has under `key`, None where there is no such Secret or key."""
    found = connection.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
    value = field_of(found or {}, "data", key)
    try:
        return SecretText(base64.b64decode(str(value), validate=True).decode()) if value is not None else None
    except ValueError:
        return SecretText("")


def argocd_controllers(connection: Connection, namespace: str) -> tuple[Workload, ...]:
    """Argo CD's application controller in `namespace`: a StatefulSet, or a Deployment with dynamic sharding."""
    paths = (f"/apis/apps/v1/namespaces/{namespace}/{kind}" for kind in ("statefulsets", "deployments"))
    found = (connection.items(path, labelSelector=_CONTROLLER) for path in paths)
    return tuple(workload_of(item) for items in found for item in items or ())


def _uncovered(connection: Connection, namespace: str, needed: list[Right]) -> list[Right]:
    if not namespace:
        # The review lists rules for a namespace, and does not tell which of them hold for the whole cluster.
        return needed
    try:
        answer = connection.ask(f"{_REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": namespace}})
    except RefusedError:
        return needed
    rules = objects_of(answer, "status", "resourceRules")
    return [right for right in needed if not any(_covers(rule, right) for rule in rules)]


def _covers(rule: Object, right: Right) -> bool:
    def listed(key: str, value: str) -> bool:
        values = rule.get(key)
        return isinstance(values, list) and ("*" in values or value in values)

    return (
        not rule.get("resourceNames")
        and listed("verbs", right.verb)
        and listed("apiGroups", right.group)
        and listed("resources", right.resource)
    )


def _may(connection: Connection, right: Right) -> bool:
    try:
        answer = connection.ask(f"{_REVIEWS}/selfsubjectaccessreviews", {"spec": {"resourceAttributes": asdict(right)}})
    except RefusedError:
        return True
    return field_of(answer, "status", "allowed") is not False


def workload_of(item: Object) -> Workload:
    """What a Deployment or StatefulSet runs."""
    containers = objects_of(item, "spec", "template", "spec", "containers")
    image = str(containers[0].get("image", "")) if containers else ""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    variables = [variable for container in containers for variable in objects_of(container, "env")]
    return Workload(
        *_name(item),
        version=tag or "(image without a tag)",
        ready=bool(field_of(item, "status", "readyReplicas")),
        environment={str(variable.get("name")): str(variable.get("value", "")) for variable in variables},
        release=str(field_of(item, "metadata", "annotations", "meta.helm.sh/release-name") or ""),
    )


def _name(item: Object) -> tuple[str, str]:
    """An object's name and namespace."""
    name, namespace = (str(field_of(item, "metadata", key) or "") for key in ("name", "namespace"))
    return name, namespace


def field_of(item: Object, *keys: str) -> Json:
    """A value inside an object, None when it is not there."""
    value: Json = dict(item)
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def objects_of(item: Object, *keys: str) -> list[dict[str, Json]]:
    """The objects of a list inside an object, none when it is not there."""
    value = field_of(item, *keys)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def time_of(text: Json) -> datetime | None:
    """A time as Kubernetes writes it, None when it is no such text."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None
