"""Commits that GitHub makes itself, and signs, for a repository whose rules demand signatures.

GitHub signs what a GitHub App or a workflow's own token commits through its API, and only where the request names
neither author nor committer (docs.github.com, "About commit signature verification"). They are on no branch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.github.client import GitHub, GitHubError
from delivery.github.shapes import commit_name, text
from delivery.text import one_line

APPS_ALONE = (
    "it signs for a GitHub App and for a workflow's own token alone: use one of them "
    "(delivery:promotionIdentity app or workflow), or set delivery:promotionCommits to unsigned"
)
_PERSONAL = ("ghp_", "github_pat_", "gho_", "ghu_")
"""How tokens of people begin (docs.github.com, "GitHub's token formats"); those of an App begin with `ghs_`."""
_BUSY = ("gpgverify_error", "gpgverify_unavailable")
"""GitHub's reasons for an unverified commit that pass."""


@dataclass(frozen=True)
class _MadeCommit:
    """A commit as GitHub answers it; `reason` is why it is verified, or why not."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    message: str
    verified: bool
    reason: str


def create_signed_commit(
    github: GitHub, parent: str, tree: str, base_tree: str, files: Sequence[Mapping[str, str]], message: str
) -> str:
    """Have GitHub make a commit with this `message` on `parent`; returns its name.

    Its tree is `base_tree` with `files` in it (each `path`, `mode`, `content`), which has to come out as `tree`. Raises
    `GitHubError`, also when GitHub did not sign the commit, or made another one.
    """
    entries = [{"type": "blob", **file} for file in files]
    made = github.request(
        "POST",
        "/git/trees",
        {"base_tree": base_tree, "tree": entries},
        read=lambda answer: commit_name(answer["sha"]),
    )
    if made != tree:
        raise _another(files)
    asked = {"message": message, "tree": tree, "parents": [parent]}
    commit = github.request("POST", "/git/commits", asked, read=_made_commit)
    if (commit.tree, commit.parents, commit.message.strip()) != (tree, (parent,), message.strip()):
        raise _another(files)
    if not commit.verified:
        fix = "run again later" if commit.reason in _BUSY else APPS_ALONE
        raise GitHubError(200, f"GitHub did not sign the commit ({one_line(commit.reason, 40)}): {fix}")
    return commit.sha


def is_personal(token: str) -> bool:
    """Whether a token is known to be a person's, by its form; GitHub signs nothing for it."""
    return token.startswith(_PERSONAL)


def _another(files: Sequence[Mapping[str, str]]) -> GitHubError:
    paths = " and ".join(file["path"] for file in files)
    return GitHubError(200, f"GitHub made another commit than it was asked for, of {paths}; run again later")


def _made_commit(answer: Any) -> _MadeCommit:
    return _MadeCommit(
        sha=commit_name(answer["sha"]),
        tree=commit_name(answer["tree"]["sha"]),
        parents=tuple(commit_name(parent["sha"]) for parent in answer["parents"]),
        message=text(answer["message"]),
        verified=answer["verification"]["verified"] is True,
        reason=text(answer["verification"]["reason"]),
    )
