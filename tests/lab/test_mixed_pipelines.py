"""Pipelines in which Keptn verifies one stage and hooks of Argo CD the other: each hands on what the next one needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from delivery.tracing.otlp import read
from lab.cluster import Cluster
from lab.cluster_objects import HOOK_ROLE
from lab.example import Example
from lab.forge import Forge
from lab.monitoring import Monitoring
from lab.story import TRACES, Story
from lab.updates import EmbeddedEngine


@contextmanager
def begun(folder: Path, dev: str, production: str) -> Iterator[Story]:
    """A story in which both stages run the first version, verified and recorded."""
    with Forge(folder / "forge") as forge, Cluster() as cluster, Monitoring(folder / TRACES) as monitoring:
        example = Example(verification={"dev": dev, "production": production})
        story = Story(forge, cluster, folder, example, monitoring)
        engine = EmbeddedEngine(forge, story.repository, folder / "manifests")
        for stage in story.stages:
            story.update(engine, stage)
        for stage in reversed(story.stages):
            assert deliver(story, stage)
        assert story.open_pull_requests() == [], "both stages run the same version"
        yield story


def deliver(story: Story, stage: str) -> bool:
    """Sync, verify and record what the default branch has for a stage; whether that succeeded."""
    story.sync(stage)
    if story.with_keptn(stage):
        done = story.promote(story.verify(stage), stage)
        assert done.returncode == 0, done.stderr
        return True
    return story.carry_out(stage).succeeded


def recorded(story: Story, stage: str) -> tuple[str, str, dict[str, object]]:
    """Commit, state and payload of a stage's newest record."""
    newest = story.records(stage)[0]
    assert isinstance(newest.payload, dict)
    return newest.sha, newest.state, newest.payload


@dataclass
class Told:
    """A story in which a version went to production, and the two commits that brought it to the stages."""

    story: Story
    kinds: tuple[str, str]
    commit: str
    merged: str


@pytest.fixture(scope="module", params=[("argocd", "keptn"), ("keptn", "argocd"), ("argocd", "argocd")], ids="-".join)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with begun(tmp_path_factory.mktemp("mixed"), *request.param) as story:
        commit = story.release("v0.3.1")
        assert deliver(story, "dev")
        [pull] = story.open_pull_requests()
        merged = story.merge(pull)
        assert deliver(story, "production")
        yield Told(story, request.param, commit, merged)


def test_every_stage_records_what_it_verified_and_who_did(told: Told) -> None:
    for stage, kind, commit in zip(("dev", "production"), told.kinds, (told.commit, told.merged), strict=True):
        sha, state, said = recorded(told.story, stage)
        assert (sha, state, said["verifiedBy"], said["version"]) == (commit, "success", kind, "v0.3.1")


def test_the_trace_of_the_last_stage_links_to_the_promotion_of_the_first(told: Told) -> None:
    assert told.story.synced["production"].links == (recorded(told.story, "dev")[2]["traceparent"],)
    export = read(told.story.trace_file.read_text().splitlines(), "file")
    assert export.problems == ()
    spans, namespace = {(span.id.trace, span.id.span): span for span in export.spans}, "keptn.deployment.app.namespace"
    linked = [
        (span.get(namespace), spans[link.to.trace, link.to.span])
        for span in export.spans
        for link in span.links
        if not span.parent and namespace in span.attributes
    ]
    assert [(of, to.name, to.get(namespace)) for of, to in linked] == [
        ("podtato-head-production", "PromotionTasks", "podtato-head-dev")
    ]


def test_a_stage_that_argocd_verifies_has_the_role_of_its_hook_and_nothing_of_keptn(told: Told) -> None:
    for stage, kind in zip(("dev", "production"), told.kinds, strict=True):
        kinds = {str(body["kind"]) for body in told.story.updates[stage].manifests}
        of_keptn = [name for name in kinds if name.startswith("Keptn")]
        role = told.story.cluster.roles[f"podtato-head-{stage}"]
        assert (role == HOOK_ROLE, of_keptn == []) == (kind == "argocd", kind == "argocd")


def test_a_sweep_with_nothing_to_do_asks_github_at_most_four_times_and_changes_nothing(told: Told) -> None:
    asked = len(told.story.forge.requests)
    swept = told.story.sweep()
    assert swept.exit_code == 0, swept.log
    requests = told.story.forge.requests[asked:]
    assert len(requests) <= 4, requests
    assert told.story.open_pull_requests() == []


@pytest.mark.parametrize(("dev", "production"), [("argocd", "keptn"), ("keptn", "argocd")])
def test_a_version_that_is_verified_while_actions_is_away_is_promoted_once_by_the_sweep(
    tmp_path: Path, dev: str, production: str
) -> None:
    with begun(tmp_path, dev, production) as story:
        runs, commit = len(story.runs), story.release("v0.3.1")
        with story.without_actions():
            assert deliver(story, "dev")
        assert recorded(story, "dev")[:2] == (commit, "success")
        assert (len(story.runs), story.open_pull_requests()) == (runs, [])
        assert story.sweep().exit_code == 0
        [pull] = story.open_pull_requests()
        assert commit in (pull.body or "")
        story.sweep()
        assert dev == "keptn" or deliver(story, "dev"), "Keptn verifies only a new version"
        assert [one.number for one in story.forge.pull_requests(story.repository)] == [pull.number]
        assert len(story.records("dev")) == 2, "verified again, it is the same record"
        story.merge(pull)
        assert deliver(story, "production")
        assert recorded(story, "production")[2]["version"] == "v0.3.1"


def test_what_fails_its_check_is_recorded_with_the_reason_and_promoted_only_once_it_holds(tmp_path: Path) -> None:
    with begun(tmp_path, "argocd", "keptn") as story:
        runs, commit = len(story.runs), story.release("v0.3.1")
        story.broken.add("v0.3.1")
        for _ in range(2):
            assert not deliver(story, "dev")
            sha, state, said = recorded(story, "dev")
            assert (sha, state, said["verifiedBy"]) == (commit, "failure", "argocd")
        [status] = story.records("dev")[0].statuses
        assert status.description.startswith("error-rate: found 0.31")
        assert (len(story.runs), story.open_pull_requests()) == (runs, [])
        story.broken.clear()
        assert deliver(story, "dev")
        assert (recorded(story, "dev")[1], len(story.open_pull_requests())) == ("success", 1)
