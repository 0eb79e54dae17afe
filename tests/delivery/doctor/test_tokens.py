import json

import pytest

from delivery.doctor.check import Check, Status
from delivery.doctor.tokens import READS, needed_permissions
from lab.engine import PROGRAM
from lab.forge import Forge
from tests.delivery.doctor.surroundings import (
    PERMISSIONS,
    REPOSITORY,
    TOKENS,
    answer,
    assert_told,
    inspection,
    named,
    on,
)

DOCUMENTED = (PROGRAM / "docs/reference/permissions.md").read_text(encoding="utf-8")
NEEDS, NOTHING_ELSE = "githubToken: permissions", "githubToken: nothing else"
FOR_GITHUB, FOR_PROMOTIONS = PERMISSIONS["githubToken"], PERMISSIONS["promotionToken"]


def checks(forge: Forge, stack: str = "dev", **keys: str) -> dict[str, Check]:
    return named(inspection(forge, stack, **keys), "tokens")


def without(permission: str) -> dict[str, str]:
    return {key: level for key, level in FOR_GITHUB.items() if key != permission}


def classic(forge: Forge, scopes: str) -> None:
    """Let GitHub describe the tokens as classic ones with these scopes."""
    answer(forge, "", {"full_name": REPOSITORY, "private": True}, x_oauth_scopes=scopes)


def test_the_right_tokens_are_valid_and_have_nothing_else(forge: Forge) -> None:
    found = checks(forge)
    for key in TOKENS:
        assert found[key].status == found[f"{key}: nothing else"].status == "ok"
        # GitHub tells nobody whether a fine-grained token may write.
        assert found[f"{key}: permissions"].status == "unknown"
    assert_told("tokens.permissions", found[NEEDS])
    assert_told("tokens.nothing_else", found[NOTHING_ELSE])


def test_when_the_token_ends_is_told(forge: Forge) -> None:
    day = "2027-01-01 00:00:00 UTC"
    answer(forge, "", {"full_name": REPOSITORY}, github_authentication_token_expiration=day)
    assert day in checks(forge)["githubToken"].detail


def test_a_token_that_is_missing_is_unknown_where_it_is_needed(forge: Forge) -> None:
    found = named(inspection(forge, "dev", {}), "tokens")
    assert {name: check.status for name, check in found.items()} == dict.fromkeys(TOKENS, "unknown")
    assert "promotionToken" not in named(inspection(forge, "production", {}), "tokens")


def test_a_revoked_token_is_wrong_and_nothing_else_is_asked(forge: Forge) -> None:
    forge.remove_token(TOKENS["githubToken"])
    found = checks(forge)
    assert NEEDS not in found
    assert_told("tokens.revoked", found["githubToken"])


def test_a_token_for_another_repository_is_wrong(forge: Forge) -> None:
    forge.add_token(TOKENS["githubToken"], FOR_GITHUB, repositories=["acme/another"])
    assert_told("tokens.elsewhere", checks(forge)["githubToken"], forge.url)


def test_a_limit_on_requests_is_no_missing_permission(forge: Forge) -> None:
    forge.fail_next("GET", rf"/repos/{REPOSITORY}$", status=403, headers={"retry-after": "60"})
    assert checks(forge)["githubToken"].status == "unknown"


@pytest.mark.parametrize("permission", ["contents", "administration", "pull_requests"])
def test_a_missing_permission_is_wrong_and_the_fix_names_all_that_are_needed(forge: Forge, permission: str) -> None:
    forge.add_token(TOKENS["githubToken"], without(permission))
    assert_told(f"tokens.without_{permission}", checks(forge)[NEEDS], forge.url)


@pytest.mark.parametrize(("stack", "row"), [("dev", "of the first stage"), ("production", "of other stages")])
@pytest.mark.parametrize("engine", ["promoter", "pulumi"])
def test_what_a_stack_needs_is_what_the_reference_gives_it(forge: Forge, stack: str, row: str, engine: str) -> None:
    (line,) = [text for text in DOCUMENTED.splitlines() if text.strip().startswith(f"| `delivery:githubToken` {row}")]
    given = line.split(" | ")[-1].rstrip(" |")
    given, _, with_pulumi = given.partition(", and with `promotionEngine: pulumi` ")
    given, _, with_environment = given.partition(", and for the environment `promotion` Actions: ")
    levels = {
        name.lower().replace(" ", "_"): level
        for names, level in (part.split(": ") for part in given.split(". "))
        for name in names.split(", ")
    }
    if engine == "pulumi" and with_pulumi:
        levels["pull_requests"] = with_pulumi
    if engine == "pulumi" and with_environment:
        levels["actions"] = with_environment
    assert needed_permissions(on(forge, stack, promotionEngine=engine), "githubToken") == levels


def test_a_promotion_token_without_actions_is_wrong(forge: Forge) -> None:
    forge.add_token(TOKENS["promotionToken"], {})
    check = checks(forge)["promotionToken: permissions"]
    assert check.status == "wrong"
    assert "actions: write" in check.fix


def test_a_last_stage_needs_a_token_that_records_where_it_has_one(forge: Forge) -> None:
    configuration = on(forge, "production", promotionToken="x")
    assert needed_permissions(configuration, "promotionToken") == {"deployments": "write"}
    external = on(forge, "dev", promotionSecret="external")
    assert needed_permissions(external, "promotionToken") == {}


@pytest.mark.parametrize(
    ("permissions", "status", "said"),
    [
        ({"statuses": "write"}, "ok", "commit_statuses"),
        ({}, "wrong", "nothing"),
    ],
)
def test_what_is_lost_without_deployments_is_told(
    forge: Forge, permissions: dict[str, str], status: Status, said: str
) -> None:
    forge.add_token(TOKENS["promotionToken"], {"actions": "write", **permissions})
    found = checks(forge)
    assert found["promotionToken: records"].status == status
    assert found["promotionToken: permissions"].status == "unknown"
    assert_told(f"tokens.records.{said}", found["promotionToken: records"], forge.url)


def test_a_stage_that_demands_a_record_is_named_where_none_can_be_written(forge: Forge) -> None:
    forge.add_token(TOKENS["promotionToken"], {"actions": "write"})
    stages = json.dumps([{"name": "dev"}, {"name": "production", "after": ["dev"], "requireRecord": True}])
    assert_told("tokens.records.required", checks(forge, stages=stages)["promotionToken: records"], forge.url)


@pytest.mark.parametrize("permission", ["contents", "pull_requests", "administration"])
def test_a_promotion_token_that_can_do_more_than_dispatch_is_wrong(forge: Forge, permission: str) -> None:
    forge.add_token(TOKENS["promotionToken"], {**FOR_PROMOTIONS, permission: "write"})
    check = checks(forge)["promotionToken: nothing else"]
    assert check.status == "wrong"
    assert permission in check.detail


def test_a_github_token_that_can_dispatch_too_is_wrong_and_replaced_by_one_for_this_stack(forge: Forge) -> None:
    forge.add_token(TOKENS["githubToken"], {**FOR_GITHUB, **FOR_PROMOTIONS})
    assert_told("tokens.too_much", checks(forge, "production")[NOTHING_ELSE], forge.url)


def test_a_read_that_failed_leaves_unknown_what_the_token_may(forge: Forge) -> None:
    answer(forge, READS["secrets"], {}, status=500)
    check = checks(forge)[NOTHING_ELSE]
    assert check.status == "unknown"
    assert "secrets" in check.detail


def test_in_a_public_repository_it_is_not_told_who_may_read(forge: Forge) -> None:
    answer(forge, "", {"full_name": REPOSITORY, "private": False})
    assert_told("tokens.public", checks(forge)["promotionToken: nothing else"])


@pytest.mark.parametrize(
    ("scopes", "needs", "nothing_else"),
    [
        ("repo, workflow", "ok", "ok"),
        ("repo", "wrong", "ok"),
        ("", "wrong", "ok"),
        ("repo, workflow, delete_repo", "ok", "wrong"),
        ("admin:org, repo, workflow", "ok", "wrong"),
    ],
)
def test_a_classic_token_is_judged_by_its_scopes(
    forge: Forge, scopes: str, needs: Status, nothing_else: Status
) -> None:
    classic(forge, scopes)
    found = checks(forge)
    assert (found[NEEDS].status, found[NOTHING_ELSE].status) == (needs, nothing_else)
    # None is narrow enough for promotions.
    assert found["promotionToken: nothing else"].status == "wrong"


def test_a_stack_that_promotes_nowhere_has_no_use_for_a_promotion_token(forge: Forge) -> None:
    assert needed_permissions(on(forge, "production"), "promotionToken") == {}
    assert checks(forge, "production")["promotionToken: permissions"].status == "ok"


def test_tokens_are_only_ever_used_to_read_and_nothing_is_asked_twice(forge: Forge) -> None:
    forge.forget_requests()
    named(inspection(forge, "dev", {"githubToken": TOKENS["githubToken"]}), "tokens")
    asked = [f"{request.method} {request.path}" for request in forge.requests]
    assert all(line.startswith("GET ") for line in asked)
    assert len(asked) == len(set(asked)) <= 1 + len(READS)
