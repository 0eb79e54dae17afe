"""The Argo CD Application that keeps one application of one stage as git says, or the ApplicationSet that makes it."""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from delivery.stack.plan import ArgoCDApplicationPlan


class ArgoCDApplication(pulumi.ComponentResource):
    """Declares the Application in Argo CD's namespace, once everything in `needs` is there.

    Argo CD syncs at once: it has to find the chart, and Keptn its tasks. `application` is the Application's
    name, known once it exists.
    """

    application: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        plan: ArgoCDApplicationPlan,
        needs: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("delivery:components:ArgoCDApplication", name, None, opts)
        created = CustomResource(
            name,
            api_version="argoproj.io/v1alpha1",
            kind=plan.kind,
            metadata=ObjectMetaArgs(
                name=plan.name,
                namespace=plan.namespace,
                labels=plan.labels or None,
                annotations=plan.annotations or None,
                finalizers=list(plan.finalizers) or None,
            ),
            spec=plan.spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(needs)),
        )
        self.application = created.urn.apply(lambda _: plan.name)
        self.register_outputs({"application": self.application})
