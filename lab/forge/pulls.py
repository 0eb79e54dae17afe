"""REST: pull requests. Lists, reads, opens, edits and merges; asks for reviews."""

from lab.forge import views
from lab.forge.errors import ApiError, invalid, not_found, refused
from lab.forge.issues_model import PullRequest
from lab.forge.pull_requests import merge, mergeable, open_pull_request, pull_requests, reopen
from lab.forge.repositories import Repository
from lab.forge.rest import Reply, Request, listing, route
from lab.forge.state import State

_READ, _WRITE = "pull_requests=read", "pull_requests=write"


@route("GET", "/pulls", _READ)
def list_pulls(state: State, repository: Repository, request: Request) -> Reply:
    """By state, head (`owner:branch`) and base, newest first; the newest is missing while lists lag."""
    query = request.query
    found = pull_requests(state, repository)
    if state.lagging_lists:
        state.lagging_lists -= 1
        found = found[:-1]
    wanted, head, base = query.get("state", "open"), query.get("head", ""), query.get("base", "")
    if wanted not in ("open", "closed", "all"):
        raise invalid("PullRequest", "state")
    found = [pull for pull in found if wanted in ("all", pull.state) and base in ("", pull.base)]
    owner, colon, branch = head.partition(":")
    if colon:
        # GitHub ignores the filter when it has no owner. The forge does the same, so that tests notice.
        found = [pull for pull in found if (owner.lower(), branch) == (repository.owner.lower(), pull.head)]
    updated = query.get("sort") == "updated"
    newest_first = query.get("direction", "desc" if query.get("sort", "created") == "created" else "asc") == "desc"
    found.sort(key=lambda pull: (pull.updated_at if updated else "", pull.number), reverse=newest_first)
    return listing(
        state,
        request,
        [views.pull_request(state, repository, pull, whole=False, mergeable=None) for pull in found],
    )


@route("POST", "/pulls", _WRITE)
def create_pull(state: State, repository: Repository, request: Request) -> Reply:
    """Open a pull request."""
    fields = request.fields()
    head, base, title = fields.required("head"), fields.required("base"), fields.text("title")
    if not title:
        raise invalid("PullRequest", "title", "missing_field")
    pull = open_pull_request(
        state,
        repository,
        request.token,
        title=title,
        head=head,
        base=base,
        body=fields.text("body"),
        draft=fields.flag("draft") or False,
    )
    pull.maintainer_can_modify = False  # GitHub keeps it false within one repository
    return _one(state, repository, pull, 201)


@route("GET", "/pulls/{number}", _READ)
def get_pull(state: State, repository: Repository, request: Request) -> Reply:
    """One pull request."""
    return _one(state, repository, _pull(state, repository, request))


@route("PATCH", "/pulls/{number}", _WRITE)
def edit_pull(state: State, repository: Repository, request: Request) -> Reply:
    """Title, body, base, state."""
    pull, fields = _pull(state, repository, request), request.fields()
    title, base, wanted = fields.text("title"), fields.text("base"), fields.text("state")
    if title == "":
        raise invalid("PullRequest", "title", "missing_field")
    if base is not None and base != pull.base:
        if repository.branch(base) is None:
            raise invalid("PullRequest", "base")
        if pull.state != "open":
            raise refused("PullRequest", "Cannot change the base branch of a closed pull request.")
        pull.base = base
    if wanted not in (None, "open", "closed"):
        raise invalid("PullRequest", "state")
    if wanted == "closed" and pull.state == "open":
        pull.close()
    elif wanted == "open" and pull.state == "closed":
        reopen(state, repository, pull)
    pull.title = title or pull.title
    if "body" in fields.values:
        pull.body = fields.text("body")
    pull.touch()
    return _one(state, repository, pull)


@route("GET", "/pulls/{number}/merge", _READ)
def is_merged(state: State, repository: Repository, request: Request) -> Reply:
    """204 when it is merged, 404 when not."""
    if not _pull(state, repository, request).merged:
        raise not_found()
    return Reply(204)


@route("PUT", "/pulls/{number}/merge", "contents=write")
def merge_pull(state: State, repository: Repository, request: Request) -> Reply:
    """Merge or squash; rebasing is not offered by the forge's repositories."""
    pull, fields = _pull(state, repository, request), request.fields()
    method = fields.text("merge_method") or "merge"
    if method not in ("merge", "squash"):
        raise ApiError(405, "Rebase merges are not allowed on this repository.")
    commit = merge(
        repository,
        pull,
        login=request.token.login,
        method=method,
        sha=fields.text("sha"),
        title=fields.text("commit_title"),
        message=fields.text("commit_message"),
    )
    return Reply(200, {"sha": commit, "merged": True, "message": "Pull Request successfully merged"})


@route("GET", "/pulls/{number}/commits", _READ)
def list_commits(state: State, repository: Repository, request: Request) -> Reply:
    """Its commits, oldest first."""
    pull = _pull(state, repository, request)
    names = repository.git("rev-list", "--reverse", f"{pull.base_sha}..{pull.head_sha}").split()
    commits = [repository.commit(name) for name in names]
    return listing(state, request, [views.commit(state, repository, commit) for commit in commits if commit])


@route("POST", "/pulls/{number}/requested_reviewers", _WRITE)
def request_reviewers(state: State, repository: Repository, request: Request) -> Reply:
    """Ask collaborators (and, in an organisation, teams) for a review."""
    pull, fields = _pull(state, repository, request), request.fields()
    people, teams = fields.texts("reviewers"), fields.texts("team_reviewers")
    if pull.login in people:
        raise ApiError(422, "Review cannot be requested from pull request author.")
    if any(not state.known_login(login, repository) for login in people):
        raise ApiError(
            422,
            "Reviews may only be requested from collaborators. One or more of the users or teams you specified "
            f"is not a collaborator of the {repository.full_name} repository.",
        )
    if teams and not set(teams) <= repository.teams:
        raise ApiError(422, "Could not resolve to a node with the global id of the team.")
    pull.requested_reviewers += [login for login in people if login not in pull.requested_reviewers]
    pull.requested_teams += [team for team in teams if team not in pull.requested_teams]
    pull.touch()
    return Reply(201, views.pull_request(state, repository, pull, whole=False, mergeable=None))


def _pull(state: State, repository: Repository, request: Request) -> PullRequest:
    found = state.issue(repository, request.number("number"))
    if not isinstance(found, PullRequest):
        raise not_found()
    return found


def _one(state: State, repository: Repository, pull: PullRequest, status: int = 200) -> Reply:
    view = views.pull_request(state, repository, pull, whole=True, mergeable=mergeable(repository, pull))
    return Reply(status, view, {"Location": str(view["url"])} if status == 201 else {})
