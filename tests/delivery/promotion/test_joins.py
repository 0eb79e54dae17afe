"""A stage that several others promote into: one pull request, for what one of them or all of them have verified."""

import itertools
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from delivery.model.settings import PromotionSettings
from tests.delivery.promotion.story import DEV, EDGE, NAME, TRACEPARENT, Run, Story

QA, PERF = (replace(EDGE, source=stage, source_path=stage) for stage in ("qa", "perf"))
TRACES = {stage: f"00-{letter * 32}-{letter * 16}-01" for stage, letter in (("qa", "a"), ("perf", "b"))}
BRANCH = "promote/podtato-head/qa+perf/production"


def diamond(told: Story, requires: str) -> None:
    """Let dev promote to qa and to perf, and both of these to production."""
    stages = {"dev": (), "qa": ("dev",), "perf": ("dev",), "production": ("qa", "perf")}
    into = tuple(replace(EDGE, target=stage, target_path=stage) for stage in ("qa", "perf"))
    files = {f"{stage}/values.yaml": f'{DEV.format("v0.3.0")}traceParent: ""\n' for stage in ("qa", "perf")}
    told.forge.commit(NAME, dict(files), "The stages between")
    told.configure(stages=stages, edges=(*into, QA, PERF), requires={"production": requires})


def came(told: Story, stage: str, version: str) -> str:
    """`version` came to `stage`; the commit."""
    return told.forge.commit(NAME, {f"{stage}/values.yaml": DEV.format(version)}, f"{version} in {stage}")


def verified(told: Story, stage: str, commit: str, version: str, **inputs: str) -> Run:
    return told.promote(commit, version, FROM=stage, TRACEPARENT=TRACES[stage], GITHUB_ACTOR=f"{stage}-bot", **inputs)


def body(told: Story) -> str:
    return told.pull_requests[-1].body or ""


def test_where_all_are_required_it_is_proposed_once_all_have_verified_it_and_names_them_all(told: Story) -> None:
    diamond(told, "all")
    told.configure(trace_url="https://traces.example/{trace_id}")
    told.release("v0.3.1")
    commits = {stage: came(told, stage, "v0.3.1") for stage in ("qa", "perf")}

    first = verified(told, "qa", commits["qa"], "v0.3.1")
    assert (first.status, first.result, told.pull_requests) == (0, "waiting", [])
    assert "perf" in str(first.outcome["why"])
    assert verified(told, "perf", commits["perf"], "v0.3.1").result == "created"

    for stage, commit in commits.items():
        assert re.search(
            rf"^- \*\*{stage}\*\* at .*{commit}.*`v0\.3\.1`.*`{stage}-bot`.*{TRACES[stage].split('-')[1]}",
            body(told),
            re.MULTILINE,
        )
    assert f'traceParent: "{TRACES["qa"]},{TRACES["perf"]}"' in told.production(BRANCH)
    for stage in commits:
        assert verified(told, stage, commits[stage], "v0.3.1").result == "unchanged"
    assert len(told.pull_requests) == 1


def test_where_all_are_required_the_newest_version_that_all_have_verified_is_proposed(told: Story) -> None:
    diamond(told, "all")
    for version in ("v0.3.1", "v0.3.2", "v0.3.3"):
        told.release(version)
    qa = {version: came(told, "qa", version) for version in ("v0.3.1", "v0.3.2", "v0.3.3")}
    perf = {version: came(told, "perf", version) for version in ("v0.3.1", "v0.3.2")}

    results = [verified(told, "qa", commit, version).result for version, commit in qa.items()]
    assert results == ["waiting"] * 3
    assert verified(told, "perf", perf["v0.3.2"], "v0.3.2").result == "created"
    assert verified(told, "perf", perf["v0.3.1"], "v0.3.1").status == 0

    [pull_request] = told.pull_requests
    assert "v0.3.2" in pull_request.title
    told.merge(1)
    assert told.version() == "v0.3.2"
    assert verified(told, "qa", qa["v0.3.3"], "v0.3.3").result == "waiting"
    assert verified(told, "perf", came(told, "perf", "v0.3.3"), "v0.3.3").result == "created"


def test_where_all_are_required_a_person_may_ask_for_less(told: Story) -> None:
    diamond(told, "all")
    commit = came(told, "qa", "v0.3.1")

    assert verified(told, "qa", commit, "v0.3.1", AGAIN="true").result == "created"

    assert "**perf** has not verified it" in body(told)


def test_where_any_is_enough_the_second_one_joins_the_first_ones_pull_request(told: Story) -> None:
    diamond(told, "any")
    told.release("v0.3.1")
    commits = {stage: came(told, stage, "v0.3.1") for stage in ("qa", "perf")}

    assert verified(told, "qa", commits["qa"], "v0.3.1").result == "created"
    assert "**perf** has not verified it" in body(told)
    head = told.forge.branch(NAME, BRANCH)
    assert verified(told, "perf", commits["perf"], "v0.3.1").result == "updated"

    assert [found.state for found in told.pull_requests] == ["open"]
    assert told.forge.branch(NAME, BRANCH) == head
    assert "has not verified" not in body(told)
    told.merge(1)
    for stage in commits:
        assert verified(told, stage, commits[stage], "v0.3.1").result == "nothing to change"


@pytest.mark.parametrize("first", ["qa", "perf"])
def test_which_of_two_versions_is_newer_is_told_by_the_stage_that_both_came_from(told: Story, first: str) -> None:
    diamond(told, "any")
    for version in ("v0.3.1", "v0.3.2"):
        told.release(version)
    newer = came(told, "qa", "v0.3.2")
    older = came(told, "perf", "v0.3.1")  # later than the newer version came to qa
    events = {"qa": (newer, "v0.3.2"), "perf": (older, "v0.3.1")}

    for stage in (first, *(stage for stage in events if stage != first)):
        assert verified(told, stage, *events[stage]).status == 0

    [pull_request] = told.pull_requests
    assert ("v0.3.2" in pull_request.title, told.version(BRANCH)) == (True, "v0.3.2")
    told.merge(1)
    assert verified(told, "perf", older, "v0.3.1").result == "superseded"


def test_a_stage_that_has_what_the_target_has_does_not_close_what_another_one_has_verified(told: Story) -> None:
    diamond(told, "any")
    told.release("v0.3.1")
    commit = came(told, "qa", "v0.3.1")
    assert verified(told, "qa", commit, "v0.3.1").result == "created"

    assert verified(told, "perf", commit, "v0.3.0").result == "superseded"

    assert told.pull_requests[0].state == "open"


def test_a_value_that_came_back_to_a_stage_unverified_makes_no_older_event_newer(told: Story) -> None:
    diamond(told, "any")
    events = {version: came(told, "qa", version) for version in ("v0.3.1", "v0.3.2")}
    for version, commit in events.items():
        assert verified(told, "qa", commit, version).status == 0
    came(told, "qa", "v0.3.1")

    assert verified(told, "qa", events["v0.3.1"], "v0.3.1").result == "superseded"

    assert "v0.3.2" in told.pull_requests[0].title


def test_settings_from_before_ask_for_any(told: Story) -> None:
    diamond(told, "all")
    text = told.settings.to_json().replace(',\n  "requires": {\n    "production": "all"\n  }', "")

    edge = PromotionSettings.from_json(text).edge("podtato-head", "perf", "production")

    assert (edge.branch, edge.requires_all) == (BRANCH, False)
    assert TRACEPARENT not in text


def test_what_another_stage_has_at_the_same_commit_links_to_its_own_trace(told: Story) -> None:
    diamond(told, "any")
    told.configure(edges=(QA, PERF), stages={"qa": (), "perf": (), "production": ("qa", "perf")})
    came(told, "qa", "v0.3.1")
    commit = came(told, "perf", "v0.3.2")
    verified(told, "qa", commit, "v0.3.1")
    assert verified(told, "perf", commit, "v0.3.2").result == "updated"
    assert told.version(BRANCH) == "v0.3.2"
    assert f'traceParent: "{TRACES["perf"]}"' in told.production(BRANCH)


def branches(told: Story, monkeypatch: pytest.MonkeyPatch, *, upstream: bool) -> None:
    """Let qa and perf have branches and one path, `upstream` of them dev, and every commit a minute of its own."""
    minutes = itertools.count(1_800_000_000, 60)
    monkeypatch.setattr("lab.forge.repositories.time", SimpleNamespace(time=lambda: next(minutes)))
    own = {stage: replace(EDGE, source=stage, source_path="dev", source_branch=f"env/{stage}") for stage in TRACES}
    into = [replace(EDGE, target=stage, target_path="dev", target_branch=f"env/{stage}") for stage in TRACES]
    before = {"dev": ()} | dict.fromkeys(TRACES, ("dev",)) if upstream else dict.fromkeys(TRACES, ())
    edges = (*(into if upstream else ()), *own.values())
    told.settings = replace(told.settings, stages={**before, "production": tuple(TRACES)}, edges=edges)


def came_on_branch(told: Story, stage: str, version: str) -> str:
    files: dict[str, str | bytes | None] = {"dev/values.yaml": DEV.format(version)}
    return told.forge.commit(NAME, files, f"{version} in {stage}", branch=f"env/{stage}")


def test_of_stages_with_branches_of_their_own_the_later_commit_is_promoted(
    told: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    branches(told, monkeypatch, upstream=False)
    qa, perf = came_on_branch(told, "qa", "v0.3.2"), came_on_branch(told, "perf", "v0.3.3")
    assert verified(told, "qa", qa, "v0.3.2").result == "created"
    assert verified(told, "perf", perf, "v0.3.3").result == "updated"
    assert verified(told, "qa", qa, "v0.3.2").result == "superseded"
    assert told.version(BRANCH) == "v0.3.3"


def test_of_stages_with_branches_of_their_own_what_came_first_to_the_stage_before_is_older(
    told: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    branches(told, monkeypatch, upstream=True)
    for version in ("v0.3.1", "v0.3.2"):
        told.release(version)
    qa, perf = came_on_branch(told, "qa", "v0.3.2"), came_on_branch(told, "perf", "v0.3.1")
    assert verified(told, "qa", qa, "v0.3.2").result == "created"
    assert verified(told, "perf", perf, "v0.3.1").result == "superseded"
    assert told.version(BRANCH) == "v0.3.2"
