"""The GitOps repository's API, and the workflow in it that promotes."""

from collections.abc import Callable

from gitops.tasks.http_client import Answer, Budget, Client, PromotionError, send
from gitops.tasks.inputs import Promotion
from gitops.tasks.text import at

WRITE_SECONDS = 1.0
"""GitHub asks for that much between two writes."""


class GitHub:
    """The API of one repository, with one token. Answers are final, of any status; `send` says what is raised."""

    def __init__(self, repository_url: str, token: str, budget: Budget) -> None:
        self.url, self.budget, self.wrote = repository_url, budget, False
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        headers |= {"Authorization": f"Bearer {token}", "User-Agent": "delivery-promote"}
        self.client = Client(headers)

    def write(self, path: str, body: object, genuine: Callable[[Answer], bool]) -> Answer:
        """Send a POST, not at once after another one."""
        if self.wrote:
            self.budget.sleep(WRITE_SECONDS)
        self.wrote = True
        return send(self.client, "POST", f"{self.url}/{path}", self.budget, genuine, body)


def explained(answer: Answer, fix: str) -> str:
    """The status of a refusal, what to do, and what GitHub says of it."""
    said, needed = at(answer.document, "message"), answer.headers.get("x-accepted-github-permissions")
    fix += f" (GitHub: {said})" if said else ""
    return f"{answer.status}, {fix}" + (f" [x-accepted-github-permissions: {needed}]" if needed else "")


def dispatch(promotion: Promotion, target: str, github: GitHub) -> None:
    """Start the workflow for one target stage; PromotionError unless the answer is 2xx."""
    inputs = {"application": promotion.application, "from": promotion.source, "to": target}
    inputs |= {"version": promotion.version, "commitID": promotion.commit, "traceParent": promotion.traceparent}
    path, body = f"actions/workflows/{promotion.workflow}/dispatches", {"ref": promotion.ref, "inputs": inputs}
    # GitHub answers with nothing, or with the run. A second run of the workflow finds nothing to do.
    answer = github.write(path, body, lambda found: not found.content or isinstance(found.document, dict))
    if answer.status < 300:
        return
    fix = {
        401: "the token is wrong or has expired: give the stack a new one and run `pulumi up`",
        403: "the token lacks a permission: give it Actions: write on the repository",
        404: "no such repository or workflow, or not for this token: check both, and Actions: write",
        422: "the workflow cannot start: enable it, or run `pulumi up --refresh --run-program` for the first stage",
    }.get(answer.status)
    moved = "the repository has moved: give the stack its new owner and name"
    raise PromotionError(explained(answer, fix or (moved if answer.status < 400 else "check apiUrl")))


def dispatch_all(promotion: Promotion, github: GitHub) -> None:
    """Start the workflow for every target; one that fails does not keep the others from starting."""
    failed = []
    for target in promotion.targets:
        try:
            dispatch(promotion, target, github)
            print(f"dispatched: {promotion.application} {promotion.version} to {target}", flush=True)
        except PromotionError as error:
            failed.append(f"{target}: {error}")
    if failed:
        raise PromotionError(f"not dispatched to {'; '.join(failed)}")
