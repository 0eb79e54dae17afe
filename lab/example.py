"""The pipelines that the lab plays: the shipped one, and those under `examples/`.

An example is a project of its own (`Pulumi.yaml`, a file for each stack) that runs this program, and in `gitops/` what
its team has in the GitOps repository before the first update.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from delivery.config.files import PROJECT, other_names, read_project_config, read_stack_config
from delivery.config.keys import OWN_NAMES
from delivery.config.reader import parse
from delivery.model.pipeline import Application, Pipeline
from delivery.model.promoted_keys import StageValues
from lab.engine import PROGRAM

EXAMPLES = PROGRAM / "examples"


def example_names() -> tuple[str, ...]:
    """What there is to choose from; a program in another language has no GitOps repository of its own."""
    return tuple(sorted(path.parent.name for path in EXAMPLES.glob("*/gitops")))


@dataclass(frozen=True)
class Example:
    """A pipeline, by the folder of its `Pulumi.yaml`: the shipped one unless told otherwise.

    `verification` says for stages what verifies them, where that is not what the file says.
    """

    project: Path = PROGRAM
    verification: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def settings(self) -> dict[str, str]:
        """The keys of the pipeline that differ from the file's."""
        if not self.verification:
            return {}
        stages = json.loads(read_project_config(self.project).values[f"{PROJECT}:stages"])
        changed = [
            stage | ({"verification": self.verification[stage["name"]]} if stage["name"] in self.verification else {})
            for stage in stages
        ]
        return {"stages": json.dumps(changed)}

    @cached_property
    def pipeline(self) -> Pipeline:
        """The pipeline, as the program reads it. Raises `StackFilesError` or `ConfigError`."""
        stages = json.loads(read_project_config(self.project).values[f"{PROJECT}:stages"])
        first: str = stages[0]["name"]
        values = read_stack_config(self.project, first).values
        given = {key.removeprefix(f"{PROJECT}:"): text for key, text in values.items()} | self.settings
        return parse(given, first, other_names=other_names(self.project, first, OWN_NAMES)).pipeline

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The team's own files in the GitOps repository."""
        folder = self.project / "gitops"
        if self.project == PROGRAM or not folder.is_dir():
            return {"README.md": b"# What Argo CD reads\n"}
        paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}

    @cached_property
    def tasks(self) -> dict[str, str | None]:
        """The tasks of the file, by name."""
        found: dict[str, str | None] = json.loads(
            read_project_config(self.project).values.get(f"{PROJECT}:tasks", "{}")
        )
        return found

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages, in the order of `Pulumi.yaml`."""
        return tuple(stage.name for stage in self.pipeline.stages)

    def values(self, application: Application, stage: str) -> StageValues:
        """Where that stage has the promoted values of an application."""
        placed = self.pipeline.stage_application(application.name, stage)
        return StageValues(stage, placed.path, application.promoted_keys, f"{placed.program_path}/values.yaml")
