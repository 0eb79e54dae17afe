"""The workflow of the GitOps repository that promotes, and how it is started."""

from gitops.tasks.github import GitHub, explained
from gitops.tasks.http_client import PassingError, PromotionError, repeated
from gitops.tasks.inputs import Promotion


def dispatch(promotion: Promotion, target: str, github: GitHub) -> None:
    """Start the workflow for one target stage; PromotionError unless the answer is 2xx."""
    inputs = {"application": promotion.application, "from": promotion.stage, "to": target}
    inputs |= {"version": promotion.version, "commitID": promotion.commit, "traceParent": promotion.traceparent}
    path, body = f"actions/workflows/{promotion.workflow}/dispatches", {"ref": promotion.ref, "inputs": inputs}
    # GitHub answers with nothing, or with the run. A second run of the workflow finds nothing to do.
    genuine = lambda found: not found.content or isinstance(found.document, dict)  # noqa: E731
    answer = repeated(github.budget, lambda attempt: github.write(path, body, attempt, genuine))
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
    """Start the workflow for every target; one that fails does not keep the others from starting.

    Raises PromotionError, and PassingError where every failure may pass.
    """
    failed: dict[str, PromotionError] = {}
    for target in promotion.targets:
        try:
            dispatch(promotion, target, github)
            print(f"dispatched: {f'{promotion.application} {promotion.version}'.strip()} to {target}", flush=True)
        except PromotionError as error:
            failed[target] = error
    said = f"not dispatched to {'; '.join(f'{target}: {error}' for target, error in failed.items())}"
    if failed and all(isinstance(error, PassingError) for error in failed.values()):
        raise PassingError(said, 0.0)
    if failed:
        raise PromotionError(said)
