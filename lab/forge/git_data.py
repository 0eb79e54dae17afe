"""REST: the git database (refs, blobs, trees, commits), with which several files become one commit."""

import base64

from lab.forge import views
from lab.forge.contents import person
from lab.forge.errors import ApiError, invalid, not_found, wrong_type
from lab.forge.objects import BLOB, EXECUTABLE, LINK, SUBMODULE, TREE
from lab.forge.repositories import ZERO, RefError, Repository
from lab.forge.rest import Reply, Request, listing, route
from lab.forge.state import State

_READ, _WRITE = "contents=read", "contents=write"
_WORKFLOWS = ".github/workflows"
_PROTECTED = "Changes must be made through a pull request."


@route("GET", "/git/ref/{ref...}", _READ)
def get_ref(state: State, repository: Repository, request: Request) -> Reply:
    """One ref by its full name without `refs/`."""
    name = _full(request.parameters["ref"])
    found = repository.objects.read(name)
    if found is None:
        raise not_found()
    return Reply(200, views.ref(state, repository, name, found.sha, found.kind))


@route("GET", "/git/matching-refs/{ref...}", _READ)
def matching_refs(state: State, repository: Repository, request: Request) -> Reply:
    """All refs that begin so; an empty list when none does."""
    found = repository.refs(_full(request.parameters["ref"]))
    return listing(state, request, [views.ref(state, repository, *row) for row in found])


@route("POST", "/git/refs", _WRITE)
def create_ref(state: State, repository: Repository, request: Request) -> Reply:
    """Create a ref at an object that is there."""
    fields = request.fields()
    name, sha = fields.required("ref"), fields.required("sha")
    if name.count("/") < 2 or not name.startswith("refs/"):
        raise ApiError(422, "Reference name must start with 'refs/' and contain at least two slashes.")
    found = repository.objects.read(sha) if len(sha) == 40 else None
    if found is None:
        raise ApiError(422, "Object does not exist")
    if repository.tip(name):
        raise ApiError(422, "Reference already exists")
    _guard(repository, request, name, None, sha)
    try:
        repository.update_ref(name, sha, ZERO)
    except RefError as error:
        raise ApiError(422, "Reference could not be created. The name is not valid or is taken by a folder.") from error
    view = views.ref(state, repository, name, found.sha, found.kind)
    return Reply(201, view, {"Location": str(view["url"])})


@route("PATCH", "/git/refs/{ref...}", _WRITE)
def update_ref(state: State, repository: Repository, request: Request) -> Reply:
    """Move a ref; without `force` only forward."""
    fields, name = request.fields(), _full(request.parameters["ref"])
    sha, force = fields.required("sha"), fields.flag("force") or False
    before, found = repository.tip(name), repository.objects.read(sha) if len(sha) == 40 else None
    if before is None:
        raise ApiError(422, "Reference does not exist")
    if found is None:
        raise ApiError(422, "Object does not exist")
    if not force and not repository.is_ancestor(before, sha):
        raise ApiError(422, "Update is not a fast forward")
    _guard(repository, request, name, before, sha)
    try:
        repository.update_ref(name, sha, before)
    except RefError as error:
        raise ApiError(422, "Reference cannot be updated") from error
    return Reply(200, views.ref(state, repository, name, found.sha, found.kind))


@route("DELETE", "/git/refs/{ref...}", _WRITE)
def delete_ref(state: State, repository: Repository, request: Request) -> Reply:  # noqa: ARG001 - a handler's form
    """Delete a ref; an open pull request from it closes."""
    name = _full(request.parameters["ref"])
    if repository.tip(name) is None:
        raise ApiError(422, "Reference does not exist")
    branch = name.removeprefix("refs/heads/")
    if branch in repository.protections or branch == repository.default_branch:
        raise ApiError(422, "Cannot delete this branch")
    repository.update_ref(name, ZERO)
    return Reply(204)


@route("POST", "/git/blobs", _WRITE)
def create_blob(state: State, repository: Repository, request: Request) -> Reply:
    """Store content, as `utf-8` (the default) or `base64`."""
    fields = request.fields()
    text = fields.required("content")
    try:
        data = base64.b64decode(text) if fields.text("encoding") == "base64" else text.encode()
    except ValueError as error:
        raise wrong_type("content", text[:20], "valid Base64") from error
    sha = repository.objects.write("blob", data)
    url = f"{views.api(state, repository)}/git/blobs/{sha}"
    return Reply(201, {"sha": sha, "url": url}, {"Location": url})


@route("GET", "/git/blobs/{sha}", _READ)
def get_blob(state: State, repository: Repository, request: Request) -> Reply:
    """A blob, in base64, or raw on request."""
    found = repository.objects.read(request.parameters["sha"])
    if found is None or found.kind != "blob":
        raise not_found()
    if "raw" in request.headers.get("Accept", ""):
        return Reply(200, raw=found.data, content_type="application/vnd.github.raw; charset=utf-8")
    url = f"{views.api(state, repository)}/git/blobs/{found.sha}"
    content = base64.encodebytes(found.data).decode()
    size = len(found.data)
    return Reply(200, {"sha": found.sha, "url": url, "size": size, "content": content, "encoding": "base64"})


@route("GET", "/git/trees/{sha...}", _READ)
def get_tree(state: State, repository: Repository, request: Request) -> Reply:
    """A tree by its id or by a commit or branch; with `recursive` all that is below it, folders included."""
    found = repository.objects.read(f"{request.parameters['sha']}^{{tree}}")
    if found is None:
        raise not_found()
    return Reply(200, _tree(state, repository, found.sha, recursive=bool(request.query.get("recursive"))))


@route("POST", "/git/trees", _WRITE)
def create_tree(state: State, repository: Repository, request: Request) -> Reply:
    """A tree from `base_tree` and entries; `sha: null` removes a path, `content` makes the blob on the way."""
    fields = request.fields()
    base, changes = fields.text("base_tree"), dict[str, tuple[str, str] | None]()
    for line in fields.objects("tree"):
        path, mode = line.required("path"), line.text("mode") or BLOB
        mode = TREE if mode == "040000" else mode
        if mode not in (BLOB, EXECUTABLE, LINK, SUBMODULE, TREE):
            raise ApiError(422, f"tree.mode {mode} is not a supported value")
        if any(part in ("", ".", "..", ".git") for part in path.split("/")):
            raise ApiError(422, "tree.path contains a malformed path component")
        if path.startswith(_WORKFLOWS + "/"):
            request.token.require(("workflows", "write"))
        content = line.text("content")
        if content is not None:
            changes[path] = (mode, repository.objects.write("blob", content.encode()))
        elif "sha" in line.values and line.values["sha"] is None:
            changes[path] = None
        else:
            sha = line.required("sha")
            if mode != SUBMODULE and repository.objects.read(sha) is None:
                raise ApiError(422, f"tree.sha {sha} is not a valid {'tree' if mode == TREE else 'blob'}")
            changes[path] = (mode, sha)
    known = repository.objects.read(f"{base}^{{tree}}") if base else None
    if base and known is None:
        raise ApiError(404, "base_tree is not a valid tree")
    sha = repository.objects.edit_tree(known.sha if known else None, changes)
    return Reply(201, _tree(state, repository, sha, recursive=False))


@route("POST", "/git/commits", _WRITE)
def create_commit(state: State, repository: Repository, request: Request) -> Reply:
    """A commit of a tree; no ref moves."""
    fields = request.fields()
    message, tree, parents = fields.required("message"), fields.required("tree"), fields.texts("parents")
    found = repository.objects.read(tree)
    if found is None or found.kind != "tree":
        raise ApiError(422, "Tree SHA does not exist")
    if any(repository.commit(parent) is None for parent in parents):
        raise ApiError(422, "Parent SHA does not exist or is not a commit object")
    author = person(fields.inner("author"), request.token.login)
    committer = person(fields.inner("committer"), request.token.login) if fields.inner("committer") else author
    commit = repository.commit(repository.write_commit(tree, parents, message, author, committer))
    if commit is None:
        raise invalid("Commit", "message")
    view = views.git_commit(state, repository, commit)
    return Reply(201, view, {"Location": str(view["url"])})


@route("GET", "/git/commits/{sha}", _READ)
def get_commit(state: State, repository: Repository, request: Request) -> Reply:
    """A commit as git stores it."""
    commit = repository.commit(request.parameters["sha"])
    if commit is None:
        raise not_found()
    return Reply(200, views.git_commit(state, repository, commit))


def _full(name: str) -> str:
    return f"refs/{name.removeprefix('refs/')}"


def _guard(repository: Repository, request: Request, ref: str, before: str | None, after: str) -> None:
    """Refuse a protected branch, and commits that change workflow files without the permission."""
    if ref.removeprefix("refs/heads/") in repository.protections:
        raise ApiError(422, _PROTECTED)
    if not request.token.allows("workflows", "write") and repository.commit(after):
        known = before or repository.branch(repository.default_branch)
        if known != after and repository.changed_paths(known, after, _WORKFLOWS):
            request.token.require(("workflows", "write"))


def _tree(state: State, repository: Repository, sha: str, *, recursive: bool) -> dict[str, object]:
    base = views.api(state, repository)
    rows: list[dict[str, object]] = []

    def collect(tree: str, folder: str) -> None:
        for entry in repository.objects.entries(tree):
            path = f"{folder}{entry.name}"
            row: dict[str, object] = {"path": path, "mode": entry.mode.zfill(6), "type": entry.kind, "sha": entry.sha}
            rows.append(row | {"url": f"{base}/git/{entry.kind}s/{entry.sha}"})
            if recursive and entry.kind == "tree":
                collect(entry.sha, f"{path}/")

    collect(sha, "")
    return {"sha": sha, "url": f"{base}/git/trees/{sha}", "tree": rows, "truncated": False}
