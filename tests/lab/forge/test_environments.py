"""Environments over REST: their rules, and who may use them."""

import pytest

from lab.forge import Forge
from lab.forge.model import Environment
from tests.lab.forge.clients import NAME, Rest

ONE, POLICIES = "/environments/promotion", "/environments/promotion/deployment-branch-policies"
CUSTOM = {"protected_branches": False, "custom_branch_policies": True}


def test_an_environment_is_made_shown_and_deleted_with_its_rules(rest: Rest) -> None:
    assert rest("GET", ONE).status_code == 404
    asked = [{"type": "User", "id": 7}, {"type": "Team", "id": 12}]
    sent = {"wait_timer": 30, "prevent_self_review": True, "reviewers": asked, "can_admins_bypass": False}
    assert rest("PUT", ONE, sent).status_code == 200
    shown = rest("GET", ONE).json()
    timer, reviews = shown["protection_rules"]
    assert (timer["type"], timer["wait_timer"]) == ("wait_timer", 30)
    assert (reviews["type"], reviews["prevent_self_review"]) == ("required_reviewers", True)
    assert [(found["type"], found["reviewer"]["id"]) for found in reviews["reviewers"]] == [("User", 7), ("Team", 12)]
    assert (shown["can_admins_bypass"], shown["deployment_branch_policy"]) == (False, None)
    assert rest("DELETE", ONE).status_code == 204
    assert rest("GET", ONE).status_code == 404


def test_what_a_put_leaves_out_is_gone(forge: Forge, rest: Rest) -> None:
    rest("PUT", ONE, {"wait_timer": 30, "reviewers": [{"type": "User", "id": 7}]})
    rest("PUT", ONE, {"deployment_branch_policy": CUSTOM})
    assert forge.settings(NAME).environments["promotion"] == Environment(branch_policy=CUSTOM)


@pytest.mark.parametrize(
    "wrong",
    [
        {"deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": True}},
        {"deployment_branch_policy": {}},
        {"wait_timer": "30"},
        {"reviewers": "dana"},
    ],
)
def test_rules_of_a_wrong_shape_are_refused(rest: Rest, wrong: dict[str, object]) -> None:
    assert rest("PUT", ONE, wrong).status_code == 422


def test_branches_are_named_one_by_one_where_the_environment_asks_for_that(rest: Rest) -> None:
    rest("PUT", ONE, {})
    assert rest("POST", POLICIES, {"name": "main"}).status_code == 404
    rest("PUT", ONE, {"deployment_branch_policy": CUSTOM})
    made = rest("POST", POLICIES, {"name": "main"})
    assert (made.status_code, made.json()["name"], made.json()["type"]) == (200, "main", "branch")
    assert rest("POST", POLICIES, {"name": "main"}).status_code == 303
    assert rest("GET", POLICIES).json()["branch_policies"] == [made.json()]
    one = f"{POLICIES}/{made.json()['id']}"
    assert rest("GET", one).json() == made.json()
    assert rest("PUT", one, {"name": "trunk"}).json() == {**made.json(), "name": "trunk"}
    assert rest("GET", POLICIES).json()["branch_policies"] == [{**made.json(), "name": "trunk"}]
    assert rest("DELETE", one).status_code == 204
    assert rest("GET", one).status_code == 404


def test_reading_takes_actions_and_writing_administration(forge: Forge, rest: Rest) -> None:
    forge.settings(NAME).environments["promotion"] = Environment()
    forge.add_token("reads", {"actions": "read"})
    forge.add_token("administers", {"administration": "write"})
    assert rest("GET", ONE, Authorization="Bearer reads").status_code == 200
    assert rest("PUT", ONE, {}, Authorization="Bearer reads").status_code == 403
    assert rest("GET", ONE, Authorization="Bearer administers").status_code == 403
    assert rest("PUT", ONE, {}, Authorization="Bearer administers").status_code == 200
