"""The README says what is so: its keys, defaults, targets, messages and files are held against the code."""

import re
from pathlib import Path

import pytest
import yaml

from delivery.config.files import read_stack_config
from delivery.config.keys import TABLE
from delivery.config.reader import parse

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("delivery", "components", "gitops", "lab/forge")
    for path in sorted((ROOT / folder).rglob("*.py"))
)


def section(title: str) -> str:
    """The text under one heading."""
    return README.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def tables(text: str) -> list[list[list[str]]]:
    """The cells of every row of every table in `text`, without the heads."""
    found = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [[[cell.strip() for cell in line[1:-1].split("|")] for line in each.splitlines()[2:]] for each in found]


def code(cell: str) -> list[str]:
    """What stands in a cell as code."""
    return re.findall(r"`([^`]+)`", cell)


def test_the_files_that_are_shown_are_a_configuration(tmp_path: Path) -> None:
    shared, own = re.findall(r"```yaml\n(# (\S+)\n.*?)```", section("Configuration"), re.DOTALL)
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
    project["config"] |= yaml.safe_load(shared[0])["config"]
    (tmp_path / shared[1]).write_text(yaml.safe_dump(project), encoding="utf-8")
    (tmp_path / own[1]).write_text(own[0], encoding="utf-8")

    values = read_stack_config(tmp_path, "staging").values
    found = parse({key.removeprefix("delivery:"): text for key, text in values.items()}, "staging")

    assert (found.stage.after, found.promotes_to) == (("dev",), ("production",))
    assert (found.cluster.context, found.checks.post_deployment_tasks) == ("staging-cluster", ("post-deployment",))
    assert found.pipeline.repository.owner == "acme"


def test_git_ignores_the_folder_to_which_secrets_are_rendered() -> None:
    rendered = TABLE["renderManifestsTo"].default
    assert f"/{rendered}/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_command_for_scripts_is_the_one_that_make_doctor_runs() -> None:
    [told] = re.findall(r"`.venv/bin/(python -m delivery\.doctor [^`]+)`", README)
    [run] = re.findall(r"^\t@\$\(BIN\)/(python -m delivery\.doctor --stack .*)", MAKEFILE, re.MULTILINE)
    assert told == run.replace("$(STACK)", "dev").replace("$(if $(JSON),--json)", "--json")


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`?make ([a-z-]+)", README))))
def test_every_target_that_is_named_exists(target: str) -> None:
    assert re.search(rf"^{target}:.*## ", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_file_that_is_linked_exists(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(
    "message",
    [
        row[0]
        for row in tables(section("Troubleshooting"))[0]
        if row[0].startswith("`") and "stack is currently" not in row[0] and "already exists" not in row[0]
    ],
)
def test_every_message_that_is_explained_is_said_somewhere(message: str) -> None:
    # A message is told with its variable parts left out or made up: each constant part has to be in the sources.
    for part in re.split(r"…|#7|main:|dev/values\.yaml", message.strip("`")):
        assert part.strip(" :;") in SOURCES, part
