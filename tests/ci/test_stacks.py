"""The stages as a workflow reads them, and the providers that the engine tier is given."""

import json
from pathlib import Path

import pytest

from ci import providers, stacks
from delivery.doctor.toolchain import locked_versions
from tests.ci.tools import FakePulumi


def test_the_stages_are_those_of_the_project_with_what_they_come_after() -> None:
    assert stacks.stages(stacks.PROJECT) == {"dev": (), "production": ("dev",)}


def test_a_workflow_gets_them_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "output"
    output.write_text("before=1\n")
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    assert stacks.main() == 0
    before, line = output.read_text().splitlines()
    assert before == "before=1"
    assert json.loads(line.removeprefix("stages=")) == ["dev", "production"]


@pytest.mark.parametrize("key", ["delivery:stages", "stages"])
@pytest.mark.parametrize("kept", ["value", "default"])
def test_the_stages_are_read_wherever_the_cli_takes_them_from(tmp_path: Path, key: str, kept: str) -> None:
    text = f"config:\n  {key}:\n    {kept}: [{{name: dev}}, {{name: on, after: [dev]}}]\n"
    (tmp_path / "Pulumi.yaml").write_text(text)
    assert stacks.stages(tmp_path) == {"dev": (), "on": ("dev",)}


@pytest.mark.parametrize("text", ["", "config: []\n", "config: {delivery:stages: {value: [3]}}\n", "a: [\n", "\t"])
def test_a_project_without_a_pipeline_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"^Pulumi\.yaml has no readable list delivery:stages .*: see README\.md$"):
        stacks.stages(tmp_path)


def test_both_providers_are_installed_at_the_locked_versions_and_put_on_the_path(tmp_path: Path) -> None:
    pulumi = FakePulumi(tmp_path / "bin", (0, "", ""))
    path = tmp_path / "path"
    assert providers.main(pulumi.environment(PULUMI_HOME=str(tmp_path / "home"), GITHUB_PATH=str(path))) == 0
    locked = locked_versions(stacks.PROJECT)
    assert sorted(call[3:] for call in pulumi.calls) == [
        ["github", locked["pulumi-github"]],
        ["kubernetes", locked["pulumi-kubernetes"]],
    ]
    plugins = tmp_path / "home" / "plugins"
    assert sorted(path.read_text().splitlines()) == [
        str(plugins / f"resource-{name}-v{locked[f'pulumi-{name}']}") for name in ("github", "kubernetes")
    ]


def test_a_provider_that_cannot_be_installed_fails_the_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert providers.main(FakePulumi(tmp_path, (1, "", "no way there\n")).environment()) == 1
    assert "the providers were not installed" in capsys.readouterr().err
