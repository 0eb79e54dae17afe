import pytest

from delivery.doctor.check import Check
from delivery.doctor.forge import Answer
from delivery.doctor.forge import Forge as View
from delivery.doctor.tokens import READS, needed_permissions, token
from lab.engine import PROGRAM
from lab.forge import Forge
from tests.delivery.doctor.surroundings import FOR_GITHUB, FOR_PROMOTIONS, REPOSITORY, on, view

README = (PROGRAM / "README.md").read_text(encoding="utf-8")
PERMISSIONS, NOTHING_ELSE = "githubToken: permissions", "githubToken: nothing else"


def checks(forge: Forge, found: View, stack: str = "dev", **keys: str) -> dict[str, Check]:
    return {each.name: each for each in token(found, on(forge, stack, **keys))}


def without(permission: str) -> dict[str, str]:
    return {key: level for key, level in FOR_GITHUB.items() if key != permission}


def with_header(found: View, name: str, value: str, **body: object) -> View:
    """The view when GitHub's answer about the repository has this header and these fields too."""
    original = found.get()
    assert isinstance(original.body, dict)
    answer = Answer(200, {**original.body, **body}, {**original.headers, name: value})  # type: ignore[dict-item]
    found._answers[""] = answer
    return found


def test_the_right_tokens_are_valid_and_have_nothing_else(forge: Forge) -> None:
    for key in ("githubToken", "promotionToken"):
        found = checks(forge, view(forge, key))
        assert found[key].status == found[f"{key}: nothing else"].status == "ok"


def test_that_a_fine_grained_token_may_write_is_unknown_because_github_does_not_tell(forge: Forge) -> None:
    found = checks(forge, view(forge))[PERMISSIONS]
    assert found.status == "unknown"
    assert found.detail == (
        "reads administration, contents, pull_requests; that it may write shows at the first update: "
        "administration: write, contents: write, workflows: write"
    )


def test_when_the_token_ends_is_told(forge: Forge) -> None:
    found = with_header(view(forge), "github-authentication-token-expiration", "2027-01-01 00:00:00 UTC")
    assert checks(forge, found)["githubToken"].detail == "valid until 2027-01-01 00:00:00 UTC"


def test_a_revoked_token_is_wrong_and_nothing_else_is_asked(forge: Forge) -> None:
    revoked = view(forge)
    forge.remove_token("github-token-of-the-stack")
    (check,) = checks(forge, revoked).values()
    assert (check.name, check.status) == ("githubToken", "wrong")
    assert check.mend.endswith("pulumi config set --secret delivery:githubToken")


def test_a_token_for_another_repository_is_wrong(forge: Forge) -> None:
    elsewhere = view(forge)
    forge.add_token("github-token-of-the-stack", FOR_GITHUB, repositories=["acme/another"])
    (check,) = checks(forge, elsewhere).values()
    assert check.status == "wrong"
    assert f"does not see {REPOSITORY}" in check.detail


def test_a_forge_that_does_not_answer_leaves_it_unknown(forge: Forge) -> None:
    found = view(forge)
    forge.stop()
    (check,) = checks(forge, found).values()
    assert check.status == "unknown"


def test_a_limit_on_requests_is_no_missing_permission(forge: Forge) -> None:
    found = view(forge)
    forge.fail_next("GET", rf"/repos/{REPOSITORY}$", status=403, headers={"retry-after": "60"})
    (check,) = checks(forge, found).values()
    assert check.status == "unknown"


@pytest.mark.parametrize(
    ("permission", "detail"),
    [
        ("contents", f"may not write {REPOSITORY}"),
        ("administration", f"may not administer {REPOSITORY}"),
    ],
)
def test_a_missing_permission_is_wrong_and_the_mend_names_all_that_are_needed(
    forge: Forge, permission: str, detail: str
) -> None:
    check = checks(forge, view(forge, permissions=without(permission)))[PERMISSIONS]
    assert (check.status, check.detail) == ("wrong", detail)
    assert "contents: write" in check.mend


@pytest.mark.parametrize(
    ("stack", "engine", "wanted"),
    [
        ("dev", "promoter", "administration: write, contents: write, pull_requests: read, workflows: write"),
        ("dev", "pulumi", "administration: write, contents: write, pull_requests: read, workflows: write"),
        ("production", "promoter", "contents: write, pull_requests: read"),
        ("production", "pulumi", "contents: write, pull_requests: write"),
    ],
)
def test_a_token_that_may_not_read_pull_requests_is_wrong_and_the_mend_is_all_that_this_stack_needs(
    forge: Forge, stack: str, engine: str, wanted: str
) -> None:
    found = view(forge, permissions=without("pull_requests"))
    check = checks(forge, found, stack, promotionEngine=engine)[PERMISSIONS]
    assert check.status == "wrong"
    assert check.detail == f"may not even read pull_requests; this stack needs {wanted}"
    assert check.mend.startswith(f"give it {wanted} on {REPOSITORY} at ")


@pytest.mark.parametrize(("stack", "row"), [("dev", "of the first stage"), ("production", "of other stages")])
@pytest.mark.parametrize("engine", ["promoter", "pulumi"])
def test_what_a_stack_needs_is_what_the_readme_gives_it(forge: Forge, stack: str, row: str, engine: str) -> None:
    (line,) = [each for each in README.splitlines() if each.strip().startswith(f"| `delivery:githubToken` {row}")]
    given = line.split(" | ")[-1].rstrip(" |")
    given, _, with_pulumi = given.partition(", and with `promotionEngine: pulumi` ")
    levels = {
        name.lower().replace(" ", "_"): level
        for names, level in (each.split(": ") for each in given.split(". "))
        for name in names.split(", ")
    }
    if engine == "pulumi" and with_pulumi:
        levels["pull_requests"] = with_pulumi
    assert needed_permissions(on(forge, stack, promotionEngine=engine), "githubToken") == levels


def test_a_promotion_token_without_actions_is_wrong(forge: Forge) -> None:
    check = checks(forge, view(forge, "promotionToken", {}))["promotionToken: permissions"]
    assert check.status == "wrong"
    assert "actions: write" in check.mend


@pytest.mark.parametrize("permission", ["contents", "pull_requests", "administration"])
def test_a_promotion_token_that_can_do_more_than_dispatch_is_wrong(forge: Forge, permission: str) -> None:
    check = checks(forge, view(forge, "promotionToken", FOR_PROMOTIONS | {permission: "write"}))
    assert check["promotionToken: nothing else"].status == "wrong"
    assert permission in check["promotionToken: nothing else"].detail


def test_a_github_token_that_can_dispatch_too_is_wrong(forge: Forge) -> None:
    check = checks(forge, view(forge, permissions=FOR_GITHUB | FOR_PROMOTIONS))[NOTHING_ELSE]
    assert check.status == "wrong"
    assert "may read actions, which it is not used for" in check.detail


@pytest.mark.parametrize(
    ("stack", "engine", "wanted"),
    [
        ("dev", "promoter", "administration: write, contents: write, pull_requests: read, workflows: write"),
        ("production", "promoter", "contents: write, pull_requests: read"),
        ("production", "pulumi", "contents: write, pull_requests: write"),
    ],
)
def test_in_place_of_a_token_that_can_do_too_much_one_is_asked_for_that_does_what_this_stack_needs(
    forge: Forge, stack: str, engine: str, wanted: str
) -> None:
    found = checks(forge, view(forge, permissions=FOR_GITHUB | FOR_PROMOTIONS), stack, promotionEngine=engine)
    assert f"make a fine-grained one with {wanted} on {REPOSITORY} alone" in found[NOTHING_ELSE].mend


def test_a_read_that_failed_leaves_unknown_what_the_token_may(forge: Forge) -> None:
    found = view(forge)
    found._answers[READS["secrets"]] = Answer(500, None, {}, "Internal Server Error")
    check = checks(forge, found)[NOTHING_ELSE]
    assert check.status == "unknown"
    assert check.detail == "whether it has secrets is not told: 500: Internal Server Error"


def test_in_a_public_repository_it_is_not_told_who_may_read(forge: Forge) -> None:
    found = with_header(view(forge, "promotionToken"), "date", "now", private=False)
    check = checks(forge, found)["promotionToken: nothing else"]
    assert check.status == "unknown"
    assert "contents, pull_requests, deployments is not told: the repository is public" in check.detail


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
def test_a_classic_token_is_judged_by_its_scopes(forge: Forge, scopes: str, needs: str, nothing_else: str) -> None:
    found = checks(forge, with_header(view(forge), "x-oauth-scopes", scopes))
    assert (found[PERMISSIONS].status, found[NOTHING_ELSE].status) == (needs, nothing_else)


def test_no_classic_token_is_narrow_enough_for_promotions(forge: Forge) -> None:
    found = with_header(view(forge, "promotionToken"), "x-oauth-scopes", "repo")
    check = checks(forge, found)["promotionToken: nothing else"]
    assert check.status == "wrong"
    assert "fine-grained one with actions: write on" in check.mend


def test_a_stack_that_promotes_nowhere_has_no_use_for_a_promotion_token(forge: Forge) -> None:
    assert needed_permissions(on(forge, "production"), "promotionToken") == {}
    found = checks(forge, view(forge, "promotionToken"), "production")
    assert found["promotionToken: permissions"].detail == "this stack does not use it"


def test_tokens_are_only_ever_used_to_read_and_nothing_is_asked_twice(forge: Forge) -> None:
    found = view(forge)
    forge.forget_requests()
    checks(forge, found)
    asked = [f"{each.method} {each.path}" for each in forge.requests]
    assert all(each.startswith("GET ") for each in asked)
    assert len(asked) == len(set(asked)) <= 1 + len(READS)
