"""Accounts, repositories and commits as GitHub's JSON, with the fields that this project's clients read."""

import zlib

from lab.forge import signatures
from lab.forge.repositories import Commit, Person, Repository
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


def user(state: State, login: str, *, organization: bool = False) -> Json:
    """An account; the kind of a person's follows from the login's form."""
    return {
        "login": login,
        "id": stable_id(login),
        "node_id": f"U_{stable_id(login)}",
        "type": "Organization" if organization else "Bot" if login.endswith("[bot]") else "User",
        "url": f"{state.url}/api/v3/users/{login}",
        "html_url": f"{state.url}/{login}",
    }


def label(name: str) -> Json:
    """A label."""
    return {"id": stable_id(name), "name": name, "color": "ededed"}


def repository(state: State, found: Repository) -> Json:
    """A repository."""
    return {
        "id": found.number,
        "node_id": f"R_{found.number}",
        "name": found.name,
        "full_name": found.full_name,
        "private": True,
        "visibility": "private",
        "owner": user(state, found.owner, organization=found.organization),
        "html_url": web(state, found),
        "url": api(state, found),
        "clone_url": f"{web(state, found)}.git",
        "default_branch": found.default_branch,
        "delete_branch_on_merge": False,
        "archived": found.archived,
    }


def git_commit(state: State, repository: Repository, found: Commit) -> Json:
    """A commit as git's database has it."""
    base = api(state, repository)
    return {
        "sha": found.sha,
        "url": f"{base}/git/commits/{found.sha}",
        "html_url": f"{web(state, repository)}/commit/{found.sha}",
        "author": _person(found.author),
        "committer": _person(found.committer),
        "message": found.message,
        "tree": {"sha": found.tree, "url": f"{base}/git/trees/{found.tree}"},
        "parents": [{"sha": parent, "url": f"{base}/git/commits/{parent}"} for parent in found.parents],
        "verification": signatures.verification(found.signature, found.payload),
    }


def commit(state: State, repository: Repository, found: Commit) -> Json:
    """A commit as lists show it: the git commit inside, accounts unknown."""
    base = api(state, repository)
    return {
        "sha": found.sha,
        "commit": git_commit(state, repository, found),
        "url": f"{base}/commits/{found.sha}",
        "html_url": f"{web(state, repository)}/commit/{found.sha}",
        "author": None,
        "committer": None,
        "parents": [{"sha": parent, "url": f"{base}/commits/{parent}"} for parent in found.parents],
    }


def _person(found: Person) -> Json:
    return {"name": found.name, "email": found.email, "date": found.date}
