"""What GitHub's answers mean: their kind, how long to wait before asking again, and what to tell people.

Sending requests is `client.py`'s matter. GitHub tells some kinds by the text of an answer alone; that is read here, and
nowhere else.
"""

import io
import json
from collections.abc import Collection
from enum import Enum
from typing import Any

import requests

from delivery.model.hints import Hint, HintedError, Wording
from delivery.text import masked, one_line

_TRANSIENT = frozenset({500, 502, 503, 504})
_QUOTED = 300


class Kind(Enum):
    """What an answer that is no use means, where the status alone does not say it."""

    OTHER = "other"
    LIMITED = "limited"
    ALREADY_EXISTS = "already exists"
    GARBLED = "garbled"
    """The status is a success and the rest is not GitHub's. What was asked for may have been done."""


class GitHubError(HintedError):
    """A call that did not succeed; `str()` is one line without the token.

    `status` is 0 when no answer arrived. `permissions` is GitHub's `x-accepted-github-permissions`: what the
    token would have needed, or empty.
    """

    def __init__(
        self, status: int, message: str, permissions: str = "", *, kind: Kind = Kind.OTHER, hint: Hint | None = None
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.permissions = permissions
        self.kind = kind

    def worded(self, wording: Wording) -> str:
        """The line with its hint in these words, and what the token needs."""
        needed = f" (the token needs: {self.permissions})" if self.permissions else ""
        return f"{super().worded(wording)}{needed}"

    @property
    def refused(self) -> bool:
        """Whether GitHub said no, and will again: neither was it done, nor does trying once more help."""
        return 300 <= self.status < 500 and self.status not in (408, 429) and self.kind is not Kind.LIMITED


def json_of(response: requests.Response) -> Any:
    """The JSON of an answer, None for an empty one.

    Raises `ValueError` for what a gateway may send instead, such as HTML, other bytes, or JSON that nobody can read.
    """
    try:
        return json.loads(response.content) if response.content else None
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def pause_before_retry(
    response: requests.Response, attempt: int, now: float, *, again_when_unknown: bool = True
) -> float | None:
    """Seconds to wait before asking again, None for never. The order is that of GitHub's documentation.

    `now` is the time since the epoch. A 5xx may have taken effect: `again_when_unknown` says whether that matters.
    """
    if response.status_code in _TRANSIENT:
        return float(2**attempt) if again_when_unknown else None
    # What was made just before may not be everywhere at GitHub yet.
    if response.status_code == 422 and "Tree SHA does not exist" in _beginning(response):
        return float(2**attempt) if attempt < 4 else None
    if response.status_code not in (403, 429):
        return None
    headers = response.headers
    retry_after = headers.get("retry-after", "")
    if retry_after.isdecimal():
        return float(retry_after)
    if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdecimal():
        return max(1.0, float(headers["x-ratelimit-reset"]) - now + 1)
    # A 403 without a word about limits is a missing permission, and stays one.
    return 60.0 if _kind(response.status_code, _beginning(response)) is Kind.LIMITED else None


def failure_of(response: requests.Response, what: str, token: str) -> GitHubError:
    """The error for an answer to `what` ("POST /pulls at owner/name") that is no success."""
    status = response.status_code
    said = _clean(_said(response), token)
    kind = _kind(status, said)
    hint = Hint.TOKEN if status == 401 else None
    fix = ""
    if status == 401:
        fix = "; the token is wrong or expired"
    elif status == 404:
        fix = "; does the repository exist, and may the token read it?"
    elif status in _TRANSIENT or kind is Kind.LIMITED:
        fix = "; run again later"
    elif "not permitted to create or approve pull requests" in said:
        fix = (
            '; switch on "Allow GitHub Actions to create and approve pull requests" in the repository\'s Actions '
            "settings (`pulumi up --refresh --run-program` on the first stage's stack does it)"
        )
    elif 300 <= status < 400:
        fix = "; the repository has moved: give its new owner and name"
    permissions = _clean(response.headers.get("x-accepted-github-permissions", ""), token)
    message = f"GitHub answered {status} to {what}: {said}{fix}"
    return GitHubError(status, message, permissions, kind=kind, hint=hint)


def graphql_refusal(response: requests.Response, optional: Collection[str] = ()) -> requests.Response | None:
    """The answer that REST would have given where GraphQL's success has errors in it; None where it has none.

    Fields named `optional` may be missing for want of a permission. GraphQL's limits are successes with errors too.
    """
    try:
        errors = json_of(response)["errors"] if response.status_code == 200 else []
        told = [(str(one.get("type", "")), str(one.get("message", "")), list(one.get("path") or ())) for one in errors]
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    told = [one for one in told if one[0] != "FORBIDDEN" or not any(name in one[2] for name in optional)]
    if not told:
        return None
    kind, message, _ = told[0]
    limited = next((said for what, said, _ in told if what == "RATE_LIMITED" or "rate limit" in said.lower()), "")
    refusal = requests.Response()
    # An error without a type is the query's own, or a bad moment: an old server does not know a field of it.
    known = {"FORBIDDEN": 403, "INSUFFICIENT_SCOPES": 403, "NOT_FOUND": 404}
    refusal.status_code = 429 if limited else known.get(kind, 502 if "went wrong" in message else 422)
    refusal.headers = response.headers
    refusal.raw = io.BytesIO(json.dumps({"message": limited or message}).encode())
    return refusal


def garbled(response: requests.Response, what: str, why: Exception) -> GitHubError:
    """The error for an answer to `what` that has the status of a success and is not as GitHub answers."""
    reason = "no JSON" if isinstance(why, json.JSONDecodeError | UnicodeDecodeError) else "JSON of another shape"
    message = (
        f"what answered {response.status_code} to {what} is not GitHub's API ({reason}): correct the API address; "
        "if it is right, a proxy in between answers, so run again later"
    )
    return GitHubError(response.status_code, message, kind=Kind.GARBLED)


def _kind(status: int, said: str) -> Kind:
    if status == 429 or (status == 403 and "rate limit" in said.lower()):
        return Kind.LIMITED
    return Kind.ALREADY_EXISTS if status == 422 and "already exists" in said else Kind.OTHER


def _clean(text: str, token: str) -> str:
    """One printable line without the token, whatever a server put into its answer."""
    return masked(one_line(text, 4 * _QUOTED), (token,))[:_QUOTED]


def _beginning(response: requests.Response) -> str:
    return response.content[:2000].decode("utf-8", "replace")


def _said(response: requests.Response) -> str:
    try:
        answer = json_of(response)
        details = [
            str(detail.get("message") or f"{detail.get('field', '')} {detail.get('code', '')}")
            if isinstance(detail, dict)
            else str(detail)
            for detail in answer.get("errors", [])
        ]
        return ": ".join([str(answer.get("message", "")), *details])
    except (ValueError, AttributeError, TypeError):
        return response.reason or "no reason given"
