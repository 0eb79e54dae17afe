"""REST: what a GitHub App asks for itself, with a JWT that its private key has signed: tokens of its installation."""

import secrets
import time
from collections.abc import Mapping

import jwt

from lab.forge.model import INSTALLATION_TOKEN, ApiError, Token, not_found, timestamp
from lab.forge.rest import Reply, Request, account_route
from lab.forge.state import State

_HOUR = 3600
_LONGEST = 600  # seconds from now that a JWT may be good for
_LEVELS = ("read", "write", "admin")


def authenticate_app(state: State, headers: Mapping[str, str]) -> Token:
    """The App that a JWT is from, its id as the login; 401 where GitHub would not take the JWT."""
    scheme, _, text = headers.get("Authorization", "").partition(" ")
    undecodable = ApiError(401, "A JSON web token could not be decoded")
    if scheme.lower() != "bearer":
        raise undecodable
    try:
        issuer = str(jwt.decode(text, options={"verify_signature": False}).get("iss"))
        if issuer not in state.apps:
            raise ApiError(404, "Integration not found")
        # The times are looked at below, in GitHub's words.
        claims = jwt.decode(
            text,
            state.apps[issuer].public_key,
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_iat": False, "require": ["exp", "iat", "iss"]},
        )
    except jwt.PyJWTError:
        raise undecodable from None
    now = time.time()
    if not isinstance(claims["iat"], int) or claims["iat"] > now:
        raise ApiError(401, "'Issued at' claim ('iat') must be an Integer representing the time of the assertion")
    if not isinstance(claims["exp"], int) or claims["exp"] <= now:
        raise ApiError(401, "'Expiration time' claim ('exp') must be a numeric value in the future")
    if claims["exp"] > now + _LONGEST:
        raise ApiError(401, "'Expiration time' claim ('exp') is too far in the future")
    return Token(issuer, {}, frozenset())


@account_route("POST", "/app/installations/{installation}/access_tokens", authenticate_app)
def create_token(state: State, request: Request) -> Reply:
    """A token for an hour: for `repositories` and `permissions` of the installation, for all of them when not named."""
    app, fields = state.apps[request.token.login], request.fields
    if request.parameters["installation"] != app.installation:
        raise not_found()
    named = {name.lower() for name in fields.texts("repositories")}
    seen = {full_name for full_name in app.repositories if not named or full_name.partition("/")[2] in named}
    if named and {full_name.partition("/")[2] for full_name in seen} != named:
        raise ApiError(422, "There is at least one repository that does not exist or is not accessible to the parent")
    asked = {name: str(level) for name, level in fields.inner("permissions").values.items()}
    for name, level in asked.items():
        if _rank(app.permissions.get(name, "")) < _rank(level):
            raise ApiError(422, "The permissions requested are not granted to this installation.")
    granted = dict(asked or app.permissions) | {"metadata": "read"}
    secret = f"{INSTALLATION_TOKEN}{secrets.token_hex(18)}"
    state.tokens[secret] = Token(f"{app.slug}[bot]", granted, frozenset(seen))
    lasts = {"expires_at": timestamp(time.time() + _HOUR), "repository_selection": "selected"}
    return Reply(201, {"token": secret, "permissions": granted, **lasts})


def _rank(level: str) -> int:
    return _LEVELS.index(level) + 1 if level in _LEVELS else 0
