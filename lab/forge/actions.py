"""REST: workflows, their dispatch with GitHub's checks of the inputs, and the Actions settings.

A dispatch starts a run (`lab.forge.state.Runs`). The forge runs no workflow itself, it calls a callback, and whether
runs wait for one another (a concurrency group) is that callback's matter.
"""

from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lab.forge import views
from lab.forge.model import ApiError, Run, not_found, wrong_type
from lab.forge.repositories import WORKFLOWS, Repository
from lab.forge.rest import Fields, Reply, Request, listing, route
from lab.forge.state import State

_READ, _WRITE = "actions=read", "actions=write"


@route("GET", "/actions/workflows", _READ)
def list_workflows(state: State, repository: Repository, request: Request) -> Reply:
    """The workflow files of the default branch."""
    tree = repository.objects.read(f"refs/heads/{repository.default_branch}:{WORKFLOWS}")
    names = [entry.name for entry in repository.objects.entries(tree.sha)] if tree else []
    rows = [_workflow(repository, name) for name in names if name.endswith((".yaml", ".yml"))]
    return Reply(200, {"total_count": len(rows), "workflows": listing(state, request, rows).body})


@route("GET", "/actions/workflows/{workflow}", _READ)
def get_workflow(_state: State, repository: Repository, request: Request) -> Reply:
    """One workflow by its file's name."""
    return Reply(200, _workflow(repository, _known(repository, request)))


@route("POST", "/actions/workflows/{workflow}/dispatches", _WRITE)
def dispatch(state: State, repository: Repository, request: Request) -> Reply:
    """Start a run: 204."""
    name, fields = _known(repository, request), request.fields
    ref = fields.required("ref")
    commit = repository.resolve(ref.removeprefix("refs/heads/").removeprefix("refs/tags/"))
    if commit is None:
        raise ApiError(422, f"No ref found for: {ref}")
    given = fields.inner("inputs")
    if name in repository.disabled_workflows:
        raise ApiError(422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow")
    inputs = _checked(_declared(repository, commit, name), given)
    state.runs.start(Run(repository.full_name, name, ref, commit, inputs))
    return Reply(204)


@route("GET", "/actions/permissions", "administration=read")
def get_permissions(_state: State, _repository: Repository, _request: Request) -> Reply:
    """Actions are enabled, all of them."""
    return Reply(200, {"enabled": True, "allowed_actions": "all", "sha_pinning_required": False})


@route("GET", "/actions/permissions/workflow", "administration=read")
def get_workflow_permissions(_state: State, repository: Repository, _request: Request) -> Reply:
    """What `GITHUB_TOKEN` may do by default, and whether Actions may open pull requests."""
    return Reply(
        200,
        {
            "default_workflow_permissions": repository.default_workflow_permissions,
            "can_approve_pull_request_reviews": repository.actions_may_open_pull_requests,
        },
    )


@route("PUT", "/actions/permissions/workflow", "administration=write")
def put_workflow_permissions(_state: State, repository: Repository, request: Request) -> Reply:
    """Change either setting."""
    fields = request.fields
    level, may = fields.text("default_workflow_permissions"), fields.flag("can_approve_pull_request_reviews")
    if level not in (None, "read", "write"):
        raise wrong_type("default_workflow_permissions", level, "a member of [read, write]")
    repository.default_workflow_permissions = level or repository.default_workflow_permissions
    if may is not None:
        repository.actions_may_open_pull_requests = may
    return Reply(204)


def _known(repository: Repository, request: Request) -> str:
    """The file's name; GitHub knows a workflow from when its file is on the default branch."""
    name = request.parameters["workflow"]
    if "/" in name or repository.read(f"{WORKFLOWS}/{name}", repository.default_branch) is None:
        raise not_found()
    return name


def _workflow(repository: Repository, name: str) -> dict[str, object]:
    state = "disabled_manually" if name in repository.disabled_workflows else "active"
    return {"id": views.stable_id(name), "name": name, "path": f"{WORKFLOWS}/{name}", "state": state}


def _declared(repository: Repository, commit: str, name: str) -> Mapping[str, Mapping[str, object]]:
    """The inputs that the workflow declares at that commit; 422 when it cannot be dispatched there."""
    content = repository.read(f"{WORKFLOWS}/{name}", commit) or b""
    try:
        # YAML 1.2, as for GitHub: in YAML 1.1 the key `on` is a boolean.
        workflow: Any = YAML(typ="safe", pure=True).load(content.decode())
    except (YAMLError, UnicodeDecodeError) as error:
        raise ApiError(422, f"Unable to parse the workflow file {WORKFLOWS}/{name}") from error
    triggers = workflow.get("on") if isinstance(workflow, dict) else None
    if not triggers or "workflow_dispatch" not in triggers:
        raise ApiError(422, "Workflow does not have 'workflow_dispatch' trigger")
    trigger = triggers["workflow_dispatch"] if isinstance(triggers, dict) else None
    return {str(key): value or {} for key, value in ((trigger or {}).get("inputs") or {}).items()}


def _checked(declared: Mapping[str, Mapping[str, object]], given: Fields) -> dict[str, str]:
    """The inputs as the run sees them, defaults filled in; 422 as GitHub words it."""
    if unexpected := [name for name in given.values if name not in declared]:
        names = ", ".join(f'"{name}"' for name in unexpected)
        raise ApiError(422, f"Unexpected inputs provided: [{names}]")
    inputs: dict[str, str] = {}
    for name, input_ in declared.items():
        value = given.values.get(name)
        if isinstance(value, dict | list):
            raise wrong_type(f"inputs/{name}", value, "a string")
        if value in (None, "") and input_.get("required") and "default" not in input_:
            raise ApiError(422, f"Required input '{name}' not provided")
        value = input_.get("default", "") if value is None else value
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if input_.get("type") == "boolean" and text not in ("true", "false", ""):
            raise ApiError(422, f"Provided value '{text}' for input '{name}' is not a boolean")
        inputs[name] = text
    return inputs
