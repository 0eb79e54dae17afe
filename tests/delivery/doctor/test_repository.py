from collections.abc import Mapping

import pytest
import requests

from delivery.config.errors import Json
from delivery.doctor.check import Check, Status
from delivery.doctor.inspection import Inspection
from lab.forge import Forge
from lab.forge.model import Environment
from tests.delivery.doctor.surroundings import (
    PERMISSIONS,
    REPOSITORY,
    TOKENS,
    answer,
    assert_told,
    inspection,
    named,
)

PROTECTION, ACTIONS = "branch protection", "Actions may open pull requests"
Settings = Mapping[str, Json]
FOR_EVERYBODY: Settings = {"enforce_admins": {"enabled": True}}


def checks(forge: Forge, stack: str = "dev", **keys: str) -> dict[str, Check]:
    return named(inspection(forge, stack, **keys), "repository")


def only(forge: Forge, **keys: str) -> Check:
    """The one check there is."""
    (check,) = checks(forge, **keys).values()
    return check


@pytest.mark.parametrize("stack", ["dev", "production"])
def test_a_repository_as_declared_is_fine_for_every_stack(forge: Forge, stack: str) -> None:
    assert {name for name, check in checks(forge, stack).items() if check.status != "ok"} == set()


def test_it_only_reads_and_asks_little(forge: Forge) -> None:
    looked = inspection(forge)
    forge.forget_requests()
    named(looked, "repository")
    assert all(request.method == "GET" for request in forge.requests)
    assert len(forge.requests) == 11


def test_a_repository_that_is_not_there_is_wrong_and_nothing_else_is_asked(forge: Forge) -> None:
    assert_told("repository.missing", only(forge, repositoryName="another"), forge.api_url)


def test_a_github_that_does_not_answer_leaves_the_repository_unknown(forge: Forge) -> None:
    looked = inspection(forge)
    forge.stop()
    found = named(looked, "tokens", "repository", "promotions")
    assert {name: check.status for name, check in found.items()} == {
        "repository": "unknown",
        "tokens and promotions": "unknown",
    }


def test_a_github_that_times_out_is_not_asked_again(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(path: str) -> requests.Response:
        asked.append(path)
        raise requests.ReadTimeout

    view = inspection(forge).github()
    monkeypatch.setattr(view.client, "ask", ask)
    assert [view.get(path).status for path in ("/hooks", "/pulls", "/hooks")] == [0, 0, 0]
    assert asked == ["/hooks"]


def test_an_answer_without_a_reason_is_told_by_its_status(forge: Forge) -> None:
    forge.fail_next("GET", f"/repos/{REPOSITORY}$", status=502, body="<html></html>")
    assert_told("repository.failing", only(forge), forge.api_url)


def test_an_archived_repository_is_wrong(forge: Forge) -> None:
    forge.settings(REPOSITORY).archived = True
    assert_told("repository.archived", only(forge))


def test_a_repository_that_has_moved_is_wrong_and_the_fix_follows_it(forge: Forge) -> None:
    answer(forge, "", {"full_name": "umbrella/gitops"})
    assert_told("repository.moved", only(forge))


def test_a_name_in_other_capitals_is_the_same_repository(forge: Forge) -> None:
    answer(forge, "", {"full_name": "Acme/Podtato-Head-GitOps"})
    assert checks(forge)["repository"].status == "ok"


def test_an_address_that_is_not_github_s_api_is_wrong(forge: Forge) -> None:
    answer(forge, "", None)
    assert_told("repository.no_github", only(forge), forge.api_url)


def test_an_empty_repository_has_no_default_branch(forge: Forge) -> None:
    forge.create_repository("acme/empty")
    assert_told("branch.empty", checks(forge, repositoryName="empty")["default branch"])


def test_a_default_branch_that_is_not_there_is_wrong_and_the_fix_is_the_repository_s_own(forge: Forge) -> None:
    assert_told("branch.missing", checks(forge, defaultBranch="trunk")["default branch"])


def test_another_branch_than_the_repository_s_own_is_wrong(forge: Forge) -> None:
    forge.commit(REPOSITORY, {"README.md": "x"}, "Begin", branch="trunk")
    assert_told("branch.other", checks(forge, defaultBranch="trunk")["default branch"])


def test_contents_that_the_token_may_not_read_leave_branch_and_files_unknown(forge: Forge) -> None:
    forge.add_token(TOKENS["githubToken"], {})
    found = checks(forge)
    names = ("default branch", PROTECTION, ACTIONS, "workflow and charts", "pipeline settings", "target folders")
    for name in names:
        assert found[name].status == "unknown", name
        assert "needs" in found[name].detail


def test_actions_that_may_not_open_pull_requests_are_wrong_and_the_first_stage_fixes_it(forge: Forge) -> None:
    forge.settings(REPOSITORY).actions_may_open_pull_requests = False
    assert_told("actions.no", checks(forge, "production")[ACTIONS])


REVIEWED: Json = [{"type": "pull_request", "parameters": {"required_approving_review_count": 1}}]
UNREVIEWED: Json = [{"type": "pull_request", "parameters": {"required_approving_review_count": 0}}]


@pytest.mark.parametrize(("rules", "status"), [(REVIEWED, "unknown"), (UNREVIEWED, "ok"), ([], "ok")])
def test_a_required_review_that_a_workflow_could_give_is_pointed_out(forge: Forge, rules: Json, status: Status) -> None:
    answer(forge, "/rules/branches/main", rules)
    check = checks(forge)[ACTIONS]
    assert check.status == status
    assert_told(f"actions.{'reviewed' if rules == REVIEWED else 'yes'}", check)


def test_a_classic_protection_that_requires_a_review_is_pointed_out_too(forge: Forge) -> None:
    forge.protect(REPOSITORY)
    answer(
        forge, "/branches/main/protection", {"required_pull_request_reviews": {"required_approving_review_count": 2}}
    )
    assert checks(forge)[ACTIONS].status == "unknown"


@pytest.mark.parametrize("identity", ["token", "app"])
def test_with_an_own_identity_actions_need_not_open_pull_requests_and_may_not_approve_them(
    forge: Forge, identity: str
) -> None:
    check = checks(forge, promotionIdentity=identity)[ACTIONS]
    assert_told(f"actions.needless.{identity}", check)
    assert check.status == "wrong"
    forge.settings(REPOSITORY).actions_may_open_pull_requests = False
    assert checks(forge, promotionIdentity=identity)[ACTIONS].status == "ok"


FOR_MAIN = {"protected_branches": False, "custom_branch_policies": True}


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (None, "wrong"),
        (Environment(), "wrong"),
        (Environment(branch_policy=FOR_MAIN), "wrong"),
        (Environment(branch_policy=FOR_MAIN, policies=[(1, "branch", "main")]), "ok"),
        (Environment(branch_policy=FOR_MAIN, policies=[(1, "branch", "main"), (2, "branch", "x")]), "wrong"),
    ],
)
def test_an_environment_whose_secrets_are_not_for_the_default_branch_alone_is_wrong(
    forge: Forge, made: Environment | None, status: Status
) -> None:
    forge.add_token(TOKENS["githubToken"], {**PERMISSIONS["githubToken"], "actions": "read"})
    if made is not None:
        forge.settings(REPOSITORY).environments["promotion"] = made
    check = checks(forge, promotionIdentity="token")["environment"]
    assert check.status == status
    if made is None or status == "ok":
        assert_told(f"environment.{status}", check)
    assert "environment" not in checks(forge)


def test_an_environment_that_the_token_may_not_read_is_unknown_and_what_it_needs_is_told(forge: Forge) -> None:
    check = checks(forge, promotionIdentity="token")["environment"]
    assert (check.status, "actions=read" in check.detail, check.fix) == ("unknown", True, "")
    check = checks(forge, "production", promotionIdentity="token")["environment"]
    assert (check.status, check.fix) == ("unknown", "make doctor STACK=dev")


def test_actions_that_are_switched_off_are_wrong(forge: Forge) -> None:
    answer(forge, "/actions/permissions", {"enabled": False})
    assert_told("actions.off", checks(forge)[ACTIONS], forge.url)


def test_whether_actions_may_open_pull_requests_is_asked_of_the_first_stage_s_stack(forge: Forge) -> None:
    forge.add_token(TOKENS["githubToken"], {"contents": "write"})
    assert checks(forge)[ACTIONS].fix == ""
    check = checks(forge, "production")[ACTIONS]
    assert (check.status, check.fix) == ("unknown", "make doctor STACK=dev")


def test_a_workflow_that_was_switched_off_is_wrong(forge: Forge) -> None:
    forge.settings(REPOSITORY).disabled_workflows.add("promote.yaml")
    assert_told("workflow.off", checks(forge)["workflow"], forge.url.removeprefix("http://"))


def test_a_token_without_actions_is_not_told_whether_the_workflow_is_on(forge: Forge) -> None:
    looked = inspection(forge, "dev", {"githubToken": TOKENS["githubToken"]})
    assert named(looked, "repository")["workflow"].status == "unknown"


# Signatures that rules demand.


@pytest.mark.parametrize("branch", ["main", "promote/*"])
def test_signatures_that_promotions_lack_are_wrong_until_github_signs_them(forge: Forge, branch: str) -> None:
    assert "signatures" not in checks(forge)
    forge.demand_signatures(REPOSITORY, branch)
    assert_told(f"signatures.{'default' if branch == 'main' else 'promotions'}", checks(forge)["signatures"])
    assert checks(forge, promotionCommits="signed")["signatures"].status == "ok"


@pytest.mark.parametrize("on", [True, False])
def test_a_classic_protection_may_demand_signatures_too(forge: Forge, on: bool) -> None:
    by_settings(forge, {"required_signatures": {"enabled": on}})
    found = checks(forge)
    assert ("signatures" in found and found["signatures"].status == "wrong") is on


# What protects the default branch.


def by_rules(forge: Forge, *types: str) -> Check:
    """The check when rulesets with rules of these types protect the branch, and nothing else does."""
    answer(forge, "/rules/branches/main", [{"type": name} for name in types])
    return checks(forge)[PROTECTION]


def by_settings(forge: Forge, settings: Settings) -> Check:
    """The check when a classic protection with these settings protects the branch, and no ruleset does."""
    forge.protect(REPOSITORY)
    answer(forge, "/rules/branches/main", [])
    answer(forge, "/branches/main/protection", settings)
    return checks(forge)[PROTECTION]


def test_without_protection_that_is_said(forge: Forge) -> None:
    assert_told("protection.none", checks(forge)[PROTECTION])


def test_a_protection_that_nobody_bypasses_is_wrong_because_an_update_commits_directly(forge: Forge) -> None:
    forge.protect(REPOSITORY, reviews=1)
    assert_told("protection.by_pull_request", checks(forge)[PROTECTION])


def test_a_protection_whose_bypasses_are_not_told_is_unknown(forge: Forge) -> None:
    forge.protect(REPOSITORY)
    forge.add_token(TOKENS["githubToken"], {"contents": "write"})
    assert checks(forge)[PROTECTION].status == "unknown"


def test_a_locked_branch_is_wrong_and_is_unlocked_in_the_settings(forge: Forge) -> None:
    locked = by_settings(forge, {**FOR_EVERYBODY, "lock_branch": {"enabled": True}})
    assert_told("protection.locked", locked, forge.url)


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({**FOR_EVERYBODY, "lock_branch": {"enabled": False}, "required_signatures": {"enabled": False}}, "ok"),
        ({**FOR_EVERYBODY, "required_pull_request_reviews": {}}, "wrong"),
        ({**FOR_EVERYBODY, "required_status_checks": {}}, "wrong"),
        ({"required_status_checks": {}, "enforce_admins": {"enabled": False}}, "unknown"),
        ({"lock_branch": {"enabled": True}}, "unknown"),
        ({**FOR_EVERYBODY, "restrictions": {"users": []}}, "unknown"),
        ({**FOR_EVERYBODY, "required_signatures": {"enabled": True}}, "unknown"),
    ],
)
def test_a_classic_protection_is_judged_by_what_stops_a_commit(
    forge: Forge, settings: Settings, status: Status
) -> None:
    assert by_settings(forge, settings).status == status


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        (("deletion", "non_fast_forward", "required_linear_history"), "ok"),
        (("deletion", "pull_request"), "unknown"),
        (("required_signatures",), "unknown"),
        (("a_rule_of_tomorrow",), "unknown"),
    ],
)
def test_a_rule_that_is_not_known_to_be_harmless_leaves_it_unknown(
    forge: Forge, rules: tuple[str, ...], status: Status
) -> None:
    check = by_rules(forge, *rules)
    assert check.status == status
    assert bool(check.fix) == (status == "unknown")


@pytest.mark.parametrize(
    ("code", "said", "status"),
    [
        (502, "", "unknown"),
        (403, "Resource not accessible by personal access token", "unknown"),
        (403, "Upgrade to GitHub Pro or make this repository public to enable this feature.", "ok"),
    ],
)
def test_rules_that_are_not_told_leave_it_unknown_and_a_plan_without_rules_has_none(
    forge: Forge, code: int, said: str, status: Status
) -> None:
    answer(forge, "/rules/branches/main", {"message": said}, status=code)
    assert checks(forge)[PROTECTION].status == status


def test_the_example_s_owner_and_a_missing_token_are_asked_for_once(forge: Forge) -> None:
    def told(looked: Inspection) -> list[tuple[str, Status]]:
        return [(check.name, check.status) for check in named(looked, "tokens", "repository", "promotions").values()]

    forge.forget_requests()
    assert told(inspection(forge, repositoryOwner="example-org")) == [("repository", "unknown")]
    names = ["githubToken", "promotionToken", "repository"]
    assert told(inspection(forge, "dev", {})) == [(name, "unknown") for name in names]
    assert forge.requests == []


NOT_GITHUBS = {
    "a page": b"<html>Please log in</html>",
    "other bytes": b'{"name": "\xff"}',
    "deep": b"[" * 100_000,
    "nothing": b"",
    "null": b"null",
    "a text": b'"text"',
    "numbers": b'[1, 2, {"name": 3, "id": "x", "commit": 4, "head": 5}]',
    "an object": b'{"name": 1, "permissions": 2, "environments": 3, "commit": 4, "object": 5, "tree": [{"path": 7}]}',
}


@pytest.mark.parametrize("content", NOT_GITHUBS.values(), ids=NOT_GITHUBS)
def test_answers_that_are_not_githubs_are_said_and_break_nothing(
    forge: Forge, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = requests.Session.send

    def replaced(session: requests.Session, request: requests.PreparedRequest, **more: object) -> requests.Response:
        response = send(session, request, **more)  # type: ignore[arg-type]
        if parts[0] in str(request.url):
            response._content = content
        return response

    monkeypatch.setattr(requests.Session, "send", replaced)
    parts = ["/repos/", "/pulls", "/branches", "/actions", "/environments", "/contents", "/rules", "/git/", "/rulesets"]
    while parts:
        found = named(inspection(forge), "tokens", "repository", "promotions")
        assert found
        assert all("\n" not in check.detail for check in found.values())
        parts.pop(0)
