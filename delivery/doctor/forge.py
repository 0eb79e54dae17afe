"""Reads of the GitOps repository on the forge, with everything of an answer that tells about the token.

One try each, answers kept: a check that cannot be answered now says so, and nothing is asked twice. Nor is anything
more asked of a forge that once let its time run out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import requests

from delivery.config.errors import Json
from delivery.model.pipeline import Repository
from delivery.model.secret import SecretText
from delivery.text import one_line

TIMEOUT = (5, 15)
"""Seconds to connect and to wait for an answer to begin or go on."""


@dataclass(frozen=True)
class Answer:
    """An answer; `status` 0 when none came. `said` is the server's or the network's word on a failure, one line."""

    status: int
    body: Json
    headers: Mapping[str, str]
    said: str = ""

    @property
    def ok(self) -> bool:
        """Whether what was asked for came."""
        return self.status == 200

    @property
    def denied(self) -> bool:
        """Whether the token may not read this; GitHub says "not found" of what a token may not see."""
        return self.status in (403, 404) and not self.limited

    @property
    def limited(self) -> bool:
        """Whether this is a limit on requests, which tells nothing of permissions."""
        return self.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in self.headers

    @property
    def why(self) -> str:
        """What went wrong, in a few words."""
        needed = self.headers.get("x-accepted-github-permissions", "")
        return f"{self.status or 'no answer'}: {self.said}" + (f" (needs {needed})" if needed else "")

    def field(self, *keys: str) -> Json:
        """A value inside the body, None when it is not there."""
        value = self.body
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value


class Forge:
    """The repository as one token sees it. `key` is the configuration key of that token."""

    def __init__(self, repository: Repository, key: str, token: SecretText) -> None:
        self.repository = repository
        self.key = key
        self._token = token
        self._base = f"{repository.api_url}/repos/{quote(repository.owner)}/{quote(repository.name)}"
        self._session = requests.Session()
        # Set by an auth object, the header is safe from a ~/.netrc for that host.
        self._session.auth = self._authorize
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

    def branch(self) -> Answer:
        """The answer for the configured default branch."""
        return self.get(f"/branches/{quote(self.repository.default_branch)}")

    def _ask(self, path: str) -> Answer:
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        try:
            response = self._session.get(self._base + path, headers=headers, timeout=TIMEOUT)
        except requests.RequestException as error:
            none = Answer(0, None, {}, f"{type(error).__name__} from {self.repository.api_url}")
            if isinstance(error, requests.Timeout):
                self._timed_out = none
            return none
        try:
            body = response.json()
        except requests.JSONDecodeError:
            body = None
        said = body.get("message") if isinstance(body, dict) else None
        named = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, body, named, one_line(str(said or response.reason or "")))

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request
