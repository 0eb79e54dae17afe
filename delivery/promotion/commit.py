"""The commit of a promotion: made here with git, or by GitHub, which signs it.

Either way it is pushed with git, whose lease no call of GitHub's API has.
"""

from collections.abc import Mapping

from delivery.git.commits import File
from delivery.git.repository import Repository
from delivery.github.client import GitHub
from delivery.github.commits import create_signed_commit


def make_commit(
    repository: Repository,
    parent: str,
    files: Mapping[str, File],
    message: str,
    signer: GitHub | None,
    author: str = "",
) -> str:
    """A commit on `parent` in which only `files` differ, by their path; returns its name. Nothing is pushed.

    `author` is `NAME <ADDRESS>`, the promoter where it is empty.
    With a `signer`, GitHub makes and signs it, by two requests, and it is fetched. Raises `GitHubError` when it is not
    signed, and `GitError`.
    """
    commit = repository.commit(parent, files, message, author)
    if signer is not None:
        changed = [
            {"path": path, "mode": file.mode, "content": file.content.decode("utf-8")} for path, file in files.items()
        ]
        commit = create_signed_commit(
            signer, parent, repository.tree(commit), repository.tree(parent), changed, message
        )
        repository.fetch_commit(commit)
    return commit
