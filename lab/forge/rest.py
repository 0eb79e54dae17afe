"""What a REST call is made of here: the request with its typed fields, the reply, and the table of routes.

A route declares the permission it needs, so that checking it cannot be forgotten in a handler.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlencode

from lab.forge.errors import ApiError, missing, not_found, wrong_type
from lab.forge.repositories import Repository
from lab.forge.tokens import Token

if TYPE_CHECKING:
    from lab.forge.state import State

JsonObject = Mapping[str, object]


@dataclass(frozen=True)
class Fields:
    """The JSON object that a request carries, read by type; a wrong type is GitHub's 422."""

    values: JsonObject

    def text(self, name: str) -> str | None:
        """A string, None when absent or null."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise wrong_type(name, value, "a string")
        return value

    def required(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise missing(name)
        return value

    def flag(self, name: str) -> bool | None:
        """A boolean, None when absent or null."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            raise wrong_type(name, value, "a boolean")
        return value

    def inner(self, name: str) -> "Fields | None":
        """An object, None when absent or null."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, dict):
            raise wrong_type(name, value, "an object")
        return None if value is None else Fields(value)

    def texts(self, name: str) -> list[str]:
        """A list of strings, empty when absent."""
        value = self.values.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise wrong_type(name, value, "a list of strings")
        return value

    def objects(self, name: str) -> list["Fields"]:
        """A list of objects that must be there."""
        value = self.values.get(name)
        if value is None:
            raise missing(name)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise wrong_type(name, value, "a list of objects")
        return [Fields(item) for item in value]


@dataclass(frozen=True)
class Request:
    """One REST call. `path` has no `/api/v3`; `parameters` are what the route's template took from it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    token: Token
    parameters: Mapping[str, str] = field(default_factory=dict)

    def fields(self) -> Fields:
        """The JSON body; 400 when it is no JSON or no object."""
        if not self.body:
            return Fields({})
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise ApiError(400, "Problems parsing JSON") from error
        if not isinstance(value, dict):
            raise ApiError(400, "Body should be a JSON object")
        return Fields(value)

    def number(self, name: str) -> int:
        """A parameter of the path that counts issues or pull requests."""
        if not self.parameters[name].isdigit():
            raise not_found()
        return int(self.parameters[name])


@dataclass
class Reply:
    """What goes back: JSON (`body`), or `raw` bytes of `content_type`."""

    status: int
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json; charset=utf-8"


Handler = Callable[["State", Repository, Request], Reply]
AccountHandler = Callable[["State", Request], Reply]


@dataclass(frozen=True)
class Route:
    """A call the forge knows. `accepted` are (permission, level) pairs, any of which will do."""

    method: str
    pattern: re.Pattern[str]
    accepted: tuple[tuple[str, str], ...]
    repository_handler: Handler | None = None
    account_handler: AccountHandler | None = None


ROUTES: list[Route] = []


def route(method: str, template: str, *accepted: str) -> Callable[[Handler], Handler]:
    """Register a handler below `/repos/{owner}/{repo}`; `{name}` takes a segment, `{name...}` the rest.

    `accepted` are `permission=level`, any one of which suffices.
    """
    pairs = _pairs(accepted)

    def register(handler: Handler) -> Handler:
        pattern = _pattern("/repos/{owner}/{repo}" + template)
        ROUTES.append(Route(method, pattern, pairs, repository_handler=handler))
        return handler

    return register


def account_route(method: str, template: str) -> Callable[[AccountHandler], AccountHandler]:
    """Register a handler for a path outside any repository."""

    def register(handler: AccountHandler) -> AccountHandler:
        ROUTES.append(Route(method, _pattern(template), (), account_handler=handler))
        return handler

    return register


def _pairs(accepted: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((permission, level) for permission, _, level in (text.partition("=") for text in accepted))


def _pattern(template: str) -> re.Pattern[str]:
    escaped = re.sub(r"\{(\w+)\.\.\.\}", r"(?P<\1>.*)", template)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", escaped))


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route of a call and what its template took; 404 when GitHub (or this forge) has none."""
    for known in ROUTES:
        if known.method == method or (method == "HEAD" and known.method == "GET"):
            found = known.pattern.fullmatch(path)
            if found:
                return known, {name: unquote(value) for name, value in found.groupdict().items()}
    raise not_found()


def listing(state: "State", request: Request, items: list[dict[str, object]]) -> Reply:
    """One page of a list (`per_page` 30, at most 100) with GitHub's `Link` header."""
    page, size = _whole(request.query.get("page"), 1), min(_whole(request.query.get("per_page"), 30), 100)
    last = max(1, -(-len(items) // size))
    links = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    shown = {
        name: number
        for name, number in links.items()
        if 1 <= number <= last and (page > 1 if name in ("prev", "first") else page < last)
    }
    address = f"{state.url}/api/v3{request.path}"
    link = ", ".join(
        f'<{address}?{urlencode({**request.query, "page": number})}>; rel="{name}"' for name, number in shown.items()
    )
    return Reply(200, items[(page - 1) * size : page * size], {"Link": link} if link else {})


def _whole(text: str | None, default: int) -> int:
    return max(1, int(text)) if text and text.isdigit() else default
