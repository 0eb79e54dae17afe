"""Pipelines in which Keptn verifies one stage and hooks of Argo CD the other: each hands on what the next one needs."""

from collections.abc import Callable, Iterator
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

MIXES = [("argocd", "keptn"), ("keptn", "argocd"), ("argocd", "argocd")]
Begin = Callable[[str, str], Story]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    with Forge(tmp_path / "forge") as forge, Cluster() as cluster, Monitoring(tmp_path / TRACES) as monitoring:

        def make(dev: str, production: str) -> Story:
            example = Example(verification={"dev": dev, "production": production})
            story = Story(forge, cluster, tmp_path, example, monitoring)
            engine = EmbeddedEngine(forge, story.repository, tmp_path / "manifests")
            for stage in story.stages:
                story.update(engine, stage)
            for stage in reversed(story.stages):
                deliver(story, stage)
            return story

        yield make


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


@pytest.mark.parametrize(("dev", "production"), MIXES)
def test_a_version_is_verified_recorded_and_promoted_whoever_verifies_which_stage(
    begin: Begin, dev: str, production: str
) -> None:
    story = begin(dev, production)
    assert story.open_pull_requests() == [], "both stages run the same version"
    commit = story.release("v0.3.1")
    assert deliver(story, "dev")
    sha, state, said = recorded(story, "dev")
    assert (sha, state, said["verifiedBy"], said["version"]) == (commit, "success", dev, "v0.3.1")
    [pull] = story.open_pull_requests()
    merged = story.merge(pull)
    assert deliver(story, "production")
    assert story.synced["production"].links == (said["traceparent"],)
    sha, state, said = recorded(story, "production")
    assert (sha, state, said["verifiedBy"], said["version"]) == (merged, "success", production, "v0.3.1")


@pytest.mark.parametrize(("dev", "production"), MIXES)
def test_the_trace_of_the_last_stage_links_to_the_promotion_of_the_first(
    begin: Begin, dev: str, production: str
) -> None:
    story = begin(dev, production)
    story.release("v0.3.1")
    assert deliver(story, "dev")
    story.merge(story.open_pull_requests()[0])
    assert deliver(story, "production")
    export = read(story.trace_file.read_text().splitlines(), "file")
    assert export.problems == ()
    spans = {(span.id.trace, span.id.span): span for span in export.spans}
    linked = [
        (span.get("keptn.deployment.app.namespace"), spans[link.to.trace, link.to.span])
        for span in export.spans
        for link in span.links
        if not span.parent and "keptn.deployment.app.namespace" in span.attributes
    ]
    assert [(namespace, to.name, to.get("keptn.deployment.app.namespace")) for namespace, to in linked] == [
        ("podtato-head-production", "PromotionTasks", "podtato-head-dev")
    ]


def test_a_stage_that_argocd_verifies_has_a_role_without_keptn_and_reads_no_more_than_that(begin: Begin) -> None:
    story = begin("argocd", "argocd")
    assert story.cluster.roles["podtato-head-dev"] == story.cluster.roles["podtato-head-production"] == HOOK_ROLE
    kinds = {str(body["kind"]) for update in story.updates.values() for body in update.manifests}
    assert not [kind for kind in kinds if kind.startswith("Keptn")]


def test_what_fails_its_check_is_recorded_with_the_reason_and_promoted_nowhere(begin: Begin) -> None:
    story = begin("argocd", "keptn")
    runs = len(story.runs)
    story.broken.add("v0.3.1")
    commit = story.release("v0.3.1")
    assert not deliver(story, "dev")
    sha, state, said = recorded(story, "dev")
    assert (sha, state, said["verifiedBy"]) == (commit, "failure", "argocd")
    assert "error-rate" in story.records("dev")[0].statuses[-1].description
    assert len(story.runs) == runs
    assert deliver(story, "dev") is False
    assert len(story.records("dev")[0].statuses) == 1, "the same failure is not recorded twice"
    story.broken.clear()
    assert deliver(story, "dev")
    assert (recorded(story, "dev")[1], len(story.open_pull_requests())) == ("success", 1)


def test_a_version_that_is_verified_while_actions_is_away_is_recorded_and_not_dispatched(begin: Begin) -> None:
    story = begin("argocd", "keptn")
    runs, commit = len(story.runs), story.release("v0.3.1")
    story.sync("dev")
    assert story.carry_out_without_actions("dev").succeeded
    assert recorded(story, "dev")[:2] == (commit, "success")
    assert (len(story.runs), story.open_pull_requests()) == (runs, [])
    assert deliver(story, "dev")
    assert len(story.records("dev")) == 2, "verified again, it is the same record"
    assert len(story.open_pull_requests()) == 1
