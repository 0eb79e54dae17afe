"""Stacks whose identity on GitHub is an App: its key is all that they keep, and no token outlives a run."""

import re

import pytest

from tests.engine.team import REPOSITORY, TASK_TOKEN, TOKEN, Team
from tests.rsa_keys import key_pair

APP, INSTALLATION = "123456", "7890"


@pytest.fixture
def app(team: Team) -> Team:
    """The team with an App in the place of its token, which is revoked."""
    private, public = key_pair()
    team.forge.remove_token(TOKEN)
    team.forge.add_app(APP, public, INSTALLATION, [REPOSITORY])
    team.settings |= {"githubAppId": APP, "githubAppInstallationId": INSTALLATION}
    team.secrets = {"githubAppPrivateKey": private, "promotionToken": TASK_TOKEN}
    return team


def test_a_stack_goes_up_and_down_as_an_app_also_when_every_token_that_it_has_made_is_dead(app: Team) -> None:
    done = app.up("dev")

    assert done.status == 0, done.text
    assert "dev/values.yaml" in app.files()
    app.forge.expire_installation_tokens()
    assert app.preview("dev", "--expect-no-changes").status == 0
    app.forge.expire_installation_tokens()
    refreshed = app.refresh("dev", "--expect-no-changes")
    assert refreshed.status == 0, refreshed.text
    app.forge.expire_installation_tokens()
    down = app.destroy("dev")
    assert down.status == 0, down.text


def test_neither_key_nor_token_stands_in_the_state_or_in_what_is_printed(app: Team) -> None:
    done = app.up("dev")
    state = app.pulumi("stack", "export", "--stack", "dev")
    for line in key_pair()[0].splitlines()[1:-1]:
        assert line not in state
        assert line not in done.text
    assert not re.search(r"ghs_[A-Za-z0-9]{6}", state + done.text)
    assert key_pair()[0].splitlines()[1] in app.pulumi("stack", "export", "--show-secrets", "--stack", "dev")


def test_an_app_opens_the_pull_requests_that_a_stack_declares(app: Team) -> None:
    app.settings["promotionEngine"] = "pulumi"
    app.environment["GITHUB_TOKEN"] = "token-of-the-runner"
    app.seed("dev", "production")
    app.release("v0.3.1")

    done = app.up("production")

    assert done.status == 0, done.text
    assert [pull.login for pull in app.pulls()] == [f"app-{APP}[bot]"]


def test_a_stack_moves_from_a_token_to_an_app_without_replacing_anything(team: Team) -> None:
    assert team.up("dev").status == 0
    private, public = key_pair()
    team.forge.add_app(APP, public, INSTALLATION, [REPOSITORY])
    team.settings |= {"githubAppId": APP, "githubAppInstallationId": INSTALLATION}
    team.secrets["githubAppPrivateKey"] = private
    assert "found a token and a GitHub App" in team.preview("dev").text
    team.pulumi("config", "rm", "delivery:githubToken", "--stack", "dev")

    done = team.up("dev")

    assert done.status == 0, done.text
    assert set(done.changes.values()) <= {"update"}
    team.forge.remove_token(TOKEN)
    assert team.preview("dev", "--expect-no-changes").status == 0


def test_a_secret_that_something_else_fills_is_left_to_it_and_nothing_else_changes(team: Team) -> None:
    assert team.up("dev").status == 0
    team.settings["promotionSecret"] = "external"
    team.configure("dev")
    team.pulumi("config", "rm", "delivery:promotionToken", "--stack", "dev")

    done = team.up("dev")

    assert done.status == 0, done.text
    assert done.changes == {"Secret podtato-head": "delete"}
    assert not [manifest for manifest in team.manifests("dev") if manifest.startswith("Secret ")]
    assert team.preview("dev", "--expect-no-changes").status == 0
