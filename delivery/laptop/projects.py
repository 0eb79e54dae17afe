"""The two Pulumi projects of `make up`, beside the shipped ones: the same programs and settings, another cluster.

What the checkout configures is taken over, except for what names clusters, logins and places of its own; encrypted
values are not, for their key is somebody's own. So `Pulumi.yaml` and `Pulumi.dev.yaml` stay as they are.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from delivery.config.files import (
    PROJECT,
    StackConfig,
    misplaced_keys,
    other_names,
    read_project_config,
    read_stack_config,
)
from delivery.config.keys import OWN_NAMES, PIPELINE, SECRETS
from delivery.config.reader import parse
from delivery.laptop.errors import LaptopError
from delivery.laptop.workspace import Workspace
from delivery.model.stack import StackConfiguration
from delivery.platform.keys import STACK

_PLACES = SECRETS | {
    "kubeContext",
    "argocdContext",
    "destinationServer",
    "destinationName",
    "argocdNamespace",
    "argocdProject",
    "argocdRepoURL",
    "githubAppId",
    "githubAppInstallationId",
    "promotionSecret",
    "cluster",
    "renderManifestsTo",
    "adoptExisting",
    "promote",
    "otlpEndpoint",
}
"""Keys that say where something of the person's own is, and with which login."""


@dataclass(frozen=True)
class Place:
    """Where the laptop's pipeline is: the repository with its default branch, and the context of the cluster."""

    owner: str
    name: str
    branch: str
    context: str


def stage_names(project: Path) -> tuple[str, ...]:
    """The stages of the `Pulumi.yaml` in a folder, in its order. Raises `StackFilesError` and `LaptopError`."""
    stages = json.loads(read_project_config(project).values.get(f"{PROJECT}:stages", "[]"))
    with suppress(TypeError, KeyError):
        return tuple(str(stage["name"]) for stage in stages)
    raise LaptopError("Pulumi.yaml has no stages", "compare delivery:stages with docs/reference/configuration.md")


def last_stages(workspace: Workspace) -> tuple[str, ...]:
    """The stages of the last `make up`, none before the first. Raises `StackFilesError` and `LaptopError`."""
    return stage_names(workspace.folder) if (workspace.folder / "Pulumi.yaml").exists() else ()


def api_url(workspace: Workspace) -> str:
    """The REST API of the server that has the repository. Raises `StackFilesError`."""
    values = read_project_config(workspace.program).values
    return values.get(f"{PROJECT}:githubApiUrl", "https://api.github.com")


def write_pipeline(workspace: Workspace, place: Place, otlp_endpoint: str = "") -> None:
    """Write the project with the pipeline, and the file of each stage. Raises `StackFilesError` and `LaptopError`."""
    shared = _taken_over(read_project_config(workspace.program))
    shared |= {"repositoryOwner": place.owner, "repositoryName": place.name, "defaultBranch": place.branch}
    settings = {f"{PROJECT}:{key}": {"value": _structured(text)} for key, text in shared.items()}
    _write(workspace.folder / "Pulumi.yaml", _project(workspace, "delivery", workspace.program) | {"config": settings})
    for stage in stage_names(workspace.program):
        own = _taken_over(read_stack_config(workspace.program, stage))
        own = {key: text for key, text in own.items() if key not in PIPELINE}
        own |= {"kubeContext": place.context, "kubeconfig": str(workspace.kubeconfig)}
        own |= {"otlpEndpoint": otlp_endpoint} if otlp_endpoint else {}
        _write_stack(workspace.folder / f"Pulumi.{stage}.yaml", PROJECT, own)


def write_platform(workspace: Workspace, place: Place) -> None:
    """Write the platform's project and stack, with the settings of `platform/Pulumi.laptop.yaml`.

    Which repository Argo CD reads, it finds in the pipeline's project, in the folder above.
    """
    source = workspace.program / "platform"
    _write(workspace.platform / "Pulumi.yaml", _project(workspace, "platform", source))
    own = _platform_settings(source / f"Pulumi.{STACK}.yaml")
    own |= {"kubeContext": place.context, "kubeconfig": str(workspace.kubeconfig)}
    _write_stack(workspace.platform / f"Pulumi.{STACK}.yaml", "platform", own)


def configuration(workspace: Workspace, stage: str) -> StackConfiguration:
    """A stage's configuration as the program will read it. Raises `StackFilesError` and `ConfigError`."""
    folder = workspace.folder
    files = read_stack_config(folder, stage)
    texts = {key.removeprefix(f"{PROJECT}:"): text for key, text in files.values.items() if key.startswith(PROJECT)}
    encrypted = {key.removeprefix(f"{PROJECT}:") for key in files.secret_keys}
    plain = {key: text for key, text in texts.items() if key not in SECRETS}
    taken = other_names(folder, stage, OWN_NAMES & plain.keys())
    return parse(plain, stage, encrypted, misplaced_keys(folder, stage), taken)


def _taken_over(config: StackConfig) -> dict[str, str]:
    prefix = f"{PROJECT}:"
    found = {key.removeprefix(prefix): text for key, text in config.values.items() if key.startswith(prefix)}
    encrypted = {key.removeprefix(prefix) for key in config.secret_keys}
    return {key: text for key, text in found.items() if key not in _PLACES | encrypted}


def _platform_settings(path: Path) -> dict[str, object]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise LaptopError(f"{path} cannot be read ({type(error).__name__})", "correct it") from None
    settings = document.get("config") or {}
    return {
        key.removeprefix("platform:"): value
        for key, value in settings.items()
        if key != "platform:repositoryURL" and not (isinstance(value, dict) and value.keys() == {"secure"})
    }


def _project(workspace: Workspace, name: str, main: Path) -> dict[str, object]:
    folder = workspace.platform if name == "platform" else workspace.folder
    options = {"toolchain": "pip", "virtualenv": os.path.relpath(workspace.program / ".venv", folder)}
    return {
        "name": name,
        "description": "Written by make up, each time",
        "runtime": {"name": "python", "options": options},
        "main": os.path.relpath(main, folder),
    }


def _structured(text: str) -> object:
    with suppress(ValueError):
        return json.loads(text) if text[:1] in ("[", "{") else text
    return text


def _write_stack(path: Path, namespace: str, settings: Mapping[str, object]) -> None:
    """Write a stack's settings, and keep what its secrets are encrypted with."""
    kept: dict[str, object] = {}
    with suppress(FileNotFoundError):
        before = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        kept = {key: value for key, value in before.items() if key == "encryptionsalt"}
    config = {
        f"{namespace}:{key}": _structured(value) if isinstance(value, str) else value for key, value in settings.items()
    }
    _write(path, kept | {"config": config})


def _write(path: Path, document: Mapping[str, object]) -> None:
    path.write_text(yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True), encoding="utf-8")
