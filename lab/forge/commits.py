"""REST: the organisation, the repository itself, its branches, commits and comparisons, and what protects a branch."""

from lab.forge import views
from lab.forge.model import ApiError, not_found
from lab.forge.repositories import Repository
from lab.forge.rest import Reply, Request, account_route, listing, route
from lab.forge.state import State

_READ = "contents=read"


@account_route("GET", "/orgs/{organization}")
def get_organization(state: State, request: Request) -> Reply:
    """An organisation; 404 for a person's account, by which the provider tells them apart."""
    name = request.parameters["organization"].lower()
    for found in state.repositories.values():
        if found.organization and found.owner.lower() == name:
            return Reply(200, views.user(state, found.owner, organization=True))
    raise not_found()


@route("GET", "", "metadata=read")
def get_repository(state: State, repository: Repository, request: Request) -> Reply:
    """The repository, with what the token may do in it."""
    push, admin = request.token.allows("contents", "write"), request.token.allows("administration", "write")
    rights = {"admin": admin, "maintain": admin, "push": push, "triage": push, "pull": True}
    return Reply(200, views.repository(state, repository) | {"permissions": rights})


@route("GET", "/branches/{branch...}/protection", "administration=read")
def get_protection(_state: State, repository: Repository, request: Request) -> Reply:
    """How a branch is protected; 404 `Branch not protected` when it is not."""
    branch = request.parameters["branch"]
    _tip(repository, branch)
    if branch not in repository.protections:
        raise ApiError(404, "Branch not protected")
    reviews = {"required_approving_review_count": repository.protections[branch]}
    return Reply(200, {"required_pull_request_reviews": reviews, "enforce_admins": {"enabled": True}})


@route("GET", "/branches/{branch...}", _READ)
def get_branch(state: State, repository: Repository, request: Request) -> Reply:
    """One branch with its tip."""
    return Reply(200, _branch(state, repository, request.parameters["branch"]))


@route("GET", "/rules/branches/{branch...}", "metadata=read")
def branch_rules(state: State, repository: Repository, request: Request) -> Reply:
    """The active rules of rulesets for a branch, which need not exist, made of the forge's branch protections."""
    branch = request.parameters["branch"]
    source = {"ruleset_source_type": "Repository", "ruleset_source": repository.full_name, "ruleset_id": 1}
    rules: list[dict[str, object]] = [{"type": "required_signatures"}] if repository.demands_signatures(branch) else []
    if branch in repository.protections:
        reviews = {"required_approving_review_count": repository.protections[branch]}
        rules += [{"type": "pull_request", "parameters": reviews}, {"type": "deletion"}, {"type": "non_fast_forward"}]
    return listing(state, request, [rule | source for rule in rules])


@route("GET", "/commits", _READ)
def list_commits(state: State, repository: Repository, request: Request) -> Reply:
    """History from `sha` (a branch or commit), newest first, narrowed by `path`."""
    tip = repository.resolve(request.query.get("sha") or repository.default_branch)
    if tip is None:
        if repository.branch(repository.default_branch) is None:
            raise ApiError(409, "Git Repository is empty.")
        raise not_found()
    path = request.query.get("path", "").strip("/")
    names = repository.git("rev-list", tip, *(["--", path] if path else [])).split()
    found = [commit for commit in map(repository.commit, names) if commit]
    return listing(state, request, [views.commit(state, repository, commit) for commit in found])


@route("GET", "/commits/{ref...}", _READ)
def get_commit(state: State, repository: Repository, request: Request) -> Reply:
    """One commit with the files it changed; 422 for an id that names none."""
    sha = repository.resolve(request.parameters["ref"])
    commit = repository.commit(sha) if sha else None
    if commit is None:
        raise ApiError(422, f"No commit found for SHA: {request.parameters['ref']}")
    if "application/vnd.github.sha" in request.headers.get("Accept", ""):
        return Reply(200, raw=commit.sha.encode(), content_type="application/vnd.github.sha; charset=utf-8")
    before = commit.parents[0] if commit.parents else None
    files = [{"filename": path} for path in repository.changed_paths(before, commit.sha)]
    return Reply(200, views.commit(state, repository, commit) | {"files": files})


@route("GET", "/compare/{basehead...}", _READ)
def compare(_state: State, repository: Repository, request: Request) -> Reply:
    """How the head of `base...head` stands to its base; 404 without a common ancestor."""
    names = request.parameters["basehead"].split("...")
    if len(names) != 2:
        raise not_found()
    base, head = (repository.resolve(name.rpartition(":")[2]) for name in names)
    if base is None or head is None:
        raise not_found()
    has, had = (set(repository.history(commit)) for commit in (head, base))
    if not has & had:
        raise ApiError(404, f"No common ancestor between {names[0]} and {names[1]}.")
    ahead, behind = len(has - had), len(had - has)
    kinds = {(False, False): "identical", (True, False): "ahead", (False, True): "behind", (True, True): "diverged"}
    status = kinds[ahead > 0, behind > 0]
    return Reply(200, {"status": status, "ahead_by": ahead, "behind_by": behind, "total_commits": ahead})


def _tip(repository: Repository, branch: str) -> str:
    found = repository.branch(branch)
    if found is None:
        raise ApiError(404, "Branch not found")
    return found


def _branch(state: State, repository: Repository, name: str) -> dict[str, object]:
    commit = repository.commit(_tip(repository, name))
    tip = views.commit(state, repository, commit) if commit else None
    return {"name": name, "commit": tip, "protected": name in repository.protections}
