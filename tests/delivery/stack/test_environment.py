"""The environment that keeps the workflow's secrets: read as GitHub has it, and refused where others may use it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery.github.client import GitHub, GitHubError
from delivery.model.pipeline import Repository
from delivery.stack.environment import EnvironmentPlan, EnvironmentRefusedError, read_environment
from lab.forge import Forge
from lab.forge.model import Environment
from tests.messages import assert_message

NAME, TOKEN = "acme/gitops", "token-of-the-platform"
CUSTOM = {"protected_branches": False, "custom_branch_policies": True}
PROTECTED = {"protected_branches": True, "custom_branch_policies": False}


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with Forge(tmp_path) as forge:
        forge.create_repository(NAME, files={"README.md": "# gitops\n"})
        forge.add_token(TOKEN)
        yield forge


def read(forge: Forge, environment: Environment | None = None) -> EnvironmentPlan:
    """What is read of this environment."""
    if environment is not None:
        forge.settings(NAME).environments["promotion"] = environment
    github = GitHub(forge.api_url, "acme", "gitops", TOKEN, attempts=1)
    return read_environment(github, Repository("acme", "gitops", "main", forge.api_url))


def test_without_an_environment_a_new_one_is_planned_for_the_default_branch(forge: Forge) -> None:
    assert read(forge) == EnvironmentPlan("promotion", "main")


@pytest.mark.parametrize("policy", [None, PROTECTED])
def test_the_rules_that_people_have_set_are_kept(forge: Forge, policy: dict[str, bool] | None) -> None:
    reviewers = [("User", 7), ("Team", 12), ("User", 8)]
    found = read(forge, Environment(30, True, False, reviewers, branch_policy=policy))
    assert found == EnvironmentPlan("promotion", "main", 30, True, False, users=(7, 8), teams=(12,), policy=0)


def test_what_opens_it_to_the_default_branch_already_is_known_by_its_id(forge: Forge) -> None:
    assert read(forge, Environment(branch_policy=CUSTOM, policies=[(41, "branch", "main")])).policy == 41


@pytest.mark.parametrize("other", [("branch", "release/*"), ("tag", "main")])
def test_an_environment_that_others_may_use_is_refused(forge: Forge, other: tuple[str, str]) -> None:
    policies = [(41, "branch", "main"), (42, *other)]
    with pytest.raises(EnvironmentRefusedError) as refused:
        read(forge, Environment(branch_policy=CUSTOM, policies=policies))
    if other[0] == "branch":
        assert_message("environment.open", str(refused.value).replace(forge.url, "<forge>"))


def test_a_token_that_may_not_read_it_is_told_what_it_needs(forge: Forge) -> None:
    forge.add_token(TOKEN, {"administration": "write", "contents": "write"})
    with pytest.raises(GitHubError) as refused:
        read(forge, Environment())
    assert (refused.value.status, refused.value.permissions) == (403, "actions=read")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("promotion$", "null"),
        ("promotion$", "[]"),
        ("promotion$", "{}"),
        ("promotion$", '{"protection_rules": [null]}'),
        ("promotion$", '{"protection_rules": [{"type": "required_reviewers", "reviewers": [{"type": "User"}]}]}'),
        ("promotion$", '{"protection_rules": [{"type": "wait_timer", "wait_timer": null}]}'),
        ("promotion$", '{"protection_rules": [], "deployment_branch_policy": []}'),
        ("policies", "null"),
        ("policies", '{"branch_policies": null}'),
        ("policies", '{"branch_policies": [{"name": "main"}]}'),
    ],
)
def test_an_answer_of_another_shape_is_one_error_and_no_new_environment(forge: Forge, path: str, body: str) -> None:
    forge.settings(NAME).environments["promotion"] = Environment(branch_policy=CUSTOM, policies=[(1, "branch", "main")])
    forge.fail_next("GET", path, status=200, body=body)
    if "branch_policy" in body:
        assert read(forge).policy == 0
    else:
        with pytest.raises(GitHubError):
            read(forge)
