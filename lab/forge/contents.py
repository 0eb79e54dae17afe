"""REST: files by path, read and written one commit at a time (`contents`)."""

import base64
import time
from urllib.parse import quote

from lab.forge import views
from lab.forge.errors import ApiError, missing, not_found, wrong_type
from lab.forge.objects import BLOB, TREE, Entry
from lab.forge.repositories import Person, RefError, Repository, timestamp
from lab.forge.rest import Fields, Reply, Request, route
from lab.forge.state import State

_TEMPLATE = "/contents/{path...}"
_WORKFLOWS = ".github/workflows/"


@route("GET", "/contents", "contents=read")
@route("GET", _TEMPLATE, "contents=read")
def get_contents(state: State, repository: Repository, request: Request) -> Reply:
    """A file with its content, a folder as a list; raw bytes with `Accept: application/vnd.github.raw`."""
    path = request.parameters.get("path", "").strip("/")
    ref = request.query.get("ref") or repository.default_branch
    commit = repository.resolve(ref)
    if commit is None:
        raise ApiError(404, f"No commit found for the ref {ref}")
    found = repository.objects.read(f"{commit}:{path}")
    if found is None:
        raise not_found()
    if found.kind == "tree":
        lines = repository.objects.entries(found.sha)
        return Reply(200, [_view(state, repository, _join(path, line.name), line, ref, None) for line in lines])
    if "raw" in request.headers.get("Accept", ""):
        return Reply(200, raw=found.data, content_type="application/vnd.github.raw; charset=utf-8")
    entry = Entry(BLOB, path.rpartition("/")[2], found.sha)
    return Reply(200, _view(state, repository, path, entry, ref, found.data))


@route("PUT", _TEMPLATE, "contents=write")
def put_contents(state: State, repository: Repository, request: Request) -> Reply:
    """Create a file, or change it when `sha` is the id of its present blob."""
    fields, path = request.fields(), request.parameters["path"].strip("/")
    fields.required("message")
    content = _decode(fields.required("content"))
    branch, tip, present = _target(repository, request, fields, path)
    if present is not None and fields.text("sha") is None:
        raise missing("sha")
    blob = repository.objects.write("blob", content)
    commit = _commit(repository, request, fields, branch, tip, {path: (BLOB, blob)})
    entry = Entry(BLOB, path.rpartition("/")[2], blob)
    body = {
        "content": _view(state, repository, path, entry, branch, content),
        "commit": _seen(state, repository, commit),
    }
    return Reply(201 if present is None else 200, body)


@route("DELETE", _TEMPLATE, "contents=write")
def delete_contents(state: State, repository: Repository, request: Request) -> Reply:
    """Remove a file; `sha` is the id of its present blob. Fields may come in the query, too."""
    path = request.parameters["path"].strip("/")
    fields = Fields({**request.query, **request.fields().values})
    fields.required("message")
    branch, tip, present = _target(repository, request, fields, path)
    if present is None:
        raise not_found()
    fields.required("sha")
    commit = _commit(repository, request, fields, branch, tip, {path: None})
    return Reply(200, {"content": None, "commit": _seen(state, repository, commit)})


def _target(repository: Repository, request: Request, fields: Fields, path: str) -> tuple[str, str | None, str | None]:
    """The branch, its tip (None in an empty repository) and the file's present blob, when all may be changed."""
    if path.startswith(_WORKFLOWS):
        request.token.require(("workflows", "write"))
    if not path or any(part in ("", ".", "..", ".git") for part in path.split("/")):
        raise ApiError(422, "path contains a malformed path component")
    branch = (fields.text("branch") or repository.default_branch).removeprefix("refs/heads/")
    tip = repository.branch(branch)
    if tip is None and repository.refs("refs/heads/"):
        raise ApiError(404, f"Branch {branch} not found")
    found = repository.objects.read(f"{tip}:{path}") if tip else None
    if found is not None and found.kind != "blob":
        raise ApiError(422, "path names a directory")
    given, present = fields.text("sha"), found.sha if found else None
    if given is not None and given != present:
        # A stale id, or one for a file that is gone: both are conflicts to GitHub.
        raise ApiError(409, f"{path} does not match {given}" if present else f"{path} does not exist at {given}")
    if branch in repository.protections:
        raise ApiError(409, "Could not update file: Changes must be made through a pull request.")
    return branch, tip, present


def _commit(
    repository: Repository,
    request: Request,
    fields: Fields,
    branch: str,
    tip: str | None,
    changes: dict[str, tuple[str, str] | None],
) -> str:
    before = repository.commit(tip) if tip else None
    tree = repository.objects.edit_tree(before.tree if before else None, changes)
    committer = person(fields.inner("committer"), request.token.login)
    author = person(fields.inner("author"), request.token.login) if fields.inner("author") else committer
    commit = repository.write_commit(tree, [tip] if tip else [], fields.required("message"), author, committer)
    try:
        repository.update_ref(f"refs/heads/{branch}", commit, tip or "0" * 40)
    except RefError as error:
        raise ApiError(409, f"is at {repository.branch(branch)} but expected {tip}") from error
    return commit


def person(given: Fields | None, login: str) -> Person:
    """Who a commit is by: as given, else the token's account."""
    now = int(time.time())
    if given is None:
        return Person(login, f"{login}@users.noreply.github.com", now)
    return Person(_clean(given.required("name")), _clean(given.required("email")), now)


def _clean(text: str) -> str:
    return "".join(letter for letter in text if letter not in "<>\n\0").strip()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise wrong_type("content", text[:20], "valid Base64") from error


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _seen(state: State, repository: Repository, sha: str) -> dict[str, object]:
    commit = repository.commit(sha)
    return views.git_commit(state, repository, commit) if commit else {"sha": sha, "date": timestamp()}


def _view(
    state: State, repository: Repository, path: str, entry: Entry, ref: str, content: bytes | None
) -> dict[str, object]:
    """A file or folder. Its `url` always has `?ref=`: without it the official provider panics."""
    found = content if content is not None else b""
    if content is None and entry.kind == "blob":
        blob = repository.objects.read(entry.sha)
        found = blob.data if blob else b""
    base = views.api(state, repository)
    url = f"{base}/contents/{quote(path)}?ref={quote(ref, safe='')}"
    kind = {"tree": "dir", "commit": "submodule"}.get(entry.kind, "file")
    view: dict[str, object] = {
        "name": entry.name,
        "path": path,
        "sha": entry.sha,
        "size": len(found),
        "url": url,
        "git_url": f"{base}/git/{'trees' if entry.mode == TREE else 'blobs'}/{entry.sha}",
        "html_url": f"{views.web(state, repository)}/blob/{quote(ref)}/{quote(path)}",
        "download_url": url if kind == "file" else None,
        "type": kind,
    }
    if content is not None:
        text = base64.encodebytes(content).decode()
        view |= {"content": text, "encoding": "base64"}
    return view
