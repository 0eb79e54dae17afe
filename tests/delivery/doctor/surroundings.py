"""What the doctor looks at, made by tests: a project folder, programs on PATH, a repository as it is declared."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from delivery.doctor.check import Check
from delivery.doctor.forge import Forge as View
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration
from delivery.stack.repository_files import repository_files, stage_files
from lab.engine import PROGRAM
from lab.forge import Forge
from tests.delivery.cluster.kubernetes_api import configured

REPOSITORY = "acme/podtato-head-gitops"
GITHUB_TOKEN = "github-token-of-the-stack"
PROMOTION_TOKEN = "promotion-token-of-the-stack"
FOR_GITHUB = {"contents": "write", "pull_requests": "read", "workflows": "write", "administration": "write"}
FOR_PROMOTIONS = {"actions": "write"}


def on(forge: Forge, stack: str = "dev", **keys: str) -> StackConfiguration:
    """The configuration of a stack whose repository is on that forge."""
    return configured(stack, githubApiUrl=forge.api_url, **keys)


def view(forge: Forge, key: str = "githubToken", permissions: Mapping[str, str] | None = None, **keys: str) -> View:
    """The repository as a new token with these permissions sees it; those that it should have, when None."""
    usual = FOR_GITHUB if key == "githubToken" else FOR_PROMOTIONS
    secret = GITHUB_TOKEN if key == "githubToken" else PROMOTION_TOKEN
    forge.add_token(secret, usual if permissions is None else permissions)
    return View(on(forge, **keys).pipeline.repository, key, SecretText(secret))


def commit_declared(forge: Forge, *stacks: str) -> None:
    """Commit what `pulumi up` of these stacks would."""
    files: dict[str, str | bytes | None] = {}
    for stack in stacks:
        configuration = on(forge, stack)
        declared = list(repository_files(configuration)) if configuration.owns_repository else []
        for stage_application in configuration.stage_applications:
            declared += stage_files(configuration, stage_application)
        files |= {each.path: each.content for each in declared}
    forge.commit(REPOSITORY, files, "Declare")


def only(checks: list[Check]) -> Check:
    """The one check there is."""
    (check,) = checks
    return check


@dataclass
class Project:
    """A project folder with the configuration as it ships, and a folder of programs that is all of PATH."""

    folder: Path
    programs: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.programs.mkdir()
        for path in (*PROGRAM.glob("Pulumi*.yaml"), PROGRAM / "requirements.txt"):
            shutil.copy(path, self.folder)
        self.environ = {"PATH": str(self.programs)}

    def configure(self, stack: str = "dev", /, **keys: object) -> None:
        """Set keys of `delivery:` in the stack's file; `{"secure": …}` is an encrypted one."""
        file = self.folder / f"Pulumi.{stack}.yaml"
        document = yaml.safe_load(file.read_text())
        document["config"] |= {f"delivery:{key}": value for key, value in keys.items()}
        # Through JSON, a value that is given twice is written twice, as the CLI would: no anchor.
        file.write_text(yaml.safe_dump(json.loads(json.dumps(document))))

    def program(self, name: str, script: str = "") -> Path:
        """Put a program on PATH; `script` is what a shell does for it, with its arguments as `$*`."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def cli(self, version: str = "v3.300.1", plugins: str = "[]", config: str = "exit 255") -> None:
        """A Pulumi CLI that tells these, with its language host."""
        cases = f"version) echo '{version}';; plugin*) echo '{plugins}';; config*) {config};; *) exit 1;;"
        self.program("pulumi", f'case "$*" in {cases} esac')
        self.program("pulumi-language-python")
