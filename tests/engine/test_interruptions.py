"""Updates that are killed in the middle, and two at once: nothing is lost, nothing is there twice."""

import pytest

from tests.engine.team import EDGE, Team, end_group

UP = ("up", "--yes", "--skip-preview")


@pytest.mark.parametrize("path", ["templates/application.yaml", "values.yaml"])
def test_an_update_killed_while_it_commits_converges_without_a_file_committed_twice(team: Team, path: str) -> None:
    team.seed("dev")
    held = team.forge.hold_next("PUT", f"/contents/production/{path}")
    killed = team.start("production", *UP)
    assert held.arrived.wait(60)
    end_group(killed)
    held.set()

    team.pulumi("cancel", "--yes", "--stack", "production")
    refreshed = team.refresh("production", "--run-program", "--clear-pending-creates")
    resumed = team.up("production")

    assert refreshed.status == 0, refreshed.text
    assert resumed.status == 0, resumed.text
    assert sorted(team.files("production/")) == [
        "production/Chart.yaml",
        "production/platform.yaml",
        "production/templates/application.yaml",
        "production/values.schema.json",
        "production/values.yaml",
    ]
    assert team.preview("production", "--expect-no-changes").status == 0


def test_an_update_killed_after_its_pull_request_was_opened_takes_it_up(team: Team) -> None:
    team.promoting()
    team.release("v0.3.1")
    held = team.forge.hold_next("GET", r"/pulls/1$")
    killed = team.start("production", *UP)
    assert held.arrived.wait(60)
    end_group(killed)
    held.set()
    assert team.states() == ["open"]

    team.pulumi("cancel", "--yes", "--stack", "production")
    team.refresh("production", "--run-program", "--clear-pending-creates")
    resumed = team.up("production")

    assert resumed.status == 0, resumed.text
    assert resumed.changes[f"RepositoryPullRequest {EDGE}"] == "import"
    assert team.states() == ["open"]
    assert team.preview("production", "--expect-no-changes").status == 0


def test_a_second_update_is_told_about_the_first_ones_lock_and_nothing_is_lost(team: Team) -> None:
    team.seed("dev")
    held = team.forge.hold_next("PUT", "/contents/production/platform.yaml")
    first = team.start("production", *UP)
    assert held.arrived.wait(60)

    second = team.up("production")
    held.set()
    output, _ = first.communicate(timeout=60)

    assert second.status != 0
    assert "the stack is currently locked by 1 lock(s)" in second.text
    assert first.returncode == 0, output
    assert team.preview("production", "--expect-no-changes").status == 0
