"""REST: environments with their protection rules and branch policies.

As on GitHub, PUT replaces an environment's rules: what a caller leaves out is gone.
"""

from lab.forge import views
from lab.forge.model import ApiError, Environment, not_found, wrong_type
from lab.forge.repositories import Repository
from lab.forge.rest import Reply, Request, listing, route
from lab.forge.state import State

_READ, _WRITE = "actions=read", "administration=write"
_POLICIES = "/environments/{environment}/deployment-branch-policies"


@route("GET", "/environments/{environment}", _READ)
def get_environment(state: State, repository: Repository, request: Request) -> Reply:
    """One environment with its rules."""
    return Reply(200, _view(state, repository, request.parameters["environment"], _found(repository, request)))


@route("PUT", "/environments/{environment}", _WRITE)
def put_environment(state: State, repository: Repository, request: Request) -> Reply:
    """Create it, or give it these rules in the place of those that it has."""
    fields, name = request.fields, request.parameters["environment"]
    policy = fields.values.get("deployment_branch_policy")
    if policy is not None:
        given = fields.inner("deployment_branch_policy")
        flags = {key: given.flag(key) is True for key in ("protected_branches", "custom_branch_policies")}
        if len(set(flags.values())) == 1:
            message = "`protected_branches` and `custom_branch_policies` cannot have the same value"
            raise ApiError(422, message)
        policy = flags
    before = repository.environments.get(name, Environment())
    bypass = fields.flag("can_admins_bypass")
    repository.environments[name] = Environment(
        wait_timer=_whole(fields.values.get("wait_timer")),
        prevent_self_review=fields.flag("prevent_self_review") is True,
        can_admins_bypass=True if bypass is None else bypass,
        reviewers=_reviewers(fields.values.get("reviewers")),
        branch_policy=policy,
        policies=before.policies if policy and policy["custom_branch_policies"] else [],
    )
    return Reply(200, _view(state, repository, name, repository.environments[name]))


@route("DELETE", "/environments/{environment}", _WRITE)
def delete_environment(_state: State, repository: Repository, request: Request) -> Reply:
    """It is gone, with its secrets."""
    _found(repository, request)
    del repository.environments[request.parameters["environment"]]
    return Reply(204)


@route("GET", _POLICIES, _READ)
def list_policies(state: State, repository: Repository, request: Request) -> Reply:
    """The patterns of the branches and tags that may use it."""
    rows = [_policy(policy) for policy in _found(repository, request).policies]
    return Reply(200, {"total_count": len(rows), "branch_policies": listing(state, request, rows).body})


@route("POST", _POLICIES, _WRITE)
def create_policy(state: State, repository: Repository, request: Request) -> Reply:
    """Let another branch use it; 303 when one of that pattern is there."""
    environment, name = _found(repository, request), request.fields.required("name")
    kind = request.fields.text("type") or "branch"
    if not (environment.branch_policy or {}).get("custom_branch_policies"):
        raise not_found()
    if any(policy[1:] == (kind, name) for policy in environment.policies):
        return Reply(303)
    environment.policies.append((state.identifiers(), kind, name))
    return Reply(200, _policy(environment.policies[-1]))


@route("GET", _POLICIES + "/{policy}", _READ)
def get_policy(_state: State, repository: Repository, request: Request) -> Reply:
    """One of the patterns."""
    return Reply(200, _policy(_found_policy(repository, request)))


@route("PUT", _POLICIES + "/{policy}", _WRITE)
def put_policy(_state: State, repository: Repository, request: Request) -> Reply:
    """Another pattern in the place of this one."""
    policies, found = _found(repository, request).policies, _found_policy(repository, request)
    changed = (*found[:2], request.fields.required("name"))
    policies[policies.index(found)] = changed
    return Reply(200, _policy(changed))


@route("DELETE", _POLICIES + "/{policy}", _WRITE)
def delete_policy(_state: State, repository: Repository, request: Request) -> Reply:
    """Branches of this pattern may no longer use it."""
    _found(repository, request).policies.remove(_found_policy(repository, request))
    return Reply(204)


def _found(repository: Repository, request: Request) -> Environment:
    if (found := repository.environments.get(request.parameters["environment"])) is None:
        raise not_found()
    return found


def _found_policy(repository: Repository, request: Request) -> tuple[int, str, str]:
    for policy in _found(repository, request).policies:
        if str(policy[0]) == request.parameters["policy"]:
            return policy
    raise not_found()


def _policy(policy: tuple[int, str, str]) -> dict[str, object]:
    number, kind, name = policy
    return {"id": number, "node_id": f"policy-{number}", "name": name, "type": kind}


def _view(state: State, repository: Repository, name: str, found: Environment) -> dict[str, object]:
    rules: list[dict[str, object]] = []
    if found.wait_timer:
        rules.append({"id": 1, "node_id": "rule-1", "type": "wait_timer", "wait_timer": found.wait_timer})
    if found.reviewers:
        reviewers = [
            {"type": kind, "reviewer": {"id": number, "login" if kind == "User" else "slug": f"number-{number}"}}
            for kind, number in found.reviewers
        ]
        asked = {"prevent_self_review": found.prevent_self_review, "reviewers": reviewers}
        rules.append({"id": 2, "node_id": "rule-2", "type": "required_reviewers", **asked})
    if found.branch_policy:
        rules.append({"id": 3, "node_id": "rule-3", "type": "branch_policy"})
    return {
        "id": views.stable_id(name),
        "name": name,
        "url": f"{views.api(state, repository)}/environments/{name}",
        "can_admins_bypass": found.can_admins_bypass,
        "protection_rules": rules,
        "deployment_branch_policy": found.branch_policy,
    }


def _whole(value: object) -> int:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise wrong_type("wait_timer", value, "an integer")
    return value or 0


def _reviewers(value: object) -> list[tuple[str, int]]:
    if not isinstance(value, list | None):
        raise wrong_type("reviewers", value, "an array")
    return [(str(reviewer["type"]), int(reviewer["id"])) for reviewer in value or ()]
