import pytest

from delivery.doctor.check import Check, Status
from delivery.doctor.inspection import Inspection
from delivery.doctor.toolchain import locked_versions
from lab.engine import PROGRAM
from lab.example import EXAMPLES
from tests.delivery.doctor.surroundings import Project, assert_told, named


def checks(project: Project) -> dict[str, Check]:
    return named(project.inspection(), "this machine")


def listed(project: Project, **versions: str) -> list[dict[str, str]]:
    """The plugins that `requirements.txt` locks, or other versions of them."""
    locked = {name: locked_versions(project.folder)[f"pulumi-{name}"] for name in ("kubernetes", "github")}
    return [{"name": name, "kind": "resource", "version": text} for name, text in (locked | versions).items()]


def test_a_machine_with_all_that_is_locked_is_fine(project: Project) -> None:
    project.cli(plugins=listed(project))
    found = checks(project)
    assert {check.status for check in found.values()} == {"ok"}
    assert list(found) == ["pulumi CLI", "language host", "provider kubernetes", "provider github", "python packages"]


def test_without_a_cli_the_installation_is_the_fix(project: Project) -> None:
    found = checks(project)
    assert_told("no_cli", found["pulumi CLI"])
    assert_told("no_language_host", found["language host"])
    assert found["provider github"].status == "unknown"


@pytest.mark.parametrize(
    ("version", "status"),
    [("v3.99.0", "wrong"), ("", "unknown"), ("a development build", "unknown"), ("v3", "unknown")],
)
def test_a_cli_that_is_too_old_is_wrong_and_one_that_does_not_tell_is_unknown(
    project: Project, version: str, status: Status
) -> None:
    project.cli(version)
    assert checks(project)["pulumi CLI"].status == status


@pytest.mark.parametrize("content", ["#!/bin/sh\nexit 1\n", "\x7fELF for another machine"])
def test_a_cli_that_fails_is_unknown(project: Project, content: str) -> None:
    project.program("pulumi").write_text(content)
    assert checks(project)["pulumi CLI"].status == "unknown"


def test_the_language_host_is_found_beside_a_linked_cli(project: Project) -> None:
    project.cli()
    elsewhere = project.folder / "links"
    elsewhere.mkdir()
    (elsewhere / "pulumi").symlink_to(project.programs / "pulumi")
    assert named(project.inspection(PATH=str(elsewhere)), "this machine")["language host"].status == "ok"


@pytest.mark.parametrize("plugins", ["nonsense", []])
def test_a_provider_that_is_not_known_to_be_installed_is_unknown_and_can_be_installed(
    project: Project, plugins: object
) -> None:
    project.cli(plugins=plugins)
    check = checks(project)["provider github"]
    version = locked_versions(project.folder)["pulumi-github"]
    assert (check.status, check.fix) == ("unknown", f"pulumi plugin install resource github {version}")


def test_another_version_of_a_provider_is_not_the_locked_one(project: Project) -> None:
    project.cli(plugins=listed(project, github="5.0.0"))
    assert_told("other_provider", checks(project)["provider github"], locked_versions(project.folder)["pulumi-github"])


def test_a_provider_on_path_is_named_as_such_because_the_cli_takes_it_whatever_its_version(project: Project) -> None:
    path = project.program("pulumi-resource-github")
    project.cli(plugins=listed(project))
    version = locked_versions(project.folder)["pulumi-github"]
    assert_told("provider_on_path", checks(project)["provider github"], str(path), version)


def test_other_packages_than_the_locked_ones_are_wrong(project: Project) -> None:
    file = project.folder / "requirements.txt"
    file.write_text(file.read_text().replace("pulumi-github==", "pulumi-github==0"))
    check = checks(project)["python packages"]
    assert (check.status, check.fix) == ("wrong", "rm -rf .venv && make doctor")


def test_an_example_is_held_to_the_packages_of_the_program_that_it_runs(project: Project) -> None:
    project.cli()
    told = named(Inspection(EXAMPLES / "helm", "dev", project.environ), "this machine")
    assert told["python packages"].status == "ok"
    assert locked_versions(EXAMPLES / "helm") == locked_versions(PROGRAM)


def test_a_project_without_requirements_says_so(project: Project) -> None:
    (project.folder / "requirements.txt").unlink()
    project.cli()
    found = checks(project)
    assert {name for name, check in found.items() if check.status == "wrong"} == {
        "provider github",
        "provider kubernetes",
        "python packages",
    }
