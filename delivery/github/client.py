"""The few GitHub REST calls that a promotion makes, each with GitHub's own rules about retrying.

Every call either returns typed data or raises `GitHubError` with one line that can be shown to people.
What a pull request says and when one is due is decided elsewhere (`pull_request.py`, `history.py`).
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urljoin, urlsplit

import requests
from requests.auth import AuthBase

from delivery.github.answers import GitHubError, failure_of, garbled, graphql_refusal, json_of, pause_before_retry
from delivery.github.shapes import (
    Event,
    PullRequest,
    commit_name,
    comparison,
    event,
    is_own,
    items,
    nothing,
    pull_request,
)
from delivery.text import without_secrets
from delivery.timeouts import Deadline, run_with_timeout

__all__ = ["GitHub", "GitHubError", "PullRequest"]

Result = TypeVar("Result")
ANSWER_SECONDS = 60.0
"""How long one answer may take as a whole: a server that sends a byte now and then never keeps a read waiting."""


class _Bearer(AuthBase):
    """Sets the header itself: without an auth object, requests would send what a `~/.netrc` has for the host."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Session(requests.Session):
    """Never looks at the target of a redirect: it would follow it with a `~/.netrc`, and fail on a malformed one."""

    def get_redirect_target(self, _: requests.Response) -> None:
        return None


class GitHub:
    """A client for one repository.

    Answers 5xx, 429 and rate-limited 403 are tried again as the server asks, `attempts` times in all and until
    `deadline`. So is a success that is not GitHub's, unless it answers a POST, which may have taken effect. Nothing is
    awaited beyond the deadline; an answer that it cuts off is a lost one, whose request may have taken effect.
    Writes keep `write_interval` seconds between each other, which GitHub asks of its clients.
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
        # An Enterprise Server has its REST API below /api/v3, and beside that the other one.
        self._graphql = f"{api_url.rstrip('/').removesuffix('/v3')}/graphql"
        self._token = token
        self._session = session or _Session()
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
        # GitHub filters by owner and branch, but a fork in the same organisation has the same owner, and a server that
        # ignores the filter must not make strangers ours either.
        return self.request(
            "GET",
            "/pulls",
            query=query,
            read=lambda found: tuple(map(pull_request, filter(is_own, items(found)))),
        )

    def create_pull_request(self, branch: str, base: str, title: str, body: str) -> PullRequest:
        """Open a pull request. A 422 "already exists" is the caller's: it may be one of our own, from a lost answer."""
        sent = {"title": title, "head": branch, "base": base, "body": body, "maintainer_can_modify": False}
        return self.request("POST", "/pulls", sent, read=pull_request)

    def update_pull_request(self, number: int, title: str, body: str, *, close: bool = False) -> PullRequest:
        """Give an open pull request a new title and body, and close it in the same request when asked to."""
        sent = {"title": title, "body": body} | ({"state": "closed"} if close else {})
        return self.request("PATCH", f"/pulls/{number}", sent, read=pull_request)

    def get_pull_request(self, number: int) -> PullRequest:
        """One pull request as it is now: unlike the list, this does not lag."""
        return self.request("GET", f"/pulls/{number}", read=pull_request)

    def events(self, number: int) -> tuple[Event, ...]:
        """The hundred first things that happened to a pull request, oldest first."""
        return self.request(
            "GET",
            f"/issues/{number}/events",
            query={"per_page": "100"},
            read=lambda found: tuple(map(event, items(found))),
        )

    def comment(self, number: int, body: str) -> None:
        """Say something once: an answer that got lost is not asked for again, so that nothing is said twice."""
        self.request("POST", f"/issues/{number}/comments", {"body": body}, again_when_unknown=False, read=nothing)

    def add_labels(self, number: int, labels: Sequence[str]) -> None:
        """Add labels; GitHub makes those that do not exist yet."""
        self.request("POST", f"/issues/{number}/labels", {"labels": list(labels)}, read=nothing)

    def request_reviewers(self, number: int, reviewers: Sequence[str], teams: Sequence[str]) -> None:
        """Ask people and teams for a review; GitHub answers 422 when one of them may not review."""
        sent = {"reviewers": list(reviewers), "team_reviewers": list(teams)}
        self.request("POST", f"/pulls/{number}/requested_reviewers", sent, read=nothing)

    def dispatch(self, workflow: str, ref: str, inputs: Mapping[str, str]) -> None:
        """Start the `workflow`, by its file's name, on the branch `ref`: once more where an answer got lost."""
        sent = {"ref": ref, "inputs": dict(inputs)}
        self.request("POST", f"/actions/workflows/{quote(workflow, safe='')}/dispatches", sent, read=nothing)

    def find(
        self, branch: str, base: str, wanted: Callable[[PullRequest], bool], *, patient: bool = True
    ) -> PullRequest | None:
        """The newest pull request of `branch` that is `wanted`; None when the list shows none.

        The list may take some seconds to show one: `patient` looks again where there should be one.
        """
        for pause in (0.0, 1.0, 2.0, 4.0) if patient else (0.0,):
            if pause and pause >= self._deadline.remaining():
                break
            self._deadline.sleep(pause)
            if found := next(filter(wanted, self.list_pull_requests(branch, base)), None):
                return found
        return None

    def compare(self, base: str, head: str) -> str:
        """How `head` stands to `base`: `ahead`, `behind`, `identical` or `diverged` (also when nothing is common)."""
        try:
            return self.request(
                "GET",
                f"/compare/{quote(base, safe='')}...{quote(head, safe='')}",
                query={"per_page": "1"},
                read=comparison,
            )
        except GitHubError as error:
            if error.status == 404:
                return "diverged"
            raise

    def newest_commit(self, commit: str, path: str) -> str:
        """The newest commit up to `commit` that touches `path`; empty when there is none."""
        return self.request(
            "GET",
            "/commits",
            query={"sha": commit, "path": path, "per_page": "1"},
            read=lambda found: commit_name(found[0]["sha"]) if items(found) else "",
        )

    def pages(self, path: str, query: Mapping[str, str], read: Callable[[Any], Result]) -> list[Result]:
        """Every item of a list that comes in pages, of 2,000 at most, as `read` makes it; see `request`."""
        found: list[Result] = []
        for page in range(1, 21):
            answer = self.request(
                "GET",
                path,
                query={**query, "per_page": "100", "page": str(page)},
                read=lambda listed: list(map(read, items(listed))),
            )
            found += answer
            if len(answer) < 100:
                break
        return found

    def ask(self, path: str) -> requests.Response:
        """The answer to one GET, whatever it says, without a second try. Raises `requests.RequestException`."""
        return self._send("GET", path, None, None)

    def graphql(
        self,
        query: str,
        variables: Mapping[str, object],
        *,
        optional: Collection[str] = (),
        read: Callable[[Any], Result],
    ) -> Result:
        """What `read` makes of the data that a GraphQL query answers with; see `request`. Nothing is written by it.

        `owner` and `name` of the repository come to the `variables`. Fields named `optional` are null where the token
        may not read them; anything else that may not be read raises, as REST's 403 does.
        """

        def send() -> requests.Response:
            sent = {"query": query, "variables": {"owner": self.owner, "name": self.repository, **variables}}
            response = self._send("POST", "/graphql", sent, None, url=self._graphql)
            refusal = graphql_refusal(response, optional)
            return response if refusal is None else refusal

        return self._tried(send, "POST", "/graphql", read, again_when_unknown=True, again_when_garbled=True)

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        again_when_unknown: bool = True,
        read: Callable[[Any], Result],
    ) -> Result:
        """What `read` makes of the JSON that the repository's `path` answers with, tried again as the class says.

        A `KeyError`, `TypeError`, `AttributeError` or `ValueError` of `read` says that the answer is not GitHub's.
        Without `again_when_unknown` a request whose answer got lost, so that it may have taken effect, is not repeated.
        """
        return self._tried(
            lambda: self._send(method, path, body, query),
            method,
            path,
            read,
            again_when_unknown=again_when_unknown,
            again_when_garbled=method != "POST",
        )

    def _tried(
        self,
        send: Callable[[], requests.Response],
        method: str,
        path: str,
        read: Callable[[Any], Result],
        *,
        again_when_unknown: bool,
        again_when_garbled: bool,
    ) -> Result:
        attempt = 0
        while True:
            attempt += 1
            try:
                response = send()
            except (
                requests.ConnectionError,
                requests.Timeout,
                requests.exceptions.ChunkedEncodingError,
                requests.exceptions.ContentDecodingError,
            ) as error:
                failure = GitHubError(
                    0,
                    f"no answer from {without_secrets(self._base)} ({type(error).__name__}): is the API address right?",
                )
                pause: float | None = 2.0**attempt if again_when_unknown else None
            except requests.RequestException as error:
                raise GitHubError(
                    0,
                    f"no request could be made to {without_secrets(self._base)} ({type(error).__name__}): "
                    "is the address right?",
                ) from error
            else:
                what = f"{method} {path} at {self.owner}/{self.repository}"
                if response.status_code in range(200, 300):
                    try:
                        return read(json_of(response))
                    except (LookupError, TypeError, AttributeError, ValueError) as error:
                        failure = garbled(response, what, error)
                        pause = 2.0**attempt if again_when_garbled else None
                else:
                    failure = failure_of(response, what, self._token)
                    pause = pause_before_retry(response, attempt, self._now(), again_when_unknown=again_when_unknown)
            if pause is None or pause >= self._deadline.remaining() or attempt >= self._attempts:
                raise failure
            self._deadline.sleep(pause)

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        query: Mapping[str, str] | None,
        url: str = "",
    ) -> requests.Response:
        if method != "GET" and not url:
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
            return run_with_timeout(seconds, lambda: self._answer(method, url or self._base + path, body, query))
        except TimeoutError as error:
            raise requests.Timeout(f"no whole answer within {seconds:.0f} s") from error
        except ValueError as error:  # of a host name, by urllib3
            raise requests.exceptions.InvalidURL(self._base) from error

    def _answer(
        self, method: str, url: str, body: Mapping[str, object] | None, query: Mapping[str, str] | None
    ) -> requests.Response:
        """The answer to one request, for a GET after redirects within this host: the token is for no other."""
        for _ in range(5):
            response = self._session.request(
                method,
                url,
                params=query,
                json=body,
                headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
                timeout=(10, 30),
                allow_redirects=False,
            )
            target = _target(response, url) if method == "GET" else ""
            if not target:
                break
            url, query = target, None
        return response


def _target(response: requests.Response, url: str) -> str:
    """Where an answer from `url` redirects to, if it does and to the same host; else empty."""
    try:
        target = urljoin(url, response.headers["location"]) if response.is_redirect else ""
        return target if target.isascii() and urlsplit(target)[:2] == urlsplit(url)[:2] else ""
    except ValueError:
        return ""
