"""What of a platform a cluster has, whoever has put it there: controllers, kinds of objects, and objects of them.

Names and labels were read in the charts of argo-helm, keptn/lifecycle-toolkit-charts, opentelemetry-helm-charts and
jaegertracing/helm-charts, and hold for the manifests that Argo CD publishes too.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from delivery.cluster.connection import Connection, Object
from delivery.cluster.facts import Workload, field_of, objects_of, workload_of

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_KINDS = {"Deployment": "deployments", "StatefulSet": "statefulsets"}


@dataclass(frozen=True)
class Installed:
    """An object that a part consists of. `installer` says who has put it there, and is empty where nothing tells.

    `chart` is the name and version of the Helm chart that it is from, empty for what is from none.
    """

    kind: str
    name: str
    namespace: str
    chart: str
    installer: str

    @property
    def id(self) -> tuple[str, str]:
        """Its kind and name as Pulumi's state has them."""
        return self.kind, f"{self.namespace}/{self.name}" if self.namespace else self.name


def controllers(connection: Connection, selector: str, namespace: str = "") -> tuple[tuple[Installed, Workload], ...]:
    """The controllers with these labels, in one namespace or in all, and what they run. Raises as `Connection` does."""
    where = f"/namespaces/{namespace}" if namespace else ""
    return tuple(
        (_installed(item, kind), workload_of(item))
        for kind, resource in _KINDS.items()
        for item in connection.items(f"/apis/apps/v1{where}/{resource}", labelSelector=selector) or ()
    )


def kinds(connection: Connection, wanted: Collection[str]) -> tuple[Installed, ...]:
    """The definitions of kinds that are `wanted` by name (`applications.argoproj.io`), or by their API group.

    Raises as `Connection` does.
    """
    found = connection.items(DEFINITIONS, metadata_only=True) or ()
    installed = (_installed(item, "CustomResourceDefinition") for item in found)
    return tuple(one for one in installed if {one.name, one.name.partition(".")[2]} & set(wanted))


def objects(connection: Connection, kind: str) -> tuple[tuple[str, str], ...]:
    """Namespace and name of each object of the kind that a definition of this name describes.

    Raises as `Connection` does.
    """
    resource, _, group = kind.partition(".")
    version = field_of(connection.get(f"/apis/{group}") or {}, "preferredVersion", "version")
    found = connection.items(f"/apis/{group}/{version}/{resource}", metadata_only=True) if version else ()
    return tuple(
        (str(field_of(item, "metadata", "namespace") or ""), str(field_of(item, "metadata", "name") or ""))
        for item in found or ()
    )


def _installed(item: Object, kind: str) -> Installed:
    name, namespace = (str(field_of(item, "metadata", key) or "") for key in ("name", "namespace"))
    chart = str(field_of(item, "metadata", "labels", "helm.sh/chart") or "")
    return Installed(kind, name, namespace, chart, next(_installers(item), ""))


def _installers(item: Object) -> Iterator[str]:
    """Who has put an object there, the surest sign first."""
    annotations = field_of(item, "metadata", "annotations")
    noted = annotations if isinstance(annotations, dict) else {}
    if release := noted.get("meta.helm.sh/release-name"):
        yield f"the release {release} of Helm"
    if noted.get("argocd.argoproj.io/tracking-id"):
        yield "Argo CD"
    managers = [str(entry.get("manager")) for entry in objects_of(item, "metadata", "managedFields")]
    for program, called in (("pulumi-kubernetes", "another stack of Pulumi"), ("kubectl", "kubectl"), ("helm", "Helm")):
        if any(manager.startswith(program) for manager in managers):
            yield called
