"""REST: branches, commits and comparisons, and what protects a branch."""

from lab.forge import views
from lab.forge.errors import ApiError, not_found
from lab.forge.pull_requests import pull_requests
from lab.forge.repositories import ZERO, Commit, Repository
from lab.forge.rest import Reply, Request, listing, route
from lab.forge.state import State

_READ = "contents=read"
_STATUSES = {"A": "added", "M": "modified", "D": "removed", "T": "changed", "R": "renamed"}


@route("GET", "/branches", _READ)
def list_branches(state: State, repository: Repository, request: Request) -> Reply:
    """All branches by name."""
    names = [name.removeprefix("refs/heads/") for name, _, _ in repository.refs("refs/heads/")]
    return listing(state, request, [_branch(state, repository, name, whole=False) for name in names])


@route("GET", "/branches/{branch...}/protection", "administration=read")
def get_protection(state: State, repository: Repository, request: Request) -> Reply:
    """How a branch is protected; 404 `Branch not protected` when it is not."""
    branch = _known(repository, request.parameters["branch"])
    protection = repository.protections.get(branch)
    if protection is None:
        raise ApiError(404, "Branch not protected")
    url = f"{views.api(state, repository)}/branches/{branch}/protection"
    reviews = {
        "url": f"{url}/required_pull_request_reviews",
        "dismiss_stale_reviews": False,
        "require_code_owner_reviews": False,
        "required_approving_review_count": protection.reviews,
    }
    return Reply(
        200,
        {
            "url": url,
            "required_pull_request_reviews": reviews,
            "enforce_admins": {"url": f"{url}/enforce_admins", "enabled": True},
            "allow_force_pushes": {"enabled": False},
            "allow_deletions": {"enabled": False},
        },
    )


@route("POST", "/branches/{branch...}/rename", "contents=write")
def rename_branch(state: State, repository: Repository, request: Request) -> Reply:
    """Give a branch another name: pull requests into it follow, those from it close."""
    old, new = _known(repository, request.parameters["branch"]), request.fields().required("new_name")
    tip = repository.branch(old) or ""
    if repository.branch(new):
        raise ApiError(422, "Validation Failed", [{"resource": "Branch", "code": "already_exists", "field": "name"}])
    if old in repository.protections:
        raise ApiError(403, "Branch is protected")
    repository.update_ref(f"refs/heads/{new}", tip, ZERO)
    for pull in pull_requests(state, repository):
        if pull.base == old:
            pull.base = new
    repository.update_ref(f"refs/heads/{old}", ZERO, tip)
    return Reply(201, _branch(state, repository, new, whole=True))


@route("GET", "/branches/{branch...}", _READ)
def get_branch(state: State, repository: Repository, request: Request) -> Reply:
    """One branch with its tip."""
    return Reply(200, _branch(state, repository, _known(repository, request.parameters["branch"]), whole=True))


@route("GET", "/rules/branches/{branch...}", "metadata=read")
def branch_rules(state: State, repository: Repository, request: Request) -> Reply:
    """The active rules of rulesets for a branch, made of the forge's branch protections."""
    protection = repository.protections.get(request.parameters["branch"])
    if protection is None:
        return listing(state, request, [])
    source = {"ruleset_source_type": "Repository", "ruleset_source": repository.full_name, "ruleset_id": 1}
    rule = {"type": "pull_request", "parameters": {"required_approving_review_count": protection.reviews}}
    return listing(
        state, request, [rule | source, {"type": "deletion"} | source, {"type": "non_fast_forward"} | source]
    )


@route("GET", "/commits", _READ)
def list_commits(state: State, repository: Repository, request: Request) -> Reply:
    """History from `sha` (a branch or commit), newest first, narrowed by `path`, `since`, `until`."""
    start = request.query.get("sha") or repository.default_branch
    tip = repository.resolve(start)
    if tip is None:
        if not repository.refs("refs/heads/"):
            raise ApiError(409, "Git Repository is empty.")
        raise not_found()
    options = [f"--{name}={request.query[name]}" for name in ("since", "until") if request.query.get(name)]
    path = request.query.get("path")
    names = repository.git("rev-list", *options, tip, *(["--", path.strip("/")] if path else [])).split()
    return listing(state, request, _commits(state, repository, names))


@route("GET", "/commits/{ref...}", _READ)
def get_commit(state: State, repository: Repository, request: Request) -> Reply:
    """One commit with the files it changed; 422 for an id that names none."""
    ref = request.parameters["ref"]
    sha = repository.resolve(ref)
    commit = repository.commit(sha) if sha else None
    if commit is None:
        raise ApiError(422, f"No commit found for SHA: {ref}")
    if "application/vnd.github.sha" in request.headers.get("Accept", ""):
        return Reply(200, raw=commit.sha.encode(), content_type="application/vnd.github.sha; charset=utf-8")
    before = commit.parents[0] if commit.parents else None
    files = _files(state, repository, before, commit.sha)
    numbers = {name: sum(int(str(row[name])) for row in files) for name in ("additions", "deletions")}
    stats = numbers | {"total": sum(numbers.values())}
    return Reply(200, views.commit(state, repository, commit) | {"stats": stats, "files": files})


@route("GET", "/compare/{basehead...}", _READ)
def compare(state: State, repository: Repository, request: Request) -> Reply:
    """`base...head`: who is ahead, the commits of head since the merge base (oldest first), and the files."""
    names = request.parameters["basehead"].split("...")
    if len(names) != 2:
        raise not_found()
    base, head = (repository.resolve(name.rpartition(":")[2]) for name in names)
    merge_base = repository.merge_base(base, head) if base and head else None
    if base is None or head is None:
        raise not_found()
    if merge_base is None:
        raise ApiError(404, f"No common ancestor between {names[0]} and {names[1]}.")
    ahead = repository.git("rev-list", "--reverse", f"{base}..{head}").split()
    behind = int(repository.git("rev-list", "--count", f"{head}..{base}"))
    status = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}.get(
        (bool(ahead), bool(behind)), "diverged"
    )
    address = f"{views.api(state, repository)}/compare/{request.parameters['basehead']}"
    ends = {name: _commits(state, repository, [sha])[0] for name, sha in (("base", base), ("merge_base", merge_base))}
    return Reply(
        200,
        {
            "url": address,
            "html_url": f"{views.web(state, repository)}/compare/{request.parameters['basehead']}",
            "status": status,
            "ahead_by": len(ahead),
            "behind_by": behind,
            "total_commits": len(ahead),
            "base_commit": ends["base"],
            "merge_base_commit": ends["merge_base"],
            "commits": _commits(state, repository, ahead[:250]),
            "files": _files(state, repository, merge_base, head),
        },
    )


def _known(repository: Repository, name: str) -> str:
    if repository.branch(name) is None:
        raise ApiError(404, "Branch not found")
    return name


def _branch(state: State, repository: Repository, name: str, *, whole: bool) -> dict[str, object]:
    sha = repository.branch(name) or ""
    base = views.api(state, repository)
    commit: dict[str, object] = {"sha": sha, "url": f"{base}/commits/{sha}"}
    protected = name in repository.protections
    view = {"name": name, "commit": commit, "protected": protected}
    if whole:
        view["commit"] = _commits(state, repository, [sha])[0]
        view["protection"] = {"enabled": protected}
        view["protection_url"] = f"{base}/branches/{name}/protection"
    return view


def _commits(state: State, repository: Repository, names: list[str]) -> list[dict[str, object]]:
    found: list[Commit | None] = [repository.commit(name) for name in names]
    return [views.commit(state, repository, commit) for commit in found if commit]


def _files(state: State, repository: Repository, before: str | None, after: str) -> list[dict[str, object]]:
    """Changed files with counts and patch, as `git diff-tree` tells them; renames show as two."""
    start = before or repository.objects.write_tree([])
    raw = repository.git("diff-tree", "-r", "-z", "--no-renames", "--raw", "--numstat", start, after).split("\0")
    rows: dict[str, dict[str, object]] = {}
    fields = iter(raw)
    for field in fields:
        if field.startswith(":"):
            words, path = field.split(" "), next(fields)
            sha = words[3] if words[4] != "D" else words[2]
            url = f"{views.api(state, repository)}/contents/{path}?ref={after}"
            rows[path] = {"sha": sha, "filename": path, "status": _STATUSES[words[4][0]], "contents_url": url}
        elif field:
            added, deleted, path = field.split("\t")
            counts = [int(text) if text.isdigit() else 0 for text in (added, deleted)]
            rows[path] |= {"additions": counts[0], "deletions": counts[1], "changes": sum(counts)}
    return list(rows.values())
