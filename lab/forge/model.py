"""What the forge remembers of accounts and pull requests, and the errors that it answers with, as GitHub words them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

UNSIGNED = "Repository rule violations found\n\nCommits must have verified signatures.\n\n"
"""What GitHub answers to a change that a rule about signatures forbids."""
INSTALLATION_TOKEN = "ghs_"  # noqa: S105 - how those of Apps begin
_LEVELS = {"read": 1, "write": 2, "admin": 3}


class ApiError(Exception):
    """An answer that is no success; `errors` are the details of a failed validation."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.errors, self.headers = status, message, errors, dict(headers or {})

    def body(self) -> dict[str, object]:
        """GitHub's error object: `message`, `errors` where there are some, `documentation_url`, `status` as text."""
        details: dict[str, object] = {"errors": self.errors} if self.errors else {}
        address = "https://docs.github.com/rest"
        return {"message": self.message, **details, "documentation_url": address, "status": str(self.status)}


def not_found() -> ApiError:
    """404, also for what the token may not see."""
    return ApiError(404, "Not Found")


def missing(name: str) -> ApiError:
    """422 for a body without a required property."""
    return ApiError(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')


def wrong_type(name: str, value: object, expected: str) -> ApiError:
    """422 for a property of another type than the schema's."""
    return ApiError(422, f"Invalid request.\n\nFor 'properties/{name}', {value!r} is not {expected}.")


def invalid(resource: str, name: str, code: str = "invalid") -> ApiError:
    """422 with one detail on a field (`invalid`, `missing_field`, `already_exists`)."""
    return ApiError(422, "Validation Failed", [{"resource": resource, "field": name, "code": code}])


def too_long(resource: str, name: str, most: int) -> ApiError:
    """422 for a text of more characters than fit."""
    message = f"{name} is too long (maximum is {most} characters)"
    return ApiError(
        422, "Validation Failed", [{"resource": resource, "code": "custom", "field": name, "message": message}]
    )


def refused(resource: str, message: str) -> ApiError:
    """422 with one detail that says in words what is wrong."""
    return ApiError(422, "Validation Failed", [{"resource": resource, "code": "custom", "message": message}])


def timestamp(when: float | None = None) -> str:
    """A time (seconds since 1970) in GitHub's form, now by default."""
    moment = datetime.now(UTC) if when is None else datetime.fromtimestamp(when, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Token:
    """A token: whose it is, its fine-grained permissions (`{"contents": "write"}`), and the repositories it sees.

    `repositories` are lower-case `owner/name`; None means all. `actions` marks a workflow's `GITHUB_TOKEN`, which may
    open pull requests only where the repository's setting allows it. Classic scopes are not modelled, and expiry is
    `Forge.expire_installation_tokens`.
    """

    login: str
    permissions: Mapping[str, str]
    repositories: frozenset[str] | None = None
    actions: bool = False

    @property
    def bot(self) -> bool:
        """Whether it is an App's, of which the workflow's is one: GitHub signs what they commit through the API."""
        return self.login.endswith("[bot]")

    def allows(self, permission: str, level: str) -> bool:
        """Whether the token has at least `level` of `permission`. Everyone who sees a repository reads metadata."""
        return permission == "metadata" or _LEVELS.get(self.permissions.get(permission, ""), 0) >= _LEVELS[level]

    def sees(self, repository: str) -> bool:
        """Whether the repository exists as far as this token is concerned."""
        return self.repositories is None or repository.lower() in self.repositories

    def require(self, *accepted: str) -> None:
        """Raise GitHub's 403 unless one of the accepted `permission=level` is granted."""
        if not any(
            self.allows(permission, level) for permission, _, level in (text.partition("=") for text in accepted)
        ):
            kind = "integration" if self.bot else "personal access token"
            needed = {"x-accepted-github-permissions": "; ".join(accepted)}
            raise ApiError(403, f"Resource not accessible by {kind}", headers=needed)


@dataclass(frozen=True)
class App:
    """A GitHub App with one `installation`: its public key (PEM), and what the installation may do, and where."""

    slug: str
    public_key: str
    installation: str
    permissions: Mapping[str, str]
    repositories: frozenset[str]


@dataclass
class Comment:
    """A comment below a pull request."""

    identifier: int
    login: str
    body: str
    created_at: str = field(default_factory=timestamp)


@dataclass
class PullRequest:
    """A pull request between two branches of one repository. `state` is `open` or `closed`.

    `head_sha` follows the head branch while it is open; `base_sha` is the base's tip when the head last moved.
    `events` are what happened to it: the kind, who did it, and when.
    """

    number: int
    login: str
    title: str
    body: str | None
    head: str
    base: str
    head_sha: str
    base_sha: str
    state: str = "open"
    labels: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    requested_reviewers: list[str] = field(default_factory=list)
    requested_teams: list[str] = field(default_factory=list)
    events: list[tuple[str, str, str]] = field(default_factory=list)
    created_at: str = field(default_factory=timestamp)
    updated_at: str = field(default_factory=timestamp)
    closed_at: str | None = None
    merged_at: str | None = None
    merge_commit_sha: str | None = None

    def change(self, state: str | None = None) -> None:
        """Note that something about it changed now, its state perhaps."""
        self.updated_at = timestamp()
        if state is not None:
            self.state, self.closed_at = state, self.updated_at if state == "closed" else None

    def close(self, login: str = "") -> None:
        """Close it, now, in this name."""
        self.change("closed")
        self.note("closed", login)

    def note(self, kind: str, login: str) -> None:
        """Add an event of this kind, now, in this name."""
        self.events.append((kind, login, timestamp()))

    def reopen(self) -> None:
        """Open it again, now."""
        self.change("open")

    @property
    def merged(self) -> bool:
        """Whether its commits are on the base branch."""
        return self.merged_at is not None

    def mark_merged(self, commit: str) -> None:
        """Note that it is merged, now, as `commit`."""
        self.close()
        self.merged_at, self.merge_commit_sha = self.closed_at, commit


@dataclass
class Environment:
    """An environment. `reviewers` are (`User` or `Team`, id); `branch_policy` is None for every branch, else the two
    flags of GitHub's object; `policies` are (id, `branch` or `tag`, pattern).
    """

    wait_timer: int = 0
    prevent_self_review: bool = False
    can_admins_bypass: bool = True
    reviewers: list[tuple[str, int]] = field(default_factory=list)
    branch_policy: dict[str, bool] | None = None
    policies: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Status:
    """A status of a deployment, or of a commit, where `name` is its context; `name` is else the environment."""

    identifier: int
    state: str
    description: str
    login: str
    name: str
    address: str = ""
    created_at: str = field(default_factory=timestamp)


@dataclass
class Deployment:
    """A deployment with its statuses, oldest first. `sha` is what `ref` named when it was created."""

    identifier: int
    sha: str
    ref: str
    task: str
    environment: str
    payload: object
    description: str | None
    login: str
    transient: bool = False
    production: bool = False
    statuses: list[Status] = field(default_factory=list)
    created_at: str = field(default_factory=timestamp)

    @property
    def state(self) -> str:
        """The state of its newest status; `pending` before there is one."""
        return self.statuses[-1].state if self.statuses else "pending"

    @property
    def updated_at(self) -> str:
        """When its newest status came."""
        return self.statuses[-1].created_at if self.statuses else self.created_at


@dataclass
class Run:
    """A run of a workflow; `repository` is `owner/name`, `workflow` the file's name, `inputs` as dispatched."""

    repository: str
    workflow: str
    ref: str
    head_sha: str
    inputs: Mapping[str, str]
    status: str = "queued"
    conclusion: str | None = None


@dataclass(frozen=True)
class Record:
    """A request that the forge answered.

    `path` has its query and no `/api/v3`. `kind` is `rest` or `git`; `service` is `upload-pack` or
    `receive-pack` for git. `status` 0 is a reset connection.
    """

    method: str
    path: str
    status: int
    kind: str = "rest"
    service: str = ""
