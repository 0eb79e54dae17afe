"""The GitHub calls that a preview's comment and a drift's issue need, by the promoter's own client and its retries.

Which comment or issue is the one, and what it says, is decided by who calls.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from delivery.github.client import GitHub


@dataclass(frozen=True)
class Comment:
    """A comment; `by_bot` says that an app wrote it, as a workflow's token does."""

    identifier: int
    body: str
    by_bot: bool


@dataclass(frozen=True)
class Issue:
    """An open issue."""

    number: int
    url: str
    title: str
    body: str
    by_bot: bool


class Conversation(GitHub):
    """A client for one repository's comments and issues. Every call raises `GitHubError`, one line, when it fails."""

    def pull_requests_at(self, owner: str, branch: str, commit: str) -> tuple[int, ...]:
        """The open pull requests from `owner:branch`, a fork's too, whose head is `commit` now."""
        query = {"state": "open", "head": f"{owner}:{branch}"}
        found = self.pages("/pulls", query)
        # A server that ignores the filter must not make strangers' pull requests ours.
        return tuple(
            int(each["number"]) for each in found if (each["head"]["ref"], each["head"]["sha"]) == (branch, commit)
        )

    def comments(self, number: int) -> tuple[Comment, ...]:
        """The comments on an issue or pull request, oldest first."""
        found = self.pages(f"/issues/{number}/comments", {})
        return tuple(Comment(int(each["id"]), str(each["body"] or ""), _by_bot(each)) for each in found)

    def update_comment(self, identifier: int, body: str) -> None:
        """Give a comment another text."""
        self.request("PATCH", f"/issues/comments/{identifier}", {"body": body})

    def open_issues(self, label: str) -> tuple[Issue, ...]:
        """The open issues with `label`, oldest first, pull requests left out."""
        found = self.pages("/issues", {"state": "open", "labels": label, "direction": "asc"})
        return tuple(_issue(each) for each in found if "pull_request" not in each)

    def create_issue(self, title: str, body: str, label: str) -> Issue:
        """Open an issue, once: an answer that got lost is not asked for again."""
        sent = {"title": title, "body": body, "labels": [label]}
        return _issue(self.request("POST", "/issues", sent, again_when_unknown=False))

    def update_issue(self, number: int, *, body: str | None = None, close: bool = False) -> None:
        """Give an issue another text, or close it as done."""
        sent: dict[str, object] = {} if body is None else {"body": body}
        self.request("PATCH", f"/issues/{number}", sent | ({"state": "closed"} if close else {}))


def connect(environ: Mapping[str, str] = os.environ) -> Conversation:
    """The client for the repository that the workflow runs in. Raises `ValueError`, one line, when it is not named."""
    owner, _, name = environ.get("GITHUB_REPOSITORY", "").partition("/")
    token = environ.get("GITHUB_TOKEN", "")
    if not owner or not name or not token:
        raise ValueError("GITHUB_REPOSITORY and GITHUB_TOKEN have to be set: run this in the workflow")
    interval = float(environ.get("DELIVERY_WRITE_INTERVAL", "1"))
    api_url = environ.get("GITHUB_API_URL", "https://api.github.com")
    return Conversation(api_url, owner, name, token, write_interval=interval)


def _issue(each: Any) -> Issue:
    return Issue(int(each["number"]), str(each["html_url"]), str(each["title"]), str(each["body"] or ""), _by_bot(each))


def _by_bot(each: Any) -> bool:
    user = each.get("user") or {}
    return user.get("type") == "Bot"
