"""A namespace that several applications of a stage have, and what is one for all of them there.

Its resources are called by the namespace, not by one of the applications: so any of these can go, and be the last one
there or the first, while the namespace stays.
"""

from collections.abc import Mapping

import pulumi

from components.keptn_tasks import KeptnTasks
from components.promotion_access import PromotionAccess
from components.stage_namespace import StageNamespace
from delivery.stack.plan import SharedNamespacePlan

_TYPE = "delivery:components:SharedNamespace"
_OF_ONE = "delivery:components:ApplicationInStage"


class SharedNamespace(pulumi.ComponentResource):
    """Declares the Namespace, the access and the stage's tasks of `plan`. `token` is the promotion task's.

    `namespace` is its name, known once it exists.
    """

    namespace: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        plan: SharedNamespacePlan,
        token: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(_TYPE, name, None, opts)
        before = {each: pulumi.create_urn(each, _OF_ONE) for each in plan.applications}
        own = pulumi.ResourceOptions(parent=self, aliases=aliases(before))
        self.namespace = StageNamespace(name, name, plan.annotations, opts=own).namespace
        if plan.access is not None:
            PromotionAccess(name, plan.access, self.namespace, token, opts=own)
        # The applications keep theirs, with the promotion task.
        if plan.tasks is not None:
            KeptnTasks(name, self.namespace, plan.tasks, before, opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({"namespace": self.namespace})


def formerly_shared(application: str, namespace: str) -> dict[str, pulumi.Output[str]]:
    """What had an application's part before by this name, by URN: nothing where the namespace has the own name."""
    return {} if application in namespace else {namespace: pulumi.create_urn(namespace, _TYPE)}


def aliases(before: Mapping[str, pulumi.Input[str]]) -> list[pulumi.Alias | pulumi.Input[str]]:
    """The aliases of a component that had one of these names before, each with its parent's URN."""
    return [pulumi.Alias(name=name, parent=parent) for name, parent in before.items()]
