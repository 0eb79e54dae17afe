"""REST: files by path, read and written one commit at a time (`contents`), and git's refs and trees."""

import base64
from urllib.parse import quote

from lab.forge import views
from lab.forge.model import ApiError, missing, not_found, wrong_type
from lab.forge.objects import TREE
from lab.forge.repositories import WORKFLOWS, ZERO, Person, RefError, Repository, person
from lab.forge.rest import Fields, Reply, Request, route
from lab.forge.state import State

_FILE = "/contents/{path...}"
_READ, _WRITE = "contents=read", "contents=write"
_BY_PULL_REQUEST = "Changes must be made through a pull request."


@route("GET", _FILE, _READ)
def get_contents(state: State, repository: Repository, request: Request) -> Reply:
    """A file with its content; raw bytes with `Accept: application/vnd.github.raw`."""
    path = request.parameters["path"].strip("/")
    ref = request.query.get("ref") or repository.default_branch
    commit = repository.resolve(ref)
    if commit is None:
        raise ApiError(404, f"No commit found for the ref {ref}")
    found = repository.objects.read(f"{commit}:{path}")
    if found is None or found.kind != "blob":
        raise not_found()
    if "raw" in request.headers.get("Accept", ""):
        return Reply(200, raw=found.data, content_type="application/vnd.github.raw; charset=utf-8")
    return Reply(200, _file(state, repository, path, ref, found.sha, found.data))


@route("PUT", _FILE, _WRITE)
def put_contents(state: State, repository: Repository, request: Request) -> Reply:
    """Create a file, or change it when `sha` is the id of its present blob."""
    fields, path = request.fields, request.parameters["path"].strip("/")
    fields.required("message")
    try:
        content = base64.b64decode("".join(fields.required("content").split()), validate=True)
    except ValueError as error:
        raise wrong_type("content", fields.required("content")[:20], "valid Base64") from error
    branch, present = _target(repository, request, fields, path)
    if present is not None and fields.text("sha") is None:
        raise missing("sha")
    commit = _commit(state, repository, request, fields, branch, {path: content})
    blob = repository.objects.write("blob", content)
    view = _file(state, repository, path, branch, blob, content)
    return Reply(201 if present is None else 200, {"content": view, "commit": commit})


@route("DELETE", _FILE, _WRITE)
def delete_contents(state: State, repository: Repository, request: Request) -> Reply:
    """Remove a file; `sha` is the id of its present blob. Fields may come in the query, too."""
    path = request.parameters["path"].strip("/")
    fields = Fields({**request.query, **request.fields.values})
    fields.required("message")
    branch, present = _target(repository, request, fields, path)
    if present is None:
        raise not_found()
    fields.required("sha")
    return Reply(200, {"content": None, "commit": _commit(state, repository, request, fields, branch, {path: None})})


def _target(repository: Repository, request: Request, fields: Fields, path: str) -> tuple[str, str | None]:
    """The branch and the file's present blob, when both may be changed."""
    if path.startswith(f"{WORKFLOWS}/"):
        request.token.require("workflows=write")
    if not path or any(part in ("", ".", "..", ".git") for part in path.split("/")):
        raise ApiError(422, "path contains a malformed path component")
    branch = (fields.text("branch") or repository.default_branch).removeprefix("refs/heads/")
    tip = repository.branch(branch)
    if tip is None and repository.branch(repository.default_branch):
        raise ApiError(404, f"Branch {branch} not found")
    found = repository.objects.read(f"{tip}:{path}") if tip else None
    if found is not None and found.kind != "blob":
        raise ApiError(422, "path names a directory")
    given, present = fields.text("sha"), found.sha if found else None
    if given is not None and given != present:
        # A stale id, or one for a file that is gone: both are conflicts to GitHub.
        raise ApiError(409, f"{path} does not match {given}" if present else f"{path} does not exist at {given}")
    if branch in repository.protections:
        raise ApiError(409, f"Could not update file: {_BY_PULL_REQUEST}")
    return branch, present


def _commit(
    state: State,
    repository: Repository,
    request: Request,
    fields: Fields,
    branch: str,
    files: dict[str, str | bytes | None],
) -> dict[str, object]:
    committer = _person(fields.inner("committer"), request.token.login)
    author = _person(fields.inner("author"), request.token.login) if fields.values.get("author") else committer
    try:
        sha = repository.commit_files(files, fields.required("message"), author, branch=branch, committer=committer)
    except RefError as error:
        raise ApiError(409, f"{branch} is at {repository.branch(branch)}") from error
    commit = repository.commit(sha)
    return views.git_commit(state, repository, commit) if commit else {"sha": sha}


def _person(given: Fields, login: str) -> Person:
    return person(login, given.required("name"), given.required("email")) if given.values else person(login)


def _file(state: State, repository: Repository, path: str, ref: str, blob: str, content: bytes) -> dict[str, object]:
    """A file. Its `url` always has `?ref=`: without it the official provider panics."""
    base = views.api(state, repository)
    url = f"{base}/contents/{quote(path)}?ref={quote(ref, safe='')}"
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": blob,
        "size": len(content),
        "url": url,
        "git_url": f"{base}/git/blobs/{blob}",
        "html_url": f"{views.web(state, repository)}/blob/{quote(ref)}/{quote(path)}",
        "download_url": url,
        "type": "file",
        "content": base64.encodebytes(content).decode(),
        "encoding": "base64",
    }


@route("GET", "/git/ref/{ref...}", _READ)
def get_ref(state: State, repository: Repository, request: Request) -> Reply:
    """One ref by its full name without `refs/`."""
    name = f"refs/{request.parameters['ref']}"
    found = repository.tip(name)
    if found is None:
        raise not_found()
    return Reply(200, _ref(state, repository, name, found))


@route("POST", "/git/refs", _WRITE)
def create_ref(state: State, repository: Repository, request: Request) -> Reply:
    """Create a ref at an object that is there."""
    fields = request.fields
    name, sha = fields.required("ref"), fields.required("sha")
    if name.count("/") < 2 or not name.startswith("refs/"):
        raise ApiError(422, "Reference name must start with 'refs/' and contain at least two slashes.")
    if len(sha) != 40 or repository.objects.read(sha) is None:
        raise ApiError(422, "Object does not exist")
    if repository.tip(name):
        raise ApiError(422, "Reference already exists")
    if name.removeprefix("refs/heads/") in repository.protections:
        raise ApiError(422, _BY_PULL_REQUEST)
    known = repository.branch(repository.default_branch)
    if not request.token.allows("workflows", "write") and repository.changed_paths(known, sha, WORKFLOWS):
        request.token.require("workflows=write")
    try:
        repository.update_ref(name, sha, ZERO)
    except RefError as error:
        raise ApiError(422, "Reference could not be created. The name is not valid or is taken by a folder.") from error
    view = _ref(state, repository, name, sha)
    return Reply(201, view, {"Location": str(view["url"])})


@route("DELETE", "/git/refs/{ref...}", _WRITE)
def delete_ref(_state: State, repository: Repository, request: Request) -> Reply:
    """Delete a ref; an open pull request from it closes."""
    name = f"refs/{request.parameters['ref']}"
    if repository.tip(name) is None:
        raise ApiError(422, "Reference does not exist")
    branch = name.removeprefix("refs/heads/")
    if branch in repository.protections or branch == repository.default_branch:
        raise ApiError(422, "Cannot delete this branch")
    repository.update_ref(name, ZERO)
    return Reply(204)


def _ref(state: State, repository: Repository, name: str, sha: str) -> dict[str, object]:
    base = views.api(state, repository)
    target = {"sha": sha, "type": "commit", "url": f"{base}/git/commits/{sha}"}
    return {"ref": name, "node_id": f"REF_{name}", "url": f"{base}/git/{name}", "object": target}


@route("GET", "/git/trees/{sha...}", _READ)
def get_tree(state: State, repository: Repository, request: Request) -> Reply:
    """A tree by its id or by a commit or branch; with `recursive` all that is below it, folders included."""
    found = repository.objects.read(f"{request.parameters['sha']}^{{tree}}")
    if found is None:
        raise not_found()
    rows: list[dict[str, object]] = []

    def collect(tree: str, folder: str) -> None:
        for entry in repository.objects.entries(tree):
            kind = "tree" if entry.mode == TREE else "blob"
            rows.append({"path": f"{folder}{entry.name}", "mode": entry.mode.zfill(6), "type": kind, "sha": entry.sha})
            if kind == "tree" and request.query.get("recursive"):
                collect(entry.sha, f"{folder}{entry.name}/")

    collect(found.sha, "")
    url = f"{views.api(state, repository)}/git/trees/{found.sha}"
    return Reply(200, {"sha": found.sha, "url": url, "tree": rows, "truncated": False})
