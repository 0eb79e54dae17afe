"""Issues and pull requests as the forge remembers them; one numbering for both, as on GitHub."""

from dataclasses import dataclass, field

from lab.forge.repositories import timestamp


@dataclass(frozen=True)
class Comment:
    """A comment below an issue or pull request."""

    identifier: int
    login: str
    body: str
    created_at: str


@dataclass
class Issue:
    """An issue. `state` is `open` or `closed`."""

    number: int
    login: str
    title: str
    body: str | None
    state: str = "open"
    labels: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    created_at: str = field(default_factory=timestamp)
    updated_at: str = field(default_factory=timestamp)
    closed_at: str | None = None

    def touch(self) -> None:
        """Something about it changed, now."""
        self.updated_at = timestamp()

    def close(self) -> None:
        """Close it, now."""
        self.state, self.closed_at = "closed", timestamp()
        self.updated_at = timestamp()

    def reopen(self) -> None:
        """Open it again."""
        self.state, self.closed_at, self.updated_at = "open", None, timestamp()


@dataclass
class PullRequest(Issue):
    """A pull request between two branches of one repository.

    `head_sha` follows the head branch while it is open; `base_sha` is the base's tip when the head last moved.
    `actions` says that a workflow's own token opened it.
    """

    head: str = ""
    base: str = ""
    head_sha: str = ""
    base_sha: str = ""
    draft: bool = False
    maintainer_can_modify: bool = False
    merged_at: str | None = None
    merged_by: str | None = None
    merge_commit_sha: str | None = None
    requested_reviewers: list[str] = field(default_factory=list)
    requested_teams: list[str] = field(default_factory=list)
    actions: bool = False

    @property
    def merged(self) -> bool:
        """Whether its commits are on the base branch."""
        return self.merged_at is not None
