"""Each stack from nothing to nothing and back, in the real engine."""

import pytest

from tests.engine.team import Team


@pytest.mark.parametrize("stack", ["dev", "production"])
def test_a_stack_goes_up_stays_as_it_is_and_goes_down_without_a_trace_but_its_values(team: Team, stack: str) -> None:
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
