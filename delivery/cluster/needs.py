"""What a stack needs of its clusters: the definitions of others, and rights. Derived from what it declares.

Keptn is where the workloads run, in stages that it verifies; with `argocdContext`, Argo CD and its Applications are in
another cluster.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass

from delivery.cluster.kubeconfig import KEYS
from delivery.model.stack import StackConfiguration
from delivery.stack.manifests import stage_task_specs
from delivery.stack.plan import promotion_access

VERBS = ("create", "delete", "get", "patch")
"""What it takes to put an object there, compare it, change it and take it away again."""

_RBAC = "rbac.authorization.k8s.io"

STAGE = "Kubernetes"
"""What a stage has of Kubernetes' own kinds, beside its workloads."""
KEPTN = "Keptn"
ARGO_CD = "Argo CD"


@dataclass(frozen=True)
class Definition:
    """A custom resource that `product` defines: served as `resource` in `group`/`version`."""

    product: str
    group: str
    version: str
    resource: str

    @property
    def name(self) -> str:
        """The name of its CustomResourceDefinition."""
        return f"{self.resource}.{self.group}"


@dataclass(frozen=True, order=True)
class Right:
    """A thing that may be done: `verb` on `resource` of `group` (empty: core), in `namespace` (empty: the cluster)."""

    namespace: str
    group: str
    resource: str
    verb: str

    @property
    def name(self) -> str:
        """The resource as kubectl names it: `secrets`, `applications.argoproj.io`."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


APPLICATIONS = Definition(ARGO_CD, "argoproj.io", "v1alpha1", "applications")
APPLICATION_SETS = Definition(ARGO_CD, "argoproj.io", "v1alpha1", "applicationsets")
DEFINITIONS = (
    Definition(KEPTN, "lifecycle.keptn.sh", "v1", "keptntaskdefinitions"),
    Definition(KEPTN, "lifecycle.keptn.sh", "v1", "keptnappcontexts"),
    Definition(KEPTN, "lifecycle.keptn.sh", "v1", "keptnapps"),
    Definition(KEPTN, "lifecycle.keptn.sh", "v1", "keptnappversions"),
    APPLICATIONS,
)
"""What every stack, its charts and its promotion task use."""


@dataclass(frozen=True)
class Target:
    """One cluster of a stack: its context, the keys of context and kubeconfig, and whose objects go there."""

    context: str
    keys: tuple[str, str]
    products: tuple[str, ...]


def targets(configuration: StackConfiguration, present: Container[str] = ()) -> tuple[Target, ...]:
    """The stage's cluster, and Argo CD's where it is another one; `present` are the secrets that are set."""
    cluster = configuration.cluster
    own = (STAGE, KEPTN) if configuration.stage.with_keptn else (STAGE,)
    if not cluster.argocd_context:
        return (Target(cluster.context, KEYS, (*own, ARGO_CD)),)
    of_argocd = "argocdKubeconfig" if "argocdKubeconfig" in present else "kubeconfig"
    return (
        Target(cluster.context, KEYS, own),
        Target(cluster.argocd_context, ("argocdContext", of_argocd), (ARGO_CD,)),
    )


def argocd_kinds(configuration: StackConfiguration) -> tuple[Definition, ...]:
    """What the stack declares of Argo CD's: Applications, and sets that make them for charts of a registry."""
    charts = {placed.application.chart is not None for placed in configuration.stage_applications}
    found = {False: APPLICATIONS, True: APPLICATION_SETS}
    return tuple(found[chart] for chart in sorted(charts)) or (APPLICATIONS,)


def definitions(configuration: StackConfiguration, product: str) -> tuple[Definition, ...]:
    """What the stack uses of this product's."""
    known = dict.fromkeys(DEFINITIONS) | (dict.fromkeys(argocd_kinds(configuration)) if product == ARGO_CD else {})
    return tuple(definition for definition in known if definition.product == product)


def rights(configuration: StackConfiguration, products: Container[str] = (STAGE, ARGO_CD)) -> tuple[Right, ...]:
    """What an update of this stack does in the cluster with these products, as rights; sorted."""
    needed: set[Right] = set()
    if ARGO_CD in products:
        namespace = configuration.argocd.namespace
        kinds = argocd_kinds(configuration)
        needed |= {Right(namespace, kind.group, kind.resource, verb) for kind in kinds for verb in VERBS}
    if STAGE not in products:
        return tuple(sorted(needed))
    needed |= {Right("", "", "namespaces", verb) for verb in VERBS}
    access = promotion_access(configuration)
    resources: list[tuple[str, str]] = []
    if configuration.stage.with_keptn and (stage_task_specs(configuration) or access):
        resources.append(("lifecycle.keptn.sh", "keptntaskdefinitions"))
    if access:
        resources += [("", "secrets")] if access.secret else []
        resources += [("", "serviceaccounts")]
        resources += [(_RBAC, "roles"), (_RBAC, "rolebindings")]
    for stage_application in configuration.stage_applications:
        needed |= {Right(stage_application.namespace, group, name, verb) for group, name in resources for verb in VERBS}
    return tuple(sorted(needed))


def platform_rights(namespaces: Iterable[str], webhooks: bool) -> tuple[Right, ...]:
    """What an update of the platform's stack does, as rights; sorted. Keptn is declared with `webhooks`."""
    cluster = [("", "namespaces"), ("apiextensions.k8s.io", "customresourcedefinitions")]
    cluster += [(_RBAC, "clusterroles"), (_RBAC, "clusterrolebindings")]
    admission = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
    cluster += [("admissionregistration.k8s.io", kind) for kind in admission if webhooks]
    own = [("", kind) for kind in ("configmaps", "secrets", "serviceaccounts", "services")]
    own += [("apps", "deployments"), ("apps", "statefulsets"), ("networking.k8s.io", "networkpolicies")]
    own += [(_RBAC, "roles"), (_RBAC, "rolebindings")]
    needed = {Right("", group, kind, verb) for group, kind in cluster for verb in VERBS}
    needed |= {Right(space, group, kind, verb) for space in namespaces for group, kind in own for verb in VERBS}
    # Argo CD's roles grant more than any list here: nobody grants what they may not do themselves, but with these.
    return tuple(sorted(needed | {Right("", _RBAC, "clusterroles", verb) for verb in ("bind", "escalate")}))


ALL_RIGHTS = Right("", "*", "*", "*")
"""What an administrator of the cluster may."""


def granted_rights(configuration: StackConfiguration) -> tuple[Right, ...]:
    """What the promotion task's role grants. Kubernetes lets nobody grant what they may not do themselves."""
    access = promotion_access(configuration)
    return tuple(
        sorted(
            Right(stage_application.namespace, group, resource, verb)
            for stage_application in configuration.stage_applications
            for rule in (access.rules if access else ())
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        )
    )
