"""The example pipelines, each adopted from the Argo CD Applications that would have deployed its files before."""

import json
from pathlib import Path

import pytest

from delivery.adopt.grouping import Hints
from delivery.config.errors import Json
from delivery.config.files import read_project_config, read_stack_config
from delivery.config.reader import parse
from delivery.model.pipeline import StageApplication
from delivery.model.stack import StackConfiguration
from delivery.stack.manifests import argocd_application_spec
from tests.delivery.adopt.layouts import adopted, differing, left_out

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def configuration(folder: Path, stage: str) -> StackConfiguration:
    values = read_stack_config(folder, stage).values
    return parse({key.partition(":")[2]: value for key, value in values.items()}, stage)


def deployed(stack: StackConfiguration, placed: StageApplication) -> dict[str, Json]:
    """The Application as it was: the team's source alone."""
    spec = argocd_application_spec(stack, placed)
    sources = spec.pop("sources")
    assert isinstance(sources, list)
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": placed.argocd_application, "namespace": stack.argocd.namespace},
        "spec": {**spec, "source": sources[0]},
    }


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.iterdir() if (path / "gitops").exists()))
def test_an_example_is_adopted_as_it_is_configured(example: str) -> None:
    folder = EXAMPLES / example
    stages = tuple(each["name"] for each in json.loads(read_project_config(folder).values["delivery:stages"]))
    stacks = {stage: configuration(folder, stage) for stage in stages}
    own = [
        (stack, placed)
        for stack in stacks.values()
        for placed in stack.stage_applications
        if placed.application.own_files
    ]
    files = {
        str(path.relative_to(folder / "gitops")): path.read_text(encoding="utf-8")
        for path in (folder / "gitops").rglob("*")
        if path.is_file()
    }

    adoption = adopted(files, [deployed(stack, placed) for stack, placed in own], Hints(stages))

    assert not left_out(adoption)
    assert not differing(adoption)
    for stack, placed in own:
        values = {**adoption.project, **adoption.stacks[stack.stage.name]}
        raw = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
        found = parse(raw, stack.stage.name)
        (same,) = (each for each in found.stage_applications if each.application.name == placed.application.name)
        assert deployed(found, same) == deployed(stack, placed)
        assert (same.namespace, same.path) == (placed.namespace, placed.path)
        assert {str(same.in_repository(path)) for path in same.application.reads} == {
            str(placed.in_repository(path)) for path in placed.application.reads
        }
        promoted = {(same.in_repository(key.file), key.key) for key in same.application.promoted_keys}
        assert promoted == {(placed.in_repository(key.file), key.key) for key in placed.application.promoted_keys}
