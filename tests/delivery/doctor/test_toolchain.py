import json

import pytest

from delivery.doctor import toolchain
from delivery.doctor.check import Check
from tests.delivery.doctor.surroundings import Project


def provider(project: Project, plugins: str = "[]") -> Check:
    project.cli(plugins=plugins)
    return toolchain.provider("github", "6.15.0", toolchain.installed_plugins(project.environ), project.environ)


def listed(*versions: str) -> str:
    return json.dumps([{"name": "github", "kind": "resource", "version": version} for version in versions])


def test_a_current_cli_is_fine(project: Project) -> None:
    project.cli()
    assert toolchain.cli(project.environ) == Check("pulumi CLI", "ok", "v3.300.1")


def test_without_a_cli_the_installation_is_the_mend(project: Project) -> None:
    check = toolchain.cli(project.environ)
    assert (check.status, check.mend) == ("wrong", toolchain.INSTALL_CLI)


def test_a_cli_older_than_what_was_tested_is_wrong(project: Project) -> None:
    project.cli("v3.99.0")
    check = toolchain.cli(project.environ)
    assert check.status == "wrong"
    assert check.detail == "v3.99.0, older than 3.259.0, the oldest that is tested"


@pytest.mark.parametrize("version", ["", "a development build", "v3"])
def test_a_cli_that_does_not_tell_its_version_is_unknown(project: Project, version: str) -> None:
    project.cli(version)
    assert toolchain.cli(project.environ).status == "unknown"


def test_a_cli_that_fails_is_unknown(project: Project) -> None:
    project.program("pulumi", "exit 1")
    assert toolchain.cli(project.environ).status == "unknown"


def test_the_language_host_is_found_on_path(project: Project) -> None:
    project.cli()
    assert toolchain.language_host(project.environ).status == "ok"


def test_the_language_host_is_found_beside_a_linked_cli(project: Project) -> None:
    project.cli()
    elsewhere = project.folder / "links"
    elsewhere.mkdir()
    (elsewhere / "pulumi").symlink_to(project.programs / "pulumi")
    assert toolchain.language_host({"PATH": str(elsewhere)}).status == "ok"


def test_a_cli_without_its_language_host_is_wrong(project: Project) -> None:
    project.program("pulumi")
    check = toolchain.language_host(project.environ)
    assert (check.status, check.mend) == ("wrong", toolchain.INSTALL_CLI)


def test_the_provider_that_requirements_lock_is_fine(project: Project) -> None:
    assert provider(project, listed("5.0.0", "6.15.0")) == Check("provider github", "ok", "6.15.0")


def test_a_provider_that_is_not_installed_is_unknown_because_the_cli_downloads_it(project: Project) -> None:
    check = provider(project, listed("5.0.0"))
    assert check.status == "unknown"
    assert check.detail == "6.15.0 is not installed, only 5.0.0: the CLI downloads it when it is used first"
    assert check.mend == "pulumi plugin install resource github 6.15.0"


def test_a_cli_that_does_not_list_plugins_leaves_it_unknown(project: Project) -> None:
    assert provider(project, "nonsense").status == "unknown"


def test_a_provider_on_path_of_another_version_is_wrong_because_the_cli_takes_it(project: Project) -> None:
    path = project.program("pulumi-resource-github", "echo 6.14.0")
    check = provider(project, listed("6.15.0"))
    assert check.status == "wrong"
    assert check.detail == f"{path} goes first and is 6.14.0, not 6.15.0"


def test_a_provider_on_path_of_the_same_version_is_fine(project: Project) -> None:
    project.program("pulumi-resource-github", "echo v6.15.0")
    assert provider(project).status == "ok"


def test_a_provider_on_path_that_does_not_tell_its_version_is_unknown(project: Project) -> None:
    project.program("pulumi-resource-github", "echo usage >&2; exit 2")
    assert provider(project, listed("6.15.0")).status == "unknown"


def test_the_packages_that_run_are_the_locked_ones(project: Project) -> None:
    assert toolchain.packages(toolchain.locked_versions(project.folder)).status == "ok"


def test_other_packages_than_the_locked_ones_are_wrong(project: Project) -> None:
    locked = toolchain.locked_versions(project.folder) | {"pulumi-github": "6.0.0"}
    check = toolchain.packages(locked)
    assert check.status == "wrong"
    assert check.detail.startswith("pulumi-github is ")
    assert check.detail.endswith(", not 6.0.0")


def test_a_project_without_requirements_says_so(project: Project) -> None:
    (project.folder / "requirements.txt").unlink()
    project.cli()
    checks = {each.name: each.status for each in toolchain.toolchain(project.folder, project.environ)}
    assert checks["provider github"] == checks["provider kubernetes"] == checks["python packages"] == "wrong"
