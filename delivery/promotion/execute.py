"""Carries out one promotion or rollback on the forge: reads, decides, pushes, opens; safe to run again at any point.

What it decides by is in `decide.py` and `rollback.py`, what has to exist for a decision in `desired.py`; the pull
request is `publish.py`'s matter. Here is only the order in which things are done.
"""

from collections.abc import Callable
from dataclasses import dataclass

from delivery.git.repository import ConcurrentPushError, GitError, Repository
from delivery.github.client import GitHub, GitHubError, PullRequest
from delivery.model.edges import Edge, PromotionSettings
from delivery.model.hints import with_hint
from delivery.model.request import PromotionRequest
from delivery.promotion.decide import Decision, Result, propose
from delivery.promotion.desired import DesiredPromotion, desired_promotion
from delivery.promotion.plan import Change
from delivery.promotion.publish import Published, PullRequestFinishedError, close_pull_request, open_pull_request
from delivery.promotion.pull_request import Rendered
from delivery.promotion.rollback import propose_rollback
from delivery.promotion.state import read_edge
from delivery.timeouts import Deadline
from delivery.tracing.run import PromotionSpan


@dataclass(frozen=True)
class Outcome:
    """How it ended. `why` is one line for people, `notes` are what did not matter enough to fail."""

    result: Result
    why: str
    edge: Edge
    commit: str
    changes: tuple[Change, ...] = ()
    pull_request: PullRequest | None = None
    rendered: Rendered | None = None
    notes: tuple[str, ...] = ()


def promote(
    request: PromotionRequest,
    settings: PromotionSettings,
    github: GitHub,
    connect: Callable[[], Repository],
    span: PromotionSpan,
    *,
    dry_run: bool = False,
    deadline: Deadline | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Carry out `request`; `connect` gives a new, empty `Repository` with the GitOps repository as its remote.

    Raises `SettingsError`, `ValuesError`, `PromotionError`, `GitHubError` or `GitError`, each with one line. What was
    done until then is completed, not repeated, by running again. When somebody pushes to the branch in between, or
    merges or closes the pull request, everything is read and decided once more. `dry_run` ends with the decision.
    """
    edge = settings.edge(request.application, request.source, request.target)
    for attempt in (1, 2):
        try:
            with connect() as repository:
                outcome = _once(request, settings, edge, github, repository, span, dry_run, progress)
        except (ConcurrentPushError, PullRequestFinishedError) as error:
            if attempt == 2 or (deadline and deadline.expired):
                raise
            progress(f"reading again: {error}")
        else:
            break
    if outcome.pull_request is not None:
        pull_request = outcome.pull_request
        span.set_pull_request(pull_request.number, pull_request.url, pull_request.title, pull_request.state)
    acted = outcome.result in (Result.CREATED, Result.UPDATED, Result.UNCHANGED, Result.CLOSED)
    span.set_result("success" if acted else "skip", outcome.result.outcome)
    return outcome


def _once(
    request: PromotionRequest,
    settings: PromotionSettings,
    edge: Edge,
    github: GitHub,
    repository: Repository,
    span: PromotionSpan,
    dry_run: bool,
    progress: Callable[[str], None],
) -> Outcome:
    with span.step("read"):
        progress(f"reading {edge}")
        state = read_edge(
            edge, settings, github, repository, commit=request.commit or None, rollback=bool(request.rollback)
        )
    with span.step("plan"):
        own = span.traceparent or ""
        if request.rollback:
            decision = propose_rollback(state, request, settings, repository, run_traceparent=own)
            span.add_link(decision.traceparent, "undone")
        else:
            decision = propose(state, request, settings, run_traceparent=own)
        progress(f"{decision.result.words}: {with_hint(decision.why, decision.hint)}")
    span.set_commit(decision.commit, repository.committed_at(decision.commit))
    rendered = decision.rendered
    if rendered is not None:
        span.set_version(rendered.metadata.version)
    if dry_run or (rendered is None and decision.result is not Result.CLOSED):
        against = decision.against.pull_request if decision.against else None
        return _outcome(decision, edge, Published(decision.result, against))
    if rendered is None:
        with span.step("open"):
            return _outcome(decision, edge, close_pull_request(github, state, decision))
    with span.step("push"):
        desired = desired_promotion(state, decision, settings, repository)
        assert desired is not None  # noqa: S101 - there is one wherever something is rendered
        head = update_branch(repository, desired)
        progress(f"{desired.branch} is {'up to date' if head is None else f'at {head[:12]}'}")
    with span.step("open"):
        sent = len(github.requests)
        try:
            return _outcome(decision, edge, open_pull_request(github, desired, pushed=head))
        except GitHubError as error:
            # After more than one request an answer may have got lost that had opened a pull request on the branch.
            if error.refused and head is not None and len(github.requests) == sent + 1:
                _restore_branch(repository, desired, head, progress)
            raise


def update_branch(repository: Repository, desired: DesiredPromotion) -> str | None:
    """Push what `desired` has on its branch; returns the new head, or None when the branch is right as it is.

    Raises `ConcurrentPushError` when the branch moved since it was read.
    """
    if desired.up_to_date:
        return None
    commit = repository.commit(desired.parent, desired.path, desired.file, desired.message)
    repository.push(desired.branch, commit, observed=desired.observed, rewrite=not desired.append)
    return commit


def _restore_branch(
    repository: Repository, desired: DesiredPromotion, head: str, progress: Callable[[str], None]
) -> None:
    """Put the branch back to where this run found it, or delete it again, unless somebody has pushed to it since.

    Otherwise the pull request on it would bring another version than the one that its text still tells of.
    """
    before = desired.observed
    try:
        repository.push(desired.branch, before or "", observed=head, rewrite=True)
        progress(f"{desired.branch} is {f'back at {before[:12]}' if before else 'deleted again'}")
    except GitError as error:
        progress(f"{desired.branch} was left at {head[:12]}: {error}")


def _outcome(decision: Decision, edge: Edge, published: Published) -> Outcome:
    return Outcome(
        result=published.result,
        why=with_hint(decision.why, decision.hint),
        edge=edge,
        commit=decision.commit,
        changes=decision.plan.changes,
        pull_request=published.pull_request,
        rendered=decision.rendered,
        notes=published.notes,
    )
