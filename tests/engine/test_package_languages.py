"""The component package in the real engine: programs in other languages declare what the Python program declares.

`tests/contract/golden/languages.yaml` holds that once, for all languages, with long texts left out.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.forge import Forge
from lab.pulumi_cli import installed_cli
from tests.contract.golden import keep
from tests.engine.languages import LANGUAGES, OtherTeam, checkout_to_install, missing, server, with_providers
from tests.engine.team import Team
from tests.engine.test_secrets import leaks

STAGES = ("dev", "production")
_SECRET = "4dabf18193072939515e22adb298388d"
"""The key by which Pulumi marks special values, and in a state nothing but secrets."""

spoken_here = [
    pytest.param(language, marks=pytest.mark.skipif(bool(missing(language)), reason=missing(language)))
    for language in LANGUAGES
]


def masked(value: Any) -> Any:
    """A value from a state, without what differs in each state: how a secret is encrypted."""
    if isinstance(value, dict):
        return "[secret]" if _SECRET in value else {key: masked(each) for key, each in sorted(value.items())}
    return [masked(each) for each in value] if isinstance(value, list) else value


def short(value: Any) -> Any:
    """A value without its long texts."""
    if isinstance(value, dict):
        return {key: short(each) for key, each in value.items()}
    if isinstance(value, list):
        return [short(each) for each in value]
    return "<text>" if isinstance(value, str) and ("\n" in value or len(value) > 120) else value


def placeless(team: Team, text: str) -> str:
    """A text without where this team's forge and files are."""
    return text.replace(str(team.folder), "/FOLDER").replace(team.forge.url, "http://FORGE")


def declared(team: Team, stack: str) -> list[dict[str, Any]]:
    """The resources of a stack below its stage, as its state has them; urns without project."""
    text = placeless(team, team.pulumi("stack", "export", "--stack", stack))
    # Below a stage that a program has named, its name stands before all others; its providers are below it, too.
    state = json.loads(text.replace("::delivery-", "::").replace("delivery:index:Stage$", ""))
    found = []
    for resource in state["deployment"]["resources"]:
        kind, name = resource["urn"].split("::")[2:]
        # The stack and its stage have the names that people give them, and the package has a provider, too.
        if kind.split("$")[-1] in ("pulumi:pulumi:Stack", "delivery:index:Stage", "pulumi:providers:delivery"):
            continue
        found.append(
            {
                "type": kind,
                "name": name,
                "provider": resource.get("provider", "").rpartition("::")[0].rpartition("::")[2],
                "inputs": masked(resource.get("inputs", {})),
                "dependsOn": sorted(
                    urn.partition("::")[2].partition("::")[2] for urn in resource.get("dependencies", [])
                ),
            }
        )
    return sorted(found, key=lambda each: (each["type"], each["name"]))


def keep_declared(stacks: dict[str, list[dict[str, Any]]]) -> None:
    """Hold what the stages' stacks have against the golden file: types, names and properties."""
    kept = {
        stage: {f"{each['type'].rpartition('$')[2]} {each['name']}": short(each["inputs"]) for each in resources}
        for stage, resources in stacks.items()
    }
    keep("languages.yaml", kept)


def test_the_python_program_declares_what_the_golden_file_says(team: Team) -> None:
    for stage in STAGES:
        assert team.up(stage).status == 0

    keep_declared({stage: declared(team, stage) for stage in STAGES})


@pytest.mark.parametrize("language", spoken_here)
def test_another_language_declares_the_same_and_an_update_after_that_changes_nothing(
    tmp_path: Path, team: Team, language: str
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    with Forge(folder / "forge") as forge:
        other = OtherTeam(folder, forge, language)
        for stage in STAGES:
            python, shown = team.up(stage), other.preview(stage, f"--otel-traces=file://{tmp_path}/traces.json")
            done = other.up(stage)
            assert (python.status, shown.status, done.status) == (0, 0, 0), python.text + shown.text + done.text
            assert shown.changes == done.changes
            assert placeless(other, json.dumps(done.outputs)) == placeless(team, json.dumps(python.outputs))
            assert leaks(shown.text + done.text + other.pulumi("stack", "export", "--stack", stage)) == []
            assert other.up(stage, "--expect-no-changes").status == 0
        found = {stage: declared(other, stage) for stage in STAGES}
        assert found == {stage: declared(team, stage) for stage in STAGES}
        assert [other.manifests(stage) for stage in STAGES] == [team.manifests(stage) for stage in STAGES]
        assert other.files() == team.files()
    keep_declared(found)


@pytest.mark.parametrize("language", spoken_here)
def test_a_mistake_in_an_input_ends_in_one_line_that_names_it(tmp_path: Path, forge: Forge, language: str) -> None:
    other = OtherTeam(tmp_path, forge, language)
    quote = "" if language == "yaml" else '"'
    other.edit(f"after: [{quote}dev{quote}]", f"after: [{quote}dve{quote}]")

    refused = other.up("production")

    assert refused.status != 0
    said = refused.text.partition("\nDiagnostics:\n")[2].partition("\nResources:\n")[0]
    assert [line.partition(":")[0].strip() for line in said.splitlines() if ": found " in line] == [
        "stages[1].after[0]"
    ]
    assert 'File "' not in said
    assert other.files() == ["README.md"]


@pytest.mark.parametrize("host", ["nodejs", "python", "go"])
def test_the_package_has_an_sdk_in_each_language(tmp_path: Path, team: Team, host: str) -> None:
    if shutil.which(f"pulumi-language-{host}") is None:
        pytest.skip(f"not on PATH: pulumi-language-{host}, which comes with the Pulumi CLI")

    team.pulumi("package", "gen-sdk", str(server(tmp_path)), "--language", host, "--out", str(tmp_path / "sdk"))

    made = {path.stem.lower() for path in (tmp_path / "sdk").rglob("*")}
    assert made >= {"pipeline", "stage"}


def test_package_add_installs_the_package_from_a_path_and_names_it_in_the_project(tmp_path: Path, team: Team) -> None:
    package = checkout_to_install(tmp_path / "delivery") / "package"
    project = team.engine.project / "own"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: own\nruntime: yaml\n", encoding="utf-8")

    with_providers(Path(team.engine.environment["PULUMI_HOME"]))
    environment = team.engine.environment | {"PIP_NO_INDEX": "1", "PULUMI_PYTHON_CMD": sys.executable}

    done = installed_cli().run(["package", "add", str(package)], str(project), environment)

    assert "pulumi-kubernetes==" in done.stdout + done.stderr
    project_file = yaml.safe_load((project / "Pulumi.yaml").read_text(encoding="utf-8"))
    assert project_file["packages"] == {"delivery": str(package)}
