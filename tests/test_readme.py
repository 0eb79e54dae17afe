"""The README says what is so: its keys, defaults, targets, messages and files are held against the code."""

import json
import re
from pathlib import Path

import pytest

from delivery.configuration import KEYS, parse
from delivery.configuration.problems import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("delivery", "components", "gitops", "lab/forge")
    for path in sorted((ROOT / folder).rglob("*.py"))
)

REQUIRED = {
    "repositoryOwner": "acme",
    "repositoryName": "gitops",
    "applications": json.dumps([{"name": "a", "image": "b"}]),
    "stages": json.dumps([{"name": "dev"}]),
}


def section(title: str) -> str:
    """The text under one heading."""
    return README.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every row of the tables in `text`, without their heads."""
    found = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:2] == "| "]
    return [row for row in found if not set(row[0]) <= set("-| ")][1:]


def test_the_table_of_configuration_has_every_key_and_no_other() -> None:
    documented = {key for row in rows(section("Configuration")) for key in re.findall(r"`(\w+)`", row[0])}
    assert documented == KEYS


def test_the_defaults_in_the_table_are_the_defaults() -> None:
    configuration = parse(REQUIRED, "dev")
    promotions, pipeline = configuration.pipeline.promotions, configuration.pipeline
    actual = {
        "defaultBranch": pipeline.repository.default_branch,
        "githubApiUrl": pipeline.repository.api_url,
        "promotionEngine": promotions.engine,
        "promotionRetries": str(promotions.retries),
        "promotionTimeoutSeconds": str(promotions.timeout_seconds),
        "promotionTtlSeconds": str(promotions.ttl_seconds),
        "argocdFinalizer": str(configuration.argocd.finalizer).lower(),
        "cluster": configuration.cluster.mode,
        "renderManifestsTo": configuration.cluster.render_to,
        "adoptExisting": str(configuration.cluster.adopt_existing).lower(),
    }
    told = {row[0].split()[0].strip("`,"): row[-1].strip("`") for row in rows(section("Configuration"))}
    assert {key: told[key] for key in actual} == actual


def test_git_ignores_the_folder_to_which_secrets_are_rendered() -> None:
    rendered = parse(REQUIRED, "dev").cluster.render_to
    assert f"/{rendered}/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert f"git ignores `{rendered}`" in section("Configuration")


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
        for row in rows(section("Troubleshooting"))
        if row[0].startswith("`") and "stack is currently" not in row[0] and "already exists" not in row[0]
    ],
)
def test_every_message_that_is_explained_is_said_somewhere(message: str) -> None:
    # A message is told with its variable parts left out or made up: each constant part has to be in the sources.
    for part in re.split(r"…|#7|main:|dev/values\.yaml", message.strip("`")):
        assert part.strip(" :;") in SOURCES, part


def test_the_example_in_the_readme_is_refused_in_words_that_it_promises() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse({}, "dev")
    line = str(caught.value).splitlines()[0]
    assert all(part in line for part in ("found", "allowed", "mend: pulumi config set"))
