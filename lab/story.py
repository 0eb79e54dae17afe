"""The story of the guide, step by step, on the lab: the stages deployed, a new version, its promotion, its merge.

It is told of the shipped pipeline or of an example, and of one application there. Each method is one step and returns
its result; `lab.demo` prints it, tests assert on it. The git repositories, the promotion task and the promoter are the
real ones. GitHub, Argo CD, Keptn, the cluster and what watches it are stand-ins.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from delivery.model.pipeline import StageApplication
from delivery.promotion.plan import read_values
from delivery.stack.manifests import WORKFLOW_FILE
from delivery.values.editor import set_keys
from lab.actions import PromoterRun, run_promoter
from lab.argocd import Synced, sync
from lab.argocd_hooks import Operation, Syncer
from lab.cluster import Cluster
from lab.cluster_objects import DaemonSet, Deployment, StatefulSet, accesses
from lab.example import Example
from lab.forge import Forge, PullRequest
from lab.forge.model import Deployment as Recorded
from lab.keptn import Keptn
from lab.monitoring import Monitoring
from lab.updates import Engine, Update

OWNER = "podtato-team"
KINDS = {kind.__name__: kind for kind in (Deployment, StatefulSet, DaemonSet)}
UPDATE_TOKEN, TASK_TOKEN = "lab-token-of-the-platform", "lab-token-of-the-task"
TRACES = "traces.jsonl"
BEFORE_DEPLOYMENT, ERROR_RATE = "schema-migration", "error-rate"
MIGRATION = 'print("the schema is up to date")\n'
USUAL_RATE, BROKEN_RATE, HIGHEST_RATE = 0.002, 0.31, 0.05


@dataclass
class Story:
    """One run of the story. `forge`, `cluster` and `monitoring` have to be running; files are left in `folder`.

    It is about the first application of the pipeline; the stages have all of them. `monitoring` is for stages that Argo
    CD verifies. Where only the story says that it does, each has a check of its error rate, and the first one a task
    before the deployment. A version in `broken` has too many errors, wherever it runs.
    """

    forge: Forge
    cluster: Cluster
    folder: Path
    example: Example = field(default_factory=Example)
    monitoring: Monitoring | None = None
    broken: set[str] = field(default_factory=set)
    updates: dict[str, Update] = field(default_factory=dict)
    synced: dict[str, Synced] = field(default_factory=dict)
    runs: list[PromoterRun] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.trace_file = self.folder / TRACES
        self.keptn = Keptn(self.cluster, self.trace_file)
        self.application = self.example.pipeline.applications[0]
        self.stages = self.example.stages
        self.name = self.example.pipeline.repository.name
        self.repository = f"{OWNER}/{self.name}"
        self.forge.create_repository(self.repository, files=self.example.files, organization=True)
        for person in {name for stage in self.example.pipeline.stages for name in stage.reviewers or ()}:
            self.forge.settings(self.repository).collaborators.add(person)
        self.forge.add_token(UPDATE_TOKEN, login="platform-engineer")
        granted = {"actions": "write", "deployments": "write", "metadata": "read"}
        self.forge.add_token(TASK_TOKEN, granted, login="promotion-task")
        self.forge.on_dispatch(self._run_workflow)
        if self.monitoring:
            self.monitoring.measure = self._error_rate

    def settings(self, stage: str) -> dict[str, str]:
        """The keys that a stack has here besides the project's."""
        common = {"repositoryOwner": OWNER, "repositoryName": self.name, "githubApiUrl": self.forge.api_url}
        return common | self.example.settings | self.verification(stage)

    def verification(self, stage: str) -> dict[str, str]:
        """Those of them that say how Argo CD verifies the stage; none where Keptn does."""
        if self.with_keptn(stage) or self.monitoring is None:
            return {}
        if not self.example.verification:
            return {"otlpEndpoint": self.monitoring.url}
        query = 'sum(rate(http_errors_total{namespace="{namespace}"}[5m]))'
        check = {"name": ERROR_RATE, "prometheus": self.monitoring.url, "query": query, "max": HIGHEST_RATE}
        keys = {"checks": json.dumps([check]), "otlpEndpoint": self.monitoring.url}
        if stage != self.stages[0]:
            return keys
        tasks = json.dumps({BEFORE_DEPLOYMENT: MIGRATION} | self.example.tasks)
        return {"tasks": tasks, "preDeploymentTasks": json.dumps([BEFORE_DEPLOYMENT])} | keys

    def with_keptn(self, stage: str) -> bool:
        """Whether Keptn verifies the stage; else hooks of Argo CD do."""
        return next(found.with_keptn for found in self.example.pipeline.stages if found.name == stage)

    @property
    def secrets(self) -> dict[str, str]:
        """The secrets of each stack here."""
        return {"githubToken": UPDATE_TOKEN, "promotionToken": TASK_TOKEN}

    @property
    def git_folder(self) -> Path:
        """The GitOps repository itself."""
        return self.forge.settings(self.repository).path

    def update(self, engine: Engine, stage: str) -> Update:
        """`pulumi up` for one stage."""
        for other in self.stages[self.stages.index(stage) + 1 :]:
            engine.prepare(other, self.settings(other), self.secrets)
        self.updates[stage] = engine.up(stage, self.settings(stage), self.secrets)
        for body in self.updates[stage].manifests:
            metadata: Any = body["metadata"]
            rules: Any = body.get("rules")
            if body["kind"] == "Role":
                self.cluster.roles[metadata["namespace"]] = accesses(rules)
        return self.updates[stage]

    def targets(self, stage: str) -> tuple[str, ...]:
        """The stages that a stage promotes to."""
        return tuple(found.name for found in self.example.pipeline.stages if stage in found.after)

    def values(self, stage: str) -> dict[str, str]:
        """The promoted values that the default branch has for a stage, by the names of their keys."""
        where = self.example.values(self.application, stage)
        texts = {file: self.forge.read(self.repository, file) or b"" for file in where.files}
        return {name: value.text for name, value in read_values(texts, where).items() if value}

    def version(self, stage: str) -> str:
        """The version among them, as people call it."""
        return self.values(stage)[self.application.version.name]

    def release(self, version: str) -> str:
        """A developer commits a new version to the first stage, with all that is promoted. Returns the commit."""
        where = self.example.values(self.application, self.stages[0])
        texts = {file: self.forge.read(self.repository, file) or b"" for file in where.files}
        after = following(self.values(self.stages[0]), self.version(self.stages[0]), version)
        for file, fields in where.by_file.items():
            texts[file] = set_keys(texts[file], {path: after[name] for name, path in fields.items()}, where=file)
        said = f"Deploy {version} to {self.stages[0]}"
        return self.forge.commit(self.repository, {**texts}, said, author="dana")

    def sync(self, stage: str) -> Synced:
        """Argo CD syncs the application in a stage."""
        name = self._placed(stage).argocd_application
        self.synced[stage] = sync(self.forge, self.repository, self.updates[stage].of_kind("Application", name))
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
            deployments=_deployments(synced),
        )

    def carry_out(self, stage: str) -> Operation:
        """Argo CD deploys what was synced, with its hooks, the last of which is the promotion task.

        Returns when the workflow runs that it started have ended, too.
        """
        synced = self.synced[stage]
        secure = {"githubRepo": self.name, "githubRepoOwner": OWNER, "apiToken": TASK_TOKEN}
        proxy = self.monitoring.url if self.monitoring else ""
        syncer = Syncer(self.cluster, synced.namespace, synced.application, synced.commit, secure, proxy)
        done = syncer.carry_out(synced.hooks, _deployments(synced))
        self.forge.wait_for_runs()
        return done

    def promote(self, context: str, stage: str = "") -> subprocess.CompletedProcess[str]:
        """Keptn runs the promotion task of a stage, the first one by default.

        Returns when the workflow runs that it started have ended, too.
        """
        stage = stage or self.stages[0]
        [name] = self.synced[stage].context["spec"]["promotionTasks"]
        task = self.updates[stage].of_kind("KeptnTaskDefinition", name, self._placed(stage).namespace)
        spec: Any = task["spec"]
        secure = {"githubRepo": self.name, "githubRepoOwner": OWNER, "apiToken": TASK_TOKEN}
        python = spec["python"]
        done = self.keptn.run_promotion_task(python["inline"]["code"], python["parameters"]["map"], secure, context)
        self.forge.wait_for_runs()
        return done

    @contextmanager
    def without_actions(self) -> Iterator[None]:
        """For a while GitHub Actions starts nothing; the rest of GitHub answers."""
        # So far off that the promotion task does not wait for it.
        self.forge.fail_next("*", "/actions/", status=503, headers={"retry-after": "3600"}, times=None)
        try:
            yield
        finally:
            self.forge.forget_faults()

    def sweep(self) -> PromoterRun:
        """The workflow runs by its schedule."""
        self._run_workflow(self.repository, WORKFLOW_FILE, "", {})
        return self.runs[-1]

    def records(self, stage: str) -> list[Recorded]:
        """What a stage has recorded of the application, newest first."""
        ours = (self.application.name, stage)
        found = self.forge.settings(self.repository).deployments
        return [one for one in reversed(found) if (one.task.removeprefix("deploy:"), one.environment) == ours]

    def roll_back(self, source: str, stage: str, reason: str) -> None:
        """A person starts the workflow, which proposes to roll the application back in a stage."""
        inputs = {"application": self.application.name, "from": source, "to": stage, "rollback": reason}
        self._run_workflow(self.repository, WORKFLOW_FILE, "", inputs)

    def open_pull_requests(self) -> list[PullRequest]:
        """The pull requests that wait for a release manager."""
        return [pull for pull in self.forge.pull_requests(self.repository) if pull.state == "open"]

    def diff(self, pull: PullRequest) -> str:
        """The change that a pull request proposes, as git shows it."""
        return self.git("diff", "--unified=2", f"main...{pull.head}")

    def show(self, commit: str) -> str:
        """What a commit changed, as git shows it."""
        return self.git("show", "--unified=1", "--format=%h %an: %s", commit)

    def merge(self, pull: PullRequest) -> str:
        """A release manager merges. Returns the commit."""
        return self.forge.merge(self.repository, pull.number, login="rita")

    def git(self, *arguments: str) -> str:
        """What git prints for a command in the GitOps repository."""
        command = ["git", f"--git-dir={self.git_folder}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def _error_rate(self, query: str) -> float:
        """What Prometheus says of the stage whose namespace is in the query."""
        synced = next(found for found in self.synced.values() if f'"{found.namespace}"' in query)
        return BROKEN_RATE if self.broken & {found.version for found in synced.workloads} else USUAL_RATE

    def _placed(self, stage: str) -> StageApplication:
        return self.example.pipeline.stage_application(self.application.name, stage)

    def _run_workflow(self, repository: str, workflow: str, _ref: str, inputs: Mapping[str, str]) -> str:
        variables = {"DELIVERY_TRACE_FILE": str(self.trace_file), "DELIVERY_WRITE_INTERVAL": "0"}
        self.runs.append(run_promoter(self.forge, repository, workflow, inputs, variables))
        return "success" if self.runs[-1].exit_code == 0 else "failure"


def _deployments(synced: Synced) -> list[Deployment]:
    return [KINDS[found.kind](found.name, found.version) for found in synced.workloads]


def following(values: Mapping[str, str], before: str, version: str) -> dict[str, str]:
    """What the promoted values of the version `before` are in `version`: another digest, the other versions raised."""
    found = {}
    for name, value in values.items():
        if value.startswith("sha256:"):
            found[name] = f"sha256:{sha256(version.encode()).hexdigest()}"
        elif before in value:
            found[name] = value.replace(before, version)
        else:
            found[name] = raised(value)
    return found


def raised(version: str) -> str:
    """The version after this one: its last number is one higher."""
    return re.sub(r"\d+$", lambda match: str(int(match[0]) + 1), version)
