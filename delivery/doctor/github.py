"""The GitOps repository on GitHub as one token sees it, with what the headers of an answer say about the token.

One try for each question, and the answers are kept: nothing is asked twice, and nothing more after a time-out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import requests

from delivery.config.errors import Json
from delivery.github.answers import json_of
from delivery.github.client import GitHub
from delivery.model.pipeline import Repository
from delivery.model.secret import SecretText
from delivery.text import one_line


@dataclass(frozen=True)
class Answer:
    """An answer; `status` 0 when none came. `message` is the reason for a failure, as the server or network gave it."""

    status: int
    body: Json
    headers: Mapping[str, str]
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether what was asked for came."""
        return self.status == 200

    @property
    def denied(self) -> bool:
        """Whether the token may not read this; GitHub says "not found" of what a token may not see.

        A limit on requests has the same status, and tells nothing of permissions.
        """
        limited = self.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in self.headers
        return self.status in (403, 404) and not limited

    @property
    def why(self) -> str:
        """What went wrong, in a few words."""
        needed = self.headers.get("x-accepted-github-permissions", "")
        return f"{self.status or 'no answer'}: {self.message}" + (f" (needs {needed})" if needed else "")

    def field(self, *keys: str) -> Json:
        """A value inside the body, None when it is not there."""
        value = self.body
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value


class GitHubView:
    """The repository as one token sees it. `key` is the configuration key of that token."""

    def __init__(self, repository: Repository, key: str, token: SecretText) -> None:
        self.repository = repository
        self.key = key
        self.client = GitHub(repository.api_url, repository.owner, repository.name, token.reveal(), attempts=1)
        self._answers: dict[str, Answer] = {}
        self._timed_out: Answer | None = None

    @property
    def full_name(self) -> str:
        """Owner and name."""
        return f"{self.repository.owner}/{self.repository.name}"

    def get(self, path: str = "") -> Answer:
        """The answer to `GET /repos/{owner}/{name}{path}`."""
        if path not in self._answers:
            self._answers[path] = self._timed_out or self._ask(path)
        return self._answers[path]

    def branch(self, name: str = "") -> Answer:
        """The answer for a branch, the configured default one where `name` is empty."""
        return self.get(f"/branches/{quote(name or self.repository.default_branch)}")

    def _ask(self, path: str) -> Answer:
        try:
            response = self.client.ask(path)
        except requests.RequestException as error:
            none = Answer(0, None, {}, f"{type(error).__name__} from {self.repository.api_url}")
            if isinstance(error, requests.Timeout):
                self._timed_out = none
            return none
        try:
            body = json_of(response)
        except ValueError:
            body = None
        message = body.get("message") if isinstance(body, dict) else None
        return Answer(response.status_code, body, response.headers, one_line(str(message or response.reason or "")))
