"""One team of a test: a forge with its GitOps repository, and its stacks in the real engine.

Every test has its own, in its own folder. Commands are what a person or a workflow types.
"""

import itertools
import json
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation

from lab.example import Example
from lab.forge import Forge, PullRequest
from lab.pulumi_cli import PulumiEngine, installed_cli
from lab.updates import EmbeddedEngine
from tests.engine.outcome import Outcome, read_outcome

OWNER, NAME = "podtato-team", "podtato-head-gitops"
REPOSITORY = f"{OWNER}/{NAME}"
TOKEN, TASK_TOKEN = "token-of-the-platform", "token-of-the-task"
BRANCH = "promote/podtato-head/dev/production"
EDGE = "podtato-head-dev-to-production"

# The provider calls a cluster that it only renders for unreachable, and a refresh of one is an error without this.
# Without it the CLI does not know `--event-log`; the Automation API sets it, too.
_EVENTS = {"PULUMI_DEBUG_COMMANDS": "true"}
REFRESH_RENDERED = {"PULUMI_K8S_SKIP_UPDATE_UNREACHABLE": "true"}


class Team:
    """The stacks of one team. `settings` and `secrets` are set before each command, as they are then.

    `example` is the project that they are of, and what its team has in the GitOps repository.
    """

    def __init__(self, folder: Path, forge: Forge, example: Example | None = None) -> None:
        self.folder, self.forge, self.example = folder, forge, example or Example()
        self.engine = PulumiEngine(folder / "pulumi", folder / "manifests", project=self.example.project)
        self.settings = {"repositoryOwner": OWNER, "repositoryName": NAME, "githubApiUrl": forge.api_url}
        self.secrets = {"githubToken": TOKEN, "promotionToken": TASK_TOKEN}
        self.environment: dict[str, str] = {}
        self._configured: dict[str, tuple[dict[str, str], frozenset[str]]] = {}
        self._first: dict[str, str] = {}
        self._count = itertools.count()
        self._pulumi = installed_cli()
        forge.create_repository(REPOSITORY, files=self.example.files, organization=True)
        forge.add_token(TOKEN, login="platform-engineer")
        forge.add_token(
            TASK_TOKEN, {"actions": "write", "deployments": "write", "metadata": "read"}, login="promotion-task"
        )

    def seed(self, *stages: str) -> None:
        """Commit what the stacks of these stages would, without the engine: it is not what the test is about."""
        for stage in stages:
            engine = EmbeddedEngine(self.forge, REPOSITORY, self.folder / "seeded", self.example.project)
            engine.up(stage, self.settings, self.secrets)

    def promoting(self) -> "Team":
        """This team, with promotions declared by its stacks, and both stages' files in place."""
        self.settings["promotionEngine"] = "pulumi"
        self.seed("dev", "production")
        return self

    def verified_by(self, dev: str = "keptn", production: str = "keptn") -> None:
        """Have the two stages verified so."""
        stages = [
            {"name": "dev", "verification": dev},
            {"name": "production", "after": ["dev"], "verification": production},
        ]
        self.settings["stages"] = json.dumps(stages)

    def rotate(self) -> None:
        """A new token for the forge, in the stacks' configuration too; the one before has ended."""
        before, after = self.secrets["githubToken"], f"{TOKEN}-{next(self._count)}"
        self.forge.add_token(after, login="platform-engineer")
        self.secrets["githubToken"] = after
        self.forge.remove_token(before)

    def opened(self) -> "Team":
        """This team with a promotion of v0.3.1 to production open, declared by production's stack."""
        self.promoting().release("v0.3.1")
        done = self.up("production")
        assert done.status == 0, done.text
        assert self.states() == ["open"]
        return self

    def preview(self, stack: str, *options: str) -> Outcome:
        """`pulumi preview`."""
        return self.run(stack, "preview", *options)

    def up(self, stack: str, *options: str) -> Outcome:
        """`pulumi up`."""
        return self.run(stack, "up", "--yes", "--skip-preview", *options)

    def refresh(self, stack: str, *options: str) -> Outcome:
        """`pulumi refresh`, of a stack that renders."""
        return self.run(stack, "refresh", "--yes", "--skip-preview", *options, environment=REFRESH_RENDERED)

    def destroy(self, stack: str, *options: str) -> Outcome:
        """`pulumi destroy`."""
        return self.run(stack, "destroy", "--yes", "--skip-preview", *options)

    def run(self, stack: str, *command: str, environment: Mapping[str, str] | None = None) -> Outcome:
        """A command on a stack, which is made where it is not there yet. It may fail: the outcome says so."""
        self.configure(stack)
        log = self.folder / f"events-{next(self._count)}"
        options = ["--stack", stack, "--color=never", f"--event-log={log}"]
        variables = self.engine.environment | self.environment | _EVENTS | dict(environment or {})
        try:
            done = self._pulumi.run([*command, *options], str(self.engine.project), variables)
        except automation.CommandError as error:
            return read_outcome(1, str(error), log)
        return read_outcome(0, f"{done.stdout}\n{done.stderr}", log)

    def pulumi(self, *command: str) -> str:
        """Any other command of the CLI, which has to succeed; what it printed comes back."""
        return self._pulumi.run([*command], str(self.engine.project), self.engine.environment).stdout

    def start(self, stack: str, *command: str) -> "subprocess.Popen[str]":
        """A command that goes on by itself, in a process group of its own, for a test that ends it."""
        self.configure(stack)
        return subprocess.Popen(
            ["pulumi", "--non-interactive", *command, "--stack", stack, "--color=never"],
            cwd=self.engine.project,
            env=os.environ | self.engine.environment | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def configure(self, stack: str) -> None:
        """Set the stack's configuration to `settings` and `secrets`, where they have changed."""
        wanted = {**self.settings, **self.secrets}, frozenset(self.secrets)
        before = self._configured.get(stack)
        if before == wanted:
            return
        file, shared = (self.engine.project / name for name in (f"Pulumi.{stack}.yaml", "Pulumi.yaml"))
        self._first.setdefault("", shared.read_text(encoding="utf-8"))
        if before is not None and before[0].keys() - wanted[0].keys():
            file.write_text(self._first[stack], encoding="utf-8")
            shared.write_text(self._first[""], encoding="utf-8")
        self.engine.select(stack, self.engine.rendering(stack) | self.settings, self.secrets)
        self._first.setdefault(stack, file.read_text(encoding="utf-8"))
        self._configured[stack] = wanted

    def forget(self, stack: str) -> None:
        """Make the stack anew with the next command: it was removed."""
        self._configured.pop(stack)

    def manifests(self, stack: str) -> list[str]:
        """What the stack has in its cluster's place, as "Kind name", sorted."""
        files = (self.engine.manifests / stack).rglob("*.yaml")
        bodies: list[Any] = [body for path in files for body in yaml.safe_load_all(path.read_text("utf-8"))]
        return sorted(f"{body['kind']} {body['metadata']['name']}" for body in bodies)

    def release(self, version: str, stage: str = "dev") -> str:
        """A developer commits a new version to a stage's values; the commit comes back."""
        path = f"{stage}/values.yaml"
        text = re.sub(r"(?m)^serviceVersion: .*$", f"serviceVersion: {version}", self.read(path))
        return self.forge.commit(REPOSITORY, {path: text}, f"Deploy {version} to {stage}", author="dana")

    def read(self, path: str, ref: str = "HEAD") -> str:
        """A file of the GitOps repository."""
        content = self.forge.read(REPOSITORY, path, ref)
        assert content is not None, f"{REPOSITORY} has no {path} at {ref}"
        return content.decode()

    def version(self, stage: str = "production", ref: str = "HEAD") -> str:
        """The version in a stage's values."""
        return str(yaml.safe_load(self.read(f"{stage}/values.yaml", ref))["serviceVersion"])

    def tip(self, branch: str = "main") -> str | None:
        """The newest commit of a branch."""
        return self.forge.branch(REPOSITORY, branch)

    def pulls(self) -> list[PullRequest]:
        """All pull requests, oldest first."""
        return self.forge.pull_requests(REPOSITORY)

    def states(self) -> list[str]:
        """The state of each pull request, oldest first: `open`, `merged` or `closed`."""
        return ["merged" if pull.merged else pull.state for pull in self.pulls()]

    def said(self, outcome: Outcome) -> str:
        """What the stack exported about the promotion into production."""
        return str(outcome.outputs["promotions"][EDGE])

    def log(self, branch: str) -> list[str]:
        """The subjects of a branch's commits that the default branch does not have, newest first."""
        folder = self.forge.settings(REPOSITORY).path
        command = ["git", f"--git-dir={folder}", "log", "--format=%s", branch, "^main"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()

    def files(self, under: str = "") -> list[str]:
        """The paths on the default branch."""
        folder = self.forge.settings(REPOSITORY).path
        command = ["git", f"--git-dir={folder}", "ls-tree", "-r", "--name-only", "main"]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        return [path for path in listed if path.startswith(under)]


def end_group(process: "subprocess.Popen[str]", how: signal.Signals = signal.SIGKILL) -> None:
    """End a command that `Team.start` started, with everything that it started."""
    os.killpg(process.pid, how)
    process.communicate()
