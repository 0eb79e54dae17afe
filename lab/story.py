"""The story of the guide, step by step, on the lab: both stages deployed, a new version, its promotion, its merge.

Each method is one step and returns its result; `lab.demo` prints it, tests assert on it. The git repositories, the
promotion task and the promoter are the real ones. GitHub, Argo CD, Keptn and the cluster are stand-ins.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.actions import PromoterRun, run_promoter
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
    """One run of the story. `forge` and `cluster` have to be running; files are left in `folder`."""

    forge: Forge
    cluster: Cluster
    folder: Path
    updates: dict[str, Update] = field(default_factory=dict)
    synced: dict[str, Synced] = field(default_factory=dict)
    runs: list[PromoterRun] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.trace_file = self.folder / "traces.jsonl"
        self.keptn = Keptn(self.cluster, self.trace_file)
        self.forge.create_repository(REPOSITORY, files={"README.md": "# What Argo CD reads\n"}, organization=True)
        self.forge.add_token(UPDATE_TOKEN, login="platform-engineer")
        self.forge.add_token(TASK_TOKEN, {"actions": "write", "metadata": "read"}, login="promotion-task")
        self.forge.on_dispatch(self._run_workflow)

    @property
    def settings(self) -> dict[str, str]:
        """The keys that the stacks here have besides the project's."""
        return {"repositoryOwner": OWNER, "repositoryName": NAME, "githubApiUrl": self.forge.api_url}

    @property
    def secrets(self) -> dict[str, str]:
        """The secrets of each stack here."""
        return {"githubToken": UPDATE_TOKEN, "promotionToken": TASK_TOKEN}

    @property
    def git_folder(self) -> Path:
        """The GitOps repository itself."""
        return self.forge.settings(REPOSITORY).path

    def update(self, engine: Engine, stage: str) -> Update:
        """`pulumi up` for one stage."""
        for other in STAGES[STAGES.index(stage) + 1 :]:
            engine.prepare(other, self.settings, self.secrets)
        self.updates[stage] = engine.up(stage, self.settings, self.secrets)
        return self.updates[stage]

    def release(self, version: str) -> str:
        """A developer commits a new version to dev's values. Returns the commit."""
        values = self.forge.read(REPOSITORY, "dev/values.yaml") or b""
        changed = values.replace(self.synced["dev"].version.encode(), version.encode())
        return self.forge.commit(REPOSITORY, {"dev/values.yaml": changed}, f"Deploy {version} to dev", author="dana")

    def sync(self, stage: str) -> Synced:
        """Argo CD syncs a stage."""
        self.synced[stage] = sync(self.forge, REPOSITORY, self.updates[stage].of_kind("Application"))
        return self.synced[stage]

    def verify(self, stage: str) -> str:
        """Keptn deploys and verifies what was synced. Returns the context of its promotion task."""
        synced = self.synced[stage]
        named, spec = synced.context["metadata"], synced.context["spec"]
        metadata = dict(spec["metadata"])
        return self.keptn.verify(
            named["name"],
            named["namespace"],
            synced.version,
            metadata.pop("commitID", ""),
            metadata,
            spec.get("spanLinks", ()),
            promotes="promotionTasks" in spec,
            post_deployment_tasks=spec.get("postDeploymentTasks", ()),
        )

    def promote(self, context: str) -> subprocess.CompletedProcess[str]:
        """Keptn runs the declared promotion task. Returns when the workflow runs that it started have ended, too."""
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
        return self.git("diff", "--unified=2", f"main...{pull.head}")

    def show(self, commit: str) -> str:
        """What a commit changed, as git shows it."""
        return self.git("show", "--unified=1", "--format=%h %an: %s", commit)

    def merge(self, pull: PullRequest) -> str:
        """A release manager merges. Returns the commit."""
        return self.forge.merge(REPOSITORY, pull.number, login="rita")

    def git(self, *arguments: str) -> str:
        """What git prints for a command in the GitOps repository."""
        command = ["git", f"--git-dir={self.git_folder}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def _run_workflow(self, repository: str, workflow: str, _ref: str, inputs: Mapping[str, str]) -> str:
        variables = {"DELIVERY_TRACE_FILE": str(self.trace_file), "DELIVERY_WRITE_INTERVAL": "0"}
        self.runs.append(run_promoter(self.forge, repository, workflow, inputs, variables))
        return "success" if self.runs[-1].exit_code == 0 else "failure"
