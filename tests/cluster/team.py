"""One team of a test: a GitOps repository of its own on the forge, names of its own in the cluster, and its stacks.

Every test (or module) has its own, so that they share servers and nothing else. Commands are what a person types.
"""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from delivery.config.errors import Json
from delivery.config.files import read_stack_config
from delivery.config.keys import PIPELINE
from lab.engine import preview
from lab.example import Example
from lab.forge import Forge
from lab.manifests import manifest
from lab.project import set_keys
from lab.pulumi_cli import PulumiEngine
from tests.cluster.api_server import CONTEXT, ApiServer, Body

OWNER = "podtato-team"
TOKEN, TASK_TOKEN = "token-of-the-platform", "token-of-the-task"
COMMAND_SECONDS = 120

THREE_STAGES: tuple[dict[str, Json], ...] = (
    {"name": "first"},
    {"name": "dev", "after": ["first"]},
    {"name": "production", "after": ["dev"]},
)
"""A pipeline in which dev promotes onward, and so has every kind of object, and leaves the repository's own files
to another stage, which nobody brings up: an update of dev takes half the time."""


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit status and what it printed."""

    status: int
    text: str

    @property
    def errors(self) -> list[str]:
        """The lines of the program's own refusal, without Pulumi's frame."""
        _, _, diagnostics = self.text.partition("Diagnostics:")
        _, _, after = diagnostics.partition("error: ")
        lines, _, _ = after.partition("\n\n")
        # The CLI may add, in a line of its own, that the program ended with an error.
        return [line.strip() for line in lines.splitlines() if not line.strip().startswith("error: ")]


class Team:
    """The stacks of the team `name`, which deploy to `server` unless told otherwise; `folder` is theirs.

    Argo CD's namespace is there from the start, as with Argo CD. `example` is the project that the stacks are of, and
    what the team has in the GitOps repository. Where the server knows nothing of Keptn, Argo CD verifies its stages.
    """

    def __init__(
        self, name: str, server: ApiServer, forge: Forge, folder: Path, example: Example | None = None
    ) -> None:
        self.name, self.server, self.forge = name, server, forge
        self.example = example or Example()
        if server.verification != "keptn":
            verification = dict.fromkeys(self.example.stages, server.verification)
            self.example = replace(self.example, verification=verification)
        self.repository = f"{OWNER}/{name}"
        self.argocd = f"{name}-argocd"
        self._engine = PulumiEngine(folder / "pulumi", folder / "manifests", project=self.example.project)
        self.environment = os.environ | self._engine.environment
        self.settings = {
            "repositoryOwner": OWNER,
            "repositoryName": name,
            "githubApiUrl": forge.api_url,
            "namespacePattern": f"{name}-{{application}}-{{stage}}",
            "argocdNamespace": self.argocd,
            "kubeContext": CONTEXT,
            **self.example.settings,
        }
        self.secrets = {"githubToken": TOKEN, "promotionToken": TASK_TOKEN, "kubeconfig": server.kubeconfig()}
        self._configured: dict[str, str] = {}
        self._files: dict[str, str] = {}
        forge.create_repository(self.repository, files=self.example.files, organization=True)
        server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.argocd}})

    def use(self, stages: Iterable[Mapping[str, Json]]) -> None:
        """Have this pipeline instead of the example's."""
        own = {} if self.server.verification == "keptn" else {"verification": self.server.verification}
        self.settings["stages"] = json.dumps([{**stage, **own} for stage in stages])

    def namespace(self, stage: str) -> str:
        """The namespace of the one application in that stage."""
        return f"{self.name}-podtato-head-{stage}"

    def up(self, stage: str, *options: str) -> Done:
        """`pulumi up`, with the team's settings as they are now."""
        return self._run(stage, "up", "--yes", "--skip-preview", *options)

    def preview(self, stage: str, *options: str) -> Done:
        """`pulumi preview`, with the team's settings as they are now."""
        return self._run(stage, "preview", *options)

    def destroy(self, stage: str, *options: str) -> Done:
        """`pulumi destroy`, with the team's settings as they are now."""
        return self._run(stage, "destroy", "--yes", "--skip-preview", *options)

    def preview_destroy(self, stage: str) -> Done:
        """What `pulumi destroy` would delete, one by one."""
        return self._run(stage, "destroy", "--preview-only", "--diff")

    def declared(self, stage: str) -> list[Body]:
        """Every object that the stack declares, as the program says without the engine. Secrets are masked."""
        config = read_stack_config(self.example.project, stage).override(self.settings, self.secrets)
        return [body for each in preview(stage, config).resources if (body := manifest(each)) is not None]

    def tip(self) -> str:
        """The newest commit of the repository's default branch."""
        return str(self.forge.branch(self.repository, "main"))

    def _run(self, stage: str, *command: str) -> Done:
        configuration = json.dumps([self.settings, self.secrets])
        if self._configured.get(stage) != configuration:
            self._configure(stage)
            self._configured[stage] = configuration
        done = self._pulumi(*command, "--stack", stage, check=False)
        return Done(done.returncode, done.stdout)

    def _configure(self, stage: str) -> None:
        if stage not in self._configured:
            self._pulumi("stack", "init", stage)
            self._files[stage] = (self._engine.project / f"Pulumi.{stage}.yaml").read_text(encoding="utf-8")
        # A setting that is gone is gone from the file, too.
        (self._engine.project / f"Pulumi.{stage}.yaml").write_text(self._files[stage], encoding="utf-8")
        set_keys(self._engine.project, stage, {key: self.settings[key] for key in self.settings.keys() & PIPELINE})
        own = self.settings.keys() - PIPELINE
        plain = [f"--plaintext=delivery:{key}={self.settings[key]}" for key in own]
        secret = [f"--secret=delivery:{key}={value}" for key, value in self.secrets.items()]
        self._pulumi("config", "set-all", "--stack", stage, *plain, *secret)

    def _pulumi(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = ["pulumi", "--non-interactive", "--color=never", *arguments]
        return subprocess.run(
            command,
            cwd=self._engine.project,
            env=self.environment,
            check=check,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
        )


def differences(declared: object, found: object, at: str = "") -> list[str]:
    """Where `found` is not as declared; more than was declared (a default, a label of somebody else's) is fine."""
    if isinstance(declared, dict) and isinstance(found, dict):
        return [line for key in declared for line in differences(declared[key], found.get(key), f"{at}/{key}")]
    if isinstance(declared, list) and isinstance(found, list) and len(declared) == len(found):
        pairs = zip(declared, found, strict=True)
        return [line for index, pair in enumerate(pairs) for line in differences(*pair, f"{at}/{index}")]
    return [] if declared == found else [f"{at}: {json.dumps(declared)} was declared, {json.dumps(found)} is there"]
