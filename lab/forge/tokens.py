"""Tokens and what they may do: fine-grained permissions, checked for every call, as GitHub does.

A token that cannot see a repository gets 404, one that sees it without the permission 403 with
`x-accepted-github-permissions`. Classic scopes, expiry and organisation policies are not modelled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.forge.errors import ApiError

_LEVELS = {"read": 1, "write": 2, "admin": 3}


@dataclass(frozen=True)
class Token:
    """A token: whose it is, its permissions (`{"contents": "write"}`), and the repositories it sees.

    `repositories` are lower-case `owner/name`; None means all. `actions` marks a workflow's `GITHUB_TOKEN`,
    which may open pull requests only where the repository's setting allows it.
    """

    login: str
    permissions: Mapping[str, str] = field(default_factory=dict)
    repositories: frozenset[str] | None = None
    actions: bool = False

    def allows(self, permission: str, level: str) -> bool:
        """Whether the token has at least `level` of `permission`. Everyone who sees a repository reads metadata."""
        if permission == "metadata":
            return True
        return _LEVELS.get(self.permissions.get(permission, ""), 0) >= _LEVELS[level]

    def sees(self, repository: str) -> bool:
        """Whether the repository exists as far as this token is concerned."""
        return self.repositories is None or repository.lower() in self.repositories

    def require(self, *accepted: tuple[str, str]) -> None:
        """Raise GitHub's 403 unless one of the (permission, level) pairs is granted."""
        if not any(self.allows(permission, level) for permission, level in accepted):
            kind = "integration" if self.actions else "personal access token"
            needed = "; ".join(f"{permission}={level}" for permission, level in accepted)
            raise ApiError(403, f"Resource not accessible by {kind}", headers={"x-accepted-github-permissions": needed})


class Tokens:
    """All tokens the forge knows."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}

    def add(self, secret: str, token: Token) -> None:
        """Make `secret` valid; adding it again replaces what it may do."""
        self._tokens[secret] = token

    def remove(self, secret: str) -> None:
        """Revoke a token."""
        self._tokens.pop(secret, None)

    def find(self, secret: str) -> Token:
        """The token of that secret; 401 as GitHub words it when there is none."""
        token = self._tokens.get(secret)
        if token is None:
            raise ApiError(401, "Bad credentials")
        return token
