from collections.abc import Mapping

import pytest

from delivery.config.errors import Json
from delivery.doctor.check import Check
from delivery.doctor.forge import Answer
from delivery.doctor.forge import Forge as View
from delivery.doctor.protection import protection
from lab.forge import Forge
from tests.delivery.doctor.surroundings import REPOSITORY, view

BRANCH, RULES, SETTINGS = "/branches/main", "/rules/branches/main", "/branches/main/protection"
Settings = Mapping[str, Json]
FOR_EVERYBODY: Settings = {"enforce_admins": {"enabled": True}}
ALLOWED = "protected; direct commits, which `pulumi up` makes, are allowed"


def by_rules(forge: Forge, *types: str) -> Check:
    """The check when rulesets with rules of these types protect the branch, and nothing else does."""
    seen = view(forge)
    seen._answers[BRANCH] = Answer(200, {"protected": True}, {})
    seen._answers[RULES] = Answer(200, [{"type": each} for each in types], {})
    return protection(seen)


def by_settings(forge: Forge, settings: Settings) -> Check:
    """The check when a classic protection with these settings protects the branch, and no ruleset does."""
    seen = view(forge)
    seen._answers[BRANCH] = Answer(200, {"protected": True}, {})
    seen._answers[RULES] = Answer(200, [], {})
    seen._answers[SETTINGS] = Answer(200, dict(settings), {})
    return protection(seen)


def test_without_protection_that_is_said(forge: Forge) -> None:
    check = protection(view(forge))
    assert check.status == "ok"
    assert check.detail == "none: whoever may write the repository can change every stage without a pull request"


def test_a_ruleset_that_lets_commits_pass_is_a_protection_whether_or_not_the_branch_says_so(forge: Forge) -> None:
    seen = view(forge)
    seen._answers[BRANCH] = Answer(200, {"protected": False}, {})
    seen._answers[RULES] = Answer(200, [{"type": "deletion"}, {"type": "non_fast_forward"}], {})
    assert protection(seen) == Check("branch protection", "ok", ALLOWED)


def test_a_protection_that_nobody_bypasses_is_wrong_because_an_update_commits_directly(forge: Forge) -> None:
    forge.protect(REPOSITORY, reviews=1)
    check = protection(view(forge))
    assert check.status == "wrong"
    assert "`pulumi up` cannot commit its files" in check.detail


def test_a_protection_whose_bypasses_are_not_told_is_unknown(forge: Forge) -> None:
    forge.protect(REPOSITORY)
    assert protection(view(forge, permissions={"contents": "write"})).status == "unknown"


def test_a_classic_protection_that_asks_for_nothing_lets_commits_pass(forge: Forge) -> None:
    off: Settings = {"lock_branch": {"enabled": False}, "required_signatures": {"enabled": False}}
    assert by_settings(forge, {**FOR_EVERYBODY, **off}) == Check("branch protection", "ok", ALLOWED)


@pytest.mark.parametrize("key", ["required_pull_request_reviews", "required_status_checks"])
def test_what_administrators_may_bypass_leaves_it_unknown(forge: Forge, key: str) -> None:
    assert by_settings(forge, {**FOR_EVERYBODY, key: {}}).status == "wrong"
    check = by_settings(forge, {key: {}, "enforce_admins": {"enabled": False}})
    assert check.status == "unknown"
    assert check.detail.startswith(f"protected ({key}): ")


def test_a_locked_branch_is_wrong_and_is_unlocked_in_the_settings(forge: Forge) -> None:
    locked: Settings = {"lock_branch": {"enabled": True}}
    check = by_settings(forge, {**FOR_EVERYBODY, **locked})
    assert (check.status, check.mend) == ("wrong", f"unlock it at {forge.url}/{REPOSITORY}/settings/branches")
    assert by_settings(forge, locked).status == "unknown"


@pytest.mark.parametrize(
    ("key", "setting"),
    [("restrictions", {"users": [], "teams": [], "apps": []}), ("required_signatures", {"enabled": True})],
)
def test_whether_a_token_is_among_those_who_may_push_or_signs_is_not_told(
    forge: Forge, key: str, setting: Json
) -> None:
    check = by_settings(forge, {**FOR_EVERYBODY, key: setting})
    assert check.status == "unknown"
    assert check.detail.startswith(f"protected ({key}): ")


@pytest.mark.parametrize(
    "rule",
    ["pull_request", "update", "required_status_checks", "merge_queue", "required_signatures", "workflows", "new"],
)
def test_a_rule_that_is_not_known_to_be_harmless_leaves_it_unknown(forge: Forge, rule: str) -> None:
    check = by_rules(forge, "deletion", rule)
    assert check.status == "unknown"
    assert check.detail.startswith(f"protected ({rule}): ")
    assert check.mend


def test_rules_that_only_keep_the_branch_and_its_history_are_fine(forge: Forge) -> None:
    assert by_rules(forge, "deletion", "non_fast_forward", "required_linear_history").detail == ALLOWED


def test_rules_that_are_not_told_leave_it_unknown(forge: Forge) -> None:
    seen = view(forge)
    forge.fail_next("GET", "/rules/branches", status=502)
    check = protection(seen)
    assert check.status == "unknown"
    assert check.detail.startswith("whether there are rules for main is not told: 502")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("Upgrade to GitHub Pro or make this repository public to enable this feature.", "ok"),
        ("Resource not accessible by personal access token", "unknown"),
    ],
)
def test_a_plan_without_rules_has_none(forge: Forge, said: str, status: str) -> None:
    seen: View = view(forge)
    seen._answers[RULES] = Answer(403, {"message": said}, {}, said)
    assert protection(seen).status == status
