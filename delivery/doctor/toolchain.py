"""Checks of this machine: the Pulumi CLI, its Python language host, the providers, the Python packages."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.inspection import Look
from delivery.doctor.pulumi_cli import PulumiError, run_pulumi

OLDEST_CLI = (3, 259, 0)
"""The oldest version of the CLI that the tests of the engine have run with."""
INSTALL_CLI = "curl -fsSL https://get.pulumi.com | sh (or: brew install pulumi)"

_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
_MAIN = re.compile(r"^main: *[\"']?([^\s\"'#]+)", re.MULTILINE)


def cli(name: str, inspection: Look) -> Check:
    """The CLI is on PATH and not older than what was tested."""
    environ = inspection.environ
    if shutil.which("pulumi", path=environ.get("PATH")) is None:
        return wrong(name, "not on PATH", INSTALL_CLI)
    try:
        text = run_pulumi(environ, "version").strip()
    except PulumiError as error:
        return unknown(name, str(error), "pulumi version")
    version = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)\S*", text)
    if version is None:
        return unknown(name, "it does not tell its version", "pulumi version")
    if tuple(map(int, version.groups())) < OLDEST_CLI:
        oldest = ".".join(map(str, OLDEST_CLI))
        return wrong(name, f"{text}, older than {oldest}, the oldest that is tested", INSTALL_CLI)
    return ok(name, text)


def language_host(name: str, inspection: Look) -> Check:
    """The CLI's Python language host is on PATH or, as it is shipped, beside the CLI."""
    program, path = "pulumi-language-python", inspection.environ.get("PATH")
    pulumi = shutil.which("pulumi", path=path)
    found = shutil.which(program, path=path)
    if pulumi and not found:
        found = shutil.which(program, path=str(Path(pulumi).resolve().parent))
    if found is None:
        return wrong(name, f"{program} is neither on PATH nor beside pulumi", INSTALL_CLI)
    return ok(name, found)


def providers(name: str, inspection: Look) -> Iterator[Check]:
    """The plugin of each provider has the version of its locked Python package.

    A plugin on PATH is the one that the CLI takes, and no command tells its version. One that is not installed yet is
    downloaded by the CLI.
    """
    installed, locked = installed_plugins(inspection.environ), locked_versions(inspection.program)
    for provider in inspection.providers:
        title, wanted = f"{name} {provider}", locked.get(f"pulumi-{provider}", "")
        install = f"pulumi plugin install resource {provider} {wanted}"
        on_path = shutil.which(f"pulumi-resource-{provider}", path=inspection.environ.get("PATH"))
        if not wanted:
            yield wrong(title, f"requirements.txt locks no pulumi-{provider}", "make lock")
        elif on_path:
            detail = f"the CLI takes {on_path}, from PATH, whatever its version; {wanted} is needed"
            yield unknown(title, detail, f"if it is another version, take it off PATH, then {install}")
        elif installed is None:
            yield unknown(title, "the CLI does not list its plugins", install)
        elif (provider, wanted) in installed:
            yield ok(title, wanted)
        else:
            yield unknown(title, f"{wanted} is not installed yet: the CLI downloads it on first use", install)


def packages(name: str, inspection: Look) -> Check:
    """The Python packages that run are those of requirements.txt."""
    locked, differing = locked_versions(inspection.program), []
    for package in ("pulumi", *(f"pulumi-{provider}" for provider in inspection.providers)):
        try:
            installed = metadata.version(package)
        except metadata.PackageNotFoundError:
            installed = "missing"
        if installed != locked.get(package):
            differing.append(f"{package} is {installed}, not {locked.get(package, 'locked')}")
    if differing:
        return wrong(name, "; ".join(differing), "rm -rf .venv && make doctor")
    return ok(name, "as requirements.txt locks them")


def locked_versions(project: Path) -> dict[str, str]:
    """The packages that `requirements.txt` pins, in the folder of the program; none when it cannot be read."""
    try:
        # `main` is where Pulumi looks for the program, from the folder of Pulumi.yaml.
        main = _MAIN.search((project / "Pulumi.yaml").read_text(encoding="utf-8"))
        program = project / main[1] if main else project
        return dict(_LOCKED.findall((program / "requirements.txt").read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        return {}


def installed_plugins(environ: Mapping[str, str]) -> set[tuple[str, str]] | None:
    """Names and versions of the plugins in the CLI's own folder; None when it does not list them."""
    try:
        listed = json.loads(run_pulumi(environ, "plugin", "ls", "--json"))
        return {(plugin["name"], str(plugin["version"]).removeprefix("v")) for plugin in listed}
    except (PulumiError, ValueError, KeyError, TypeError):
        return None
