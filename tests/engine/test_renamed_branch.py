"""A GitOps repository whose default branch gets another name: what the stacks do then, and the way out of a mistake."""

import json

import pytest

from tests.engine.team import REPOSITORY, Team


def renamed(team: Team) -> Team:
    """The team with dev up, and its default branch called `trunk` since."""
    assert team.up("dev").status == 0
    repository = team.forge.settings(REPOSITORY)
    repository.git("branch", "-m", "main", "trunk")
    repository.git("symbolic-ref", "HEAD", "refs/heads/trunk")
    repository.default_branch = "trunk"
    return team


def at_v1(team: Team) -> None:
    """Dev's values as git has them by now, on the new branch."""
    values = (team.forge.read(REPOSITORY, "dev/values.yaml", "trunk") or b"").decode()
    team.forge.commit(REPOSITORY, {"dev/values.yaml": values.replace("v0.3.0", "v1.0.0")}, "Deploy", branch="trunk")


def test_refreshed_first_a_stack_goes_on_with_the_new_branch_and_its_values(team: Team) -> None:
    renamed(team)
    at_v1(team)

    assert team.refresh("dev").status == 0
    team.settings["defaultBranch"] = "trunk"
    done = team.up("dev")

    assert done.status == 0, done.text
    assert team.preview("dev", "--expect-no-changes").status == 0
    assert b"serviceVersion: v1.0.0" in (team.forge.read(REPOSITORY, "dev/values.yaml", "trunk") or b"")


def test_one_that_was_not_is_mended_by_taking_the_deletions_on_the_old_branch_out_of_its_state(team: Team) -> None:
    renamed(team)
    at_v1(team)
    team.settings["defaultBranch"] = "trunk"
    failed = team.up("dev")
    assert failed.status != 0

    state = json.loads(team.pulumi("stack", "export", "--stack", "dev"))
    kept = [resource for resource in state["deployment"]["resources"] if not resource.get("delete")]
    state["deployment"]["resources"] = kept
    file = team.folder / "state.json"
    file.write_text(json.dumps(state))
    team.pulumi("stack", "import", "--stack", "dev", "--file", str(file))

    done = team.up("dev")
    assert done.status == 0, done.text
    assert team.preview("dev", "--expect-no-changes").status == 0
    assert b"serviceVersion: v1.0.0" in (team.forge.read(REPOSITORY, "dev/values.yaml", "trunk") or b"")


@pytest.mark.parametrize("policies", [[(0, "branch", "trunk")], [(7, "branch", "trunk")], []])
def test_the_environment_goes_on_with_the_new_branch_once_people_have_taken_the_old_one_out(
    team: Team, policies: list[tuple[int, str, str]]
) -> None:
    team.settings["promotionIdentity"] = "token"
    renamed(team)
    environment = team.forge.settings(REPOSITORY).environments["promotion"]
    [(number, _, pattern)] = environment.policies  # which 0 stands for
    assert pattern == "main"
    assert team.refresh("dev").status == 0
    team.settings["defaultBranch"] = "trunk"
    refused = team.up("dev")
    assert (refused.status == 0, "settings/environments" in refused.text) == (False, True)

    environment.policies[:] = [(known or number, kind, name) for known, kind, name in policies]
    if not policies:
        assert team.refresh("dev", "--run-program").status == 0
    done = team.up("dev")

    assert done.status == 0, done.text
    assert [policy[1:] for policy in environment.policies] == [("branch", "trunk")]
    assert team.preview("dev", "--expect-no-changes").status == 0
