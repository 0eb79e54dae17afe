"""A GitHub App as the program's identity: its private key, and the token that an installation gives for it.

An installation token lasts for an hour, so one is made for each run and kept nowhere. The promoter never needs this
module: its workflow has an action for it.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from delivery.github.answers import GitHubError
from delivery.github.client import GitHub
from delivery.github.shapes import text
from delivery.model.secret import SecretText

_CLOCKS = 60  # seconds that this machine's clock may be ahead of GitHub's
_LIFETIME = 300  # seconds; GitHub refuses more than ten minutes


class PrivateKeyError(Exception):
    """There is no RSA private key in what was given; `str()` says what there is, and nothing of its content."""


@dataclass(frozen=True)
class InstallationToken:
    """A token for one repository, with the `permissions` that it has."""

    token: SecretText
    permissions: Mapping[str, str]


def read_private_key(given: SecretText, *, is_path: Callable[[str], bool]) -> SecretText:
    """The private key as the github provider takes it: PEM, PKCS#1. What is given is PEM, or the path of such a file.

    PEM in one line, with `\\n` between its own, is how some secret stores keep it. Raises `PrivateKeyError`.
    """
    pem = given.reveal()
    if is_path(pem):
        try:
            pem = Path(pem).expanduser().read_text(encoding="utf-8")
        except (OSError, ValueError):
            raise PrivateKeyError("the path of a file that cannot be read") from None
    try:
        key = serialization.load_pem_private_key(pem.replace("\\n", "\n").strip().encode(), password=None)
    except (ValueError, TypeError, UnicodeEncodeError):
        # The library's own words may quote what it was given.
        raise PrivateKeyError("a text that is no private key without a passphrase") from None
    if not isinstance(key, RSAPrivateKey):
        raise PrivateKeyError("a private key that is none of RSA")
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return SecretText(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode())


def installation_token(
    api_url: str,
    repository: tuple[str, str],
    app: tuple[str, str],
    key: SecretText,
    permissions: Mapping[str, str] | None = None,
    *,
    attempts: int = 6,
    now: Callable[[], float] = time.time,
) -> InstallationToken:
    """A token of the `app` (its id and its installation's) for the `repository` (owner and name) alone.

    `permissions` are what it is for; without, all that the installation has. Raises `GitHubError`, one line.
    """
    (owner, name), (app_id, installation) = repository, app
    asked: dict[str, object] = {"repositories": [name]}
    github = _AsApp(api_url, owner, name, signed(app_id, key, now()), attempts=attempts)
    try:
        return github.request(
            "POST",
            f"/app/installations/{installation}/access_tokens",
            asked | ({"permissions": dict(permissions)} if permissions else {}),
            read=_token,
        )
    except GitHubError as error:
        why = {
            401: f"GitHub does not accept the key of App {app_id}: is it that App's, and this machine's clock right?",
            404: f"App {app_id} has no installation {installation}, or it is suspended",
            422: f"installation {installation} of App {app_id} does not have {owner}/{name}, or not the permissions "
            + ", ".join(f"{scope}: {level}" for scope, level in (permissions or {"metadata": "read"}).items()),
        }.get(error.status)
        if why is None:
            raise
        raise GitHubError(error.status, why) from None


def signed(app_id: str, key: SecretText, now: float) -> str:
    """The JWT with which the App speaks for itself, for some minutes from `now` (seconds since the epoch)."""
    claims = {"iss": app_id, "iat": int(now) - _CLOCKS, "exp": int(now) + _LIFETIME}
    return jwt.encode(claims, key.reveal(), algorithm="RS256")


class _AsApp(GitHub):
    """The client, for what an App asks outside of any repository."""

    def __init__(self, api_url: str, owner: str, repository: str, token: str, *, attempts: int) -> None:
        super().__init__(api_url, owner, repository, token, attempts=attempts)
        self._base = api_url.rstrip("/")


def _token(answer: Any) -> InstallationToken:
    permissions = {text(scope): text(level) for scope, level in answer["permissions"].items()}
    return InstallationToken(SecretText(text(answer["token"])), permissions)
