"""The API of the GitOps repository."""

from collections.abc import Callable

from gitops.tasks.http_client import Answer, Budget, Client, once
from gitops.tasks.text import at

WRITE_SECONDS = 1.0
"""GitHub asks for that much between two writes."""


class GitHub:
    """The API of one repository, with one token. Answers are final, of any status; `once` says what is raised."""

    def __init__(self, repository_url: str, token: str, budget: Budget) -> None:
        self.url, self.budget, self.wrote = repository_url, budget, False
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        headers |= {"Authorization": f"Bearer {token}", "User-Agent": "delivery-promote"}
        self.client = Client(headers)

    def read(self, path: str, attempt: int) -> Answer:
        """Ask for a list, once."""
        url = f"{self.url}/{path}"
        return once(self.client, "GET", url, self.budget, lambda found: isinstance(found.document, list), None, attempt)

    def write(self, path: str, body: object, attempt: int, genuine: Callable[[Answer], bool]) -> Answer:
        """Send a POST once, and not at once after another one."""
        if self.wrote:
            self.budget.pace(WRITE_SECONDS)
        self.wrote = True
        return once(self.client, "POST", f"{self.url}/{path}", self.budget, genuine, body, attempt)


def explained(answer: Answer, fix: str) -> str:
    """The status of a refusal, what to do, and what GitHub says of it."""
    said, needed = at(answer.document, "message"), answer.headers.get("x-accepted-github-permissions")
    fix += f" (GitHub: {said})" if said else ""
    return f"{answer.status}, {fix}" + (f" [x-accepted-github-permissions: {needed}]" if needed else "")
