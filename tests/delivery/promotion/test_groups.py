"""All applications of a stage in one pull request: what was verified together, and only that."""

from dataclasses import replace

import pytest

from delivery.model.edges import GROUPED, Edge, Group
from delivery.model.promoted_keys import in_values
from delivery.model.settings import PromotionSettings
from delivery.promotion.branch import rollback_branch
from delivery.promotion.metadata import parse_metadata
from tests.delivery.promotion.story import NAME, Run, Story, platform

TRACES = {
    "web": "00-11111111111111111111111111111111-1111111111111111-01",
    "api": "00-22222222222222222222222222222222-2222222222222222-01",
}


def edge_of(application: str) -> Edge:
    folders = f"dev/{application}", f"production/{application}"
    return Edge(application, "dev", "production", *folders, in_values("serviceVersion"))


EDGES = tuple(map(edge_of, TRACES))


@pytest.fixture
def group(told: Story) -> Story:
    """The applications web and api, both at v1 in both stages, which are promoted together."""
    told.settings = replace(told.settings, edges=EDGES, groups=("production",))
    values = 'serviceVersion: v1\ntraceParent: ""\n'
    files: dict[str, str | bytes | None] = {f"{edge.target_path}/platform.yaml": platform(edge) for edge in EDGES}
    for edge in EDGES:
        files |= {f"{edge.source_path}/values.yaml": "serviceVersion: v1\n", f"{edge.target_path}/values.yaml": values}
    told.forge.commit(NAME, files, "Begin")
    return told


def release(told: Story, **versions: str) -> str:
    """One commit of a developer with new versions of applications."""
    files: dict[str, str | bytes | None] = {
        f"dev/{name}/values.yaml": f"serviceVersion: {version}\n" for name, version in versions.items()
    }
    return told.forge.commit(NAME, files, f"Release {versions}")


def verified(told: Story, application: str, commit: str, version: str = "", **environ: str) -> Run:
    """What an application's promotion task starts."""
    inputs = {"APPLICATION": application, "TRACEPARENT": TRACES[application]} | environ
    return told.promote(commit, version, **inputs)


def versions(told: Story, ref: str = "main") -> list[str]:
    texts = [(told.forge.read(NAME, f"production/{name}/values.yaml", ref) or b"").decode() for name in TRACES]
    return [text.partition(": ")[2].partition("\n")[0] for text in texts]


GROUP = PromotionSettings("a", "b", "main", "", "", {}, EDGES, groups=("production",)).into("production")[0]


def test_a_release_of_several_applications_waits_for_all_and_is_one_pull_request(group: Story) -> None:
    commit = release(group, web="v2", api="v7")

    first = verified(group, "web", commit, "v2")
    assert (first.status, first.result, group.pull_requests) == (0, "waiting", [])
    assert "api" in str(first.outcome["why"])
    second = verified(group, "api", commit, "v7")

    assert second.result == "created"
    [pull_request] = group.pull_requests
    assert pull_request.title == "Promote 2 applications (web v2, api v7) to production"
    assert versions(group, GROUP.branch) == ["v2", "v7"]
    body = pull_request.body or ""
    assert "| `production/web/values.yaml` | `serviceVersion` | `v1` | `v2` |" in body
    assert "| `production/api/values.yaml` | `serviceVersion` | `v1` | `v7` |" in body
    metadata = parse_metadata(body, GROUP)
    assert metadata is not None
    assert {(said.application, said.version, said.traceparent) for said in metadata.verifications} == {
        ("web", "v2", TRACES["web"]),
        ("api", "v7", TRACES["api"]),
    }
    for name, trace in TRACES.items():
        assert trace.encode() in (group.forge.read(NAME, f"production/{name}/values.yaml", GROUP.branch) or b"")


def test_an_application_that_did_not_change_is_waited_for_by_nobody(group: Story) -> None:
    assert verified(group, "web", release(group, web="v2"), "v2").result == "created"
    assert versions(group, GROUP.branch) == ["v2", "v1"]
    assert group.pull_requests[0].title == "Promote web v2 to production"


def test_what_was_verified_earlier_with_the_same_values_counts(group: Story) -> None:
    verified(group, "web", release(group, web="v2"), "v2")
    run = verified(group, "api", release(group, api="v7"), "v7")
    assert run.result == "updated"
    assert versions(group, GROUP.branch) == ["v2", "v7"]


def test_a_newer_state_that_is_not_verified_as_a_whole_leaves_the_open_one_as_it_is(group: Story) -> None:
    verified(group, "web", release(group, web="v2"), "v2")
    head = group.forge.branch(NAME, GROUP.branch)
    run = verified(group, "web", release(group, web="v3", api="v7"), "v3")
    assert run.result == "updated", "its text says that dev has moved on"
    assert "api" in str(run.outcome["why"])
    assert group.forge.branch(NAME, GROUP.branch) == head


def test_the_same_verification_again_changes_nothing(group: Story) -> None:
    commit = release(group, web="v2", api="v7")
    for name in ("web", "api"):
        verified(group, name, commit)
    head = group.forge.branch(NAME, GROUP.branch)
    group.forge.commit(NAME, {"README.md": "x"}, "Unrelated")
    assert verified(group, "web", commit).result == "unchanged"
    assert group.forge.branch(NAME, GROUP.branch) == head


def test_merged_it_is_nothing_to_change_and_a_rollback_returns_all_of_it(group: Story) -> None:
    commit = release(group, web="v2", api="v7")
    for name in ("web", "api"):
        verified(group, name, commit)
    group.merge(1)
    assert versions(group) == ["v2", "v7"]
    assert verified(group, "api", commit, "v7").result in ("nothing to change", "waiting")

    run = group.promote(APPLICATION="api", ROLLBACK="it returns 500", TRACEPARENT="")

    assert run.result == "created"
    assert group.pull_requests[1].title == "Roll back 2 applications in production"
    assert versions(group, rollback_branch(GROUP)) == ["v1", "v1"]


def test_what_a_merge_has_brought_is_not_taken_for_set_by_hand(group: Story) -> None:
    verified(group, "api", release(group, api="v7"), "v7")
    group.merge(1)
    assert verified(group, "api", release(group, api="v6"), "v6").result == "created"
    assert "by hand" not in (group.pull_requests[1].body or "")


def test_an_application_that_nobody_has_set_by_hand_may_go_back(group: Story) -> None:
    group.forge.commit(NAME, {"production/web/values.yaml": 'serviceVersion: v2\ntraceParent: ""\n'}, "By hand")
    assert verified(group, "api", release(group, web="v2", api="v0"), "v0").result == "created"


def test_asked_for_again_it_waits_for_nobody(group: Story) -> None:
    commit = release(group, web="v2", api="v7")
    run = verified(group, "web", commit, "v2", AGAIN="true")
    assert run.result == "created"
    assert versions(group, GROUP.branch) == ["v2", "v7"]


def test_a_wrong_version_is_refused_by_the_application_that_was_named(group: Story) -> None:
    run = verified(group, "web", release(group, web="v2", api="v7"), "v7")
    assert run.status == 1
    assert "dev/web/values.yaml has serviceVersion v2" in run.errors


def test_each_application_and_the_group_lead_to_the_same_edge() -> None:
    settings = PromotionSettings("a", "b", "main", "", "", {}, EDGES, groups=("production",))
    assert PromotionSettings.from_json(settings.to_json()) == settings
    for name in (*TRACES, GROUPED):
        found = settings.edge(name, "dev", "production")
        assert isinstance(found, Group)
        assert found.branch == "promote/_all/dev/production"


def test_a_tag_that_moves_is_warned_of_by_the_application_that_has_it(group: Story) -> None:
    commit = release(group, web="latest", api="v7")
    verified(group, "web", commit, "latest")
    verified(group, "api", commit, "v7")
    [line] = [line for line in (group.pull_requests[0].body or "").splitlines() if "moves" in line]
    assert "`web/serviceVersion`" in line


def test_a_hotfix_of_one_application_is_not_undone_by_the_release_of_another(group: Story) -> None:
    values = 'serviceVersion: v1.0.1\ntraceParent: ""\n'
    verified(group, "web", release(group, web="v1.0.0", api="v1.0.0"), "v1.0.0")
    verified(group, "api", group.forge.branch(NAME, "main") or "", "v1.0.0")
    group.merge(1)
    group.forge.commit(NAME, {"production/web/values.yaml": values}, "Hotfix")
    commit = release(group, api="v1.1.0")
    verified(group, "web", commit, "v1.0.0")
    run = verified(group, "api", commit, "v1.1.0")
    assert len(group.pull_requests) == 1
    assert (run.result, "downgrade" in str(run.outcome["why"])) == ("superseded", True)


@pytest.mark.parametrize("again", ["false", "true"])
def test_where_a_record_is_demanded_nothing_of_a_group_is_promoted_without_one(group: Story, again: str) -> None:
    group.configure(require_record=("production",))
    commit = release(group, web="v2", api="v7")
    group.record(commit, application="web", version="v2")

    assert group.promote(APPLICATION="web", AGAIN=again).result == "waiting"
    assert verified(group, "api", commit, "v7", AGAIN=again).status == 1
    assert group.pull_requests == []

    group.record(commit, application="api", version="v7")
    assert group.promote(APPLICATION="web", AGAIN=again).result == "created"
