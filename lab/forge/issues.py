"""REST: issues, comments and labels; a pull request is an issue here, as on GitHub."""

from dataclasses import replace

from lab.forge import views
from lab.forge.errors import ApiError, invalid, not_found
from lab.forge.issues_model import Comment, Issue, PullRequest
from lab.forge.repositories import Repository, timestamp
from lab.forge.rest import Fields, Reply, Request, listing, route
from lab.forge.state import State

_READ, _WRITE = ("issues=read", "pull_requests=read"), ("issues=write", "pull_requests=write")


@route("GET", "/issues", "issues=read")
def list_issues(state: State, repository: Repository, request: Request) -> Reply:
    """By state, labels and creator, newest first; pull requests are among them."""
    query = request.query
    labels = [name for name in query.get("labels", "").split(",") if name]
    found = [
        issue
        for issue in reversed(state.issues[repository.full_name].values())
        if query.get("state", "open") in ("all", issue.state)
        and set(labels) <= set(issue.labels)
        and query.get("creator", issue.login) == issue.login
    ]
    if query.get("direction") == "asc":
        found.reverse()
    return listing(state, request, [views.issue(state, repository, issue) for issue in found])


@route("POST", "/issues", "issues=write")
def create_issue(state: State, repository: Repository, request: Request) -> Reply:
    """Open an issue, with labels that come into being when they are new."""
    fields = request.fields()
    title = fields.text("title")
    if not title:
        raise invalid("Issue", "title", "missing_field")
    issues = state.issues[repository.full_name]
    number = max(issues, default=0) + 1
    issues[number] = Issue(number, request.token.login, title, fields.text("body"))
    _add_labels(state, repository, issues[number], fields.texts("labels"))
    view = views.issue(state, repository, issues[number])
    return Reply(201, view, {"Location": str(view["url"])})


@route("GET", "/issues/{number}", *_READ)
def get_issue(state: State, repository: Repository, request: Request) -> Reply:
    """One issue or pull request."""
    return Reply(200, views.issue(state, repository, state.issue(repository, request.number("number"))))


@route("PATCH", "/issues/{number}", *_WRITE)
def edit_issue(state: State, repository: Repository, request: Request) -> Reply:
    """Title, body, state and labels."""
    issue, fields = state.issue(repository, request.number("number")), request.fields()
    wanted = fields.text("state")
    if wanted not in (None, "open", "closed"):
        raise invalid("Issue", "state")
    if wanted == "closed" and issue.state == "open":
        issue.close()
    elif wanted == "open" and issue.state == "closed":
        if isinstance(issue, PullRequest):
            raise ApiError(422, "Reopen a pull request through /pulls.")
        issue.reopen()
    issue.title = fields.text("title") or issue.title
    if "body" in fields.values:
        issue.body = fields.text("body")
    if "labels" in fields.values:
        issue.labels.clear()
        _add_labels(state, repository, issue, fields.texts("labels"))
    issue.touch()
    return Reply(200, views.issue(state, repository, issue))


@route("GET", "/issues/{number}/comments", *_READ)
def list_comments(state: State, repository: Repository, request: Request) -> Reply:
    """Its comments, oldest first."""
    issue = state.issue(repository, request.number("number"))
    return listing(
        state, request, [views.comment(state, repository, issue.number, comment) for comment in issue.comments]
    )


@route("POST", "/issues/{number}/comments", *_WRITE)
def create_comment(state: State, repository: Repository, request: Request) -> Reply:
    """Say something below it."""
    issue, body = state.issue(repository, request.number("number")), request.fields().required("body")
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    issue.comments.append(Comment(state.identifiers(), request.token.login, body, timestamp()))
    issue.touch()
    return Reply(201, views.comment(state, repository, issue.number, issue.comments[-1]))


@route("PATCH", "/issues/comments/{identifier}", *_WRITE)
def edit_comment(state: State, repository: Repository, request: Request) -> Reply:
    """Another text for a comment, wherever it stands."""
    body = request.fields().required("body")
    for issue in state.issues[repository.full_name].values():
        for index, comment in enumerate(issue.comments):
            if str(comment.identifier) == request.parameters["identifier"]:
                issue.comments[index] = replace(comment, body=body)
                return Reply(200, views.comment(state, repository, issue.number, issue.comments[index]))
    raise not_found()


@route("GET", "/issues/{number}/labels", *_READ)
def issue_labels(state: State, repository: Repository, request: Request) -> Reply:
    """Its labels."""
    return _labels_of(state, repository, state.issue(repository, request.number("number")))


@route("POST", "/issues/{number}/labels", *_WRITE)
def add_labels(state: State, repository: Repository, request: Request) -> Reply:
    """Put labels on it; the answer has all it has then."""
    issue = state.issue(repository, request.number("number"))
    _add_labels(state, repository, issue, request.fields().texts("labels"))
    issue.touch()
    return _labels_of(state, repository, issue)


@route("DELETE", "/issues/{number}/labels/{name}", *_WRITE)
def remove_label(state: State, repository: Repository, request: Request) -> Reply:
    """Take one label off it."""
    issue = state.issue(repository, request.number("number"))
    if request.parameters["name"] not in issue.labels:
        raise ApiError(404, "Label does not exist")
    issue.labels.remove(request.parameters["name"])
    return _labels_of(state, repository, issue)


@route("GET", "/labels", *_READ)
def list_labels(state: State, repository: Repository, request: Request) -> Reply:
    """The repository's labels."""
    names = [label["name"] for label in state.labels[repository.full_name].values()]
    return listing(state, request, [views.label(state, repository, name) for name in names])


@route("POST", "/labels", *_WRITE)
def create_label(state: State, repository: Repository, request: Request) -> Reply:
    """Make a label; names are unique, whatever their case."""
    fields = request.fields()
    name = fields.required("name")
    if name.lower() in state.labels[repository.full_name]:
        raise invalid("Label", "name", "already_exists")
    _keep_label(state, repository, name, fields)
    view = views.label(state, repository, name)
    return Reply(201, view, {"Location": str(view["url"])})


@route("GET", "/labels/{name}", *_READ)
def get_label(state: State, repository: Repository, request: Request) -> Reply:
    """One label."""
    return Reply(200, views.label(state, repository, _known_label(state, repository, request)))


@route("PATCH", "/labels/{name}", *_WRITE)
def edit_label(state: State, repository: Repository, request: Request) -> Reply:
    """Colour, description, name (`name` as the provider sends it, or `new_name`)."""
    old, fields = _known_label(state, repository, request), request.fields()
    new = fields.text("new_name") or fields.text("name") or old
    known = state.labels[repository.full_name].pop(old.lower())
    _keep_label(state, repository, new, Fields({**known, **fields.values}))
    for issue in state.issues[repository.full_name].values():
        issue.labels[:] = [new if name == old else name for name in issue.labels]
    return Reply(200, views.label(state, repository, new))


@route("DELETE", "/labels/{name}", *_WRITE)
def delete_label(state: State, repository: Repository, request: Request) -> Reply:
    """Remove a label, from every issue, too."""
    name = _known_label(state, repository, request)
    del state.labels[repository.full_name][name.lower()]
    for issue in state.issues[repository.full_name].values():
        issue.labels[:] = [other for other in issue.labels if other.lower() != name.lower()]
    return Reply(204)


def _known_label(state: State, repository: Repository, request: Request) -> str:
    known = state.labels[repository.full_name].get(request.parameters["name"].lower())
    if known is None:
        raise not_found()
    return known["name"]


def _keep_label(state: State, repository: Repository, name: str, fields: Fields) -> None:
    kept = {"name": name, "color": fields.text("color") or "ededed", "description": fields.text("description") or ""}
    state.labels[repository.full_name][name.lower()] = kept


def _add_labels(state: State, repository: Repository, issue: Issue, names: list[str]) -> None:
    for name in names:
        known = state.labels[repository.full_name].setdefault(name.lower(), {"name": name, "color": "ededed"})
        if known["name"] not in issue.labels:
            issue.labels.append(known["name"])


def _labels_of(state: State, repository: Repository, issue: Issue) -> Reply:
    return Reply(200, [views.label(state, repository, name) for name in issue.labels])
