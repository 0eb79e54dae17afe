"""What is due along the edges into a stage whose stack declares its promotions as resources.

Reads and decides with the promoter's own modules; declaring the desired state is the component's matter.
"""

from collections.abc import Callable
from dataclasses import dataclass

from delivery.git.repository import ConcurrentPushError, RefUpdate, Repository
from delivery.github.client import GitHub
from delivery.model.edges import Edge
from delivery.model.hints import stack_hints, with_hint
from delivery.model.request import PromotionRequest
from delivery.model.settings import PromotionSettings
from delivery.promotion.decide import Decision, Result, propose
from delivery.promotion.desired import DesiredPromotion, desired_promotion
from delivery.promotion.evidence import log_updates
from delivery.promotion.history import EdgeNotReadyError
from delivery.promotion.publish import ForgeChangedError, refuse_hidden
from delivery.promotion.recorded import RecordReader
from delivery.promotion.state import read_edge
from delivery.tracing.run import PromotionSpan


@dataclass(frozen=True)
class PendingPromotion:
    """One edge into a stage whose stack declares its promotions.

    `why` says in a line what is due or why nothing is; `desired` is None when nothing is.
    """

    edge: Edge
    why: str
    desired: DesiredPromotion | None


def read_pending(
    request: PromotionRequest,
    edge: Edge,
    settings: PromotionSettings,
    github: GitHub,
    connect: Callable[[], Repository],
    span: PromotionSpan,
    *,
    record: bool,
    records: GitHub | None = None,
) -> PendingPromotion:
    """What is due along `edge` as `request` asks, by one list of pull requests, one query and one fetch.

    `records` is the client that may read what is recorded as verified, by default `github`. With `record` a
    verification that the request tells of is added to the edge's log. Raises `PromotionError`, `ValuesError`,
    `GitHubError` or `GitError`, each with one line. A stage that has not been committed yet, or is brought up to date
    by this very update, is no error: nothing is due so far.
    """
    reader = RecordReader(records or github, settings)

    def once() -> tuple[Decision, DesiredPromotion | None]:
        with connect() as repository:
            with span.step("read"):
                state = read_edge(edge, settings, github, repository, request, reader=reader)
            with span.step("plan"):
                decision = propose(state, request, settings, run_traceparent=span.traceparent or "")
            if state.unlisted and decision.result is Result.PLANNED:
                # What a finished pull request left behind is reset, which would close one that is open.
                refuse_hidden(github, state, settings.base(edge))
            if decision.rendered is not None:
                span.set_version(decision.rendered.metadata.version)
            for trace in sorted(decision.traces - {request.traceparent}):
                span.add_link(trace, "verified")
            span.set_commit(decision.commit, repository.committed_at(decision.commit))
            desired = desired_promotion(state, decision, settings, repository)
            if record and (updates := log_updates(state, request, repository)):
                repository.push(updates)
        return decision, desired

    try:
        for attempt in range(1, 4):
            try:
                decision, desired = once()
                break
            except (ConcurrentPushError, ForgeChangedError):
                if attempt == 3:
                    raise
    except EdgeNotReadyError as missing:
        own = f"this update brings {edge.target} up to date, the next one proposes what {edge.source} has then"
        reason = own if missing.stage == edge.target else missing.message
        return PendingPromotion(edge, f"nothing to promote so far: {reason}", None)
    why = with_hint(decision.why, decision.hint, stack_hints(edge.target))
    if decision.plan.changes and decision.result is not Result.SUPERSEDED:
        why = f"{why} (commit {decision.commit[:12]})"
    return PendingPromotion(edge, why, desired)


def reset_stale_branch(desired: DesiredPromotion, connect: Callable[[], Repository]) -> None:
    """Bring a branch that a finished promotion left behind to the default branch's tip, if it is where it was read.

    The next promotion must not be a commit on what was merged or closed. Raises `GitError`.
    """
    if not desired.stale_head:
        return
    with connect() as repository:
        tip = repository.fetch_tip(desired.base)
        if tip is not None:
            repository.push([RefUpdate(f"refs/heads/{desired.branch}", tip, desired.stale_head)])
