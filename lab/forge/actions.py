"""REST: workflows, their dispatch with GitHub's checks of the inputs, runs, and the Actions settings."""

import io
from collections.abc import Mapping

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lab.forge import views
from lab.forge.errors import ApiError, not_found, wrong_type
from lab.forge.repositories import Repository
from lab.forge.rest import Fields, Reply, Request, listing, route
from lab.forge.runs import Run
from lab.forge.state import State

_FOLDER = ".github/workflows"
_MOST_INPUTS = 25  # GitHub's limit for a dispatch
_READ, _WRITE = "actions=read", "actions=write"


@route("GET", "/actions/workflows", _READ)
def list_workflows(state: State, repository: Repository, request: Request) -> Reply:
    """The workflow files of the default branch."""
    tree = repository.objects.read(f"refs/heads/{repository.default_branch}:{_FOLDER}")
    names = [entry.name for entry in repository.objects.entries(tree.sha)] if tree else []
    rows = [_workflow(state, repository, name) for name in names if name.endswith((".yaml", ".yml"))]
    return Reply(200, {"total_count": len(rows), "workflows": listing(state, request, rows).body})


@route("GET", "/actions/workflows/{workflow}", _READ)
def get_workflow(state: State, repository: Repository, request: Request) -> Reply:
    """One workflow by its file's name."""
    return Reply(200, _workflow(state, repository, _known(repository, request)))


@route("PUT", "/actions/workflows/{workflow}/enable", _WRITE)
def enable_workflow(state: State, repository: Repository, request: Request) -> Reply:
    """Let it be dispatched."""
    state.disabled_workflows.discard((repository.full_name, _known(repository, request)))
    return Reply(204)


@route("PUT", "/actions/workflows/{workflow}/disable", _WRITE)
def disable_workflow(state: State, repository: Repository, request: Request) -> Reply:
    """Refuse its dispatches from now on."""
    state.disabled_workflows.add((repository.full_name, _known(repository, request)))
    return Reply(204)


@route("POST", "/actions/workflows/{workflow}/dispatches", _WRITE)
def dispatch(state: State, repository: Repository, request: Request) -> Reply:
    """Start a run: 204, or 200 with the run when `return_run_details` is true."""
    name, fields = _known(repository, request), request.fields()
    ref = fields.required("ref")
    commit = repository.resolve(ref.removeprefix("refs/heads/").removeprefix("refs/tags/"))
    if commit is None:
        raise ApiError(422, f"No ref found for: {ref}")
    given = fields.inner("inputs") or Fields({})
    if len(given.values) > _MOST_INPUTS:
        raise ApiError(422, f"Invalid request.\n\nNo more than {_MOST_INPUTS} properties are allowed; "
                       f"{len(given.values)} were supplied.")  # fmt: skip
    if (repository.full_name, name) in state.disabled_workflows:
        raise ApiError(422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow")
    inputs = _checked(_declared(repository, commit, name), given)
    run = Run(
        identifier=state.identifiers(),
        repository=repository.full_name,
        workflow=name,
        ref=ref,
        head_sha=commit,
        login=request.token.login,
        inputs=inputs,
        number=1 + sum(run.workflow == name for run in state.runs.all),
    )
    state.runs.start(run)
    if not fields.flag("return_run_details"):
        return Reply(204)
    view = views.run(state, repository, run)
    return Reply(200, {"workflow_run_id": run.identifier, "run_url": view["url"], "html_url": view["html_url"]})


@route("GET", "/actions/runs", _READ)
@route("GET", "/actions/workflows/{workflow}/runs", _READ)
def list_runs(state: State, repository: Repository, request: Request) -> Reply:
    """Runs, newest first, by workflow, `status` (or conclusion), `event` and `branch`."""
    query, workflow = request.query, request.parameters.get("workflow", "")
    found = [
        run
        for run in reversed(state.runs.all)
        if run.repository == repository.full_name
        and workflow in ("", run.workflow)
        and query.get("status", "") in ("", run.status, run.conclusion)
        and query.get("event", "workflow_dispatch") == "workflow_dispatch"
        and query.get("branch", "") in ("", run.ref.removeprefix("refs/heads/"))
    ]
    page = listing(state, request, [views.run(state, repository, run) for run in found])
    return Reply(200, {"total_count": len(found), "workflow_runs": page.body}, page.headers)


@route("GET", "/actions/runs/{run}", _READ)
def get_run(state: State, repository: Repository, request: Request) -> Reply:
    """One run."""
    for run in state.runs.all:
        if (run.repository, str(run.identifier)) == (repository.full_name, request.parameters["run"]):
            return Reply(200, views.run(state, repository, run))
    raise not_found()


@route("GET", "/actions/permissions", "administration=read")
def get_permissions(state: State, repository: Repository, request: Request) -> Reply:  # noqa: ARG001 - a handler's form
    """Actions are enabled, all of them."""
    return Reply(200, {"enabled": True, "allowed_actions": "all", "sha_pinning_required": False})


@route("GET", "/actions/permissions/workflow", "administration=read")
def get_workflow_permissions(state: State, repository: Repository, request: Request) -> Reply:  # noqa: ARG001
    """What `GITHUB_TOKEN` may do by default, and whether Actions may open pull requests."""
    return Reply(
        200,
        {
            "default_workflow_permissions": repository.default_workflow_permissions,
            "can_approve_pull_request_reviews": repository.actions_may_open_pull_requests,
        },
    )


@route("PUT", "/actions/permissions/workflow", "administration=write")
def put_workflow_permissions(state: State, repository: Repository, request: Request) -> Reply:  # noqa: ARG001
    """Change either setting."""
    fields = request.fields()
    level, may = fields.text("default_workflow_permissions"), fields.flag("can_approve_pull_request_reviews")
    if level not in (None, "read", "write"):
        raise wrong_type("default_workflow_permissions", level, "a member of [read, write]")
    repository.default_workflow_permissions = level or repository.default_workflow_permissions
    if may is not None:
        repository.actions_may_open_pull_requests = may
    return Reply(204)


def _known(repository: Repository, request: Request) -> str:
    """The file's name; GitHub knows a workflow from when its file is on the default branch."""
    name = request.parameters["workflow"].removeprefix(f"{_FOLDER}/")
    if "/" in name or repository.objects.read(f"refs/heads/{repository.default_branch}:{_FOLDER}/{name}") is None:
        raise not_found()
    return name


def _workflow(state: State, repository: Repository, name: str) -> dict[str, object]:
    disabled = (repository.full_name, name) in state.disabled_workflows
    number = views.stable_id(name)
    return {
        "id": number,
        "name": name,
        "path": f"{_FOLDER}/{name}",
        "state": "disabled_manually" if disabled else "active",
        "url": f"{views.api(state, repository)}/actions/workflows/{number}",
        "html_url": f"{views.web(state, repository)}/blob/{repository.default_branch}/{_FOLDER}/{name}",
    }


def _declared(repository: Repository, commit: str, name: str) -> Mapping[str, Mapping[str, object]]:
    """The inputs that the workflow declares at that commit; 422 when it cannot be dispatched there."""
    found = repository.objects.read(f"{commit}:{_FOLDER}/{name}")
    try:
        text = found.data.decode() if found else ""
        workflow = YAML(typ="safe", pure=True).load(io.StringIO(text))
    except (YAMLError, UnicodeDecodeError) as error:
        raise ApiError(422, f"Unable to parse the workflow file {_FOLDER}/{name}") from error
    triggers = workflow.get("on") if isinstance(workflow, dict) else None
    if isinstance(triggers, str):
        triggers = [triggers]
    if not triggers or "workflow_dispatch" not in triggers:
        raise ApiError(422, "Workflow does not have 'workflow_dispatch' trigger")
    trigger = triggers["workflow_dispatch"] if isinstance(triggers, dict) else None
    inputs = (trigger or {}).get("inputs") or {}
    return {str(key): value or {} for key, value in inputs.items()}


def _checked(declared: Mapping[str, Mapping[str, object]], given: Fields) -> dict[str, str]:
    """The inputs as the run sees them, defaults filled in; 422 as GitHub words it."""
    unexpected = [name for name in given.values if name not in declared]
    if unexpected:
        names = ", ".join(f'"{name}"' for name in unexpected)
        raise ApiError(422, f"Unexpected inputs provided: [{names}]")
    inputs: dict[str, str] = {}
    for name, input_ in declared.items():
        value = given.values.get(name)
        if isinstance(value, dict | list):
            raise wrong_type(f"inputs/{name}", value, "a string")
        if value is None or value == "":
            if input_.get("required") and "default" not in input_:
                raise ApiError(422, f"Required input '{name}' not provided")
            value = input_.get("default", "") if value is None else value
        text = str(value).lower() if isinstance(value, bool) else str(value)
        options = input_.get("options")
        if input_.get("type") == "choice" and isinstance(options, list) and text not in map(str, options):
            raise ApiError(422, f"Provided value '{text}' for input '{name}' not in the list of allowed values")
        if input_.get("type") == "boolean" and text not in ("true", "false", ""):
            raise ApiError(422, f"Provided value '{text}' for input '{name}' is not a boolean")
        inputs[name] = text
    return inputs
