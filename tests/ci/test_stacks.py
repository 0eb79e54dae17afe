"""The stages as a workflow reads them."""

from pathlib import Path

import pytest

from ci import stacks


def test_a_workflow_gets_the_stages_of_the_project_as_json(tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.write_text("before=1\n")
    assert stacks.main({"GITHUB_OUTPUT": str(output)}) == 0
    assert output.read_text() == 'before=1\nstages=["dev", "production"]\n'
    assert stacks.stages(stacks.PROJECT) == {"dev": (), "production": ("dev",)}


@pytest.mark.parametrize("key", ["delivery:stages", "stages"])
@pytest.mark.parametrize("kept", ["value", "default"])
def test_the_stages_are_read_wherever_the_cli_takes_them_from(tmp_path: Path, key: str, kept: str) -> None:
    text = f"config:\n  {key}:\n    {kept}: [{{name: dev}}, {{name: on, after: [dev]}}]\n"
    (tmp_path / "Pulumi.yaml").write_text(text)
    assert stacks.stages(tmp_path) == {"dev": (), "on": ("dev",)}


@pytest.mark.parametrize("text", ["", "config: []\n", "config: {delivery:stages: {value: [3]}}\n", "a: [\n", "\t"])
def test_a_project_without_a_pipeline_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text(text)
    with pytest.raises(stacks.StagesError):
        stacks.stages(tmp_path)
