"""The Keptn task definitions of one application in one stage: its own tasks, and `promote` where it promotes."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.formerly import Formerly
from delivery.config.errors import Json

_TYPE = "delivery:components:KeptnTasks"


class KeptnTasks(pulumi.ComponentResource):
    """Declares one KeptnTaskDefinition for each of `specs`, by name. `names` are theirs, once they exist.

    They may have been another component's before: `formerly` has the names of such.
    """

    names: list[pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        namespace: pulumi.Input[str],
        specs: Mapping[str, Mapping[str, Json]],
        formerly: Sequence[Formerly] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(_TYPE, name, None, opts)
        self.names = []
        before = [(old, pulumi.create_urn(old, _TYPE, parent)) for old, parent in formerly]
        for task, spec in specs.items():
            definition = CustomResource(
                f"{name}/{task}",
                api_version="lifecycle.keptn.sh/v1",
                kind="KeptnTaskDefinition",
                metadata=ObjectMetaArgs(name=task, namespace=namespace),
                spec=spec,
                opts=pulumi.ResourceOptions(
                    parent=self,
                    aliases=[pulumi.Alias(name=f"{old}/{task}", parent=tasks) for old, tasks in before],
                ),
            )
            self.names.append(pulumi.Output.all(task, definition.urn).apply(lambda known: str(known[0])))
        self.register_outputs({"names": self.names})
