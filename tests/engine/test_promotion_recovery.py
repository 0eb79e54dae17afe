"""Promotions whose state was lost or is old, and branches that others have worked on: taken up, never overwritten."""

import pytest

from tests.engine.team import BRANCH, EDGE, REPOSITORY, Team

PULL = f"RepositoryPullRequest {EDGE}"


@pytest.mark.parametrize("newer", [False, True], ids=["as it is", "while a newer version is due"])
def test_a_stack_that_lost_its_state_takes_up_the_open_pull_request(team: Team, newer: bool) -> None:
    team.opened()
    team.pulumi("stack", "rm", "production", "--force", "--yes", "--preserve-config")
    team.forget("production")
    if newer:
        team.release("v0.3.2")

    found = team.up("production")

    assert found.status == 0, found.text
    assert found.changes[PULL] == ("update" if newer else "import")
    assert team.states() == ["open"]
    assert [pull.title for pull in team.pulls()] == [f"Promote podtato-head v0.3.{2 if newer else 1} to production"]
    assert team.version(ref=BRANCH) == ("v0.3.2" if newer else "v0.3.1")
    assert team.preview("production", "--expect-no-changes").status == 0


def test_an_older_state_brought_back_is_caught_up_with(team: Team) -> None:
    team.opened()
    backup = team.folder / "backup.json"
    team.pulumi("stack", "export", "--stack", "production", "--file", str(backup))
    team.release("v0.3.2")
    team.up("production")
    team.pulumi("stack", "import", "--stack", "production", "--file", str(backup))

    after = team.up("production")

    assert after.status == 0, after.text
    assert team.states() == ["open"]
    assert team.version(ref=BRANCH) == "v0.3.2"
    assert team.preview("production", "--expect-no-changes").status == 0


def test_commits_of_others_on_the_branch_are_kept(team: Team) -> None:
    team.opened()
    values = team.read("production/values.yaml", BRANCH)
    team.forge.commit(REPOSITORY, {"production/values.yaml": f"{values}replicas: 3\n"}, "More of it", branch=BRANCH)

    noticed = team.up("production")

    assert noticed.status == 0, noticed.text
    assert team.log(BRANCH)[0] == "More of it"
    team.release("v0.3.2")

    newer = team.up("production")

    assert newer.status == 0, newer.text
    assert team.log(BRANCH)[:2] == ["Promote podtato-head v0.3.2 to production", "More of it"]
    assert team.version(ref=BRANCH) == "v0.3.2"
    assert "replicas: 3" in team.read("production/values.yaml", BRANCH)
    assert team.states() == ["open"]
    assert team.preview("production", "--expect-no-changes").status == 0
