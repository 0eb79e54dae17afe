"""REST: git's own objects (`git/…`): refs, trees and commits."""

from lab.forge import views
from lab.forge.contents import BY_PULL_REQUEST, authorship
from lab.forge.model import UNSIGNED, ApiError, missing, not_found
from lab.forge.objects import BLOB, TREE
from lab.forge.repositories import WORKFLOWS, ZERO, RefError, Repository
from lab.forge.rest import Fields, Reply, Request, route
from lab.forge.state import State

_READ, _WRITE = "contents=read", "contents=write"
_MODES = (BLOB, "100755", "120000")


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
        raise ApiError(422, BY_PULL_REQUEST)
    if name.startswith("refs/heads/") and repository.refused_unsigned(name.removeprefix("refs/heads/"), sha):
        raise ApiError(422, UNSIGNED)
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
    return Reply(200, _tree(state, repository, found.sha, recursive=bool(request.query.get("recursive"))))


def _tree(state: State, repository: Repository, sha: str, *, recursive: bool) -> dict[str, object]:
    rows: list[dict[str, object]] = []

    def collect(tree: str, folder: str) -> None:
        for entry in repository.objects.entries(tree):
            kind = "tree" if entry.mode == TREE else "blob"
            rows.append({"path": f"{folder}{entry.name}", "mode": entry.mode.zfill(6), "type": kind, "sha": entry.sha})
            if kind == "tree" and recursive:
                collect(entry.sha, f"{folder}{entry.name}/")

    collect(sha, "")
    url = f"{views.api(state, repository)}/git/trees/{sha}"
    return {"sha": sha, "url": url, "tree": rows, "truncated": False}


@route("POST", "/git/trees", _WRITE)
def create_tree(state: State, repository: Repository, request: Request) -> Reply:
    """Make a tree: `base_tree` with other files, each as a blob's `sha` (null removes it) or by its `content`."""
    fields = request.fields
    if not isinstance(fields.values.get("tree"), list):
        raise missing("tree")
    base = fields.text("base_tree")
    found = repository.objects.read(f"{base}^{{tree}}") if base else None
    if base and found is None:
        raise ApiError(422, "base_tree is not a valid tree oid")
    tree = found.sha if found else repository.objects.edit_tree(None, {})
    for entry in map(Fields, fields.entries("tree")):
        content, blob, mode = entry.text("content"), entry.text("sha"), entry.required("mode")
        if mode not in _MODES:
            raise ApiError(422, "tree.mode must be one of 100644, 100755, 040000, 160000 or 120000")
        if content is not None:
            blob = repository.objects.write("blob", content.encode())
        held = repository.objects.read(blob) if blob else None
        if blob and (held is None or held.kind != "blob"):
            raise ApiError(422, f"tree.sha {blob} is not a valid blob")
        tree = repository.objects.edit_tree(tree, {entry.required("path"): blob}, mode)
    view = _tree(state, repository, tree, recursive=False)
    return Reply(201, view, {"Location": str(view["url"])})


@route("POST", "/git/commits", _WRITE)
def create_commit(state: State, repository: Repository, request: Request) -> Reply:
    """Make a commit, which is on no branch so far."""
    fields = request.fields
    message, tree, parents = fields.required("message"), fields.required("tree"), fields.texts("parents")
    found = repository.objects.read(tree)
    if found is None or found.kind != "tree":
        raise ApiError(422, "Tree SHA does not exist")
    held = [repository.objects.read(parent) for parent in parents]
    if not all(parent and parent.kind == "commit" for parent in held):
        raise ApiError(422, "Parent SHA does not exist or is not a commit object")
    author, committer = authorship(request, fields)
    commit = repository.commit(repository.write_commit(tree, parents, message, author, committer))
    assert commit is not None  # noqa: S101 - just written
    view = views.git_commit(state, repository, commit)
    return Reply(201, view, {"Location": str(view["url"])})
