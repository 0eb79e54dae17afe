"""What the doctor looks at, made by tests: a project folder, programs on PATH, a repository as it is declared."""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from delivery.doctor.check import Check
from delivery.doctor.inspection import Inspection
from delivery.doctor.registry import run
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration
from delivery.stack.repository_files import repository_files, stage_files
from lab.engine import PROGRAM
from lab.forge import Forge
from lab.project import set_keys
from tests.delivery.cluster.kubernetes_api import configured
from tests.messages import assert_message

REPOSITORY = "acme/podtato-head-gitops"
TOKENS = {"githubToken": "github-token-of-the-stack", "promotionToken": "promotion-token-of-the-stack"}
PERMISSIONS: Mapping[str, Mapping[str, str]] = {
    "githubToken": {
        "contents": "write",
        "pull_requests": "read",
        "workflows": "write",
        "administration": "write",
        "deployments": "read",
    },
    "promotionToken": {"actions": "write", "deployments": "write"},
}
"""What the tokens should have, those of the first stage's stack."""


def on(forge: Forge, stack: str = "dev", **keys: str) -> StackConfiguration:
    """The configuration of a stack whose repository is on that forge."""
    return configured(stack, githubApiUrl=forge.api_url, **keys)


def inspection(forge: Forge, stack: str = "dev", tokens: Mapping[str, str] = TOKENS, /, **keys: str) -> Inspection:
    """A look at a stack with these tokens, whose repository is on that forge."""
    made = Inspection(PROGRAM, stack, {})
    made.parsed = on(forge, stack, **keys)
    made.add_secrets({key: SecretText(text) for key, text in tokens.items()})
    return made


def named(inspection: Inspection, *titles: str) -> dict[str, Check]:
    """The checks of these groups by name."""
    return {check.name: check for check in run(inspection, *titles)}


def answer(forge: Forge, path: str, body: object, status: int = 200, **headers: str) -> None:
    """Let GitHub answer this for `path` of the repository, however often it is asked."""
    text = json.dumps(body)
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    pattern = rf"^/repos/{REPOSITORY}{re.escape(path)}$"
    forge.fail_next("GET", pattern, status=status, body=text, headers=named, times=99)


def commit_declared(forge: Forge, *stacks: str, **keys: str) -> None:
    """Commit what `pulumi up` of these stacks would."""
    files: dict[str, str | bytes | None] = {}
    for stack in stacks:
        configuration = on(forge, stack, **keys)
        declared = list(repository_files(configuration)) if configuration.owns_repository else []
        for stage_application in configuration.stage_applications:
            declared += stage_files(configuration, stage_application)
        files |= {file.path: file.content for file in declared}
    forge.commit(REPOSITORY, files, "Declare")


def assert_told(key: str, check: Check, *different: str) -> None:
    """Assert that the check is told as `doctor.key` in the golden messages, without what differs between runs."""
    text = str(check)
    for number, part in enumerate(different):
        text = text.replace(part, f"<{number}>")
    assert_message(f"doctor.{key}", text)


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

    def inspection(self, stack: str = "dev", **environ: str) -> Inspection:
        """A look at a stack of this project."""
        return Inspection(self.folder, stack, self.environ | environ)

    def configure(self, stack: str = "dev", /, **keys: object) -> None:
        """Set keys of `delivery:` in the files that they belong to; `{"secure": …}` is an encrypted one."""
        set_keys(self.folder, stack, keys)

    def program(self, name: str, script: str = "") -> Path:
        """Put a program on PATH; `script` is what a shell does for it, with its arguments as `$*`."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def cli(
        self,
        version: str = "v3.300.1",
        plugins: object = (),
        config: str = "exit 255",
        state: Mapping[str, object] | None = None,
    ) -> None:
        """A Pulumi CLI that tells these, with its language host; `state` is that of a stack `laptop`."""
        listed, stacks = json.dumps(plugins), json.dumps([{"name": "acme/platform/laptop"}] if state else [])
        exported = self.folder / "state.json"
        exported.write_text(json.dumps(state))
        cases = f"version) echo '{version}';; plugin*) echo '{listed}';; config*) {config};; *) exit 1;;"
        cases = f"'stack ls'*) echo '{stacks}';; 'stack export'*) /bin/cat {exported};; {cases}"
        self.program("pulumi", f'case "$*" in {cases} esac')
        self.program("pulumi-language-python")
