"""Commits and files as a promotion sees them, and by what it knows its own commits again.

How they are read and made is `repository.py`'s matter.
"""

from dataclasses import dataclass

PROMOTER_NAME = "Delivery promoter"
# A reserved top-level domain: no person can own this address, so no person's commit is taken for ours.
PROMOTER_MAIL = "promoter@delivery.invalid"
TRAILER = "Delivery-Promotion"
APPENDED = " on-top"
"""Ends the trailer of a commit that was added to a branch with commits by other authors."""
DECLARED = " declared"
"""Ends the trailer of a commit that the Pulumi component declared."""


@dataclass(frozen=True)
class Commit:
    """A commit, as far as a promotion cares. `trailer` is the value of `Delivery-Promotion`, or empty."""

    sha: str
    parents: tuple[str, ...]
    committer: str
    author: str
    subject: str
    trailer: str

    @property
    def ours(self) -> bool:
        """Whether the promoter made it: its address and its trailer, for either alone can come about otherwise."""
        return self.committer == PROMOTER_MAIL and bool(self.trailer)

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
