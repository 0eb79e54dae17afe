"""The check that needs no code: an address answers with a status, or a query of Prometheus stays within its bounds.

A stage that Argo CD verifies runs it as a hook. Input is `DATA`, a JSON object: `url` and `status`, or `prometheus`,
`query` and `min`, `max` or both. Of an address it prints neither user and password nor the query: they may be secrets.
"""

import base64
import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, unquote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

POLL_SECONDS = 5.0
LONGEST_ANSWER = 10_000_000
FIX = "correct `checks` in the stack's configuration and run `pulumi up`"


class CheckError(Exception):
    """The check does not hold; the message is one line and says what was found and what was expected."""


@dataclass
class Budget:
    """The time that this run may take. Tests replace its two functions."""

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    deadline: float = 0.0

    def wait(self, why: str) -> None:
        """Sleep until the next try; raise CheckError at once where that would outlast the budget."""
        if self.monotonic() + POLL_SECONDS >= self.deadline:
            raise CheckError(why)
        self.sleep(POLL_SECONDS)


class Stay(HTTPRedirectHandler):
    """A redirect is an answer: followed, it would hide the status, or take a password elsewhere."""

    def redirect_request(self, *_request: Any, **_more: Any) -> None:
        """No other request."""


def line(text: str) -> str:
    """One printable line, whatever a server put into its answer."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))[:1000]


def address(data: Mapping[str, Any], key: str) -> SplitResult:
    """The address at `key`; CheckError unless it is one of http or https."""
    try:
        found = urlsplit(str(data[key]))
        usable = found.scheme in ("http", "https") and bool(found.hostname) and found.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise CheckError(f"{key} is no address of http or https: {FIX}")
    return found


def shown(url: SplitResult) -> str:
    """The address without what may be secret in it."""
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


def get(url: SplitResult, patience: float, most: int) -> tuple[int, bytes]:
    """Status and `most` bytes of the answer to a GET. Raises OSError when none comes within `patience` seconds."""
    request = Request(url._replace(netloc=url.netloc.rpartition("@")[2], fragment="").geturl())  # noqa: S310
    request.add_header("User-Agent", "delivery-check")
    if url.username is not None:
        login = f"{unquote(url.username)}:{unquote(url.password or '')}"
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    outcome: Future[tuple[int, bytes]] = Future()

    def ask() -> None:
        try:
            with build_opener(Stay).open(request, timeout=patience) as response:
                outcome.set_result((response.status, response.read(most)))
        except HTTPError as error:
            outcome.set_result((error.code, b"" if error.fp is None else error.read(most)))
        except BaseException as error:
            outcome.set_exception(error)

    # urllib's limit is one for each read, and a server may trickle.
    Thread(target=ask, daemon=True).start()
    return outcome.result(patience)


def ask(url: SplitResult, budget: Budget, most: int = 0) -> tuple[int, bytes, str]:
    """Status (0: no answer), content, and in words what was found."""
    try:
        status, content = get(url, min(30.0, max(1.0, budget.deadline - budget.monotonic())), most)
    except (URLError, TimeoutError) as error:
        reason = getattr(error, "reason", None) or "no answer in time"
        return 0, b"", f"{shown(url)} cannot be reached ({reason})"
    except Exception as error:  # a broken answer; its text could show the address
        return 0, b"", f"{shown(url)} cannot be reached ({type(error).__name__})"
    return status, content, f"{shown(url)} answers {status}"


def check_status(data: Mapping[str, Any], budget: Budget) -> str:
    """Ask until the address answers with the expected status: a new version may take a while to be routed to."""
    url, wanted = address(data, "url"), str(data.get("status", "200"))
    while True:
        status, _, found = ask(url, budget)
        if str(status) == wanted:
            return found
        budget.wait(f"{found}, expected {wanted}")


def check_query(data: Mapping[str, Any], budget: Budget) -> str:
    """Ask Prometheus once it can be reached; every sample of its answer is within the bounds."""
    base, query = address(data, "prometheus"), str(data.get("query", ""))
    bounds = {key: bound(data, key) for key in ("min", "max") if data.get(key) not in (None, "")}
    expected = f"expected {' and '.join(f'{key} {value:.12g}' for key, value in bounds.items()) or 'a number'}: {query}"
    url = base._replace(path=f"{base.path.rstrip('/')}/api/v1/query", query=urlencode({"query": query}))
    while True:
        status, content, found = ask(url, budget, LONGEST_ANSWER)
        try:
            said = json.loads(content)
        except (ValueError, RecursionError):
            said = None
        if isinstance(said, dict) and said.get("status") in ("success", "error"):
            break
        if 0 < status < 500:
            raise CheckError(f"{found}, but not as Prometheus does: check its address; {expected}")
        budget.wait(f"{found}; {expected}")
    if said["status"] == "error":
        raise CheckError(f"{found}: {said.get('errorType')}: {said.get('error')}; {expected}")
    values = samples(said.get("data"), expected)
    for name, value in values:
        if math.isnan(value) or value < bounds.get("min", -math.inf) or value > bounds.get("max", math.inf):
            raise CheckError(f"found {value:.12g}{name}, {expected}")
    return f"found {', '.join(f'{value:.12g}{name}' for name, value in values)}, {expected}"


def bound(data: Mapping[str, Any], key: str) -> float:
    """The bound at `key`; CheckError unless it is a number."""
    try:
        value = float(data[key])
    except (TypeError, ValueError):
        value = math.nan
    if math.isnan(value):
        raise CheckError(f"{key} is no number: {FIX}")
    return value


def samples(data: Any, expected: str) -> list[tuple[str, float]]:
    """Labels and value of each sample; CheckError where there is none, or one that is no number."""
    kind, result = (data.get("resultType"), data.get("result")) if isinstance(data, dict) else (None, None)
    if kind not in ("vector", "scalar") or not isinstance(result, list):
        raise CheckError(f"found {kind or 'nothing'}, which is no vector or scalar; {expected}")
    found: list[tuple[str, float]] = []
    listed: list[dict[str, Any]] = result if kind == "vector" else [{"value": result}]
    for one in listed:
        labels = one.get("metric") or {}
        name = f" of {{{', '.join(f'{key}={value}' for key, value in labels.items())}}}" if labels else ""
        if "value" not in one:  # a native histogram
            raise CheckError(f"found a histogram{name}, no number; {expected}")
        found.append((name, float(one["value"][1])))
    if not found:
        raise CheckError(f"found no sample; {expected}")
    return found


def main(environ: Mapping[str, str], budget: Budget | None = None) -> int:
    """Run the check: 0 when it holds, else 1 and one line on stderr."""
    budget = budget or Budget()
    try:
        try:
            data = json.loads(environ.get("DATA", ""))
            budget.deadline = budget.monotonic() + float(data.get("timeout", 120))
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise CheckError(f"DATA is not the JSON object of a check: {FIX}") from None
        found = check_query(data, budget) if "prometheus" in data else check_status(data, budget)
        print(line(f"ok: {found}"), flush=True)
        return 0
    except CheckError as error:
        message = str(error)
    except Exception as error:  # its text could show the address
        message = f"unexpected {type(error).__name__}: report it as a bug, or correct what answers there"
    print(line(f"error: {message}"), file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(os.environ))
