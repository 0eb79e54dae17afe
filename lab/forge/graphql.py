"""GraphQL: the one kind of query with which this project reads a repository. It is no GraphQL engine.

A query selects fields of one repository: deployments by environment, refs with their pull requests, pull requests, and
the commits of the default branch with their statuses. A field that is not here is an error, as for GitHub is one that
its schema does not have. What a token may not read is `null` in each of its places, with a `FORBIDDEN` error for each.
"""

import json
from collections.abc import Iterable, Mapping
from typing import TypeVar

from lab.forge.graphql_query import QueryError, Selection, parsed
from lab.forge.model import ApiError, Deployment, PullRequest, Status, Token
from lab.forge.repositories import Repository
from lab.forge.rest import Reply, authenticate, finished
from lab.forge.state import State

PATH = "/api/graphql"
Arguments = Mapping[str, object]
Node = Mapping[str, object]
"""The fields of an object: a value, or a function of the field's arguments that gives one."""
T = TypeVar("T")


class _Forbidden:
    """Stands where the token may not see what is there."""


def answer(state: State, method: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """The answer to a query; errors of the query itself are in a 200, as GitHub's are."""
    try:
        token = authenticate(state, headers)
        if method != "POST":
            raise ApiError(404, "Not Found")
        asked = json.loads(body or b"{}")
        with state.lock:
            reply = Reply(200, _executed(state, token, asked["query"], asked.get("variables") or {}))
    except ApiError as error:
        reply = Reply(error.status, error.body(), error.headers)
    except (ValueError, KeyError, TypeError):
        reply = Reply(400, ApiError(400, "Problems parsing JSON").body())
    except QueryError as error:
        reply = Reply(200, {"errors": [{"message": str(error)}]})
    return finished(method, reply, headers)


def _executed(state: State, token: Token, query: str, variables: Mapping[str, object]) -> dict[str, object]:
    errors: list[dict[str, object]] = []

    def select(selections: Iterable[Selection], node: Node, path: list[object]) -> dict[str, object]:
        found: dict[str, object] = {}
        for one in selections:
            if one.name not in node:
                raise QueryError(f"Field '{one.name}' doesn't exist on type '{node['__typename']}'")
            value = node[one.name]
            here = [*path, one.alias]
            if callable(value):
                try:
                    value = value(one.arguments)
                except ApiError as error:
                    errors.append({"type": "NOT_FOUND", "path": here, "message": error.message})
                    value = None
            found[one.alias] = shown(one, value, here)
        return found

    def shown(one: Selection, value: object, path: list[object]) -> object:
        if isinstance(value, _Forbidden):
            kind = "integration" if token.bot else "personal access token"
            errors.append({"type": "FORBIDDEN", "path": path, "message": f"Resource not accessible by {kind}"})
            return None
        if isinstance(value, list):
            return [shown(one, item, [*path, index]) for index, item in enumerate(value)]
        if isinstance(value, dict):
            if not one.below:
                raise QueryError(f"Field must have selections (field '{one.name}' has no selections)")
            return select(one.below, value, path)
        return value

    root: Node = {"__typename": "Query", "repository": lambda given: _repository(state, token, given)}
    data = select(parsed(query, variables), root, [])
    return {"data": data} | ({"errors": errors} if errors else {})


def _repository(state: State, token: Token, given: Arguments) -> Node:
    name = f"{given['owner']}/{given['name']}"
    try:
        found = state.repository(name, token)
    except ApiError:
        raise ApiError(404, f"Could not resolve to a Repository with the name '{name}'.") from None
    pulls = state.pull_requests(found)
    return {
        "__typename": "Repository",
        "nameWithOwner": found.full_name,
        "url": f"{state.url}/{found.full_name}",
        "object": lambda asked: _commit(found, token, sha) if (sha := found.resolve(str(asked["oid"]))) else None,
        "deployments": lambda asked: _deployments(found, token, asked),
        "refs": lambda asked: _refs(state, found, token, asked),
        "ref": lambda asked: _ref(state, found, token, str(asked["qualifiedName"])),
        "pullRequests": lambda asked: _pulls(found, token, pulls, asked),
        "defaultBranchRef": lambda _: _ref(state, found, token, f"refs/heads/{found.default_branch}"),
    }


def _deployments(repository: Repository, token: Token, asked: Arguments, sha: str = "") -> Node:
    """All of these environments, of the commit `sha` alone where there is one."""
    environments = asked.get("environments")
    found = [
        one
        for one in repository.deployments
        if sha in ("", one.sha) and (not isinstance(environments, list) or one.environment in environments)
    ]
    return _connection(
        "Deployment", map(_deployment, _ordered(found, asked)), asked, token.allows("deployments", "read")
    )


def _deployment(found: Deployment) -> Node:
    states = {"success": "ACTIVE"}
    newest = [_deployment_status(status) for status in reversed(found.statuses)]
    return {
        "__typename": "Deployment",
        "id": f"DE_{found.identifier}",
        "databaseId": found.identifier,
        "commitOid": found.sha,
        "task": found.task,
        "environment": found.environment,
        "description": found.description,
        "payload": json.dumps(found.payload),
        "state": states.get(found.state, found.state.upper()),
        "createdAt": found.created_at,
        "updatedAt": found.updated_at,
        "creator": _actor(found.login),
        "latestStatus": newest[0] if newest else None,
        "statuses": lambda asked: _connection("DeploymentStatus", newest, asked),
    }


def _deployment_status(status: Status) -> Node:
    return {
        "__typename": "DeploymentStatus",
        "state": status.state.upper(),
        "description": status.description,
        "createdAt": status.created_at,
        "creator": _actor(status.login),
        "logUrl": status.address or None,
    }


def _refs(state: State, repository: Repository, token: Token, asked: Arguments) -> Node:
    prefix = str(asked["refPrefix"])
    names = repository.git("for-each-ref", "--format=%(refname)", prefix).split()
    return _connection("Ref", (_ref(state, repository, token, name, prefix) for name in names), asked)


def _ref(state: State, repository: Repository, token: Token, name: str, prefix: str = "refs/heads/") -> Node | None:
    tip = repository.tip(name)
    if tip is None:
        return None
    branch = name.removeprefix("refs/heads/")
    pulls = [pull for pull in state.pull_requests(repository) if pull.head == branch]
    return {
        "__typename": "Ref",
        # GitHub leaves out what was asked for: with `refs/heads/promote/` the name is what follows that.
        "name": name.removeprefix(prefix),
        "prefix": prefix,
        "target": lambda _: _commit(repository, token, tip),
        "associatedPullRequests": lambda asked: _pulls(repository, token, pulls, asked),
    }


def _commit(repository: Repository, token: Token, sha: str) -> Node:
    return {
        "__typename": "Commit",
        "oid": sha,
        "committedDate": lambda _: found.committer.date if (found := repository.commit(sha)) else None,
        "message": lambda _: found.message if (found := repository.commit(sha)) else None,
        "deployments": lambda asked: _deployments(repository, token, asked, sha),
        "status": lambda _: _commit_status(repository, token, sha),
        "history": lambda asked: _connection(
            "Commit", [_commit(repository, token, name) for name in repository.git("rev-list", sha).split()], asked
        ),
    }


def _commit_status(repository: Repository, token: Token, sha: str) -> object:
    newest = {status.name: status for status in repository.statuses.get(sha, [])}
    if not newest:
        return None
    if not token.allows("statuses", "read"):
        return _Forbidden()
    contexts = [
        {
            "__typename": "StatusContext",
            "context": status.name,
            "state": status.state.upper(),
            "description": status.description,
            "createdAt": status.created_at,
            "creator": _actor(status.login),
            "targetUrl": status.address or None,
        }
        for status in newest.values()
    ]
    return {"__typename": "Status", "contexts": contexts}


def _pulls(repository: Repository, token: Token, found: Iterable[PullRequest], asked: Arguments) -> Node:
    states, head, base = asked.get("states"), asked.get("headRefName"), asked.get("baseRefName")
    wanted = [
        {
            "__typename": "PullRequest",
            "number": pull.number,
            "state": "MERGED" if pull.merged else pull.state.upper(),
            "title": pull.title,
            "body": pull.body or "",
            "headRefName": pull.head,
            "headRefOid": pull.head_sha,
            "baseRefName": pull.base,
            "createdAt": pull.created_at,
            "mergedAt": pull.merged_at,
            "mergeCommit": _commit(repository, token, pull.merge_commit_sha) if pull.merge_commit_sha else None,
            "author": _actor(pull.login),
        }
        for pull in _ordered(found, asked)
        if head in (None, pull.head) and base in (None, pull.base)
    ]
    if states is not None:
        listed = states if isinstance(states, list) else [states]
        wanted = [pull for pull in wanted if pull["state"] in listed]
    return _connection("PullRequest", wanted, asked, token.allows("pull_requests", "read"))


def _ordered(found: Iterable[T], asked: Arguments) -> list[T]:
    """What was created first comes first, unless asked otherwise."""
    order = asked.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    if not isinstance(order, dict) or order.get("field") != "CREATED_AT":
        raise QueryError(f"The forge orders by CREATED_AT, not {order!r}")
    return list(found)[:: -1 if order["direction"] == "DESC" else 1]


def _actor(login: str) -> Node:
    # Unlike REST, GraphQL names a Bot without the `[bot]` of its login.
    bot = login.endswith("[bot]")
    return {"__typename": "Bot" if bot else "User", "login": login.removesuffix("[bot]")}


def _connection(kind: str, found: Iterable[Node | None], asked: Arguments, allowed: bool = True) -> Node:
    everything, first = list(found), asked.get("first")
    if not isinstance(first, int) or not 1 <= first <= 100:
        raise QueryError(f"You must provide a `first` value between 1 and 100 to properly paginate the {kind}s")
    start = int(str(asked.get("after") or 0))
    nodes = everything[start : start + first]
    more, cursor = len(everything) > start + first, str(start + len(nodes)) if nodes else None
    page = {"__typename": "PageInfo", "hasNextPage": more, "endCursor": cursor}
    return {
        "__typename": f"{kind}Connection",
        "totalCount": len(everything),
        "pageInfo": page,
        "nodes": nodes if allowed else [_Forbidden() for _ in nodes],
    }
