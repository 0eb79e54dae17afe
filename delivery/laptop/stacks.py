"""The stacks, by the Pulumi CLI: what a person would type, with the workspace's state and passphrase."""

import json
from collections.abc import Mapping
from pathlib import Path

from delivery.laptop.errors import LaptopError
from delivery.laptop.programs import Programs
from delivery.laptop.repository import Token
from delivery.laptop.workspace import Workspace
from delivery.model.secret import SecretText

UNREACHABLE = {"PULUMI_K8S_DELETE_UNREACHABLE": "true", "DELIVERY_PROMOTE_ONLY": "true"}
"""For a stack whose cluster is gone: the provider forgets what was in it, and the program does not ask it."""


class LocalStack:
    """One stack, by the folder of its project. `more` is added to the environment. Methods raise `LaptopError`."""

    def __init__(self, folder: Path, name: str, programs: Programs, more: Mapping[str, str] | None = None) -> None:
        self.name, self._folder, self._programs, self._more = name, folder, programs, dict(more or {})

    def exists(self) -> bool:
        """Whether there is such a stack, with resources or without."""
        if not (self._folder / "Pulumi.yaml").exists():
            return False
        listed = self._ask("stack", "ls", "--json")
        return self.name in (str(stack.get("name")).rpartition("/")[2] for stack in json.loads(listed))

    def create(self) -> None:
        """Create it where it is not there."""
        if not self.exists():
            self._ask("stack", "init", self.name, "--no-select")

    def set_secret(self, key: str, value: SecretText) -> None:
        """Set an encrypted value: it travels through the CLI's standard input."""
        self._ask("config", "set", "--secret", "--stack", self.name, key, stdin=value.reveal())

    def up(self) -> None:
        """`pulumi up`, shown to the person."""
        self._run("up", "--yes", "--skip-preview", "--stack", self.name)

    def outputs(self) -> dict[str, object]:
        """The plain outputs."""
        try:
            found = json.loads(self._ask("stack", "output", "--json", "--stack", self.name))
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise LaptopError(f"the outputs of the stack {self.name} are no JSON object", "see pulumi stack output")
        return found

    def destroy(self, more: Mapping[str, str] | None = None) -> None:
        """`pulumi destroy`, shown to the person, by the program as it is now: with the token of now, and its hooks."""
        self._run("destroy", "--yes", "--skip-preview", "--run-program", "--stack", self.name, more=more)
        self._ask("stack", "rm", "--yes", "--stack", self.name)

    def forget(self) -> None:
        """Remove it with what it remembers, where all of that is gone or goes with the cluster."""
        self._ask("stack", "rm", "--yes", "--force", "--stack", self.name)

    def _ask(self, *arguments: str, stdin: str = "") -> str:
        return self._programs.ask(*self._command(arguments), stdin=stdin, more=self._more)

    def _run(self, *arguments: str, more: Mapping[str, str] | None = None) -> None:
        self._programs.run(f"pulumi {arguments[0]}", *self._command(arguments), more={**self._more, **(more or {})})

    def _command(self, arguments: tuple[str, ...]) -> tuple[str, ...]:
        return ("pulumi", "--cwd", str(self._folder), *arguments)


def stage_stack(workspace: Workspace, stage: str, programs: Programs, token: Token) -> LocalStack:
    """A stage's stack. The program takes the token from its environment, so that no file has it."""
    return LocalStack(workspace.folder, stage, programs, {"GITHUB_TOKEN": token.secret.reveal()})
