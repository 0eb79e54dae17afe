"""A GitHub App: reading its key, and a token for one repository made with it, on the lab's forge."""

import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from delivery.config.readiness import is_path
from delivery.github.answers import GitHubError
from delivery.github.app import InstallationToken, PrivateKeyError, installation_token, read_private_key, signed
from delivery.github.client import GitHub
from delivery.model.secret import SecretText
from lab.forge import Forge
from tests.messages import assert_message
from tests.rsa_keys import key_pair

NAME, APP, INSTALLATION = "acme/gitops", "123456", "7890"
PRIVATE, PUBLIC = key_pair()


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with Forge(tmp_path) as forge:
        for name in (NAME, "acme/other"):
            forge.create_repository(name, files={"README.md": "#\n"})
        forge.add_app(APP, PUBLIC, INSTALLATION, [NAME, "acme/other"], {"contents": "write", "pull_requests": "read"})
        yield forge


def made(
    forge: Forge, *, app: str = APP, installation: str = INSTALLATION, repository: str = "gitops", key: str = PRIVATE,
    permissions: dict[str, str] | None = None, late: float = 0.0,
) -> InstallationToken:  # fmt: skip
    where, identity = ("acme", repository), (app, installation)
    return installation_token(
        forge.api_url, where, identity, SecretText(key), permissions, attempts=1, now=lambda: time.time() + late
    )


def read(text: str) -> str:
    return read_private_key(SecretText(text), is_path=is_path).reveal()


def status(forge: Forge, repository: str, token: InstallationToken) -> int:
    return GitHub(forge.api_url, "acme", repository, token.token.reveal(), attempts=1).ask("").status_code


def test_a_token_is_for_one_repository_and_for_what_was_asked(forge: Forge) -> None:
    token = made(forge, permissions={"contents": "read"})
    assert token.permissions == {"contents": "read", "metadata": "read"}
    assert (status(forge, "gitops", token), status(forge, "other", token)) == (200, 404)
    assert made(forge).permissions == {"contents": "write", "pull_requests": "read", "metadata": "read"}


def test_a_token_is_dead_after_an_hour_and_another_is_made(forge: Forge) -> None:
    token = made(forge)
    forge.expire_installation_tokens()
    assert status(forge, "gitops", token) == 401
    assert status(forge, "gitops", made(forge)) == 200


@pytest.mark.parametrize("late", [-59.0, 0.0, 59.0])
def test_a_clock_that_is_a_minute_off_does_not_matter(forge: Forge, late: float) -> None:
    assert made(forge, late=late).permissions


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        ("key", {"key": key_pair(1)[0]}, 401),
        ("key", {"late": 3600.0}, 401),
        ("key", {"late": -3600.0}, 401),
        ("app", {"app": "654321"}, 404),
        ("installation", {"installation": "1"}, 404),
        ("permissions", {"permissions": {"contents": "write", "administration": "write"}}, 422),
        ("repository", {"repository": "absent"}, 422),
    ],
)
def test_what_github_does_not_accept_is_one_line_that_says_why_and_has_no_secret(
    forge: Forge, kind: str, changes: dict[str, str], expected: int
) -> None:
    with pytest.raises(GitHubError) as refused:
        made(forge, **changes)  # type: ignore[arg-type]
    assert refused.value.status == expected
    assert_message(f"github.app.{kind}", str(refused.value))


@pytest.mark.parametrize("body", ["null", "[]", "{}", '{"token": 1, "permissions": {}}', '{"token": "x"}', "<html>"])
def test_an_answer_of_another_shape_is_an_error(forge: Forge, body: str) -> None:
    forge.fail_next("POST", "access_tokens", status=201, body=body)
    with pytest.raises(GitHubError):
        made(forge)


def test_what_an_app_signs_is_good_for_minutes_and_begins_before_now() -> None:
    claims = jwt.decode(signed(APP, SecretText(PRIVATE), 1_000_000.9), PUBLIC, ["RS256"], options={"verify_exp": False})
    assert claims == {"iss": APP, "iat": 1_000_000 - 60, "exp": 1_000_000 + 300}


@pytest.mark.parametrize(
    "given", [PRIVATE, key_pair(pkcs8=True)[0], PRIVATE.replace("\n", "\\n"), f"\n{PRIVATE}\n"],
    ids=["PKCS#1", "PKCS#8", "one line", "white space"],
)  # fmt: skip
def test_a_key_is_read_in_every_form_that_people_have_it_in(given: str) -> None:
    assert read(given) == PRIVATE


def test_a_key_may_be_given_by_the_path_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.pem").write_text(PRIVATE)
    assert read(str(tmp_path / "app.pem")) == PRIVATE
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read("~/app.pem") == PRIVATE


def encrypted() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()


def elliptic() -> str:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode()
    )


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("absent", "/nowhere/app.pem"),
        ("none", "classified"),
        ("none", PRIVATE[:400]),
        ("none", PUBLIC),
        ("none", "\udce9"),
        ("none", encrypted()),
        ("other", elliptic()),
    ],
    ids=["no file", "a word", "cut off", "public", "no text", "passphrase", "elliptic"],
)
def test_what_is_no_rsa_private_key_is_refused_without_being_shown(kind: str, given: str) -> None:
    with pytest.raises(PrivateKeyError) as refused:
        read(given)
    assert given[:60] not in str(refused.value)
    assert refused.value.__cause__ is None
    assert_message(f"github.app.key.{kind}", str(refused.value))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.pem").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PrivateKeyError):
        read(str(tmp_path / "app.pem"))
