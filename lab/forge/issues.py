"""REST: issues, comments and labels; a pull request is an issue here, as on GitHub."""

from lab.forge import views
from lab.forge.model import ApiError, Comment, Issue, PullRequest, invalid, not_found
from lab.forge.repositories import Repository
from lab.forge.rest import Reply, Request, listing, route
from lab.forge.state import State

_READ, _WRITE = ("issues=read", "pull_requests=read"), ("issues=write", "pull_requests=write")


@route("GET", "/issues", "issues=read")
def list_issues(state: State, repository: Repository, request: Request) -> Reply:
    """By state and labels, newest first; pull requests are among them."""
    query = request.query
    labels = {name for name in query.get("labels", "").split(",") if name}
    found = [
        issue
        for issue in state.issues[repository.full_name].values()
        if query.get("state", "open") in ("all", issue.state) and labels <= set(issue.labels)
    ]
    if query.get("direction") != "asc":
        found.reverse()
    return listing(state, request, [issue_view(state, repository, issue) for issue in found])


@route("POST", "/issues", "issues=write")
def create_issue(state: State, repository: Repository, request: Request) -> Reply:
    """Open an issue, with labels that come into being when they are new."""
    fields = request.fields
    title = fields.text("title")
    if not title:
        raise invalid("Issue", "title", "missing_field")
    issue = Issue(state.next_number(repository), request.token.login, title, fields.text("body"))
    issue.labels += dict.fromkeys(fields.texts("labels"))
    state.issues[repository.full_name][issue.number] = issue
    view = issue_view(state, repository, issue)
    return Reply(201, view, {"Location": str(view["url"])})


@route("PATCH", "/issues/{number}", *_WRITE)
def edit_issue(state: State, repository: Repository, request: Request) -> Reply:
    """Title, body and state; a pull request is reopened through `/pulls`."""
    issue, fields = state.issue(repository, request.number), request.fields
    wanted = fields.state("Issue")
    if wanted == "open" and issue.state == "closed" and isinstance(issue, PullRequest):
        raise ApiError(422, "Reopen a pull request through /pulls.")
    issue.title = fields.text("title") or issue.title
    if "body" in fields.values:
        issue.body = fields.text("body")
    issue.change(wanted if wanted != issue.state else None)
    return Reply(200, issue_view(state, repository, issue))


@route("GET", "/issues/{number}/comments", *_READ)
def list_comments(state: State, repository: Repository, request: Request) -> Reply:
    """Its comments, oldest first."""
    issue = state.issue(repository, request.number)
    return listing(state, request, [_comment(state, repository, issue, comment) for comment in issue.comments])


@route("POST", "/issues/{number}/comments", *_WRITE)
def create_comment(state: State, repository: Repository, request: Request) -> Reply:
    """Say something below it."""
    issue, body = state.issue(repository, request.number), request.fields.required("body")
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    issue.comments.append(Comment(state.identifiers(), request.token.login, body))
    issue.change()
    return Reply(201, _comment(state, repository, issue, issue.comments[-1]))


@route("PATCH", "/issues/comments/{identifier}", *_WRITE)
def edit_comment(state: State, repository: Repository, request: Request) -> Reply:
    """Another text for a comment of any issue."""
    body = request.fields.required("body")
    for issue in state.issues[repository.full_name].values():
        for comment in issue.comments:
            if str(comment.identifier) == request.parameters["identifier"]:
                comment.body = body
                return Reply(200, _comment(state, repository, issue, comment))
    raise not_found()


@route("POST", "/issues/{number}/labels", *_WRITE)
def add_labels(state: State, repository: Repository, request: Request) -> Reply:
    """Put labels on it; the answer has all it has then."""
    issue = state.issue(repository, request.number)
    issue.labels[:] = dict.fromkeys([*issue.labels, *request.fields.texts("labels")])
    issue.change()
    return Reply(200, [_label(name) for name in issue.labels])


def issue_view(state: State, repository: Repository, found: Issue) -> dict[str, object]:
    """An issue, or a pull request seen as one."""
    base = views.api(state, repository)
    pull = isinstance(found, PullRequest)
    view: dict[str, object] = {
        "id": repository.number * 10000 + found.number,
        "number": found.number,
        "url": f"{base}/issues/{found.number}",
        "html_url": f"{views.web(state, repository)}/{'pull' if pull else 'issues'}/{found.number}",
        "state": found.state,
        "title": found.title,
        "body": found.body,
        "user": views.user(state, found.login),
        "labels": [_label(name) for name in found.labels],
        "comments": len(found.comments),
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "closed_at": found.closed_at,
    }
    return view | ({"pull_request": {"url": f"{base}/pulls/{found.number}"}} if pull else {})


def _label(name: str) -> dict[str, object]:
    return {"id": views.stable_id(name), "name": name, "color": "ededed"}


def _comment(state: State, repository: Repository, issue: Issue, found: Comment) -> dict[str, object]:
    return {
        "id": found.identifier,
        "url": f"{views.api(state, repository)}/issues/comments/{found.identifier}",
        "html_url": f"{views.web(state, repository)}/issues/{issue.number}#issuecomment-{found.identifier}",
        "user": views.user(state, found.login),
        "body": found.body,
        "created_at": found.created_at,
    }
