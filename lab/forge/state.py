"""Everything the forge remembers between requests, and the one lock that guards it."""

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lab.forge.errors import not_found
from lab.forge.faults import Faults
from lab.forge.issues_model import Issue
from lab.forge.repositories import Repository
from lab.forge.runs import Runs
from lab.forge.tokens import Token, Tokens


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


@dataclass
class State:
    """The forge's memory. `url` is the server's address without a slash at its end."""

    root: Path
    url: str = ""
    tokens: Tokens = field(default_factory=Tokens)
    faults: Faults = field(default_factory=Faults)
    runs: Runs = field(default_factory=Runs)
    records: list[Record] = field(default_factory=list)
    repositories: dict[str, Repository] = field(default_factory=dict)
    issues: dict[str, dict[int, Issue]] = field(default_factory=dict)
    labels: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    disabled_workflows: set[tuple[str, str]] = field(default_factory=set)
    lagging_lists: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    identifiers: Callable[[], int] = field(default_factory=lambda: itertools.count(1000).__next__)

    def repository(self, full_name: str, token: Token | None) -> Repository:
        """The repository of that name (case does not matter), 404 when there is none or the token sees none."""
        found = self.repositories.get(full_name.lower())
        if found is None or (token is not None and not token.sees(full_name)):
            raise not_found()
        return found

    def issue(self, repository: Repository, number: int) -> Issue:
        """The issue or pull request of that number, or 404."""
        found = self.issues[repository.full_name].get(number)
        if found is None:
            raise not_found()
        return found

    def known_login(self, login: str, repository: Repository) -> bool:
        """Whether an account may be asked to review: it owns the repository or collaborates on it."""
        return login == repository.owner or login in repository.collaborators
