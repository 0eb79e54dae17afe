"""GitHub's answers as types. Each function takes decoded JSON, of any shape, and is strict about what it uses.

For what GitHub never answers they raise `LookupError`, `TypeError`, `AttributeError` or `ValueError`: the client takes
that for the answer of something else, such as a gateway.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from delivery.model.identifiers import is_commit

State = Literal["open", "merged", "closed"]


@dataclass(frozen=True)
class PullRequest:
    """A pull request from `branch` into `base`. `merge_commit` is only meaningful when `state` is `merged`.

    `author` is empty where GitHub knows nobody any more, `closed_at` (as GitHub writes times) while it is open.
    """

    number: int
    url: str
    title: str
    body: str
    state: State
    branch: str
    head: str
    merge_commit: str
    labels: tuple[str, ...] = ()
    base: str = ""
    author: str = ""
    closed_at: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happened to a pull request: `closed`, `head_ref_deleted`, …; who did it, and when."""

    kind: str
    actor: str
    at: datetime


def nothing(_: Any) -> None:
    """For an answer whose status is all that matters."""


def items(answer: Any) -> list[Any]:
    """The items of a list."""
    if not isinstance(answer, list):
        raise TypeError
    return answer


def text(value: Any) -> str:
    """A string that can be written anywhere: JSON can spell half of a surrogate pair, which no encoding has."""
    if not isinstance(value, str):
        raise TypeError
    value.encode()
    return value


def commit_name(value: Any) -> str:
    """The full name of a commit."""
    if not is_commit(text(value)):
        raise ValueError
    return str(value)


def comparison(answer: Any) -> str:
    """How the head of a comparison stands to its base."""
    status = text(answer["status"])
    if status not in ("ahead", "behind", "identical", "diverged"):
        raise ValueError
    return status


def is_own(item: Any) -> bool:
    """Whether a pull request comes from the repository that it goes to; one of a deleted fork comes from nowhere."""
    return item["head"]["repo"] is not None and bool(item["head"]["repo"]["id"] == item["base"]["repo"]["id"])


def number(value: Any) -> int:
    """The number of an issue or a comment."""
    if type(value) is not int or value < 1:
        raise ValueError
    return value


def pull_request(item: Any) -> PullRequest:
    """A pull request, of which GitHub describes itself and its sides at any state."""
    state, body, merge = item["state"], item["body"], item["merge_commit_sha"]
    if state not in ("open", "closed"):
        raise ValueError
    return PullRequest(
        number=number(item["number"]),
        url=text(item["html_url"]),
        title=text(item["title"]),
        body="" if body is None else text(body),
        state=state if item["merged_at"] is None else "merged",
        branch=text(item["head"]["ref"]),
        head=commit_name(item["head"]["sha"]),
        merge_commit="" if merge is None else commit_name(merge),
        labels=tuple(text(label["name"]) for label in item["labels"]),
        base=text(item["base"]["ref"]),
        author=_login(item.get("user")),
        closed_at=text(item.get("closed_at") or ""),
    )


def event(item: Any) -> Event:
    """Something that happened to a pull request."""
    return Event(text(item["event"]), _login(item["actor"]), datetime.fromisoformat(text(item["created_at"])))


def _login(account: Any) -> str:
    return "" if account is None else text(account["login"])
