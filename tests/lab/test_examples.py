"""Every pipeline under `examples/`, rendered, promoted along every edge and rolled back, with its team's own files."""

import contextlib
import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from posixpath import normpath
from typing import Any

import pytest
import yaml

from delivery.model.edges import Edge
from delivery.model.pipeline import Application
from delivery.model.settings import SETTINGS_PATH
from delivery.promotion import cli
from delivery.promotion.plan import plan, plan_values, read_promoted, read_values
from delivery.values.editor import set_keys
from lab import render
from lab.argocd import is_out_of_sync, sync
from lab.engine import Value
from lab.example import EXAMPLES, Example, example_names
from lab.forge import Forge
from lab.forge.model import Deployment, Status
from lab.story import OWNER, following, raised
from lab.updates import EmbeddedEngine, Update
from lab.workloads import Workload, workloads

TOKEN = "token-of-the-workflow"
THROUGH_ALL_STAGES = {"monorepo": ("search", "checkout")}
"""The applications that go through all stages here, where not `shop`: kinds of source that no other example has."""
TRACE = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"


@dataclass
class Played:
    """An example on a forge, with all stages updated. Tests leave its default branch as they found it."""

    example: Example
    forge: Forge
    folder: Path
    updates: dict[str, Update]

    @property
    def name(self) -> str:
        return self.example.project.name

    @property
    def repository(self) -> str:
        return f"{OWNER}/{self.example.pipeline.repository.name}"

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Every edge, and a join for those that are one."""
        settings = self.example.pipeline.promotion_settings()
        return tuple(edge for stage in self.example.stages for edge in settings.into(stage))

    def application(self, name: str) -> Application:
        """The application of that name."""
        return next(found for found in self.example.pipeline.applications if found.name == name)

    @property
    def one_of_each_source(self) -> dict[str, Application]:
        """The first application of every kind of source."""
        return {found.source: found for found in reversed(self.example.pipeline.applications)}

    def argocd(self, application: str, stage: str) -> dict[str, Value]:
        """The Argo CD Application of an application in a stage."""
        placed = self.example.pipeline.stage_application(application, stage)
        return self.updates[stage].of_kind("Application", placed.argocd_application)

    def bases(self, application: Application, stage: str) -> list[str]:
        """The files that an overlay's resources are in; none where the application has no overlay."""
        folder = self.example.pipeline.stage_application(application.name, stage).path
        overlay = yaml.safe_load(self.example.files.get(f"{folder}/kustomization.yaml", b"resources: []"))
        return [normpath(f"{folder}/{resource}/kustomization.yaml") for resource in overlay["resources"]]

    def runs(self, application: str, stage: str) -> tuple[Workload, ...]:
        """What Argo CD deploys there now."""
        return sync(self.forge, self.repository, self.argocd(application, stage)).workloads

    def texts(self, *paths: str) -> dict[str, bytes]:
        """Files of the default branch."""
        return {path: self.forge.read(self.repository, path) or b"" for path in paths}

    def files(self) -> dict[str, str]:
        """Every file of the default branch, by path, as its blob."""
        listed = self.forge.settings(self.repository).git("ls-tree", "-r", "main").splitlines()
        return {path: blob for blob, path in (line.split(maxsplit=2)[2].split("\t") for line in listed)}

    def release(self, application: Application) -> None:
        """A developer commits the next version of an application to the first stage."""
        where = self.example.values(application, self.example.stages[0])
        texts = self.texts(*where.files)
        values = {name: str(value) for name, value in read_values(texts, where).items()}
        before = values[application.version.name]
        after = following(values, before, raised(before))
        for file, fields in where.by_file.items():
            texts[file] = set_keys(texts[file], {path: after[name] for name, path in fields.items()}, where=file)
        self.forge.commit(self.repository, {**texts}, f"Deploy {application.name}")

    def run(self, application: str, source: str, target: str, **inputs: str) -> dict[str, Any]:
        """What the workflow does for a dispatch, in this process; what it says of it."""
        settings = self.folder / "settings.json"
        settings.write_bytes(self.texts(SETTINGS_PATH)[SETTINGS_PATH])
        environ = {"APPLICATION": application, "FROM": source, "TO": target, "GITHUB_TOKEN": TOKEN, **inputs}
        environ |= {"DELIVERY_WRITE_INTERVAL": "0", "PATH": os.environ["PATH"]}
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main(["--settings", str(settings), "--json"], environ)
        assert status == 0, err.getvalue()
        told: dict[str, Any] = json.loads(out.getvalue())
        return told

    def record(self, application: str, stage: str, commit: str) -> None:
        """What the stage's promotion task records of a commit that it has verified."""
        recorded = self.forge.settings(self.repository).deployments
        payload = {"application": application, "version": "", "traceparent": TRACE, "verifiedBy": "argocd"}
        number, task = 10_000 + len(recorded), f"deploy:{application}"
        recorded.append(Deployment(number, commit, commit, task, stage, payload, None, "promotion-task"))
        recorded[-1].statuses.append(Status(number, "success", "", "promotion-task", stage))

    def merge(self) -> set[str]:
        """Merge the one open pull request. Returns the files that it has changed."""
        before = self.files()
        [pull] = [found for found in self.forge.pull_requests(self.repository) if found.state == "open"]
        self.forge.merge(self.repository, pull.number)
        return {path for path, blob in self.files().items() if before.get(path) != blob}


@pytest.fixture(scope="module", params=example_names())
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp(request.param)
    example = Example(EXAMPLES / request.param)
    repository = f"{OWNER}/{example.pipeline.repository.name}"
    with Forge(folder / "forge") as forge:
        forge.create_repository(repository, files=example.files, organization=True)
        granted = {"contents": "write", "pull_requests": "write", "issues": "write", "deployments": "read"}
        forge.add_token(TOKEN, granted, actions=True)
        engine = EmbeddedEngine(forge, repository, folder / "manifests", example.project)
        settings = {"repositoryOwner": OWNER, "githubApiUrl": forge.api_url}
        secrets = {"githubToken": TOKEN, "promotionToken": TOKEN}
        updates = {stage: engine.up(stage, settings, secrets) for stage in example.stages}
        yield Played(example, forge, folder, updates)


def test_the_updates_leave_every_file_of_the_team_as_it_is(played: Played) -> None:
    own = played.example.files
    assert played.texts(*own) == own
    added = played.files().keys() - own.keys()
    folders = tuple(
        f"{placed.path}/" for placed in played.example.pipeline.stage_applications if not placed.application.own_files
    )
    assert {path for path in added if not path.startswith((".delivery/", ".github/", *folders))} == set()


def test_make_render_shows_every_stage(played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stages = [played.example.stages[0], played.example.stages[-1]]
    for stage in stages:
        options = ["--project", str(played.example.project), "--stack", stage, "--out", str(tmp_path)]
        assert render.main(options) == 0, capsys.readouterr().err
        bodies = [yaml.safe_load(path.read_text()) for path in (tmp_path / stage / "manifests").rglob("*.yaml")]
        found = {body["metadata"]["name"] for body in bodies if body["kind"] == "Application"}
        assert found == {
            placed.argocd_application
            for placed in played.example.pipeline.stage_applications
            if placed.stage.name == stage
        }


def test_argo_cd_syncs_an_application_by_its_own_files_alone(played: Played) -> None:
    first = played.example.stages[0]
    found = {
        name: (played.argocd(name, first), sync(played.forge, played.repository, played.argocd(name, first)).commit)
        for name in (found.name for found in played.example.pipeline.applications)
    }
    for application in played.one_of_each_source.values():
        since = str(played.forge.branch(played.repository, "main"))
        for path in (*played.example.values(application, first).files, *played.bases(application, first)):
            text = played.texts(path)[path]
            played.forge.commit(played.repository, {path: text + b"# changed\n"}, "Change")
            out = {
                name
                for name, (body, _) in found.items()
                if is_out_of_sync(played.forge, played.repository, body, since)
            }
            assert application.name in out, path
            shared = {other.name for other in played.example.pipeline.applications if other.source == "helm"}
            assert out - {application.name} <= (shared if application.source == "helm" else set())
            played.forge.commit(played.repository, {path: text}, "Change back")
            since = str(played.forge.branch(played.repository, "main"))


def test_every_edge_changes_what_its_target_deploys_and_back_and_nothing_else(played: Played) -> None:
    for edge in (origin for joined in played.edges for origin in joined.origins):
        application = played.application(edge.application)
        before, there = played.texts(*edge.at_source.files), played.texts(*edge.at_target.written)
        values = {name: value.text for name, value in read_promoted(before, edge.at_source).items()}
        version = values[application.version.name]
        after = following(values, version, raised(version))
        assert not set(after.items()) & set(values.items()), "all of it is new"
        released = {
            file: set_keys(text, {path: after[name] for name, path in edge.at_source.by_file[file].items()}, where=file)
            for file, text in before.items()
        }
        planned = plan(released, there, edge.at_source, edge.at_target, {edge.at_target.trace: TRACE})
        assert {change.key: change.becomes for change in planned.changes} == after
        assert planned.texts.keys() == set(edge.at_target.written)
        present = read_promoted({**there, **planned.texts}, edge.at_target)
        assert {name: value.text for name, value in present.items()} == after
        lines = [
            [one for one, other in zip(there[file].splitlines(), text.splitlines(), strict=True) if one != other]
            for file, text in planned.texts.items()
        ]
        assert sum(map(len, lines)) == len(after) + 1, "a line for each value, and one for the trace"
        back = plan_values(read_promoted(there, edge.at_target), planned.texts, edge.at_target, {})
        assert back.texts == there


def test_a_version_goes_through_all_stages_by_pull_requests_and_back(played: Played) -> None:
    first, *others = played.example.stages
    for name in THROUGH_ALL_STAGES.get(played.name, ("shop",)):
        application, began = played.application(name), played.files()
        before = {stage: played.runs(name, stage) for stage in played.example.stages}
        played.release(application)
        released = played.runs(name, first)
        for new, old in zip(released, before[first], strict=True):
            assert new.image != old.image
            assert new.version != old.version, "Keptn makes a new application version of a new label alone"
        edges = [edge for edge in played.edges if edge.application == name]
        assert [edge.target for edge in edges] == others
        for edge in edges:
            commit = str(played.forge.branch(played.repository, "main"))
            results = []
            for origin in edge.origins:
                played.record(name, origin.source, commit)
                told = played.run(name, origin.source, edge.target, COMMIT_ID=commit, TRACEPARENT=TRACE)
                results.append(told["result"])
            assert results == [*["waiting"] * (len(results) - 1), "created"]
            assert played.runs(name, edge.target) == before[edge.target], "not before it is merged"
            assert played.merge() == set(edge.at_target.written)
            assert played.runs(name, edge.target) == released
        for edge in reversed(edges):
            told = played.run(name, edge.origins[0].source, edge.target, ROLLBACK="errors in checkout")
            assert told["result"] == "created"
            assert played.merge() == set(edge.at_target.files), "the trace stays: it is the one that is reverted"
            assert played.runs(name, edge.target) == before[edge.target]
        now = played.files()
        traces = {edge.at_target.trace for edge in edges}
        changed = {path for path in began if began[path] != now[path]}
        assert changed <= traces | set(played.example.values(application, first).files)
        assert now.keys() == began.keys()


TOOLS = {"helm": ["helm", "template", "shop"], "kustomize": ["kustomize", "build"]}


@pytest.mark.parametrize("source", TOOLS)
def test_the_stand_in_finds_the_workloads_of_the_real_tool(played: Played, source: str, tmp_path: Path) -> None:
    if shutil.which(TOOLS[source][0]) is None:
        pytest.skip(f"{TOOLS[source][0]} is not on PATH: run `make cluster-tools`")
    files = {path: text.decode() for path, text in played.example.files.items()}
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    for placed in played.example.pipeline.stage_applications:
        if placed.application.source == source:
            described: Any = played.argocd(placed.application.name, placed.stage.name)["spec"]
            argocd = described["sources"][0]
            value_files = argocd.get("helm", {}).get("valueFiles", ())
            options = [
                f"--values={tmp_path / (name[1:] if name[0] == '/' else f'{placed.path}/{name}')}"
                for name in value_files
            ]
            command = [*TOOLS[source], str(tmp_path / placed.path), *options]
            built = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            (tmp_path / "built").mkdir(exist_ok=True)
            assert set(workloads(files, argocd)) == set(workloads({"built/all.yaml": built}, {"path": "built"}))
