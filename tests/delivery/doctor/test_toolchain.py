import json
import os
import re
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from delivery.doctor import toolchain
from delivery.doctor.check import Check
from delivery.doctor.plugin import plugin_version
from tests.delivery.doctor.surroundings import Project

PLUGIN = """
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc

class Provider(provider_pb2_grpc.ResourceProviderServicer):
    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="{version}")

server = grpc.server(ThreadPoolExecutor())
provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
server.wait_for_termination()
"""


def provider(project: Project, plugins: str = "[]") -> Check:
    project.cli(plugins=plugins)
    return toolchain.provider("github", "6.15.0", toolchain.installed_plugins(project.environ), project.environ)


def plugin(project: Project, version: str) -> Path:
    """Put the github provider on PATH, which speaks gRPC like a real one, through the SDK's own stubs."""
    script = project.folder / "provider.py"
    script.write_text(PLUGIN.format(version=version))
    return project.program("pulumi-resource-github", f"exec {sys.executable} {script} $*")


def gone(process: int) -> bool:
    """Whether the process has ended, now or in a moment."""
    for _ in range(50):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        with suppress(OSError):  # where nobody collects orphans, it stays as a zombie
            if Path(f"/proc/{process}/stat").read_text().split()[2] == "Z":
                return True
        time.sleep(0.1)
    return False


def listed(*versions: str) -> str:
    return json.dumps([{"name": "github", "kind": "resource", "version": version} for version in versions])


def test_a_cli_that_this_machine_cannot_run_is_unknown(project: Project) -> None:
    project.program("pulumi").write_bytes(b"\x7fELF for another machine")
    check = toolchain.cli(project.environ)
    assert (check.status, check.detail) == ("unknown", f"{project.programs / 'pulumi'} does not tell its version")


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
    path = plugin(project, "6.14.0")
    check = provider(project, listed("6.15.0"))
    assert check.status == "wrong"
    assert check.detail == f"{path} goes first and is 6.14.0, not 6.15.0"


def test_a_provider_on_path_of_the_same_version_is_fine(project: Project) -> None:
    path = plugin(project, "v6.15.0")
    assert provider(project) == Check("provider github", "ok", f"6.15.0, {path}")


def test_a_provider_on_path_that_does_not_tell_its_version_is_unknown(project: Project) -> None:
    for says in ("echo usage >&2; exit 2", "echo usage", "echo 1", ":"):
        project.program("pulumi-resource-github", says)
        assert provider(project, listed("6.15.0")).status == "unknown"
    plugin(project, "a development build")
    assert provider(project, listed("6.15.0")).status == "unknown"


@pytest.mark.parametrize("waits", ["", "echo 1; "])
def test_a_provider_on_path_that_never_answers_is_unknown_and_is_ended_with_all_that_it_started(
    project: Project, monkeypatch: pytest.MonkeyPatch, waits: str
) -> None:
    monkeypatch.setattr("delivery.doctor.plugin.START_SECONDS", 1.5)
    monkeypatch.setattr("delivery.doctor.plugin.ANSWER_SECONDS", 0.5)
    told = project.folder / "processes"
    script = f"trap '' TERM INT HUP; /bin/sleep 100 & echo $$ $! > {told}; {waits}while :; do /bin/sleep 0.1; done"
    project.program("pulumi-resource-github", script)
    assert provider(project, listed("6.15.0")).status == "unknown"
    for process in told.read_text().split():
        assert gone(int(process))


@pytest.mark.parametrize("name", toolchain.PROVIDERS)
def test_the_official_provider_tells_its_version(name: str) -> None:
    path = shutil.which(f"pulumi-resource-{name}")
    if path is None:
        pytest.skip(f"pulumi-resource-{name} is not on PATH")
    assert re.fullmatch(r"v?\d+\.\d+\.\d+\S*", plugin_version(path, os.environ) or "")


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
