"""Every pipeline under `examples/` in the real engine, from its own `Pulumi.yaml`."""

from pathlib import Path

import pytest

from lab.example import EXAMPLES, Example, example_names
from lab.forge import Forge
from tests.engine.policy import judged
from tests.engine.team import REPOSITORY, Team


@pytest.mark.parametrize("name", example_names())
def test_an_example_goes_up_beside_its_team_s_files_and_stays_as_it_is(tmp_path: Path, forge: Forge, name: str) -> None:
    example = Example(EXAMPLES / name)
    team = Team(tmp_path, forge, example)
    # Of many stages the first one, which owns the repository's files, has everything that the others have.
    for stage in example.stages if len(example.stages) == 2 else example.stages[:1]:
        done = team.up(stage)

        assert done.status == 0, done.text
        placed = [found for found in example.pipeline.stage_applications if found.stage.name == stage]
        assert {f"Application {found.argocd_application}" for found in placed} <= set(team.manifests(stage))
        assert {f"{found.program_path}/platform.yaml" for found in placed} <= set(team.files())
        again = team.preview(stage, "--expect-no-changes", *judged())
        assert again.status == 0, again.text
    assert {path: team.read(path).encode() for path in example.files} == example.files


def test_a_stack_that_promotes_itself_declares_every_file_of_the_team_that_a_promotion_changes(
    tmp_path: Path, forge: Forge
) -> None:
    team = Team(tmp_path, forge, Example(EXAMPLES / "kustomize")).promoting()
    overlay = "apps/shop/overlays/{}/kustomization.yaml"
    released = team.read(overlay.format("dev")).replace("v1.4.0", "v1.5.0")
    forge.commit(REPOSITORY, {overlay.format("dev"): released}, "Deploy v1.5.0 to dev")

    done = team.up("production")

    assert done.status == 0, done.text
    [pull] = team.pulls()
    forge.merge(REPOSITORY, pull.number)
    assert team.read(overlay.format("production")).count("v1.5.0") == 2
    assert "replicas:" in team.read(overlay.format("production"))
    after = team.up("production")
    assert after.status == 0, after.text
    assert team.read(overlay.format("production")).count("v1.5.0") == 2
    assert team.states() == ["merged"]
