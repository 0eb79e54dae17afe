"""The namespace of one application in one stage, which Keptn watches."""

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from delivery.model.pipeline import StageApplication
from delivery.stack.manifests import NAMESPACE_ANNOTATIONS


class StageNamespace(pulumi.ComponentResource):
    """Declares the Namespace. `namespace` is its name, known once it exists."""

    namespace: pulumi.Output[str]

    def __init__(
        self, name: str, stage_application: StageApplication, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("delivery:components:StageNamespace", name, None, opts)
        created = Namespace(
            name,
            metadata=ObjectMetaArgs(name=stage_application.namespace, annotations=NAMESPACE_ANNOTATIONS),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.namespace = created.metadata.name
        self.register_outputs({"namespace": self.namespace})
