"""Each stack from nothing to nothing and back, in the real engine."""

import json

import pytest

from tests.engine.team import Team


@pytest.mark.parametrize(("stack", "verification"), [("dev", "keptn"), ("production", "keptn"), ("dev", "argocd")])
def test_a_stack_goes_up_stays_as_it_is_and_goes_down_without_a_trace_but_its_values(
    team: Team, stack: str, verification: str
) -> None:
    team.verified_by(dev=verification)
    if stack == "production":
        team.seed("dev")
    before = set(team.files())
    assert team.preview(stack).status == 0
    assert set(team.files()) == before
    assert team.manifests(stack) == []

    first = team.up(stack)

    assert first.status == 0, first.text
    assert f"{stack}/values.yaml" in team.files()
    there = team.manifests(stack)
    assert "Namespace podtato-head-" + stack in there
    assert any(name.startswith("Keptn") for name in there) is (verification == "keptn")
    assert team.preview(stack, "--expect-no-changes").status == 0
    assert team.up(stack, "--expect-no-changes").status == 0
    refreshed = team.refresh(stack)
    assert refreshed.status == 0, refreshed.text
    assert refreshed.changes == {}

    down = team.destroy(stack)

    assert down.status == 0, down.text
    assert set(team.files()) - before == {f"{stack}/values.yaml"}
    assert team.manifests(stack) == []
    again = team.up(stack)
    assert again.status == 0, again.text
    assert team.manifests(stack) == there
    assert again.of("import") == {f"RepositoryFile podtato-head/{stack}/values.yaml"}


def test_a_stage_that_is_out_of_the_pipeline_goes_down_without_the_program_alone_and_its_values_stay(
    team: Team,
) -> None:
    team.seed("dev")
    assert team.up("production").status == 0
    there = team.manifests("production")
    team.settings["stages"] = json.dumps([{"name": "dev"}])

    refused = team.destroy("production", "--run-program")

    assert refused.status != 0
    assert team.manifests("production") == there

    down = team.destroy("production")

    assert down.status == 0, down.text
    assert team.manifests("production") == []
    assert "production/values.yaml" in team.files()


def test_five_stages_with_a_fan_out_and_a_join_go_up_in_order_and_down_again(team: Team) -> None:
    after = {
        "dev": [],
        "load": ["dev"],
        "security": ["dev"],
        "staging": ["load", "security"],
        "production": ["staging"],
    }
    stages: list[dict[str, object]] = [{"name": name, "after": before} for name, before in after.items()]
    stages[3]["requires"] = "any"
    team.settings["stages"] = json.dumps(stages)
    team.settings["promotionEngine"] = "pulumi"

    shown, ups = {}, {}
    for stage in after:
        shown[stage] = team.preview(stage)
        ups[stage] = team.up(stage)

    assert [done.text for done in (*shown.values(), *ups.values()) if done.status != 0] == []
    assert [done.changes for done in shown.values()] == [done.changes for done in ups.values()]
    assert ups["dev"].outputs["promotesTo"] == ["load", "security"]
    assert ups["staging"].outputs["promotesTo"] == ["production"]
    assert [f"{stage}/values.yaml" in team.files() for stage in after] == [True] * 5
    assert ups["staging"].outputs["promotions"].keys() == {"podtato-head-load+security-to-staging"}
    for again in (team.up, team.refresh):
        quiet = {stage: again(stage) for stage in after}
        assert {stage: (done.status, done.changes) for stage, done in quiet.items()} == dict.fromkeys(after, (0, {}))
    # Both of the stages before it may promote into the join, on one branch.
    team.release("v0.3.1", "load")
    team.release("v0.3.2", "security")
    joined = team.up("staging")
    assert joined.status == 0, joined.text
    assert [pull.title for pull in team.pulls()] == ["Promote podtato-head v0.3.2 to staging"]

    downs = [team.destroy(stage) for stage in reversed(after)]

    assert [done.status for done in downs] == [0] * 5
    assert team.states() == ["closed"]
    assert sorted(team.files()) == sorted(["README.md", *(f"{stage}/values.yaml" for stage in after)])
    assert [team.manifests(stage) for stage in after] == [[]] * 5
    assert [team.up(stage).status for stage in after] == [0] * 5
