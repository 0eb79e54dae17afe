"""HTTP of the standard library, as the tasks need it: no redirect is followed, and no `.netrc` read.

What may pass is tried again, as long as the task's time lasts.
"""

import json
import ssl
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from http.client import HTTPException, InvalidURL
from threading import Thread
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.request import HTTPErrorProcessor, HTTPSHandler, ProxyHandler, Request, build_opener, getproxies

from gitops.tasks.text import parsed

Result = TypeVar("Result")
FINAL = (ssl.SSLError, FileNotFoundError, ValueError, InvalidURL, str)
"""Failures that no waiting changes: of a certificate, its file, an address."""


class PromotionError(Exception):
    """The task cannot go on; the message is one line and says what to do."""


class PassingError(PromotionError):
    """The same may work after so many seconds: no answer, an error of the server, a limit."""

    def __init__(self, why: str, seconds: float) -> None:
        super().__init__(why)
        self.seconds = seconds


@dataclass
class Budget:
    """The time that this run may take. Tests replace its functions: `pace` sleeps between two writes."""

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    pace: Callable[[float], None] = time.sleep
    deadline: float = 0.0

    def wait(self, seconds: float, why: str) -> None:
        """Sleep; raise PassingError at once where that would outlast the budget."""
        if self.monotonic() + seconds >= self.deadline:
            raise PassingError(f"{why}; waiting another {seconds:.0f} s would outlast the task's timeout", seconds)
        self.sleep(seconds)


@dataclass(frozen=True)
class Answer:
    """An answer of any status, complete. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def document(self) -> Any:
        """The JSON that it has; None when it has something else."""
        return parsed(self.content)


class AnyAnswer(HTTPErrorProcessor):
    """Hands on answers of every status. Followed, a redirect would make a POST a GET, or take the token elsewhere."""

    def http_response(self, request: Request, response: Any) -> Any:  # noqa: ARG002
        return response

    https_response = http_response


class Client:
    """Sends requests that all have the same headers, through the environment's proxy."""

    def __init__(self, headers: Mapping[str, str], authority: str = "") -> None:
        """`authority`: the file of the only authority to trust; such a server is near, and no proxy is meant for it."""
        self.headers, self.authority = dict(headers), authority
        found = getproxies()
        common = dict.fromkeys(("http", "https"), found["all"]) if "all" in found else {}
        self.proxies = {} if authority else common | found

    def request(self, method: str, url: str, body: object = None, timeout: float = 30.0) -> Answer:
        """The answer to one request. Raises OSError, HTTPException or ValueError, TimeoutError after that time."""
        return within(timeout, lambda: self._request(method, url, body, timeout))

    def _request(self, method: str, url: str, body: object, timeout: float) -> Answer:
        handlers: list[Any] = [AnyAnswer(), ProxyHandler(self.proxies)]
        if url.startswith("https:"):
            handlers.append(HTTPSHandler(context=self._context()))
        data = None if body is None else json.dumps(body).encode()
        kind = {} if data is None else {"Content-Type": "application/json"}
        request = Request(url, data, self.headers | kind, method=method)  # noqa: S310 - inputs allow two schemes
        with build_opener(*handlers).open(request, timeout=timeout) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, response.read())

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.authority or None)
        if self.authority:
            # From Python 3.13 on it is set, and refuses the authorities of clusters that older tools have made.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context


def within(seconds: float, action: Callable[[], Answer]) -> Answer:
    """The answer that `action` waits for, if it comes in that time: the limit of a socket is one for each read."""
    outcome: Future[Answer] = Future()

    def run() -> None:
        try:
            outcome.set_result(action())
        except BaseException as error:
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    return outcome.result(seconds)


def pause(answer: Answer, attempt: int, now: float) -> float | None:
    """Seconds after which the server lets the same request try again; None when its answer is final."""
    status, headers = answer.status, answer.headers
    after, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", "")
    spent = headers.get("x-ratelimit-remaining") == "0"
    # Any other 403 is a missing permission, and waiting does not help.
    limited = status == 429 or (status == 403 and (after != "" or spent or b"rate limit" in answer.content.lower()))
    if not limited and status < 500:
        return None
    if after.isdecimal():
        return max(1.0, float(after))
    if limited and spent and reset.isdecimal():
        return max(1.0, float(reset) - now)
    return 60.0 * 2.0**attempt if limited else min(30.0, 2.0**attempt)


def repeated(budget: Budget, action: Callable[[int], Result]) -> Result:
    """What `action` returns, which is given the number of its failures so far.

    Failures that may pass are repeated while the budget lasts; then PassingError.
    """
    attempt = 0
    while True:
        try:
            return action(attempt)
        except PassingError as error:
            budget.wait(error.seconds, str(error))
        attempt += 1


def once(
    client: Client,
    method: str,
    url: str,
    budget: Budget,
    genuine: Callable[[Answer], bool],
    body: object = None,
    attempt: int = 0,
) -> Answer:
    """The final answer to a request; PassingError where another try may bring a better one.

    So it may with a success that is not `genuine`: it comes from something in between, such as a proxy that wants a
    login. Raises PromotionError for an address that cannot work.
    """
    host = url.split("/")[2]
    try:
        answer = client.request(method, url, body, min(30.0, max(5.0, budget.deadline - budget.monotonic())))
    except (OSError, HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, URLError) else error
        why = f"{host} cannot be reached ({type(cause).__name__})"
        if isinstance(cause, FINAL) and not isinstance(cause, ssl.SSLEOFError):
            raise PromotionError(f"{why}: correct the address, or trust its certificate") from error
        raise PassingError(why, min(30.0, 2.0**attempt)) from error
    why = f"{host} answers {answer.status}"
    if (wait := pause(answer, attempt, budget.wall())) is not None:
        raise PassingError(why, wait)
    if answer.status < 300 and not genuine(answer):
        said = f"{why}, but not as the API does: check its address, and proxies"
        raise PassingError(said, min(30.0, 2.0**attempt))
    return answer


def send(
    client: Client, method: str, url: str, budget: Budget, genuine: Callable[[Answer], bool], body: object = None
) -> Answer:
    """The final answer to a request that may be sent again, while the budget lasts; raises as `once`."""
    return repeated(budget, lambda attempt: once(client, method, url, budget, genuine, body, attempt))
