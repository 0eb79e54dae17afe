"""A GitOps repository on the lab's forge and the Pulumi projects that share it: stacks, floor, and plain program.

Everything lies in one temporary folder, state and home included; nothing of the checkout is changed.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from bench.timing import PROJECT, command, timed
from delivery.config.files import read_stack_config
from delivery.text import MASK
from lab.engine import PROGRAM, Declared, Value, preview
from lab.forge import Forge
from lab.pulumi_cli import PulumiEngine

OWNER = "bench-team"
STACK, PLAIN = "gitops", "plain-gitops"
TOKEN = "token-of-the-bench"  # noqa: S105 - good for the forge on this machine
SECRETS = {"githubToken": TOKEN, "promotionToken": "token-of-the-task"}
_PROJECT_FILE = "name: {}\nruntime:\n  name: python\n  options:\n    toolchain: pip\n    virtualenv: .venv\n"


class Site:
    """Two stages' stacks (`select` one first), the same resources as literals, and an empty program."""

    def __init__(self, forge: Forge, folder: Path) -> None:
        self.forge, self._folder = forge, folder
        forge.add_token(TOKEN)
        for repository in (STACK, PLAIN):
            forge.create_repository(f"{OWNER}/{repository}", files={"README.md": "# Bench\n"}, organization=True)
        self._engine = PulumiEngine(folder / "pulumi", folder / "manifests")
        self.project = self._engine.project

    def settings(self, stage: str, repository: str = STACK) -> dict[str, str]:
        """The stage's own configuration, as `pulumi config set` would set it."""
        return {
            "repositoryOwner": OWNER,
            "repositoryName": repository,
            "githubApiUrl": self.forge.api_url,
            "cluster": "render",
            "renderManifestsTo": str(self._folder / "manifests" / repository / stage),
        }

    def declared(self, stage: str, repository: str = STACK, **settings: str) -> Sequence[Declared]:
        """What the stage's program declares, without the engine."""
        config = read_stack_config(PROGRAM, stage)
        return preview(stage, config.override(self.settings(stage, repository) | settings, SECRETS)).resources

    def select(self, stage: str) -> Path:
        """Make the stage's stack; its project's folder comes back."""
        self._engine.select(stage, self.settings(stage), SECRETS)
        return self.project

    def empty(self, stage: str) -> Path:
        """A project whose program does nothing: what starting the engine and Python takes. Returns its folder."""
        return self._make(f"empty-{stage}", stage, "")

    def plain(self, stage: str, modules: Sequence[str]) -> Path:
        """A project with the stage's resources as literals, importing the same `modules` of the SDKs."""
        resources = [_literal(each) for each in self.declared(stage, PLAIN) if each.custom]
        folder = self._make(f"plain-{stage}", stage, (PROJECT / "bench" / "plain_program.py").read_text("utf-8"))
        # What the CLI has to decrypt before it starts a program belongs to these resources, too.
        given = [f"--secret={key}={value}" for key, value in SECRETS.items()]
        command(
            ["pulumi", "config", "set-all", "--stack", stage, *given], environ=self._engine.environment, folder=folder
        )
        (folder / "resources.json").write_text(json.dumps({"modules": list(modules), "resources": resources}), "utf-8")
        return folder

    def seconds(self, project: Path, stage: str, *arguments: str) -> float:
        """How long a `pulumi` command takes. `MeasurementError` when it fails."""
        given = ["pulumi", "--non-interactive", "--color=never", *arguments, "--stack", stage]
        return timed(lambda: command(given, environ=self._engine.environment, folder=project))

    def _make(self, name: str, stage: str, program: str) -> Path:
        folder = self._folder / name
        if not folder.exists():
            folder.mkdir()
            (folder / ".venv").symlink_to(PROGRAM / ".venv")
            (folder / "Pulumi.yaml").write_text(_PROJECT_FILE.format(name), "utf-8")
            (folder / "__main__.py").write_text(program, "utf-8")
            command(
                ["pulumi", "--non-interactive", "stack", "init", stage],
                environ=self._engine.environment,
                folder=folder,
            )
        return folder


def _literal(resource: Declared) -> dict[str, Value | list[str]]:
    inputs: dict[str, Value] = dict(resource.inputs)
    if inputs.get("token") == MASK:
        inputs["token"] = TOKEN
    return {
        "urn": resource.urn,
        "type": resource.type,
        "name": resource.name,
        "inputs": inputs,
        "secrets": sorted(resource.secrets),
        "provider": resource.provider.rpartition("::")[0],
        "dependsOn": sorted(resource.depends_on),
        "ignoreChanges": list(resource.ignore_changes),
        "retainOnDelete": resource.retain_on_delete,
    }


def requests(forge: Forge) -> int:
    """How often the forge was asked: REST calls, and a fetch or push as one."""
    return sum(each.kind == "rest" or "info/refs" in each.path for each in forge.requests)
