"""The namespace of one application in one stage, which Keptn watches."""

from collections.abc import Mapping

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs


class StageNamespace(pulumi.ComponentResource):
    """Declares the Namespace called `namespace`. The output of that name is known once it exists."""

    namespace: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        namespace: str,
        annotations: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("delivery:components:StageNamespace", name, None, opts)
        created = Namespace(
            name,
            metadata=ObjectMetaArgs(name=namespace, annotations=annotations or None),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.namespace = created.metadata.name
        self.register_outputs({"namespace": self.namespace})
