"""Commits and files as a promotion sees them, and by what it knows its own commits again.

How they are read and made is `repository.py`'s matter.
"""

import re
from dataclasses import dataclass

PROMOTER_NAME = "Delivery promoter"
# A reserved top-level domain: no person can own this address, so no person's commit is taken for ours.
PROMOTER_MAIL = "promoter@delivery.invalid"
TRAILER = "Delivery-Promotion"
APPENDED = " on-top"
"""Ends the trailer of a commit that was added to a branch with commits by other authors."""
DECLARED = " declared"
"""Ends the trailer of a commit that the Pulumi component declared."""
SIGNED = " signed"
"""Stands behind the commit's name in the trailer of a commit that GitHub was asked to make, and to sign."""
# Its committer, and a GitHub App as its author, of one host: `noreply@github.com 1+app[bot]@users.noreply.github.com`.
_MADE_BY_GITHUB = re.compile(r"noreply@(\S+) \S+\[bot\]@users\.noreply\.\1")
# How GitHub ends the subject of a squash, which has the author and the trailer of the commit that it is made of.
_SQUASHED = re.compile(r" \(#\d+\)$")


@dataclass(frozen=True)
class Commit:
    """A commit, as far as a promotion cares. `trailer` is the value of `Delivery-Promotion`, or empty.

    `committer` and `author_mail` are addresses, `author` is a name.
    """

    sha: str
    parents: tuple[str, ...]
    committer: str
    author: str
    subject: str
    trailer: str
    author_mail: str = ""

    @property
    def ours(self) -> bool:
        """Whether the promoter made it: its address and its trailer, for either alone can come about otherwise.

        What GitHub made for it has its trailer with the mark, and GitHub's address instead: so do edits in its web
        interface (a person is their author), its merges (two parents) and its squashes (the subject tells).
        """
        if self.committer == PROMOTER_MAIL:
            return bool(self.trailer)
        return (
            f"{SIGNED} " in f"{self.trailer} "
            and _MADE_BY_GITHUB.fullmatch(f"{self.committer} {self.author_mail}") is not None
            and len(self.parents) == 1
            and _SQUASHED.search(self.subject) is None
        )

    @property
    def appended(self) -> bool:
        """Whether it may stand on other commits of the branch, rather than on the default branch."""
        return self.ours and self.trailer.endswith((APPENDED, DECLARED))

    @property
    def declared(self) -> bool:
        """Whether the Pulumi component made it."""
        return self.ours and self.trailer.endswith(DECLARED)


@dataclass(frozen=True)
class File:
    """A file at some commit: its content and its mode (`100644`, `120000` for a symbolic link)."""

    content: bytes
    mode: str
