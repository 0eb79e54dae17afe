"""Whether the repository that a person names can be used, and which token is taken."""

import pytest

from delivery.doctor.check import Check
from delivery.laptop.errors import LaptopError
from delivery.laptop.programs import Programs
from delivery.laptop.repository import GitOpsRepository, Token, find_token
from delivery.model.pipeline import Repository
from delivery.model.secret import SecretText
from tests.delivery.laptop.machine import GITHUB_TOKEN, REPOSITORY, Laptop
from tests.messages import assert_message


def look(laptop: Laptop, name: str = "podtato-head-gitops", token: str = GITHUB_TOKEN) -> GitOpsRepository:
    where = Repository("acme", name, "main", laptop.forge.api_url)
    return GitOpsRepository(where, Token(SecretText(token), "GITHUB_TOKEN"))


def wrong(laptop: Laptop, case: str, repository: GitOpsRepository, *, ours: bool = False) -> None:
    """Assert that one check is wrong, and how it is told."""
    [check] = repository.checks(ours=ours)
    assert check.status == "wrong"
    assert_message(f"laptop.repository.{case}", str(check).replace(laptop.forge.url.partition("://")[2], "SERVER"))


def answer(laptop: Laptop, **changes: object) -> None:
    """Let GitHub say something else of the repository."""
    permissions = {"push": True, "admin": True}
    body = {"private": False, "default_branch": "main", "permissions": permissions} | changes
    laptop.forge.fail_next("GET", rf"^/repos/{REPOSITORY}$", status=200, body=body)


def test_one_that_can_be_used_is_told_with_its_branch(laptop: Laptop) -> None:
    repository = look(laptop)
    [check] = repository.checks(ours=False)
    assert check.status == "ok"
    assert (repository.exists, repository.is_private, repository.default_branch) == (True, True, "main")


def test_a_public_one_needs_no_credential(laptop: Laptop) -> None:
    answer(laptop)
    assert not look(laptop).is_private


def test_one_that_does_not_exist_is_told_with_the_command_that_makes_it(laptop: Laptop) -> None:
    repository = look(laptop, "another")
    wrong(laptop, "missing", repository)
    assert not repository.exists


def test_one_without_a_commit_cannot_be_used(laptop: Laptop) -> None:
    laptop.forge.create_repository("acme/empty")
    wrong(laptop, "empty", look(laptop, "empty"))


def test_one_that_the_token_may_only_read_cannot_be_used(laptop: Laptop) -> None:
    answer(laptop, permissions={"push": False, "admin": False})
    wrong(laptop, "read_only", look(laptop))


def test_one_that_the_token_may_not_administer_cannot_be_used(laptop: Laptop) -> None:
    answer(laptop, permissions={"push": True, "admin": False})
    wrong(laptop, "no_administration", look(laptop))


def test_an_archived_one_cannot_be_used(laptop: Laptop) -> None:
    answer(laptop, archived=True)
    wrong(laptop, "archived", look(laptop))


def test_a_classic_token_needs_the_scope_for_workflows(laptop: Laptop) -> None:
    body = {"default_branch": "main", "permissions": {"push": True, "admin": True}}
    headers = {"x-oauth-scopes": "repo, read:org"}
    laptop.forge.fail_next("GET", rf"^/repos/{REPOSITORY}$", status=200, body=body, headers=headers)
    wrong(laptop, "no_workflow_scope", look(laptop))


def test_a_token_that_github_refuses_is_told_as_such(laptop: Laptop) -> None:
    wrong(laptop, "refused_token", look(laptop, token="of-somebody"))


def test_a_pipeline_of_other_stacks_is_not_taken_over_but_one_of_an_earlier_run_is(laptop: Laptop) -> None:
    laptop.forge.commit(REPOSITORY, {".github/promoter/settings.json": "{}"}, "Deliver")
    wrong(laptop, "in_use", look(laptop))
    [check] = look(laptop).checks(ours=True)
    assert check.status == "ok"


def test_the_token_is_that_of_the_environment(laptop: Laptop) -> None:
    laptop.install("gh", "echo token-of-gh")
    token = find_token(Programs(laptop.environ), "github.com")
    assert (token.secret.reveal(), token.source) == (GITHUB_TOKEN, "GITHUB_TOKEN")
    assert laptop.calls("gh") == []


def test_without_one_it_is_that_of_gh_for_the_server(laptop: Laptop) -> None:
    laptop.install("gh", "echo token-of-gh")
    del laptop.environ["GITHUB_TOKEN"]
    token = find_token(Programs(laptop.environ), "github.example.com")
    assert (token.secret.reveal(), token.source) == ("token-of-gh", "gh auth token")
    assert laptop.calls("gh") == ["gh auth token --hostname github.example.com"]


@pytest.mark.parametrize(("script", "case"), [("", "no_gh"), ("exit 1", "not_logged_in")])
def test_without_any_the_login_is_the_fix(laptop: Laptop, script: str, case: str) -> None:
    if script:
        laptop.install("gh", script)
    del laptop.environ["GITHUB_TOKEN"]
    with pytest.raises(LaptopError) as raised:
        find_token(Programs(laptop.environ), "github.com")
    assert_message(f"laptop.token.{case}", str(Check("token", "wrong", str(raised.value), raised.value.fix)))
