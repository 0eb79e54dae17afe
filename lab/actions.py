"""Runs a workflow of the GitOps repository as GitHub would: the default branch's file, with its own steps.

This module prepares the job: the dispatched inputs, the contexts, the run's token and the concurrency group.
`lab.workflow` reads the file, `lab.runner` runs the steps; the caller starts a run when one is dispatched.
"""

import contextlib
import json
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lab.runner import Clone, Job, StepResult, base_environment
from lab.workflow import Context, Value, check_inputs, evaluate, parse_workflow

WORKFLOWS = ".github/workflows"


class Server(Protocol):
    """Where the repository is: `lab.forge.Forge`, or whatever serves `url/owner/name.git` to git."""

    @property
    def url(self) -> str: ...
    @property
    def api_url(self) -> str: ...


@dataclass(frozen=True)
class RunResult:
    """A run: `name` and `group` as evaluated, the steps up to the first failure, the log as people see it.

    `summary` is what the steps wrote to GITHUB_STEP_SUMMARY. `masked` counts how often a secret was masked in the
    log; it is 0 when no step prints one.
    """

    name: str
    group: str
    steps: tuple[StepResult, ...]
    exit_code: int
    log: str
    summary: str
    masked: int

    @property
    def outputs(self) -> dict[str, str]:
        """All steps' outputs in one, later steps over earlier ones."""
        return {key: value for step in self.steps for key, value in step.outputs.items()}


def run_workflow(
    workflow: str,
    inputs: Mapping[str, Value],
    forge: Server,
    repository: str,
    token: str | Callable[[Mapping[str, str]], str],
    *,
    environ: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    default_branch: str = "main",
    login: str = "octocat",
    run_id: int = 1,
) -> RunResult:
    """Run a workflow of `repository` (`owner/name`) as its default branch has it, and wait for the end.

    `workflow` is the file's name below `.github/workflows`. `token` is what the run gets as `github.token`, or a
    function that makes it from the job's permissions (named as the REST API names them, `pull_requests`).
    `environ` is added to the runner's own small environment, as on a self-hosted runner. Runs of one concurrency
    group wait for each other in order of arrival. Raises `WorkflowError` where GitHub would not start the run
    (`InputError` with its words for refused inputs) or the lab cannot do what GitHub would.
    """
    with tempfile.TemporaryDirectory(prefix="lab-runner-") as folder:
        root = Path(folder)
        for name in ("home", "temp", "workspace", "definition"):
            (root / name).mkdir()
        reader = token if isinstance(token, str) else token({"contents": "read"})
        clone = Clone(f"{forge.url}/{repository}.git", reader, root / "home")
        text, sha = clone.read(root / "definition", default_branch, f"{WORKFLOWS}/{workflow}")
        definition = parse_workflow(text)
        checked = check_inputs(definition, inputs)
        permissions = {key.replace("-", "_"): level for key, level in definition.permissions.items()}
        job_token = token if isinstance(token, str) else token(permissions)
        owner, _, _ = repository.partition("/")
        github: Context = {
            "token": job_token,
            "repository": repository,
            "repository_owner": owner,
            "sha": sha,
            "ref": f"refs/heads/{default_branch}",
            "ref_name": default_branch,
            "run_id": str(run_id),
            "run_number": str(run_id),
            "run_attempt": "1",
            "actor": login,
            "triggering_actor": login,
            "workflow": definition.name,
            "job": definition.job,
            "event_name": "workflow_dispatch",
            "server_url": forge.url,
            "api_url": forge.api_url,
            "graphql_url": forge.api_url.removesuffix("/v3") + "/graphql",
            "event": {"inputs": checked, "repository": {"full_name": repository, "default_branch": default_branch}},
        }
        public: dict[str, Context] = {"github": github, "inputs": checked, "vars": {}}
        job = Job(
            definition,
            root,
            public | {"secrets": {**(secrets or {}), "GITHUB_TOKEN": job_token}},
            Clone(clone.url, job_token, root / "home"),
            [job_token, reader, *(secrets or {}).values()],
            {**base_environment(root, github), **(environ or {})},
        )
        event = root / "temp" / "event.json"
        event.write_text(json.dumps(github["event"]), encoding="utf-8")
        name, group = evaluate(definition.run_name, public), evaluate(definition.group, public)
        with _GROUPS.turn((forge.url, repository, group.lower())):
            steps = job.run()
        log = "\n".join([name, *job.log, ""])
        return RunResult(name, group, steps, steps[-1].exit_code, log, job.summary, job.masked)


class _Groups:
    """Concurrency groups with `queue: max`: one run at a time in each, in order of arrival."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[tuple[str, str, str], deque[object]] = {}

    @contextlib.contextmanager
    def turn(self, group: tuple[str, str, str]) -> Iterator[None]:
        """Wait until every earlier run of the group has ended."""
        ticket = object()
        with self._changed:
            queue = self._waiting.setdefault(group, deque())
            queue.append(ticket)
            self._changed.wait_for(lambda: queue[0] is ticket)
        try:
            yield
        finally:
            with self._changed:
                queue.popleft()
                if not queue:
                    del self._waiting[group]
                self._changed.notify_all()


_GROUPS = _Groups()
