"""REST: files by path, read and written one commit at a time (`contents`)."""

import base64
from urllib.parse import quote

from lab.forge import views
from lab.forge.model import UNSIGNED, ApiError, missing, not_found, wrong_type
from lab.forge.repositories import WORKFLOWS, Person, RefError, Repository, person
from lab.forge.rest import Fields, Reply, Request, route
from lab.forge.state import State

_FILE = "/contents/{path...}"
_READ, _WRITE = "contents=read", "contents=write"
BY_PULL_REQUEST = "Changes must be made through a pull request."


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
        raise ApiError(409, f"Could not update file: {BY_PULL_REQUEST}")
    if repository.demands_signatures(branch) and authorship(request, fields)[1]:
        raise ApiError(409, UNSIGNED)
    return branch, present


def _commit(
    state: State,
    repository: Repository,
    request: Request,
    fields: Fields,
    branch: str,
    files: dict[str, str | bytes | None],
) -> dict[str, object]:
    author, committer = authorship(request, fields)
    try:
        sha = repository.commit_files(files, fields.required("message"), author, branch=branch, committer=committer)
    except RefError as error:
        raise ApiError(409, f"{branch} is at {repository.branch(branch)}") from error
    commit = repository.commit(sha)
    return views.git_commit(state, repository, commit) if commit else {"sha": sha}


def authorship(request: Request, fields: Fields) -> tuple[Person, Person | None]:
    """Author and committer of a commit that a request asks for; no committer is GitHub itself, which then signs it.

    It does so for Apps, and only where the request names nobody (docs.github.com, "Signature verification for bots").
    """
    given = {role: fields.inner(role) for role in ("author", "committer")}
    login = request.token.login
    named = {
        role: person(login, who.required("name"), who.required("email")) if who.values else None
        for role, who in given.items()
    }
    if request.token.bot and not any(named.values()):
        return person(login), None
    committer = named["committer"] or person(login)
    return named["author"] or committer, committer


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
