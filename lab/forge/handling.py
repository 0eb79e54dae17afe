"""Finds the answer to an HTTP request: who asks, which route, which repository, and whether it is refused.

Sockets are `lab.forge.server`'s matter, and what a call does is in the modules with routes.
"""

import base64
import binascii
import hashlib
import json
import re
import time
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from lab.forge import account, actions, commits, contents, git_data, git_http, issues, pulls
from lab.forge.errors import ApiError, error_body
from lab.forge.rest import Reply, Request, find_route
from lab.forge.state import State
from lab.forge.tokens import Token

REST_PREFIX = "/api/v3"
GRAPHQL = "/api/graphql"
_GIT = re.compile(r"/(?P<name>[^/]+/[^/]+?)(\.git)?/(?P<call>info/refs|git-upload-pack|git-receive-pack)")
# Importing a module with routes registers them; naming them here keeps that visible.
ROUTE_MODULES = (account, actions, commits, contents, git_data, issues, pulls)


def rest(state: State, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer a REST call; `target` is path and query without the prefix."""
    parts = urlsplit(target)
    try:
        known, parameters = find_route(method, parts.path.rstrip("/") or "/")
        accepted = "; ".join(f"{permission}={level}" for permission, level in known.accepted)
        token = _bearer(state, headers)
        request = Request(method, parts.path, dict(parse_qsl(parts.query)), headers, body, token, parameters)
        with state.lock:
            if known.account_handler is not None:
                reply = known.account_handler(state, request)
            else:
                repository = state.repository(f"{parameters['owner']}/{parameters['repo']}", token)
                token.require(*known.accepted)
                if known.repository_handler is None:
                    raise LookupError(f"{known.pattern.pattern} has no handler")
                reply = known.repository_handler(state, repository, request)
        if accepted:
            reply.headers.setdefault("x-accepted-github-permissions", accepted)
    except ApiError as error:
        reply = Reply(error.status, error.body(), error.headers)
    return _finished(method, reply, headers)


def graphql(state: State, headers: Mapping[str, str]) -> Reply:
    """The answer to GraphQL, an error: nothing here uses it, and a made-up answer would hide that something does."""
    try:
        _bearer(state, headers)
    except ApiError as error:
        return _finished("POST", Reply(error.status, error.body(), error.headers), headers)
    errors = [{"type": "NOT_IMPLEMENTED", "message": "the lab's forge has no GraphQL"}]
    return _finished("POST", Reply(200, {"data": None, "errors": errors}), headers)


def git(state: State, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
    """Answer a git client; None when the path is none of git's."""
    parts = urlsplit(target)
    found = _GIT.fullmatch(unquote(parts.path))
    if found is None:
        return None
    query = dict(parse_qsl(parts.query))
    advertising = found["call"] == "info/refs"
    service = query.get("service", "") if advertising else found["call"]
    if service not in git_http.SERVICES or method != ("GET" if advertising else "POST"):
        return _plain(403, "Please upgrade your git client.\n")
    try:
        token = _basic(state, headers)
        repository = state.repository(found["name"], token)
    except ApiError as error:
        if error.status == 401:
            reply = _plain(
                401, "Invalid username or token. Password authentication is not supported for Git operations.\n"
            )
            reply.headers["WWW-Authenticate"] = 'Basic realm="GitHub"'
            return reply
        return _plain(404, "Repository not found.\n")
    if not token.allows("contents", git_http.SERVICES[service]):
        return _plain(403, f"Permission to {repository.full_name}.git denied to {token.login}.\n")
    protocol = headers.get("Git-Protocol", "")
    if advertising:
        raw = git_http.advertise(repository, service, protocol)
    elif service == "git-upload-pack":
        raw = git_http.upload_pack(repository, body, protocol)
    else:
        try:
            with state.lock:
                raw = git_http.receive_pack(repository, body, token)
        except ApiError as error:
            return _plain(error.status, f"{error.message}\n")
    kind = "advertisement" if advertising else "result"
    return Reply(200, raw=raw, content_type=f"application/x-{service}-{kind}", headers={"Cache-Control": "no-cache"})


def faulty(status: int, body: Mapping[str, object] | str | None, headers: Mapping[str, str]) -> Reply:
    """The answer that a test asked for, in GitHub's words where it gave none."""
    if isinstance(body, str):
        return Reply(status, raw=body.encode(), content_type="text/html; charset=utf-8", headers=dict(headers))
    if body is None:
        names = {name.lower() for name in headers}
        limited = status == 429 or (status == 403 and names & {"retry-after", "x-ratelimit-remaining"})
        words = {404: "Not Found", 401: "Bad credentials", 403: "Resource not accessible by personal access token"}
        message = "Server Error" if status >= 500 else words.get(status, "Validation Failed")
        if limited:
            message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        body = error_body(status, message)
    return _finished("", Reply(status, dict(body), dict(headers)), {})


def _finished(method: str, reply: Reply, headers: Mapping[str, str]) -> Reply:
    """The reply with GitHub's rate-limit headers, on reads with an ETag, and as 304 when the caller has it already."""
    given = {name.lower() for name in reply.headers}
    limits = {"limit": account.HOURLY, "remaining": account.HOURLY - 1, "used": 1, "reset": int(time.time()) + 3600}
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


def _plain(status: int, text: str) -> Reply:
    return Reply(status, raw=text.encode(), content_type="text/plain; charset=UTF-8")


def _bearer(state: State, headers: Mapping[str, str]) -> Token:
    scheme, _, secret = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return _basic(state, headers)
    if scheme.lower() not in ("bearer", "token"):
        raise ApiError(401, "Requires authentication")
    return state.tokens.find(secret.strip())


def _basic(state: State, headers: Mapping[str, str]) -> Token:
    scheme, _, encoded = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _bearer(state, headers)
    try:
        pair = base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ApiError(401, "Bad credentials") from error
    user, _, password = pair.partition(":")
    # A token works in either place: `x-access-token:TOKEN`, or as the user's name with an empty password.
    return state.tokens.find(password or user)
