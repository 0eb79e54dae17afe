"""REST: comments and labels. GitHub has these calls on issues; the forge's only issues are its pull requests."""

from lab.forge import views
from lab.forge.model import Comment, PullRequest, invalid, not_found
from lab.forge.repositories import Repository
from lab.forge.rest import Reply, Request, listing, route
from lab.forge.state import State

_READ, _WRITE = ("issues=read", "pull_requests=read"), ("issues=write", "pull_requests=write")


@route("GET", "/issues/{number}/comments", *_READ)
def list_comments(state: State, repository: Repository, request: Request) -> Reply:
    """Its comments, oldest first."""
    pull = state.pull_request(repository, request.number)
    return listing(state, request, [_view(state, repository, pull, comment) for comment in pull.comments])


@route("GET", "/issues/{number}/events", *_READ)
def list_events(state: State, repository: Repository, request: Request) -> Reply:
    """What happened to it, oldest first: closings, and deletions of its branch."""
    events = state.pull_request(repository, request.number).events
    found: list[dict[str, object]] = [
        {"event": kind, "actor": views.user(state, who), "created_at": at} for kind, who, at in events
    ]
    return listing(state, request, found)


@route("POST", "/issues/{number}/comments", *_WRITE)
def create_comment(state: State, repository: Repository, request: Request) -> Reply:
    """Say something below it."""
    pull, body = state.pull_request(repository, request.number), request.fields.required("body")
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    pull.comments.append(Comment(state.identifiers(), request.token.login, body))
    pull.change()
    return Reply(201, _view(state, repository, pull, pull.comments[-1]))


@route("PATCH", "/issues/comments/{identifier}", *_WRITE)
def edit_comment(state: State, repository: Repository, request: Request) -> Reply:
    """Another text for a comment."""
    body = request.fields.required("body")
    for pull in state.pull_requests(repository):
        for comment in pull.comments:
            if str(comment.identifier) == request.parameters["identifier"]:
                comment.body = body
                return Reply(200, _view(state, repository, pull, comment))
    raise not_found()


@route("POST", "/issues/{number}/labels", *_WRITE)
def add_labels(state: State, repository: Repository, request: Request) -> Reply:
    """Put labels on it; the answer has all it has then."""
    pull = state.pull_request(repository, request.number)
    pull.labels[:] = dict.fromkeys([*pull.labels, *request.fields.texts("labels")])
    pull.change()
    return Reply(200, [views.label(name) for name in pull.labels])


def _view(state: State, repository: Repository, pull: PullRequest, found: Comment) -> dict[str, object]:
    return {
        "id": found.identifier,
        "url": f"{views.api(state, repository)}/issues/comments/{found.identifier}",
        "html_url": f"{views.web(state, repository)}/pull/{pull.number}#issuecomment-{found.identifier}",
        "user": views.user(state, found.login),
        "body": found.body,
        "created_at": found.created_at,
    }
