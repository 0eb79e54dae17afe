"""The environment that keeps the workflow's secrets, and the switch for Actions, in the real engine."""

from lab.forge import EVERYTHING
from lab.forge.model import Environment
from tests.engine.team import REPOSITORY, TOKEN, Team

FOR_MAIN = {"protected_branches": False, "custom_branch_policies": True}


def environment(team: Team) -> Environment:
    return team.forge.settings(REPOSITORY).environments["promotion"]


def patterns(team: Team) -> list[tuple[str, str]]:
    return [(kind, pattern) for _, kind, pattern in environment(team).policies]


def test_with_an_own_identity_the_environment_is_open_to_the_default_branch_alone_and_actions_approve_nothing(
    team: Team,
) -> None:
    settings = team.forge.settings(REPOSITORY)
    assert team.up("dev").status == 0
    assert (settings.environments, settings.actions_may_open_pull_requests) == ({}, True)
    team.settings["promotionIdentity"] = "token"

    done = team.up("dev")

    assert done.status == 0, done.text
    assert (environment(team).branch_policy, patterns(team)) == (FOR_MAIN, [("branch", "main")])
    assert settings.actions_may_open_pull_requests is False
    assert "secrets.PROMOTION_TOKEN" in team.read(".github/workflows/promote.yaml")
    assert team.preview("dev", "--expect-no-changes").status == 0
    refreshed = team.refresh("dev", "--expect-no-changes")
    assert refreshed.status == 0, refreshed.text

    assert team.destroy("dev").status == 0
    assert patterns(team) == [("branch", "main")]
    again = team.up("dev")
    assert again.status == 0, again.text
    assert patterns(team) == [("branch", "main")]


def test_an_environment_that_people_have_made_keeps_their_rules_also_those_that_they_change_later(team: Team) -> None:
    team.settings["promotionEngine"] = "pulumi"
    rules = [("User", 7), ("Team", 12)]
    made = Environment(wait_timer=30, prevent_self_review=True, can_admins_bypass=False, reviewers=rules)
    team.forge.settings(REPOSITORY).environments["promotion"] = made

    done = team.up("dev")

    assert done.status == 0, done.text
    kept = environment(team)
    assert (kept.wait_timer, kept.prevent_self_review, kept.can_admins_bypass) == (30, True, False)
    assert sorted(kept.reviewers) == sorted(rules)
    assert (kept.branch_policy, patterns(team)) == (FOR_MAIN, [("branch", "main")])
    assert team.preview("dev", "--expect-no-changes").status == 0

    kept.reviewers.append(("User", 8))
    kept.branch_policy = {"protected_branches": True, "custom_branch_policies": False}
    kept.policies.clear()
    assert team.refresh("dev").status == 0
    restored = team.up("dev")
    assert restored.status == 0, restored.text
    assert sorted(environment(team).reviewers) == sorted([*rules, ("User", 8)])
    assert (environment(team).branch_policy, patterns(team)) == (FOR_MAIN, [("branch", "main")])


def test_an_environment_that_other_branches_may_use_is_refused_and_nothing_is_changed(team: Team) -> None:
    team.settings["promotionIdentity"] = "app"
    made = Environment(branch_policy=FOR_MAIN, policies=[(1, "branch", "main"), (2, "branch", "release/*")])
    team.forge.settings(REPOSITORY).environments["promotion"] = made
    before = team.tip()

    done = team.up("dev")

    assert done.status != 0
    assert "release/*" in done.text
    assert team.tip() == before
    assert environment(team) is made


def test_a_token_that_may_not_read_it_is_enough_for_a_preview_and_changes_nothing(team: Team) -> None:
    team.settings["promotionEngine"] = "pulumi"
    team.forge.settings(REPOSITORY).environments["promotion"] = Environment(reviewers=[("User", 7)])
    team.forge.add_token(TOKEN, {key: level for key, level in EVERYTHING.items() if key != "actions"})
    before = team.tip()

    shown, done = team.preview("dev"), team.up("dev")

    assert (shown.status == 0, done.status == 0) == (True, False)
    assert "actions=read" in shown.text
    assert "actions=read" in done.text
    assert team.tip() == before
    assert environment(team).reviewers == [("User", 7)]
