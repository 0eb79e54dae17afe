"""Repositories, pull requests, runs and the like as GitHub's JSON, with the fields that this project's clients read."""

import zlib

from lab.forge.issues_model import Comment, Issue, PullRequest
from lab.forge.repositories import Commit, Person, Repository
from lab.forge.runs import Run
from lab.forge.state import State

Json = dict[str, object]


def api(state: State, repository: Repository) -> str:
    """The REST address of a repository."""
    return f"{state.url}/api/v3/repos/{repository.full_name}"


def web(state: State, repository: Repository) -> str:
    """The address of a repository for people, as GitHub would show it; the forge serves no pages there."""
    return f"{state.url}/{repository.full_name}"


def stable_id(name: str) -> int:
    """The id of a thing that the forge knows by its name alone: the same in every run."""
    return zlib.crc32(name.encode())


def user(state: State, login: str) -> Json:
    """An account; the kind follows from the login's form."""
    kind = "Bot" if login.endswith("[bot]") else "User"
    number = stable_id(login)
    return {
        "login": login,
        "id": number,
        "node_id": f"U_{number}",
        "type": kind,
        "site_admin": False,
        "url": f"{state.url}/api/v3/users/{login}",
        "html_url": f"{state.url}/{login}",
    }


def repository(state: State, found: Repository) -> Json:
    """A repository."""
    return {
        "id": found.number,
        "node_id": f"R_{found.number}",
        "name": found.name,
        "full_name": found.full_name,
        "private": True,
        "visibility": "private",
        "owner": user(state, found.owner) | ({"type": "Organization"} if found.organization else {}),
        "html_url": web(state, found),
        "url": api(state, found),
        "clone_url": f"{web(state, found)}.git",
        "default_branch": found.default_branch,
        "delete_branch_on_merge": found.auto_delete_head_branches,
        "archived": found.archived,
        "disabled": False,
        "fork": False,
        "has_issues": True,
        "allow_merge_commit": True,
        "allow_squash_merge": True,
        "allow_rebase_merge": False,
    }


def _person(person: Person) -> Json:
    return {"name": person.name, "email": person.email, "date": person.date}


def git_commit(state: State, repository: Repository, commit: Commit) -> Json:
    """A commit as the git database shows it."""
    base = api(state, repository)
    return {
        "sha": commit.sha,
        "node_id": f"C_{commit.sha}",
        "url": f"{base}/git/commits/{commit.sha}",
        "html_url": f"{web(state, repository)}/commit/{commit.sha}",
        "author": _person(commit.author),
        "committer": _person(commit.committer),
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": f"{base}/git/trees/{commit.tree}"},
        "parents": [{"sha": parent, "url": f"{base}/git/commits/{parent}"} for parent in commit.parents],
        "verification": {"verified": False, "reason": "unsigned", "signature": None, "payload": None},
    }


def commit(state: State, repository: Repository, found: Commit) -> Json:
    """A commit as lists and comparisons show it: the git commit inside, accounts unknown."""
    base = api(state, repository)
    inner = {
        name: value
        for name, value in git_commit(state, repository, found).items()
        if name not in ("sha", "node_id", "html_url", "parents")
    }
    return {
        "sha": found.sha,
        "node_id": f"C_{found.sha}",
        "commit": inner | {"comment_count": 0},
        "url": f"{base}/commits/{found.sha}",
        "html_url": f"{web(state, repository)}/commit/{found.sha}",
        "author": None,
        "committer": None,
        "parents": [{"sha": parent, "url": f"{base}/commits/{parent}"} for parent in found.parents],
    }


def ref(state: State, repository: Repository, name: str, sha: str, kind: str) -> Json:
    """A git reference."""
    base = api(state, repository)
    return {
        "ref": name,
        "node_id": f"REF_{name}",
        "url": f"{base}/git/{name}",
        "object": {"sha": sha, "type": kind, "url": f"{base}/git/{kind}s/{sha}"},
    }


def label(state: State, repository: Repository, name: str) -> Json:
    """A label, with the description and colour it was created with."""
    known = state.labels[repository.full_name].get(name.lower(), {})
    return {
        "id": stable_id(name),
        "url": f"{api(state, repository)}/labels/{known.get('name', name)}",
        "name": known.get("name", name),
        "color": known.get("color", "ededed"),
        "description": known.get("description"),
        "default": False,
    }


def comment(state: State, repository: Repository, number: int, found: Comment) -> Json:
    """A comment of an issue."""
    return {
        "id": found.identifier,
        "url": f"{api(state, repository)}/issues/comments/{found.identifier}",
        "html_url": f"{web(state, repository)}/issues/{number}#issuecomment-{found.identifier}",
        "user": user(state, found.login),
        "body": found.body,
        "created_at": found.created_at,
        "updated_at": found.created_at,
    }


def issue(state: State, repository: Repository, found: Issue) -> Json:
    """An issue, or a pull request seen as one."""
    base = api(state, repository)
    pull = isinstance(found, PullRequest)
    view: Json = {
        "id": repository.number * 10000 + found.number,
        "number": found.number,
        "url": f"{base}/issues/{found.number}",
        "html_url": f"{web(state, repository)}/{'pull' if pull else 'issues'}/{found.number}",
        "state": found.state,
        "title": found.title,
        "body": found.body,
        "user": user(state, found.login),
        "labels": [label(state, repository, name) for name in found.labels],
        "assignees": [],
        "comments": len(found.comments),
        "locked": False,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "closed_at": found.closed_at,
    }
    return view | ({"pull_request": {"url": f"{base}/pulls/{found.number}"}} if pull else {})


def pull_request(state: State, repo: Repository, found: PullRequest, *, whole: bool, mergeable: bool | None) -> Json:
    """A pull request; `whole` adds what only a single one shows (`merged`, `mergeable`, …)."""
    base = api(state, repo)
    side = {"user": user(state, repo.owner), "repo": repository(state, repo)}
    view = issue(state, repo, found)
    for name in ("pull_request", "comments"):
        del view[name]
    view |= {
        "url": f"{base}/pulls/{found.number}",
        "issue_url": f"{base}/issues/{found.number}",
        "diff_url": f"{web(state, repo)}/pull/{found.number}.diff",
        "draft": found.draft,
        "merged_at": found.merged_at,
        "merge_commit_sha": found.merge_commit_sha,
        "requested_reviewers": [user(state, login) for login in found.requested_reviewers],
        "requested_teams": [{"slug": slug, "name": slug} for slug in found.requested_teams],
        "head": {"label": f"{repo.owner}:{found.head}", "ref": found.head, "sha": found.head_sha, **side},
        "base": {"label": f"{repo.owner}:{found.base}", "ref": found.base, "sha": found.base_sha, **side},
        "author_association": "CONTRIBUTOR",
        "auto_merge": None,
    }
    if whole:
        states = {True: "clean", False: "dirty", None: "unknown"}
        view |= {
            "merged": found.merged,
            "merged_by": user(state, found.merged_by) if found.merged_by else None,
            "mergeable": mergeable,
            "mergeable_state": states[mergeable],
            "maintainer_can_modify": found.maintainer_can_modify,
            "comments": len(found.comments),
        }
    return view


def run(state: State, repo: Repository, found: Run) -> Json:
    """A workflow run."""
    base = api(state, repo)
    return {
        "id": found.identifier,
        "name": found.workflow,
        "path": f".github/workflows/{found.workflow}",
        "event": "workflow_dispatch",
        "status": found.status,
        "conclusion": found.conclusion,
        "head_branch": found.ref.removeprefix("refs/heads/"),
        "head_sha": found.head_sha,
        "run_number": found.number,
        "run_attempt": 1,
        "actor": user(state, found.login),
        "url": f"{base}/actions/runs/{found.identifier}",
        "html_url": f"{web(state, repo)}/actions/runs/{found.identifier}",
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "run_started_at": found.created_at,
    }
