"""REST: the request with its typed fields, the reply, the table of routes, and the way from one to the other.

A route declares the permission it needs, so that checking it cannot be forgotten in a handler.
"""

import base64
import binascii
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from lab.forge.model import ApiError, Token, missing, not_found, wrong_type
from lab.forge.repositories import Repository
from lab.forge.state import State

PREFIX = "/api/v3"

T = TypeVar("T")


@dataclass(frozen=True)
class Fields:
    """The JSON object that a request carries, read by type; a wrong type is GitHub's 422."""

    values: Mapping[str, object]

    def text(self, name: str) -> str | None:
        """A string, None when absent or null."""
        return self._typed(name, str, "a string")

    def flag(self, name: str) -> bool | None:
        """A boolean, None when absent or null."""
        return self._typed(name, bool, "a boolean")

    def required(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise missing(name)
        return value

    def inner(self, name: str) -> "Fields":
        """An object, empty when absent or null."""
        return Fields(self._typed(name, dict, "an object") or {})

    def texts(self, name: str) -> list[str]:
        """A list of strings, empty when absent."""
        value = self._typed(name, list, "a list of strings") or []
        if not all(isinstance(item, str) for item in value):
            raise wrong_type(name, value, "a list of strings")
        return value

    def entries(self, name: str) -> list[dict[str, object]]:
        """A list of objects, empty when absent."""
        value = self._typed(name, list, "a list of objects") or []
        if not all(isinstance(item, dict) for item in value):
            raise wrong_type(name, value, "a list of objects")
        return value

    def _typed(self, name: str, kind: type[T], expected: str) -> T | None:
        value = self.values.get(name)
        if value is not None and not isinstance(value, kind):
            raise wrong_type(name, value, expected)
        return value


@dataclass(frozen=True)
class Request:
    """One REST call. `path` has no `/api/v3`; `parameters` are what the route's template took from it."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    token: Token
    parameters: Mapping[str, str]

    @property
    def fields(self) -> Fields:
        """The JSON body; 400 when it is no JSON or no object."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError as error:
            raise ApiError(400, "Problems parsing JSON") from error
        if not isinstance(value, dict):
            raise ApiError(400, "Body should be a JSON object")
        return Fields(value)

    @property
    def number(self) -> int:
        """The path's number of a pull request."""
        if not self.parameters["number"].isdigit():
            raise not_found()
        return int(self.parameters["number"])


@dataclass
class Reply:
    """What goes back: JSON (`body`), or `raw` bytes of `content_type`."""

    status: int
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json; charset=utf-8"


Handler = Callable[[State, Repository, Request], Reply]
AccountHandler = Callable[[State, Request], Reply]
Caller = Callable[[State, Mapping[str, str]], Token]


@dataclass(frozen=True)
class Route:
    """A call the forge knows. `accepted` are `permission=level`, any of which will do.

    `caller` tells who asks, and raises 401, where that is no token's owner.
    """

    method: str
    pattern: re.Pattern[str]
    accepted: tuple[str, ...] = ()
    handler: Handler | None = None
    account_handler: AccountHandler | None = None
    caller: Caller | None = None


ROUTES: list[Route] = []


def route(method: str, template: str, *accepted: str) -> Callable[[Handler], Handler]:
    """Register a handler below `/repos/{owner}/{repo}`; `{name}` takes a segment, `{name...}` the rest."""

    def register(handler: Handler) -> Handler:
        ROUTES.append(Route(method, _pattern("/repos/{owner}/{repo}" + template), accepted, handler=handler))
        return handler

    return register


def account_route(
    method: str, template: str, caller: Caller | None = None
) -> Callable[[AccountHandler], AccountHandler]:
    """Register a handler for a path outside any repository."""

    def register(handler: AccountHandler) -> AccountHandler:
        ROUTES.append(Route(method, _pattern(template), account_handler=handler, caller=caller))
        return handler

    return register


def _pattern(template: str) -> re.Pattern[str]:
    rest_of_path = re.sub(r"\{(\w+)\.\.\.\}", r"(?P<\1>.*)", template)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", rest_of_path))


def answer(state: State, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer a REST call; `target` is path and query without the prefix."""
    parts = urlsplit(target)
    try:
        known, parameters = _find_route(method, parts.path.rstrip("/") or "/")
        token = known.caller(state, headers) if known.caller else authenticate(state, headers)
        request = Request(parts.path, dict(parse_qsl(parts.query)), headers, body, token, parameters)
        with state.lock:
            if known.account_handler is not None:
                reply = known.account_handler(state, request)
            elif known.handler is not None:
                repository = state.repository(f"{parameters['owner']}/{parameters['repo']}", token)
                token.require(*known.accepted)
                reply = known.handler(state, repository, request)
                reply.headers.setdefault("x-accepted-github-permissions", "; ".join(known.accepted))
            else:
                raise LookupError(f"{known.pattern.pattern} has no handler")
    except ApiError as error:
        reply = Reply(error.status, error.body(), error.headers)
    return finished(method, reply, headers)


def _find_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    asked = "GET" if method == "HEAD" else method
    found = [(known, match) for known in ROUTES if known.method == asked and (match := known.pattern.fullmatch(path))]
    if not found:
        raise not_found()
    # The longest pattern says most: a commit's statuses before a commit whose name has a slash.
    known, match = max(found, key=lambda pair: len(pair[0].pattern.pattern))
    return known, {name: unquote(value) for name, value in match.groupdict().items()}


def faulty(status: int, body: Mapping[str, object] | str | None, headers: Mapping[str, str]) -> Reply:
    """The answer that a test asked for, in GitHub's words where it gave none."""
    if isinstance(body, str):
        return Reply(status, raw=body.encode(), content_type="text/html; charset=utf-8", headers=dict(headers))
    if body is None:
        names = {name.lower() for name in headers}
        words = {404: "Not Found", 401: "Bad credentials", 403: "Resource not accessible by personal access token"}
        message = "Server Error" if status >= 500 else words.get(status, "Validation Failed")
        if status == 429 or (status == 403 and names & {"retry-after", "x-ratelimit-remaining"}):
            message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        body = ApiError(status, message).body()
    return finished("", Reply(status, dict(body), dict(headers)), {})


def finished(method: str, reply: Reply, headers: Mapping[str, str]) -> Reply:
    """The reply with GitHub's rate-limit headers, on reads with an ETag, and as 304 when the caller has it already."""
    given = {name.lower() for name in reply.headers}
    limits = {"limit": 5000, "remaining": 4999, "used": 1, "reset": int(time.time()) + 3600}
    for name, value in limits.items():
        if f"x-ratelimit-{name}" not in given:
            reply.headers[f"X-RateLimit-{name.capitalize()}"] = str(value)
    if reply.raw is None and reply.body is not None:
        reply.raw = json.dumps(reply.body).encode()
    if method in ("GET", "HEAD") and reply.status == 200:
        etag = f'W/"{hashlib.sha256(reply.raw or b"").hexdigest()}"'
        reply.headers["ETag"] = etag
        if headers.get("If-None-Match") == etag:
            reply.status, reply.raw = 304, b""
    return reply


def authenticate(state: State, headers: Mapping[str, str]) -> Token:
    """The token that a request carries, as `Bearer`, `token` or `Basic`; 401 without a valid one."""
    scheme, _, secret = headers.get("Authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "token"):
        return state.token(secret.strip())
    if scheme.lower() != "basic":
        raise ApiError(401, "Requires authentication")
    try:
        user, _, password = base64.b64decode(secret).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ApiError(401, "Bad credentials") from error
    # A token works in either place: `x-access-token:TOKEN`, or as the user's name with an empty password.
    return state.token(password or user)


def listing(state: State, request: Request, items: list[dict[str, object]]) -> Reply:
    """One page of a list (`per_page` 30, at most 100) with GitHub's `Link` header."""
    page, size = _whole(request.query.get("page"), 1), min(_whole(request.query.get("per_page"), 30), 100)
    last = max(1, -(-len(items) // size))
    links = ({"first": 1, "prev": page - 1} if page > 1 else {}) | (
        {"next": page + 1, "last": last} if page < last else {}
    )
    address = f"{state.url}{PREFIX}{request.path}"
    link = ", ".join(
        f'<{address}?{urlencode({**request.query, "page": number})}>; rel="{name}"' for name, number in links.items()
    )
    return Reply(200, items[(page - 1) * size : page * size], {"Link": link} if link else {})


def _whole(text: str | None, default: int) -> int:
    return max(1, int(text)) if text and text.isdigit() else default
