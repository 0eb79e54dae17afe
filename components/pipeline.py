"""The whole pipeline in one program: every stage, each after those that promote into it."""

from collections.abc import Sequence

import pulumi

from components.stage import Stage, StageOutputs, StageParts


class Pipeline(pulumi.ComponentResource):
    """Declares `stages`, in this order: the files of one repository are committed one after another."""

    stages: pulumi.Output[dict[str, StageOutputs]]

    def __init__(self, name: str, stages: Sequence[StageParts], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("delivery:index:Pipeline", name, None, opts)
        last: pulumi.Resource | None = None
        outputs: dict[str, StageOutputs] = {}
        for parts in stages:
            stage = f"{name}-{parts.plan.stage}"
            declared = Stage(stage, parts, last, f"{stage}-", pulumi.ResourceOptions(parent=self))
            last, outputs[parts.plan.stage] = declared.last, declared.outputs
        self.stages = pulumi.Output.from_input(outputs)
        self.register_outputs({"stages": self.stages})
