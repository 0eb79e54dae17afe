"""Checks of a stack whose identity on GitHub is an App."""

import pytest

from delivery.doctor.check import Check
from delivery.doctor.inspection import Inspection
from delivery.doctor.registry import run
from delivery.model.secret import SecretText
from lab.forge import Forge
from tests.delivery.doctor.surroundings import PERMISSIONS, REPOSITORY, TOKENS, assert_told, inspection, named
from tests.rsa_keys import key_pair

APP, INSTALLATION = "123456", "7890"
IDS = {"githubAppId": APP, "githubAppInstallationId": INSTALLATION}
PRIVATE, PUBLIC = key_pair()
NEEDED = dict(PERMISSIONS["githubToken"])


def looked(forge: Forge, permissions: dict[str, str] = NEEDED, key: str = PRIVATE, /) -> Inspection:
    """A look at dev, whose App has these permissions."""
    forge.add_app(APP, PUBLIC, INSTALLATION, [REPOSITORY], permissions)
    forge.remove_token(TOKENS["githubToken"])
    secrets = {"githubAppPrivateKey": key} if key else {}
    return inspection(forge, "dev", secrets | {"promotionToken": TOKENS["promotionToken"]}, **IDS)


def told(looked: Inspection) -> dict[str, Check]:
    return named(looked, "tokens")


def test_an_app_with_what_the_stack_needs_and_nothing_else_is_fine_for_every_group(forge: Forge) -> None:
    seen = looked(forge)
    found = named(seen, "tokens", "repository", "promotions")
    assert {name for name, check in found.items() if check.status == "wrong"} == set()
    for check in ("GitHub App", "GitHub App: permissions", "GitHub App: nothing else", "repository", "default branch"):
        assert found[check].status == "ok", check
    assert not [name for name in found if name.startswith("githubToken")]
    posts = [each.path.rpartition("/")[2] for each in forge.requests if each.method == "POST"]
    assert posts == ["access_tokens", "graphql"], "one token for all, and a query, which writes nothing"


def test_the_token_that_is_made_is_masked_wherever_it_appears(forge: Forge) -> None:
    seen = looked(forge)
    token = seen.installation.token.reveal()
    checks = list(run(seen, "tokens", "repository", "promotions"))
    assert {token, PRIVATE} <= set(seen.hidden)
    assert token not in str(checks)


@pytest.mark.parametrize("permission", ["contents", "workflows", "administration"])
def test_a_permission_that_is_missing_is_wrong(forge: Forge, permission: str) -> None:
    check = told(looked(forge, {**NEEDED, permission: "read"}))["GitHub App: permissions"]
    assert (check.status, permission in check.detail) == ("wrong", True)
    if permission == "contents":
        assert_told("app.permissions", check, forge.url)


def test_a_permission_that_nothing_needs_is_wrong(forge: Forge) -> None:
    assert_told(
        "app.nothing_else", told(looked(forge, {**NEEDED, "secrets": "write"}))["GitHub App: nothing else"], forge.url
    )


@pytest.mark.parametrize(
    ("kind", "key", "status"),
    [("key", key_pair(1)[0], "wrong"), ("junk", "classified", "wrong"), ("none", "", "unknown")],
)
def test_a_key_that_is_not_the_apps_is_told_once_and_nothing_else_is_asked(
    forge: Forge, kind: str, key: str, status: str
) -> None:
    found = list(run(looked(forge, NEEDED, key), "tokens", "repository", "promotions"))
    assert [check.status for check in found if check.name == "GitHub App"] == [status]
    assert {check.name for check in found} <= {"GitHub App", "repository"}
    assert_told(f"app.{kind}", found[0], forge.url)
    assert "classified" not in str(found)


def test_a_github_that_does_not_answer_leaves_the_app_unknown(forge: Forge) -> None:
    seen = looked(forge)
    forge.fail_next("POST", "access_tokens", status=502, times=9)
    assert told(seen)["GitHub App"].status == "unknown"


def test_the_key_of_the_environment_stands_in_for_one_that_cannot_be_decrypted(forge: Forge) -> None:
    seen = looked(forge, NEEDED, "")
    assert not seen.has_token("githubToken")
    seen.add_secrets({"githubAppPrivateKey": SecretText(PRIVATE)})
    assert seen.has_token("githubToken")
    assert told(seen)["GitHub App"].status == "ok"
