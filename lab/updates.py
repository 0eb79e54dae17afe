"""`pulumi up` for the lab, without the CLI: runs the program, and applies what it declares to the lab's forge.

`lab.pulumi_cli` does the same with the real CLI. Both have the same result: manifests as YAML files in a folder,
repository files as commits. Neither needs a cluster.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from delivery.config.files import read_stack_config
from delivery.stack.yaml_text import to_yaml
from lab.engine import PROGRAM, Value, preview
from lab.forge import Forge
from lab.manifests import manifest_files

Settings = dict[str, str]


@dataclass(frozen=True)
class Update:
    """The result of an update: the manifests, as objects and as files under `folder`."""

    folder: Path
    manifests: tuple[dict[str, Value], ...]

    def of_kind(self, kind: str, name: str | None = None, namespace: str | None = None) -> dict[str, Value]:
        """The one manifest of that kind (and name, and namespace)."""
        for body in self.manifests:
            metadata = body["metadata"]
            assert isinstance(metadata, dict)  # noqa: S101 - every Kubernetes object has it
            if body["kind"] == kind and name in (None, metadata["name"]) and namespace in (None, metadata["namespace"]):
                return body
        raise LookupError(f"{self.folder} has no {kind} {name or ''}".rstrip())


class Engine(Protocol):
    """Updates stacks. `describes` says in a few words how."""

    describes: str

    def prepare(self, stack: str, settings: Settings, secrets: Settings) -> None:
        """Start what a later `up` of `stack` can do in advance, and return at once."""

    def up(self, stack: str, settings: Settings, secrets: Settings) -> Update:
        """`pulumi up` for `stack`, with these keys of `delivery:` set on top of the project's files."""


class EmbeddedEngine:
    """Runs the program without the CLI, writes its manifests, commits its files. It has no state and no providers.

    `project` is the folder of the configuration's files.
    """

    describes = "without the Pulumi CLI: the lab writes the manifests to files and commits to the repository"

    def __init__(self, forge: Forge, repository: str, folder: Path, project: Path = PROGRAM) -> None:
        self._forge, self._repository, self._folder, self._project = forge, repository, folder, project

    def prepare(self, stack: str, settings: Settings, secrets: Settings) -> None:
        """Do nothing: there is no state to select."""

    def up(self, stack: str, settings: Settings, secrets: Settings) -> Update:
        """See `Engine`. A file with `ignore_changes` on its content is written once only."""
        result = preview(stack, read_stack_config(self._project, stack).override(settings, secrets))
        folder = self._folder / stack
        shutil.rmtree(folder, ignore_errors=True)
        manifests = manifest_files(result)
        for path, body in manifests.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(to_yaml(body), encoding="utf-8")
        files: dict[str, str | bytes | None] = {}
        for resource in result.of_type(":RepositoryFile"):
            path, content = str(resource.inputs["file"]), str(resource.inputs["content"])
            there = self._forge.read(self._repository, path)
            if there is None or ("content" not in resource.ignore_changes and there != content.encode()):
                files[path] = content
        if files:
            self._forge.commit(self._repository, files, f"delivery: files of {stack}", author="platform-engineer")
        for resource in result.of_type(":WorkflowRepositoryPermissions"):
            allowed = bool(resource.inputs["canApprovePullRequestReviews"])
            self._forge.settings(self._repository).actions_may_open_pull_requests = allowed
        return Update(folder, tuple(manifests.values()))
