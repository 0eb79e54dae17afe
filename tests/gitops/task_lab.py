"""What the tests of the promotion task share: a dev stage, the repository it promotes in, and a clock of their own."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gitops.tasks import promote
from gitops.tasks.http_client import Budget
from lab.cluster import Cluster
from lab.cluster_objects import HOOK_ROLE, Deployment
from lab.forge import Forge
from lab.forge.model import Deployment as Recorded
from lab.forge.model import Status
from lab.keptn import Keptn

ROOT = Path(__file__).parents[2]
APPLICATION, NAMESPACE, TOKEN = "podtato-head", "podtato-head-dev", "ghp_verysecret0123456789"
REPOSITORY = "example/gitops"
FIRST, SECOND, THIRD = "a" * 40, "b" * 40, "c" * 40


@dataclass
class Clock:
    """A clock that moves only when somebody sleeps."""

    elapsed: float = 0.0
    slept: list[float] = field(default_factory=list)
    paced: list[float] = field(default_factory=list)
    on_sleep: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.elapsed += seconds
        self.slept.append(seconds)
        self.on_sleep()

    def wall(self) -> float:
        return 1_800_000_000.0 + self.elapsed


@dataclass(frozen=True)
class Outcome:
    """The exit status of a run of the task, and what it printed."""

    code: int
    out: str
    error: str


@dataclass
class Lab:
    """A dev stage, its Keptn, and the repository that it promotes in."""

    cluster: Cluster
    keptn: Keptn
    forge: Forge
    capsys: pytest.CaptureFixture[str]
    clock: Clock = field(default_factory=Clock)

    def verify(self, version: str, commit: str) -> str:
        """Keptn verifies a version in dev; the context of its promotion task."""
        return self.keptn.verify(APPLICATION, NAMESPACE, version, commit)

    def deploy(self, *deployments: Deployment) -> None:
        """Dev has these Deployments, whatever Keptn knows of them."""
        self.cluster.set_deployments(NAMESPACE, APPLICATION, *deployments)

    def environ(self, context: str, **data: str | None) -> dict[str, str]:
        """The task's environment; `data` replaces parameters, or takes them away with None."""
        parameters = {"application": APPLICATION, "from": "dev", "to": "production", "timeout": "240"}
        parameters |= {"apiUrl": self.forge.api_url, "workflow": "promote.yaml", "ref": "main"}
        return {
            "DATA": json.dumps({key: value for key, value in {**parameters, **data}.items() if value is not None}),
            "SECURE_DATA": json.dumps({"githubRepo": "gitops", "githubRepoOwner": "example", "apiToken": TOKEN}),
            "KEPTN_CONTEXT": context,
            "DELIVERY_KUBERNETES_URL": self.cluster.url,
            "DELIVERY_SERVICE_ACCOUNT_DIR": str(self.cluster.service_account_dir(NAMESPACE)),
        }

    def run(self, context: str, *, environ: Mapping[str, str] | None = None, **data: str | None) -> Outcome:
        """Run the task."""
        return self.main({**self.environ(context, **data), **(environ or {})})

    def hook(
        self,
        commit: str,
        phase: str = "PostSync",
        *,
        secret: bool = True,
        data: Mapping[str, str] | None = None,
        **context: object,
    ) -> Outcome:
        """Run the task as the last hook of a sync, or as the one of a failed sync; `context` is what it is told."""
        self.cluster.roles[NAMESPACE] = HOOK_ROLE
        environ = self.environ("", verification="argocd", **(data or {}))
        told = {"phase": phase, "commitID": commit, "version": "v0.3.1", "traceParent": "", **context}
        environ |= {"ARGOCD_CONTEXT": json.dumps(told), "HOSTNAME": f"{APPLICATION}-promote-x7k2p"}
        without = {"KEPTN_CONTEXT"} | (set() if secret else {"SECURE_DATA"})
        return self.main({name: text for name, text in environ.items() if name not in without})

    def main(self, environ: Mapping[str, str]) -> Outcome:
        """Run the task with these variables."""
        budget = Budget(self.clock.sleep, lambda: self.clock.elapsed, self.clock.wall, self.clock.paced.append)
        code = promote.main(environ, budget)
        printed = self.capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    def superseded(self, context: str) -> str:
        """Run the task, which succeeds and sends nothing; the line that it prints."""
        outcome = self.run(context)
        assert (outcome.code, outcome.error, self.calls, self.reasons) == (0, "", 0, [])
        return outcome.out.strip()

    def fails(self, context: str, *, environ: Mapping[str, str] | None = None, **data: str | None) -> str:
        """Run the task, which fails; the one line that it prints, and leaves as an Event too."""
        outcome = self.run(context, environ=environ, **data)
        assert outcome.code == 1
        assert outcome.error.startswith("error: ")
        assert outcome.error.count("\n") == 1
        assert self.reasons == ["PromotionFailed"]
        assert self.cluster.events[0]["message"] == outcome.error.removeprefix("error: ").strip()
        return outcome.error.strip().replace(self.forge.url, "FORGE").replace(self.cluster.url, "CLUSTER")

    def allow(self, *permissions: str) -> None:
        """Let the token write nothing but these."""
        self.forge.remove_token(TOKEN)
        self.forge.add_token(TOKEN, permissions=dict.fromkeys(permissions, "write"))

    def commit(self, version: str) -> str:
        """Somebody commits a version to dev's values. Returns the commit, which GitHub can record something of."""
        return self.forge.commit(REPOSITORY, {"dev/values.yaml": f"serviceVersion: {version}\n".encode()}, version)

    @property
    def deployments(self) -> list[Recorded]:
        """The Deployments in the repository, oldest first."""
        return self.forge.settings(REPOSITORY).deployments

    def statuses(self, commit: str) -> list[Status]:
        """The statuses of a commit, oldest first."""
        return self.forge.settings(REPOSITORY).statuses.get(commit, [])

    @property
    def writes(self) -> list[str]:
        """What the forge was asked to write: the last part of each path."""
        return [asked.path.rpartition("/")[2] for asked in self.forge.requests if asked.method == "POST"]

    @property
    def dispatched(self) -> list[dict[str, str]]:
        """The inputs of every run that was dispatched, without those that the workflow has defaults for."""
        runs = self.forge.wait_for_runs()
        return [{key: run.inputs[key] for key in run.inputs if key not in ("rollback", "again")} for run in runs]

    @property
    def calls(self) -> int:
        """How many times the forge was asked to start the workflow."""
        return sum(request.path.endswith("/dispatches") for request in self.forge.requests)

    @property
    def reasons(self) -> list[object]:
        """The reasons of the Events that the task has left."""
        return [event["reason"] for event in self.cluster.events]
