"""A namespace that several applications of a stage have, and what is one for all of them there.

Its resources are called by the namespace, not by one of the applications: so any of these can go, and be the last one
there or the first, while the namespace stays.
"""

import pulumi

from components.formerly import Formerly, aliases, formerly
from components.keptn_tasks import KeptnTasks
from components.promotion_access import PromotionAccess
from components.stage_namespace import StageNamespace
from delivery.stack.plan import SharedNamespacePlan

_TYPE = "delivery:components:SharedNamespace"
_OF_ONE = "delivery:components:ApplicationInStage"


class SharedNamespace(pulumi.ComponentResource):
    """Declares the Namespace, the access and the stage's tasks of `plan`. `token` is the promotion task's.

    `prefix` stands before the names of the stage's resources. `namespace` is its name, known once it exists.
    """

    namespace: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        plan: SharedNamespacePlan,
        token: pulumi.Input[str],
        prefix: str = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(_TYPE, name, None, opts)
        before = [was for each in plan.applications for was in formerly(f"{prefix}{each}", _OF_ONE, opts)]
        own = pulumi.ResourceOptions(parent=self, aliases=aliases(before))
        self.namespace = StageNamespace(name, plan.namespace, plan.annotations, opts=own).namespace
        if plan.access is not None:
            PromotionAccess(name, plan.access, self.namespace, token, opts=own)
        # The applications keep theirs, with the promotion task.
        if plan.tasks is not None:
            KeptnTasks(name, self.namespace, plan.tasks, before, opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({"namespace": self.namespace})


def formerly_shared(
    application: str, namespace: str, prefix: str, opts: pulumi.ResourceOptions | None
) -> list[Formerly]:
    """What had the part of an application, whose options these are, before: nothing where it alone has such a name."""
    return [] if application in namespace else formerly(f"{prefix}{namespace}", _TYPE, opts)
