"""What has to run in a cluster before a stage can be deployed there: Argo CD, Keptn, a collector, a place for traces.

The objects of a chart are resources of this stack: a preview shows each, and `destroy` takes them away, definitions of
kinds included. Helm's own hooks do not run; what one of them would make is declared here.
"""

import secrets as random
from collections.abc import Iterable, Mapping, Sequence

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Namespace, Secret
from pulumi_kubernetes.helm.v4 import Chart, RepositoryOptsArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

from delivery.platform.plan import KEPTN_CONFIG, ChartPlan, PlatformPlan, PolicyPlan, SecretPlan


class Platform(pulumi.ComponentResource):
    """Declares `plan`, with the `secrets` that it names by their configuration keys.

    `before_delete` has the hooks of some parts: each runs before anything of its part is deleted, by an update that
    leaves the part out or with the whole platform, and stops that when it fails.
    """

    namespaces: list[pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        plan: PlatformPlan,
        secrets: Mapping[str, pulumi.Output[str]],
        before_delete: Mapping[str, pulumi.ResourceHook],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("delivery:components:Platform", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        needs: list[pulumi.Resource] = []
        for namespace, labels in plan.namespaces.items():
            needs.append(Namespace(namespace, metadata=ObjectMetaArgs(name=namespace, labels=labels), opts=own))
        inside = pulumi.ResourceOptions(parent=self, depends_on=[*needs])
        for policy in plan.policies:
            needs.append(_policy(policy, inside))
        needs += [_secret(secret, secrets, inside) for secret in plan.secrets]
        up: dict[str, pulumi.Output[list[pulumi.Resource]]] = {}
        for chart in plan.charts:
            up[chart.release] = _chart(chart, [*needs], [up[release] for release in chart.after], self)
        last: list[pulumi.Resource] = []
        if plan.keptn_config is not None:
            metadata = ObjectMetaArgs(name=KEPTN_CONFIG.name, namespace=KEPTN_CONFIG.namespace)
            config = CustomResource(
                KEPTN_CONFIG.name,
                api_version=KEPTN_CONFIG.api_version,
                kind=KEPTN_CONFIG.kind,
                metadata=metadata,
                spec={**plan.keptn_config},
                opts=pulumi.ResourceOptions(parent=self, depends_on=_all(up.values())),
            )
            last.append(config)
        everything = _all(up.values(), [*needs, *last])
        for part in dict.fromkeys(chart.pin.part for chart in plan.charts if chart.pin.part in before_delete):
            _Guard(f"{name}-{part}", before_delete[part], everything, self)
        self.namespaces = [pulumi.Output.from_input(namespace) for namespace in plan.namespaces]
        self.register_outputs({"namespaces": self.namespaces})


class _Guard(pulumi.ComponentResource):
    """Nothing but a resource after all others, which is deleted before them: what its hook refuses stays as it is."""

    def __init__(
        self,
        name: str,
        before_delete: pulumi.ResourceHook,
        everything: pulumi.Output[list[pulumi.Resource]],
        parent: pulumi.Resource,
    ) -> None:
        hooks = pulumi.ResourceHookBinding(before_delete=[before_delete])
        opts = pulumi.ResourceOptions(parent=parent, depends_on=everything, hooks=hooks)
        super().__init__("delivery:components:PlatformGuard", name, None, opts)
        self.register_outputs({})


def _chart(
    plan: ChartPlan,
    needs: list[pulumi.Resource],
    after: list[pulumi.Output[list[pulumi.Resource]]],
    parent: pulumi.Resource,
) -> pulumi.Output[list[pulumi.Resource]]:
    """Declare the chart. Returns its objects, which are there once those are ready."""
    chart = Chart(
        plan.release,
        name=plan.release,
        namespace=plan.pin.namespace,
        chart=plan.chart,
        version=plan.version or None,
        repository_opts=RepositoryOptsArgs(repo=plan.repository) if plan.repository else None,
        values={**plan.values},
        opts=pulumi.ResourceOptions(parent=parent, depends_on=_all(after, needs)),
    )
    # The chart itself is declared before its objects are there.
    return chart.resources.apply(lambda objects: [chart, *(objects or [])])


def _all(
    outputs: Iterable[pulumi.Output[list[pulumi.Resource]]],
    more: Sequence[pulumi.Resource] = (),
) -> pulumi.Output[list[pulumi.Resource]]:
    return pulumi.Output.all(*outputs).apply(lambda lists: [*more, *(one for found in lists for one in found)])


def _policy(plan: PolicyPlan, opts: pulumi.ResourceOptions) -> pulumi.Resource:
    senders = [NetworkPolicyPeerArgs(pod_selector=_pods(labels)) for labels in plan.senders]
    ports = [NetworkPolicyPortArgs(port=port, protocol="TCP") for port in plan.ports]
    return NetworkPolicy(
        f"{plan.namespace}/{plan.name}",
        metadata=ObjectMetaArgs(name=plan.name, namespace=plan.namespace),
        spec=NetworkPolicySpecArgs(
            pod_selector=_pods(plan.pods),
            policy_types=["Ingress"],
            ingress=[NetworkPolicyIngressRuleArgs(from_=senders or None, ports=ports)] if ports else [],
        ),
        opts=opts,
    )


def _pods(labels: Mapping[str, str]) -> LabelSelectorArgs:
    return LabelSelectorArgs(match_labels=labels or None)


def _secret(
    plan: SecretPlan, secrets: Mapping[str, pulumi.Output[str]], opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    data: dict[str, pulumi.Input[str]] = {**plan.data}
    data |= {field: secrets[key] for field, key in plan.secret_data.items()}
    if plan.generated:
        data[plan.generated] = pulumi.Output.secret(random.token_urlsafe(32))
        # A new one at every run, of which the first stays; the provider keeps it as `data`.
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["stringData", "data"]))
    metadata = ObjectMetaArgs(name=plan.name, namespace=plan.namespace, labels=plan.labels or None)
    return Secret(f"{plan.namespace}/{plan.name}", metadata=metadata, string_data=data, opts=opts)
