"""What an App asks for itself: the forge looks at the JWT's signature and times as GitHub does."""

import time
from collections.abc import Mapping

import jwt
import pytest
import requests

from lab.forge import Forge
from tests.lab.forge.clients import NAME
from tests.rsa_keys import key_pair

APP, INSTALLATION = "123456", "7890"
PRIVATE, PUBLIC = key_pair()


def claims(**changes: object) -> dict[str, object]:
    now = int(time.time())
    return {"iss": APP, "iat": now - 60, "exp": now + 300} | changes


def ask(forge: Forge, token: str, body: Mapping[str, object] | None = None) -> requests.Response:
    forge.add_app(APP, PUBLIC, INSTALLATION, [NAME], {"contents": "write"})
    url = f"{forge.api_url}/app/installations/{INSTALLATION}/access_tokens"
    return requests.post(url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=10)


def test_a_jwt_of_the_app_gets_a_token_that_says_when_it_ends_and_what_it_may(forge: Forge) -> None:
    answer = ask(forge, jwt.encode(claims(), PRIVATE, "RS256"), {"permissions": {"contents": "read"}})
    assert answer.status_code == 201
    assert answer.json()["permissions"] == {"contents": "read", "metadata": "read"}
    ends = time.strptime(answer.json()["expires_at"], "%Y-%m-%dT%H:%M:%SZ")
    assert 3500 < time.mktime(ends) - time.mktime(time.gmtime()) <= 3600


NOW, DAY = int(time.time()), 86400


@pytest.mark.parametrize(
    "changes",
    [{"exp": NOW - 1}, {"exp": NOW + DAY}, {"iat": NOW + DAY}, {"iat": "now"}, {"exp": None}, {"iss": "1"}],
    ids=["over", "too long", "not begun", "no number", "endless", "unknown"],
)
def test_a_jwt_whose_claims_github_does_not_take_gets_none(forge: Forge, changes: dict[str, object]) -> None:
    sent = {key: value for key, value in claims(**changes).items() if value is not None}
    assert ask(forge, jwt.encode(sent, PRIVATE, "RS256")).status_code in (401, 404)


def test_a_jwt_that_the_apps_key_has_not_signed_gets_none(forge: Forge) -> None:
    other = jwt.encode(claims(), key_pair(1)[0], "RS256")
    shared = jwt.encode(claims(), "x" * 40, "HS256")
    unsigned = jwt.encode(claims(), "", "none")
    assert [ask(forge, token).status_code for token in (other, shared, unsigned, "token", "")] == [401] * 5


@pytest.mark.parametrize("body", [{"permissions": {"contents": "admin"}}, {"repositories": ["absent"]}])
def test_an_installation_gives_no_more_than_it_has(forge: Forge, body: dict[str, object]) -> None:
    assert ask(forge, jwt.encode(claims(), PRIVATE, "RS256"), body).status_code == 422
