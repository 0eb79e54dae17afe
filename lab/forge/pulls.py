"""Pull requests: their REST calls, and the rules for opening, merging and closing them and following their branches.

Reviews, checks, forks and merge queues are not modelled.
"""

from lab.forge import views
from lab.forge.model import UNSIGNED, ApiError, PullRequest, invalid, refused
from lab.forge.repositories import ZERO, Repository, person
from lab.forge.rest import Reply, Request, listing, route
from lab.forge.state import State

_READ, _WRITE = "pull_requests=read", "pull_requests=write"


@route("GET", "/pulls", _READ)
def list_pulls(state: State, repository: Repository, request: Request) -> Reply:
    """By state, head (`owner:branch`) and base, newest first; the newest is missing while lists lag."""
    query = request.query
    found = state.pull_requests(repository)
    if state.lagging_lists:
        state.lagging_lists -= 1
        found = found[:-1]
    wanted, base = query.get("state", "open"), query.get("base", "")
    if wanted not in ("open", "closed", "all"):
        raise invalid("PullRequest", "state")
    found = [pull for pull in found if wanted in ("all", pull.state) and base in ("", pull.base)]
    owner, colon, branch = query.get("head", "").partition(":")
    if colon:
        # GitHub ignores the filter when it has no owner. The forge does the same, so that tests notice.
        found = [pull for pull in found if (owner.lower(), branch) == (repository.owner.lower(), pull.head)]
    if query.get("direction") != "asc":
        found.reverse()
    return listing(state, request, [_view(state, repository, pull) for pull in found])


@route("POST", "/pulls", _WRITE)
def create_pull(state: State, repository: Repository, request: Request) -> Reply:
    """Open a pull request. Raises GitHub's 422s and, for Actions, its 403."""
    fields, token = request.fields, request.token
    head, base, title = fields.required("head"), fields.required("base"), fields.text("title")
    if not title:
        raise invalid("PullRequest", "title", "missing_field")
    if token.actions and not repository.actions_may_open_pull_requests:
        raise ApiError(403, "GitHub Actions is not permitted to create or approve pull requests.")
    owner, _, branch = head.rpartition(":")
    tip, base_tip = repository.branch(branch), repository.branch(base)
    if tip is None or (owner and owner.lower() != repository.owner.lower()):
        raise invalid("PullRequest", "head")
    if base_tip is None:
        raise invalid("PullRequest", "base")
    _refuse_duplicate(state, repository, branch, base)
    if repository.is_ancestor(tip, base_tip):
        raise refused("PullRequest", f"No commits between {base} and {branch}")
    number = 1 + len(state.pulls[repository.full_name])
    pull = PullRequest(number, token.login, title, fields.text("body"), branch, base, tip, base_tip)
    state.pulls[repository.full_name][number] = pull
    view = _whole_view(state, repository, pull)
    return Reply(201, view, {"Location": str(view["url"])})


@route("GET", "/pulls/{number}", _READ)
def get_pull(state: State, repository: Repository, request: Request) -> Reply:
    """One pull request."""
    return Reply(200, _whole_view(state, repository, state.pull_request(repository, request.number)))


@route("PATCH", "/pulls/{number}", _WRITE)
def edit_pull(state: State, repository: Repository, request: Request) -> Reply:
    """Title, body, base, state."""
    pull, fields = state.pull_request(repository, request.number), request.fields
    title, base, wanted = fields.text("title"), fields.text("base") or pull.base, fields.text("state")
    if wanted not in (None, "open", "closed"):
        raise invalid("PullRequest", "state")
    if title == "":
        raise invalid("PullRequest", "title", "missing_field")
    if base != pull.base and repository.branch(base) is None:
        raise invalid("PullRequest", "base")
    if base != pull.base and pull.state != "open":
        raise refused("PullRequest", "Cannot change the base branch of a closed pull request.")
    if wanted == "open" and pull.state == "closed":
        reopen(state, repository, pull)
    pull.base, pull.title = base, title or pull.title
    if "body" in fields.values:
        pull.body = fields.text("body")
    if wanted == "closed" and pull.state == "open":
        pull.close(request.token.login)
    pull.change(wanted if wanted != pull.state else None)
    return Reply(200, _whole_view(state, repository, pull))


@route("POST", "/pulls/{number}/requested_reviewers", _WRITE)
def request_reviewers(state: State, repository: Repository, request: Request) -> Reply:
    """Ask collaborators (and, in an organisation, teams) for a review."""
    pull, fields = state.pull_request(repository, request.number), request.fields
    people, teams = fields.texts("reviewers"), fields.texts("team_reviewers")
    if pull.login in people:
        raise ApiError(422, "Review cannot be requested from pull request author.")
    if not set(people) <= {repository.owner, *repository.collaborators}:
        raise ApiError(
            422,
            "Reviews may only be requested from collaborators. One or more of the users or teams you specified "
            f"is not a collaborator of the {repository.full_name} repository.",
        )
    if not set(teams) <= repository.teams:
        raise ApiError(422, "Could not resolve to a node with the global id of the team.")
    pull.requested_reviewers[:] = dict.fromkeys([*pull.requested_reviewers, *people])
    pull.requested_teams[:] = dict.fromkeys([*pull.requested_teams, *teams])
    pull.change()
    return Reply(201, _view(state, repository, pull))


def _refuse_duplicate(state: State, repository: Repository, head: str, base: str) -> None:
    for other in state.pull_requests(repository):
        if (other.state, other.head, other.base) == ("open", head, base):
            raise refused("PullRequest", f"A pull request already exists for {repository.owner}:{head}.")


def reopen(state: State, repository: Repository, pull: PullRequest) -> None:
    """Check that a closed pull request may be opened again, and let it follow its branch. Raises GitHub's 422s."""
    if pull.merged:
        raise refused("PullRequest", "state cannot be changed. The pull request has already been merged.")
    tip = repository.branch(pull.head)
    if tip is None:
        raise refused("PullRequest", f"state cannot be changed. The {pull.head} branch has been deleted.")
    _refuse_duplicate(state, repository, pull.head, pull.base)
    pull.head_sha = tip


def merge(repository: Repository, pull: PullRequest, *, login: str, method: str = "merge") -> str:
    """Merge (or `squash`) into the base branch, with git, and return the new commit. Raises GitHub's 405."""
    if reviews := repository.protections.get(pull.base):
        raise ApiError(405, f"At least {reviews} approving review is required by reviewers with write access.")
    base = repository.branch(pull.base)
    tree = repository.merged_tree(base, pull.head_sha) if base and pull.state == "open" else None
    if base is None or tree is None:
        raise ApiError(405, "Pull Request is not mergeable")
    who = person(login)
    if method == "squash":
        # A squash is its pull request's author's, whoever merges it.
        parents, message, who = [base], _squash_message(repository, pull, base), person(pull.login)
    else:
        parents = [base, pull.head_sha]
        message = f"Merge pull request #{pull.number} from {repository.owner}/{pull.head}\n\n{pull.title}"
        if repository.refused_unsigned(pull.base, pull.head_sha):
            raise ApiError(405, UNSIGNED)
    commit = repository.write_commit(tree, parents, message, who)
    pull.mark_merged(commit)
    repository.update_ref(f"refs/heads/{pull.base}", commit, base)
    return commit


def _squash_message(repository: Repository, pull: PullRequest, base: str) -> str:
    """GitHub's default: a single commit's own message, or the title and the messages of all."""
    names = reversed(repository.history(pull.head_sha, base))
    messages = [commit.message.strip() for commit in map(repository.commit, names) if commit]
    if len(messages) == 1:
        subject, _, text = messages[0].partition("\n")
        return f"{subject} (#{pull.number})\n\n{text.strip()}".strip()
    return f"{pull.title} (#{pull.number})\n\n" + "\n\n".join(f"* {message}" for message in messages)


def follow(state: State, repository: Repository, branch: str, new: str) -> None:
    """A branch moved (or, with ZERO, went): bring the open pull requests that use it up to date."""
    for pull in state.pull_requests(repository):
        if pull.state != "open" or branch not in (pull.head, pull.base):
            continue
        if new == ZERO:
            pull.close(state.actor)
            if pull.head == branch:
                pull.note("head_ref_deleted", state.actor)
        elif pull.head == branch:
            pull.head_sha = new
            pull.change()
            base = repository.branch(pull.base)
            pull.base_sha = base or pull.base_sha
            if base and repository.is_ancestor(new, base):
                # Nothing left to merge: GitHub closes it by itself, without calling it merged.
                pull.close()
        elif repository.is_ancestor(pull.head_sha, new):
            pull.mark_merged(new)


def _view(state: State, repository: Repository, found: PullRequest) -> dict[str, object]:
    """A pull request as a list shows it."""
    base, owner = views.api(state, repository), repository.owner
    side = {"user": views.user(state, owner), "repo": views.repository(state, repository)}
    return {
        "id": repository.number * 10000 + found.number,
        "number": found.number,
        "html_url": f"{views.web(state, repository)}/pull/{found.number}",
        "state": found.state,
        "title": found.title,
        "body": found.body,
        "user": views.user(state, found.login),
        "labels": [views.label(name) for name in found.labels],
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "closed_at": found.closed_at,
        "url": f"{base}/pulls/{found.number}",
        "issue_url": f"{base}/issues/{found.number}",
        "draft": False,
        "merged_at": found.merged_at,
        "merge_commit_sha": found.merge_commit_sha,
        "requested_reviewers": [views.user(state, login) for login in found.requested_reviewers],
        "requested_teams": [{"slug": slug, "name": slug} for slug in found.requested_teams],
        "head": {"label": f"{owner}:{found.head}", "ref": found.head, "sha": found.head_sha, **side},
        "base": {"label": f"{owner}:{found.base}", "ref": found.base, "sha": found.base_sha, **side},
    }


def _whole_view(state: State, repository: Repository, found: PullRequest) -> dict[str, object]:
    """A pull request by itself, with whether it is merged or git could merge it now."""
    base = repository.branch(found.base) if found.state == "open" else None
    mergeable = None if base is None else repository.merged_tree(base, found.head_sha) is not None
    states = {True: "clean", False: "dirty", None: "unknown"}
    whole = {"merged": found.merged, "mergeable": mergeable, "mergeable_state": states[mergeable]}
    return _view(state, repository, found) | whole | {"maintainer_can_modify": False}
