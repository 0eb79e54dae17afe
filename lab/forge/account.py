"""REST: who the token is, what organisation an owner is, limits, and the repository itself."""

import time

from lab.forge import views
from lab.forge.errors import not_found
from lab.forge.repositories import Repository
from lab.forge.rest import Reply, Request, account_route, route
from lab.forge.state import State

HOURLY = 5000


@account_route("GET", "/user")
def get_user(state: State, request: Request) -> Reply:
    """The token's account; a workflow's own token has none."""
    request.token.require(*([("user", "read")] if request.token.actions else [("metadata", "read")]))
    return Reply(200, views.user(state, request.token.login) | {"name": request.token.login, "email": None})


@account_route("GET", "/users/{login}")
def get_account(state: State, request: Request) -> Reply:
    """An account that owns a repository or a token's own."""
    login = request.parameters["login"]
    if login != request.token.login and not any(found.owner == login for found in state.repositories.values()):
        raise not_found()
    return Reply(200, views.user(state, login))


@account_route("GET", "/orgs/{organization}")
def get_organization(state: State, request: Request) -> Reply:
    """An organisation; 404 for a person's account, by which the provider tells them apart."""
    name = request.parameters["organization"].lower()
    for found in state.repositories.values():
        if found.organization and found.owner.lower() == name:
            return Reply(200, views.user(state, found.owner) | {"type": "Organization"})
    raise not_found()


@account_route("GET", "/meta")
def get_meta(state: State, request: Request) -> Reply:  # noqa: ARG001 - a handler's form
    """What a GitHub Enterprise server says of itself."""
    return Reply(200, {"verifiable_password_authentication": True, "installed_version": "3.19.0"})


@account_route("GET", "/rate_limit")
def get_rate_limit(state: State, request: Request) -> Reply:  # noqa: ARG001
    """The limits; the forge never uses them up by itself."""
    core = {"limit": HOURLY, "used": 0, "remaining": HOURLY, "reset": int(time.time()) + 3600}
    return Reply(200, {"resources": {"core": core}, "rate": core})


@route("GET", "", "metadata=read")
def get_repository(state: State, repository: Repository, request: Request) -> Reply:
    """The repository, with what the token may do in it."""
    push, admin = request.token.allows("contents", "write"), request.token.allows("administration", "write")
    rights = {"admin": admin, "maintain": admin, "push": push, "triage": push, "pull": True}
    return Reply(200, views.repository(state, repository) | {"permissions": rights})


@route("GET", "/collaborators/{login}", "metadata=read")
def is_collaborator(state: State, repository: Repository, request: Request) -> Reply:
    """204 for a collaborator, else 404."""
    if not state.known_login(request.parameters["login"], repository):
        raise not_found()
    return Reply(204)
