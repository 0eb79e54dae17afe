"""A GitOps repository on the lab's forge, and promotions in it as a workflow run would make them."""

import contextlib
import io
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from delivery.model.edges import Edge
from delivery.model.promoted_keys import in_values, names
from delivery.model.settings import PromotionSettings
from delivery.promotion import cli as promote
from delivery.promotion.metadata import PromotionMetadata, parse_metadata
from delivery.promotion.state import read_edge
from lab.forge import Forge, PullRequest
from lab.forge.model import Deployment, Record, Status, timestamp

NAME = "acme/gitops"
TOKEN = "token-of-the-workflow"
RECORDS_TOKEN = "token-that-reads-records"
TRACEPARENT = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"
RECORDED = "00-33679963727bf63245f9b55983c73104-c427a6fcfc56cd6a-01"
"""The trace that records name."""
EDGE = Edge("podtato-head", "dev", "production", "dev", "production", in_values("serviceVersion"))
DEV = "# dev\nserviceVersion: {}\nreplicas: 1\n"
PRODUCTION = (
    '# Only what the release managers agreed on.\nserviceVersion: {}  # promoted\nreplicas: 3\ntraceParent: ""\n'
)


def platform(edge: Edge) -> str:
    """The `platform.yaml` that the stack of the edge's target commits, as far as promotions read it."""
    keys = "".join(f"\n  - {json.dumps(name)}" for name in names(edge.promoted_keys))
    promoted = f"promotedKeys:{keys}\n" if edge.promoted_keys[1:] else ""
    application = f"application:\n  name: {edge.application}\n  stage: {edge.target}\n"
    return f"versionKey: {json.dumps(edge.version_key)}\n{promoted}{application}"


@dataclass
class Run:
    """One run of the promoter: exit status, what it said, and what it asked of the forge.

    `requests` are those of REST, `queries` how many it made for records.
    """

    status: int
    outcome: dict[str, object]
    errors: str
    requests: list[str]
    fetches: int
    pushes: int
    outputs: str = ""
    summary: str = ""
    error: Exception | None = None
    queries: int = 0

    @property
    def result(self) -> object:
        """The outcome's result, None after a failure."""
        return self.outcome.get("result")


@dataclass
class Story:
    """The forge with `acme/gitops` in it: dev and production, both at v0.3.0."""

    forge: Forge
    folder: Path
    settings: PromotionSettings
    environ: dict[str, str] = field(default_factory=dict)
    slept: list[float] = field(default_factory=list)

    def release(self, version: str, message: str = "") -> str:
        """A developer's commit to dev."""
        return self.forge.commit(NAME, {"dev/values.yaml": DEV.format(version)}, message or f"Release {version}")

    def promote(self, commit: str = "", version: str = "", *options: str, token: str = TOKEN, **environ: str) -> Run:
        """What the workflow does with a dispatch; `environ` are further inputs."""
        settings = self.folder / "settings.json"
        settings.write_text(self.settings.to_json())
        files = [self.folder / "outputs", self.folder / "summary"]
        for file in files:
            file.write_text("")
        inputs = {"APPLICATION": "podtato-head", "FROM": "dev", "TO": "production"}
        inputs |= {"COMMIT_ID": commit, "VERSION": version, "TRACEPARENT": TRACEPARENT}
        inputs |= {"GITHUB_TOKEN": token, "DELIVERY_WRITE_INTERVAL": "0", "PATH": "/usr/bin:/bin:/usr/local/bin"}
        inputs |= {"RECORDS_TOKEN": RECORDS_TOKEN}
        inputs |= {"GITHUB_OUTPUT": str(files[0]), "GITHUB_STEP_SUMMARY": str(files[1])}
        before = len(self.forge.requests)
        out, err = io.StringIO(), io.StringIO()
        failures = patch.object(promote, "_failed", wraps=promote._failed)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), failures as failed:
            status = promote.main(
                ["--settings", str(settings), "--json", *options], inputs | self.environ | environ, self.slept.append
            )
        records = self.forge.requests[before:]
        return Run(
            status,
            json.loads(out.getvalue()) if out.getvalue() else {},
            err.getvalue(),
            [f"{record.method} {record.path.partition('?')[0]}" for record in records if _is_rest(record)],
            sum("info/refs?service=git-upload-pack" in record.path for record in records),
            sum("info/refs?service=git-receive-pack" in record.path for record in records),
            files[0].read_text(),
            files[1].read_text(),
            failed.call_args.args[0] if failed.called else None,
            sum(record.path == "/api/graphql" for record in records),
        )

    def rollback(self, reason: str = "it returns 500", **environ: str) -> Run:
        """What the workflow does when a person asks for a rollback."""
        return self.promote(ROLLBACK=reason, TRACEPARENT="", **environ)

    def sweep(self, *options: str, **environ: str) -> Run:
        """What the workflow does on its schedule."""
        inputs = {"APPLICATION": "", "FROM": "", "TO": "", "TRACEPARENT": "", "SWEEP": "true"}
        return self.promote("", "", *options, **inputs | environ)

    def record(
        self,
        commit: str,
        state: str = "success",
        *,
        stage: str = "dev",
        application: str = "podtato-head",
        version: str = "",
        reason: str = "",
        minutes_ago: float = 0,
        payload: object = None,
        trace: str = RECORDED,
    ) -> None:
        """What a stage's promotion task records: a Deployment with one status."""
        when = timestamp(time.time() - 60 * minutes_ago)
        repository = self.forge.settings(NAME)
        told = {"application": application, "version": version, "traceparent": trace, "verifiedBy": "keptn"}
        number = 10_000 + len(repository.deployments)
        made = Deployment(number, commit, commit, f"deploy:{application}", stage, payload or told, None, "stage-bot")
        made.created_at = when
        made.statuses.append(Status(number, state, reason, "stage-bot", stage, created_at=when))
        repository.deployments.append(made)

    @property
    def pull_requests(self) -> list[PullRequest]:
        """All of them, oldest first."""
        return self.forge.pull_requests(NAME)

    def metadata(self, number: int = 1) -> PromotionMetadata:
        """What a pull request says of its promotion, for programs."""
        found = parse_metadata(self.pull_requests[number - 1].body or "", EDGE)
        assert found is not None
        return found

    def commits(self, number: int = 8) -> None:
        """So many commits of others on the default branch, which have nothing to do with promotions."""
        for count in range(number):
            self.forge.commit(NAME, {"README.md": str(count)}, f"Unrelated {count}")

    def merge(self, number: int, method: str = "merge", *, delete_branch: bool = False) -> str:
        """A release manager merges."""
        return self.forge.merge(NAME, number, method, delete_branch)

    def production(self, ref: str = "main") -> str:
        """Production's values."""
        return (self.forge.read(NAME, "production/values.yaml", ref) or b"").decode()

    def version(self, ref: str = "main") -> str:
        """What production runs."""
        found = re.search(r"^serviceVersion: (\S+)", self.production(ref), re.MULTILINE)
        return found[1] if found else ""

    def configure(self, **changes: object) -> None:
        """Other settings than the usual ones; the stacks of all stages are up to date with them."""
        self.settings = replace(self.settings, **changes)  # type: ignore[arg-type]
        files = {f"{edge.target_path}/platform.yaml": platform(edge) for edge in self.settings.edges}
        if any(self.forge.read(NAME, path) != text.encode() for path, text in files.items()):
            self.forge.commit(NAME, files, "Update the stacks")


def _is_rest(record: Record) -> bool:
    return record.kind == "rest" and record.path != "/api/graphql"


def joined(told: Story) -> None:
    """Let production come after a second stage too, qa."""
    other = replace(EDGE, source="qa", source_path="qa")
    told.forge.commit(NAME, {"qa/values.yaml": DEV.format("v0.3.0")}, "A stage qa")
    told.configure(stages={"dev": (), "qa": (), "production": ("dev", "qa")}, edges=(EDGE, other))


def fetch_only(depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let promotions fetch so many commits of each branch, as if the repository were a long one."""
    defaults = read_edge.__kwdefaults__
    assert defaults is not None
    assert defaults["depth"] > depth
    monkeypatch.setitem(defaults, "depth", depth)


def spans(file: Path) -> list[dict[str, Any]]:
    """The spans that runs have written to `file`."""
    return [
        span
        for line in file.read_text(encoding="utf-8").splitlines()
        for scope in json.loads(line)["resourceSpans"][0]["scopeSpans"]
        for span in scope["spans"]
    ]


@contextlib.contextmanager
def story(folder: Path) -> Iterator[Story]:
    """A new story in `folder`."""
    with Forge(folder / "forge") as forge:
        forge.add_token(TOKEN, {"contents": "write", "pull_requests": "write", "issues": "write"}, actions=True)
        reads = dict.fromkeys(("contents", "deployments", "pull_requests", "statuses"), "read")
        forge.add_token(RECORDS_TOKEN, reads, actions=True)
        forge.create_repository(
            NAME,
            files={
                "dev/values.yaml": DEV.format("v0.3.0"),
                "production/values.yaml": PRODUCTION.format("v0.3.0"),
                "production/platform.yaml": platform(EDGE),
            },
        )
        forge.settings(NAME).actions_may_open_pull_requests = True
        settings = PromotionSettings(
            owner="acme",
            repository="gitops",
            default_branch="main",
            api_url=forge.api_url,
            web_url=f"{forge.url}/{NAME}",
            stages={"dev": (), "production": ("dev",)},
            edges=(EDGE,),
        )
        yield Story(forge, folder, settings)
