"""REST: deployments and commit statuses, and what one success makes of the deployments before it.

A deployment waits for nobody's approval here, and no branch is merged into another for it: a `ref` behind the default
branch is answered as a conflict unless `auto_merge` is false. Deployments of `production_environment` stay as they are
when a later one succeeds there, as GitHub's documentation has it.
"""

from lab.forge import views
from lab.forge.model import ApiError, Deployment, Environment, Status, invalid, not_found, too_long, wrong_type
from lab.forge.repositories import Repository
from lab.forge.rest import Reply, Request, listing, route
from lab.forge.state import State

_READ, _WRITE = "deployments=read", "deployments=write"
_STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")
_COMMIT_STATES = ("error", "failure", "pending", "success")
_LONGEST = 140  # characters of a status' description
_MOST = 1000  # statuses of one context and commit


@route("GET", "/deployments", _READ)
def list_deployments(state: State, repository: Repository, request: Request) -> Reply:
    """By `sha`, `ref`, `task` and `environment`, newest first."""
    filters = {name: value for name in ("sha", "ref", "task", "environment") if (value := request.query.get(name))}
    found = [one for one in reversed(repository.deployments) if filters.items() <= vars(one).items()]
    return listing(state, request, [_view(state, repository, one) for one in found])


@route("POST", "/deployments", _WRITE)
def create_deployment(state: State, repository: Repository, request: Request) -> Reply:
    """Record that a commit is to be deployed: 201. Raises GitHub's 409s and 422s. An unknown environment is made."""
    fields, ref = request.fields, request.fields.required("ref")
    sha = repository.resolve(ref)
    if sha is None:
        raise ApiError(422, f"No ref found for: {ref}")
    tip = repository.branch(repository.default_branch)
    if fields.flag("auto_merge") is not False and tip and not repository.is_ancestor(tip, sha):
        raise ApiError(409, f"Conflict merging {repository.default_branch} into {ref}.")
    wanted = None if fields.values.get("required_contexts") is None else fields.texts("required_contexts")
    states = {status.name: status.state for status in repository.statuses.get(sha, [])}
    if any(states.get(context) != "success" for context in (states if wanted is None else wanted)):
        detail = {"resource": "Deployment", "field": "required_contexts", "code": "invalid"}
        raise ApiError(409, f"Conflict: Commit status checks failed for {ref}.", [detail])
    payload = fields.values.get("payload", {})
    if not isinstance(payload, dict | str):
        raise wrong_type("payload", payload, "an object or a string")
    environment, production = fields.text("environment") or "production", fields.flag("production_environment")
    deployment = Deployment(
        state.identifiers(),
        sha,
        ref,
        fields.text("task") or "deploy",
        environment,
        payload,
        fields.text("description"),
        request.token.login,
        transient=fields.flag("transient_environment") is True,
        production=environment == "production" if production is None else production,
    )
    repository.environments.setdefault(environment, Environment())
    repository.deployments.append(deployment)
    return Reply(201, _view(state, repository, deployment))


@route("GET", "/deployments/{deployment}", _READ)
def get_deployment(state: State, repository: Repository, request: Request) -> Reply:
    """One deployment."""
    return Reply(200, _view(state, repository, _found(repository, request)))


@route("GET", "/deployments/{deployment}/statuses", _READ)
def list_statuses(state: State, repository: Repository, request: Request) -> Reply:
    """Its statuses, newest first."""
    found = _found(repository, request)
    return listing(state, request, [_status(state, repository, found, status) for status in reversed(found.statuses)])


@route("POST", "/deployments/{deployment}/statuses", _WRITE)
def create_status(state: State, repository: Repository, request: Request) -> Reply:
    """Say what became of it: 201. A success sets earlier ones of the environment inactive, unless told not to."""
    fields, found = request.fields, _found(repository, request)
    new = _said(state, request, "DeploymentStatus", _STATES, fields.text("environment") or found.environment)
    found.statuses.append(new)
    found.environment = new.name
    if new.state == "success" and fields.flag("auto_inactive") is not False:
        for other in repository.deployments[: repository.deployments.index(found)]:
            lasting = other.transient or other.production
            if (other.environment, other.state) == (found.environment, "success") and not lasting:
                other.statuses.append(Status(state.identifiers(), "inactive", "", new.login, other.environment))
    return Reply(201, _status(state, repository, found, new))


@route("POST", "/statuses/{sha}", "statuses=write")
def create_commit_status(state: State, repository: Repository, request: Request) -> Reply:
    """Say something of a commit: 201."""
    sha, context = request.parameters["sha"], request.fields.text("context") or "default"
    if repository.commit(sha) is None:
        raise ApiError(422, f"No commit found for SHA: {sha}")
    given = repository.statuses.setdefault(sha, [])
    if sum(status.name == context for status in given) >= _MOST:
        raise ApiError(422, "This SHA and context has reached the maximum number of statuses.")
    given.append(_said(state, request, "Status", _COMMIT_STATES, context))
    return Reply(201, _commit_status(state, repository, sha, given[-1]))


@route("GET", "/commits/{ref}/statuses", "statuses=read")
def list_commit_statuses(state: State, repository: Repository, request: Request) -> Reply:
    """What was said of a commit, newest first."""
    sha = repository.resolve(request.parameters["ref"])
    if sha is None:
        raise ApiError(422, f"No commit found for SHA: {request.parameters['ref']}")
    said = reversed(repository.statuses.get(sha, []))
    return listing(state, request, [_commit_status(state, repository, sha, status) for status in said])


def _found(repository: Repository, request: Request) -> Deployment:
    for deployment in repository.deployments:
        if str(deployment.identifier) == request.parameters["deployment"]:
            return deployment
    raise not_found()


def _said(state: State, request: Request, resource: str, states: tuple[str, ...], name: str) -> Status:
    fields = request.fields
    said, description = fields.required("state"), fields.text("description") or ""
    if said not in states:
        raise invalid(resource, "state")
    if len(description) > _LONGEST:
        raise too_long(resource, "description", _LONGEST)
    address = fields.text("log_url") or fields.text("target_url") or ""
    return Status(state.identifiers(), said, description, request.token.login, name, address)


def _view(state: State, repository: Repository, found: Deployment) -> dict[str, object]:
    address = f"{views.api(state, repository)}/deployments/{found.identifier}"
    return {
        "id": found.identifier,
        "node_id": f"DE_{found.identifier}",
        "url": address,
        "statuses_url": f"{address}/statuses",
        "repository_url": views.api(state, repository),
        "sha": found.sha,
        "ref": found.ref,
        "task": found.task,
        "payload": found.payload,
        "environment": found.environment,
        "original_environment": found.environment,
        "description": found.description,
        "transient_environment": found.transient,
        "production_environment": found.production,
        "creator": views.user(state, found.login),
        "created_at": found.created_at,
        "updated_at": found.updated_at,
    }


def _status(state: State, repository: Repository, found: Deployment, status: Status) -> dict[str, object]:
    address = f"{views.api(state, repository)}/deployments/{found.identifier}"
    own = {"environment": status.name, "environment_url": "", "log_url": status.address, "deployment_url": address}
    return _common(state, status, f"{address}/statuses/{status.identifier}") | own


def _commit_status(state: State, repository: Repository, sha: str, status: Status) -> dict[str, object]:
    return _common(state, status, f"{views.api(state, repository)}/statuses/{sha}") | {"context": status.name}


def _common(state: State, status: Status, address: str) -> dict[str, object]:
    return {
        "id": status.identifier,
        "node_id": f"S_{status.identifier}",
        "url": address,
        "state": status.state,
        "description": status.description,
        "target_url": status.address,
        "creator": views.user(state, status.login),
        "created_at": status.created_at,
        "updated_at": status.created_at,
    }
