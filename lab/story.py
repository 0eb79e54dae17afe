"""The guide's story, step by step, on the lab: both stages up, a new version, its promotion, its merge.

Each method is one step and returns its result; `lab.demo` shows it to a person, tests assert on it. The forge holds
real git repositories; the task, the workflow and the promoter are the real ones. Argo CD, Keptn and the cluster are
stand-ins.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.actions import RunResult, run_workflow
from lab.argocd import Synced, sync
from lab.cluster import Cluster
from lab.forge import Forge, PullRequest
from lab.keptn import Keptn
from lab.updates import Engine, Update

OWNER, NAME = "podtato-team", "podtato-head-gitops"
REPOSITORY = f"{OWNER}/{NAME}"
APPLICATION = "podtato-head"
STAGES = ("dev", "production")
UPDATE_TOKEN, TASK_TOKEN = "lab-token-of-the-platform", "lab-token-of-the-task"


@dataclass
class Story:
    """The story, told once. `forge` and `cluster` have to be running; everything that is left behind is in `folder`."""

    forge: Forge
    cluster: Cluster
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    updates: dict[str, Update] = field(default_factory=dict)
    synced: dict[str, Synced] = field(default_factory=dict)
    runs: list[RunResult] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.trace_file = self.folder / "traces.jsonl"
        self.keptn = Keptn(self.cluster, self.trace_file)
        self.forge.create_repository(REPOSITORY, files={"README.md": "# What Argo CD reads\n"}, organization=True)
        self.forge.add_token(UPDATE_TOKEN, login="platform-engineer")
        self.forge.add_token(TASK_TOKEN, {"actions": "write", "metadata": "read"}, login="promotion-task")
        self.forge.on_dispatch(self._run_workflow)

    @property
    def settings(self) -> dict[str, str]:
        """What `pulumi config set` gives each stack here."""
        return {"repositoryOwner": OWNER, "repositoryName": NAME, "githubApiUrl": self.forge.api_url}

    @property
    def secrets(self) -> dict[str, str]:
        """What `pulumi config set --secret` gives each stack here."""
        return {"githubToken": UPDATE_TOKEN, "promotionToken": TASK_TOKEN}

    @property
    def git_folder(self) -> Path:
        """The GitOps repository itself."""
        return self.forge.settings(REPOSITORY).path

    def bring_up(self, engine: Engine, stage: str) -> Update:
        """`pulumi up` for one stage."""
        for other in STAGES[STAGES.index(stage) + 1 :]:
            engine.prepare(other, self.settings, self.secrets)
        self.updates[stage] = engine.up(stage, self.settings, self.secrets)
        return self.updates[stage]

    def release(self, version: str) -> str:
        """A developer commits a new version to dev's values. Returns the commit."""
        before = self._values("dev").decode()
        current = self.sync("dev").version
        changed = before.replace(f"serviceVersion: {current}", f"serviceVersion: {version}")
        return self.forge.commit(REPOSITORY, {"dev/values.yaml": changed}, f"Deploy {version} to dev", author="dana")

    def sync(self, stage: str) -> Synced:
        """Argo CD syncs a stage."""
        folder = self.folder / "synced" / stage
        self.synced[stage] = sync(self.forge, REPOSITORY, self.updates[stage].of_kind("Application"), folder)
        (folder / "manifests.yaml").write_text(self.synced[stage].text, encoding="utf-8")
        return self.synced[stage]

    def verify(self, stage: str) -> str:
        """Keptn deploys and verifies what was synced. Returns the context of its promotion task."""
        synced = self.synced[stage]
        context = synced.of_kind("KeptnAppContext")
        spec: dict[str, Any] = context["spec"]
        metadata = dict(spec["metadata"])
        return self.keptn.verify(
            context["metadata"]["name"],
            context["metadata"]["namespace"],
            synced.version,
            metadata.pop("commitID", ""),
            metadata,
            spec.get("spanLinks", ()),
            promotes="promotionTasks" in spec,
            post_deployment_tasks=spec.get("postDeploymentTasks", ()),
        )

    def promote(self, context: str) -> subprocess.CompletedProcess[str]:
        """Keptn runs the declared promotion task. Returns when the workflows that it dispatches have ended, too."""
        spec: Any = self.updates["dev"].of_kind("KeptnTaskDefinition", "promote")["spec"]
        secure = {"githubRepo": NAME, "githubRepoOwner": OWNER, "apiToken": TASK_TOKEN}
        python = spec["python"]
        done = self.keptn.run_promotion_task(python["inline"]["code"], python["parameters"]["map"], secure, context)
        self.forge.wait_for_runs()
        return done

    def open_pull_requests(self) -> list[PullRequest]:
        """The pull requests that wait for a release manager."""
        return [pull for pull in self.forge.pull_requests(REPOSITORY) if pull.state == "open"]

    def diff(self, pull: PullRequest) -> str:
        """The change that a pull request proposes, as git shows it."""
        return self._git("diff", "--unified=2", f"main...{pull.head}")

    def show(self, commit: str) -> str:
        """What a commit changed, as git shows it."""
        return self._git("show", "--unified=1", "--format=%h %an: %s", commit)

    def merge(self, pull: PullRequest) -> str:
        """A release manager merges. Returns the commit."""
        return self.forge.merge(REPOSITORY, pull.number, login="rita")

    def _git(self, *arguments: str) -> str:
        command = ["git", f"--git-dir={self.git_folder}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def _values(self, stage: str) -> bytes:
        content = self.forge.read(REPOSITORY, f"{stage}/values.yaml")
        if content is None:
            raise LookupError(f"{REPOSITORY} has no {stage}/values.yaml")
        return content

    def _run_workflow(self, repository: str, workflow: str, ref: str, inputs: Mapping[str, str]) -> str:
        variables = {"DELIVERY_TRACE_FILE": str(self.trace_file), "DELIVERY_WRITE_INTERVAL": "0", **self.environ}
        token = "lab-token-of-run"  # noqa: S105 - good for the lab alone
        self.forge.add_token(token, {"contents": "write", "pull_requests": "write"}, actions=True)
        result = run_workflow(workflow, inputs, self.forge, repository, token, environ=variables, default_branch=ref)
        self.runs.append(result)
        return "success" if result.exit_code == 0 else "failure"
