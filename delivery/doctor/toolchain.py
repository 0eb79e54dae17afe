"""Checks of this machine: the Pulumi CLI, its Python language host, the two providers, the Python packages."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.plugin import plugin_version

OLDEST_CLI = (3, 259, 0)
"""The oldest version of the CLI that the tests of the engine have run with."""

PROVIDERS = ("kubernetes", "github")
INSTALL_CLI = "curl -fsSL https://get.pulumi.com | sh (or: brew install pulumi)"

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)\S*")
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def toolchain(project: Path, environ: Mapping[str, str]) -> Iterator[Check]:
    """All checks of this machine, for the requirements of `project`."""
    locked = locked_versions(project)
    yield cli(environ)
    yield language_host(environ)
    plugins = installed_plugins(environ)
    for name in PROVIDERS:
        yield provider(name, locked.get(f"pulumi-{name}", ""), plugins, environ)
    yield packages(locked)


def cli(environ: Mapping[str, str]) -> Check:
    """The CLI is on PATH and not older than what was tested."""
    found = shutil.which("pulumi", path=environ.get("PATH"))
    if found is None:
        return wrong("pulumi CLI", "not on PATH", INSTALL_CLI)
    said = _output([found, "version"], environ)
    version = _VERSION.fullmatch((said or "").strip())
    if version is None:
        return unknown("pulumi CLI", f"{found} does not tell its version", f"{found} version")
    number = (int(version[1]), int(version[2]), int(version[3]))
    if number < OLDEST_CLI:
        oldest = ".".join(map(str, OLDEST_CLI))
        return wrong("pulumi CLI", f"{version[0]}, older than {oldest}, the oldest that is tested", INSTALL_CLI)
    return ok("pulumi CLI", version[0])


def language_host(environ: Mapping[str, str]) -> Check:
    """The CLI's Python language host lies on PATH or, as it is shipped, beside the CLI."""
    path = environ.get("PATH")
    pulumi = shutil.which("pulumi", path=path)
    beside = str(Path(pulumi).resolve().parent) if pulumi else None
    found = shutil.which("pulumi-language-python", path=path) or shutil.which("pulumi-language-python", path=beside)
    if found is None:
        return wrong("language host", "pulumi-language-python is neither on PATH nor beside pulumi", INSTALL_CLI)
    return ok("language host", found)


def provider(name: str, wanted: str, plugins: Mapping[str, frozenset[str]] | None, environ: Mapping[str, str]) -> Check:
    """The provider's plugin has the version of its locked Python package.

    A plugin on PATH is what the CLI takes, whatever its version. One that is not there yet, the CLI downloads.
    """
    title = f"provider {name}"
    install = f"pulumi plugin install resource {name} {wanted}"
    if not wanted:
        return wrong(title, f"requirements.txt locks no pulumi-{name}", "make lock")
    ambient = shutil.which(f"pulumi-resource-{name}", path=environ.get("PATH"))
    if ambient is not None:
        version = _VERSION.fullmatch(plugin_version(ambient, environ) or "")
        instead = f"take it off PATH, then {install}"
        if version is None:
            return unknown(title, f"{ambient} goes first and does not tell its version; wanted is {wanted}", instead)
        if version[0].removeprefix("v") != wanted:
            return wrong(title, f"{ambient} goes first and is {version[0]}, not {wanted}", instead)
        return ok(title, f"{wanted}, {ambient}")
    if plugins is None:
        return unknown(title, "the CLI does not list its plugins", install)
    if wanted in plugins.get(name, frozenset()):
        return ok(title, wanted)
    others = ", ".join(sorted(plugins.get(name, frozenset())))
    only = f", only {others}" if others else ""
    return unknown(title, f"{wanted} is not installed{only}: the CLI downloads it when it is used first", install)


def packages(locked: Mapping[str, str]) -> Check:
    """The Python packages that run are those of requirements.txt."""
    differing = []
    for name in ("pulumi", *(f"pulumi-{each}" for each in PROVIDERS)):
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed = "missing"
        if installed != locked.get(name):
            differing.append(f"{name} is {installed}, not {locked.get(name, 'locked')}")
    if differing:
        return wrong("python packages", "; ".join(differing), "rm -rf .venv && make doctor")
    return ok("python packages", "as requirements.txt locks them")


def locked_versions(project: Path) -> dict[str, str]:
    """The packages that `requirements.txt` pins; none when it cannot be read."""
    try:
        return dict(_LOCKED.findall((project / "requirements.txt").read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        return {}


def installed_plugins(environ: Mapping[str, str]) -> Mapping[str, frozenset[str]] | None:
    """Versions of the resource plugins in the CLI's own folder, by name; None when it does not tell."""
    found = shutil.which("pulumi", path=environ.get("PATH"))
    said = _output([found, "plugin", "ls", "--json"], environ) if found else None
    plugins: dict[str, set[str]] = {}
    try:
        for each in json.loads(said or ""):
            if each["kind"] == "resource":
                plugins.setdefault(each["name"], set()).add(str(each["version"]).removeprefix("v"))
    except (ValueError, KeyError, TypeError):
        return None
    return {name: frozenset(versions) for name, versions in plugins.items()}


def _output(command: list[str], environ: Mapping[str, str]) -> str | None:
    quiet = {**environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=30, env=quiet, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None
