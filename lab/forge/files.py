"""Files of a repository, read and committed without HTTP: how a test or the demo plays a developer."""

import time
from collections.abc import Mapping

from lab.forge.objects import BLOB
from lab.forge.repositories import ZERO, Person, Repository


def commit_files(
    repository: Repository,
    files: Mapping[str, str | bytes | None],
    message: str,
    *,
    branch: str | None = None,
    author: str = "octocat",
) -> str:
    """Commit `files` (None removes one) to a branch, the default one unless named; gives the commit.

    A branch that is not there starts at the default branch. Protection does not apply.
    """
    name = branch or repository.default_branch
    present = repository.branch(name)
    tip = present or repository.branch(repository.default_branch)
    before = repository.commit(tip) if tip else None
    changes: dict[str, tuple[str, str] | None] = {}
    for path, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        changes[path] = None if data is None else (BLOB, repository.objects.write("blob", data))
    tree = repository.objects.edit_tree(before.tree if before else None, changes)
    who = Person(author, f"{author}@users.noreply.github.com", int(time.time()))
    sha = repository.write_commit(tree, [tip] if tip else [], message, who, who)
    repository.update_ref(f"refs/heads/{name}", sha, present or ZERO)
    return sha


def read_file(repository: Repository, path: str, revision: str) -> bytes | None:
    """A file's bytes at a branch, tag, commit or HEAD; None when it is not there."""
    commit = repository.resolve(revision)
    found = repository.objects.read(f"{commit}:{path}") if commit else None
    return found.data if found and found.kind == "blob" else None
