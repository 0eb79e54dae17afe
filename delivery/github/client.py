"""The few GitHub REST calls that a promotion makes, each with GitHub's own rules about retrying.

Every call either returns typed data or raises `GitHubError` with one line that can be shown to people.
What a pull request says and when one is due is decided elsewhere (`pull_request.py`, `history.py`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import requests
from requests.auth import AuthBase

from delivery.github.answers import GitHubError, failure_of, pause_before_retry
from delivery.timeouts import Deadline, run_with_timeout

__all__ = ["GitHub", "GitHubError", "PullRequest"]

State = Literal["open", "merged", "closed"]
ANSWER_SECONDS = 60.0
"""How long one answer may take as a whole: a server that sends a byte now and then never keeps a read waiting."""


@dataclass(frozen=True)
class PullRequest:
    """A pull request as the list shows it. `merge_commit` is only meaningful when `state` is `merged`."""

    number: int
    url: str
    title: str
    body: str
    state: State
    branch: str
    head: str
    merge_commit: str
    labels: tuple[str, ...] = ()


class _Bearer(AuthBase):
    """Sets the header itself: without an auth object, requests would let a `~/.netrc` replace the token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class GitHub:
    """A client for one repository.

    Answers 5xx, 429 and rate-limited 403 are tried again as the server asks, `attempts` times in all and until
    `deadline`; nothing is awaited beyond it, and an answer that it cuts off is a lost one, whose request may have taken
    effect. Writes keep `write_interval` seconds between each other, which GitHub asks of its clients.
    `requests` lists what was sent, as "METHOD path", retries included.
    """

    def __init__(
        self,
        api_url: str,
        owner: str,
        repository: str,
        token: str,
        *,
        session: requests.Session | None = None,
        now: Callable[[], float] = time.time,
        deadline: Deadline | None = None,
        attempts: int = 6,
        write_interval: float = 1.0,
    ) -> None:
        self.owner = owner
        self.repository = repository
        self.requests: list[str] = []
        self._base = f"{api_url.rstrip('/')}/repos/{quote(owner, safe='')}/{quote(repository, safe='')}"
        self._token = token
        self._session = session or requests.Session()
        if token:
            self._session.auth = _Bearer(token)
        self._now, self._attempts = now, attempts
        self._deadline = deadline or Deadline()
        self._write_interval = write_interval
        self._last_write: float | None = None

    def list_pull_requests(self, branch: str, base: str) -> tuple[PullRequest, ...]:
        """The hundred newest pull requests from `branch` of this repository into `base`, newest first."""
        query = {
            "state": "all",
            "head": f"{self.owner}:{branch}",
            "base": base,
            "sort": "created",
            "direction": "desc",
            "per_page": "100",
        }
        return tuple(found for found in self._own(query) if found.branch == branch)

    def list_open(self, base: str) -> tuple[PullRequest, ...]:
        """The hundred oldest open pull requests from any branch of this repository into `base`, oldest first."""
        return self._own({"state": "open", "base": base, "sort": "created", "direction": "asc", "per_page": "100"})

    def _own(self, query: Mapping[str, str]) -> tuple[PullRequest, ...]:
        found = self.request("GET", "/pulls", query=query)
        if not isinstance(found, list):
            raise GitHubError(200, "GitHub's list of pull requests is not a list; is the API address right?")
        # GitHub filters by owner and branch, but a fork in the same organisation has the same owner, and a server that
        # ignores the filter must not make strangers ours either.
        return tuple(map(_pull_request, filter(_is_own, found)))

    def create_pull_request(self, branch: str, base: str, title: str, body: str) -> PullRequest:
        """Open a pull request. A 422 "already exists" is the caller's: it may be one of our own, from a lost answer."""
        sent = {"title": title, "head": branch, "base": base, "body": body, "maintainer_can_modify": False}
        return _pull_request(self.request("POST", "/pulls", sent))

    def update_pull_request(self, number: int, title: str, body: str, *, close: bool = False) -> PullRequest:
        """Give an open pull request a new title and body, and close it in the same request when asked to."""
        sent = {"title": title, "body": body} | ({"state": "closed"} if close else {})
        return _pull_request(self.request("PATCH", f"/pulls/{number}", sent))

    def comment(self, number: int, body: str) -> None:
        """Say something once: an answer that got lost is not asked for again, so that nothing is said twice."""
        self.request("POST", f"/issues/{number}/comments", {"body": body}, again_when_unknown=False)

    def add_labels(self, number: int, labels: Sequence[str]) -> None:
        """Add labels; GitHub makes those that do not exist yet."""
        self.request("POST", f"/issues/{number}/labels", {"labels": list(labels)})

    def request_reviewers(self, number: int, reviewers: Sequence[str], teams: Sequence[str]) -> None:
        """Ask people and teams for a review; GitHub answers 422 when one of them may not review."""
        sent = {"reviewers": list(reviewers), "team_reviewers": list(teams)}
        self.request("POST", f"/pulls/{number}/requested_reviewers", sent)

    def find_open(self, branch: str, base: str) -> PullRequest | None:
        """The open pull request that GitHub just said exists; its list may take some seconds to show it."""
        for pause in (0.0, 1.0, 2.0, 4.0):
            if pause and pause >= self._deadline.remaining():
                break
            self._deadline.sleep(pause)
            for found in self.list_pull_requests(branch, base):
                if found.state == "open":
                    return found
        return None

    def compare(self, base: str, head: str) -> str:
        """How `head` stands to `base`: `ahead`, `behind`, `identical` or `diverged` (also when nothing is common)."""
        try:
            answer = self.request(
                "GET", f"/compare/{quote(base, safe='')}...{quote(head, safe='')}", query={"per_page": "1"}
            )
        except GitHubError as error:
            if error.status == 404:
                return "diverged"
            raise
        return str(answer["status"])

    def newest_commit(self, commit: str, path: str) -> str:
        """The newest commit up to `commit` that touches `path`; empty when there is none."""
        found = self.request("GET", "/commits", query={"sha": commit, "path": path, "per_page": "1"})
        return str(found[0]["sha"]) if found else ""

    def pages(self, path: str, query: Mapping[str, str]) -> list[Any]:
        """Every item of a list that comes in pages, of 2,000 at most."""
        found: list[Any] = []
        for page in range(1, 21):
            answer = self.request("GET", path, query={**query, "per_page": "100", "page": str(page)})
            if not isinstance(answer, list):
                raise GitHubError(200, f"GitHub's answer to {path} is not a list; is the API address right?")
            found += answer
            if len(answer) < 100:
                break
        return found

    def ask(self, path: str) -> requests.Response:
        """The answer to one GET, whatever it says, without a second try. Raises `requests.RequestException`."""
        return self._send("GET", path, None, None)

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        again_when_unknown: bool = True,
    ) -> Any:
        """The JSON that the repository's `path` answers with, tried again as the class says.

        Without `again_when_unknown` a request whose answer got lost, so that it may have taken effect, is not repeated.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._send(method, path, body, query)
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
                failure = GitHubError(
                    0, f"no answer from {self._base} ({type(error).__name__}): is the API address right?"
                )
                pause: float | None = 2.0**attempt if again_when_unknown else None
            except requests.RequestException as error:
                raise GitHubError(
                    0, f"no request could be made to {self._base} ({type(error).__name__}): is the address right?"
                ) from error
            else:
                if response.status_code in range(200, 300):
                    return self._json(response)
                what = f"{method} {path} at {self.owner}/{self.repository}"
                failure = failure_of(response, what, self._token)
                pause = pause_before_retry(response, attempt, self._now(), again_when_unknown=again_when_unknown)
            if pause is None or pause >= self._deadline.remaining() or attempt >= self._attempts:
                raise failure
            self._deadline.sleep(pause)

    def _send(
        self, method: str, path: str, body: Mapping[str, object] | None, query: Mapping[str, str] | None
    ) -> requests.Response:
        if method != "GET":
            if self._last_write is not None:
                self._deadline.sleep(max(0.0, self._last_write + self._write_interval - self._deadline.spent()))
            self._last_write = self._deadline.spent()
        seconds = min(ANSWER_SECONDS, self._deadline.remaining())
        if seconds <= 0:
            raise GitHubError(
                0, f"no time left for {method} {path}: the run has {self._deadline.seconds:g} s in all; run again later"
            )
        self.requests.append(f"{method} {path}")
        try:
            # The time-out of requests is one for each read, and the name service has none.
            return run_with_timeout(
                seconds,
                lambda: self._session.request(
                    method,
                    self._base + path,
                    params=query,
                    json=body,
                    headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
                    timeout=(10, 30),
                    allow_redirects=method == "GET",
                ),
            )
        except TimeoutError as error:
            raise requests.Timeout(f"no whole answer within {seconds:.0f} s") from error

    def _json(self, response: requests.Response) -> Any:
        try:
            return response.json() if response.content else None
        except requests.JSONDecodeError as error:
            raise GitHubError(
                response.status_code, f"{self._base} does not answer like the GitHub API; is the API address right?"
            ) from error


def _is_own(item: Any) -> bool:
    """Whether a pull request comes from the repository that it goes to; one of a deleted fork comes from nowhere."""
    try:
        return item["head"]["repo"] is not None and item["head"]["repo"]["id"] == item["base"]["repo"]["id"]
    except (KeyError, TypeError) as error:
        raise _incomplete() from error


def _incomplete() -> GitHubError:
    return GitHubError(200, "GitHub described a pull request without what it always has; run again later")


def _pull_request(item: Any) -> PullRequest:
    try:
        state: State = "merged" if item["merged_at"] else "open" if item["state"] == "open" else "closed"
        return PullRequest(
            number=int(item["number"]),
            url=str(item["html_url"]),
            title=str(item["title"]),
            body=str(item["body"] or ""),
            state=state,
            branch=str(item["head"]["ref"]),
            head=str(item["head"]["sha"]),
            merge_commit=str(item["merge_commit_sha"] or ""),
            labels=tuple(str(label["name"]) for label in item["labels"]),
        )
    except (KeyError, TypeError) as error:
        raise _incomplete() from error
