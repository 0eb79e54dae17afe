"""What git knows about newer commits than the one that is to be promoted, and about two halves that do not fit.

GitHub's list of pull requests lags by seconds, and a decision that changed nothing has no pull request at all. The
promoter's branch, the default branch and the logs of what was verified are read with the fetch, and do not lag.
"""

from dataclasses import dataclass, replace

from delivery.git.repository import RefUpdate, Repository
from delivery.model.request import PromotionRequest
from delivery.promotion.history import Order
from delivery.promotion.state import EdgeState
from delivery.promotion.verified import told_by


@dataclass(frozen=True)
class NewerCommit:
    """A commit that was promoted or verified after the one in question; `words` say which, behind its name."""

    commit: str
    words: str


def newer_in_git(state: EdgeState) -> NewerCommit | None:
    """What is newer than the commit that `state` was read for; None when git knows of nothing."""
    edge, proposed = state.edge, state.open.metadata if state.open else None
    found = [NewerCommit(state.on_its_branch, f"is on the branch {state.branch.name}")]
    if not edge.requires_all and (proposed is None or proposed.commit != state.commit):
        found.append(NewerCommit(state.target_history.promoted, f"was promoted to {edge.target}"))
        verified = [entry for log in state.logs for entry in log.entries]
        found += [NewerCommit(entry.commit, f"was verified in {entry.stage}") for entry in verified]
    asked = state.history.is_near(state.commit)
    for newer in {one.commit: one for one in reversed(found) if one.commit not in ("", state.commit)}.values():
        order = state.history.local_order(state.commit, newer.commit)
        if order is None and not asked:
            order, asked = state.history.order(state.commit, newer.commit), True
        if order is Order.OLDER:
            return newer
    return None


def torn_commit(state: EdgeState) -> str:
    """The newer one of the commits that the open pull request's text and its branch name; empty when they agree.

    A run that was cut off between the two leaves this, or two runs at once.
    """
    told, brought = state.open.metadata if state.open else None, state.on_its_branch
    if told is None or not brought or told.commit == brought:
        return ""
    return brought if state.history.order(brought, told.commit) is Order.NEWER else told.commit


def completing(request: PromotionRequest, state: EdgeState, commit: str) -> PromotionRequest:
    """The request that `commit` of a torn pull request came from, as far as it is known.

    It has been decided before, whatever has been decided since: so it asks for `commit` explicitly.
    """
    known = next(filter(None, (log.find(commit) for log in state.logs)), None)
    told = state.open.metadata if state.open else None
    trace = known.traceparent if known else told.traceparent if told and told.commit == commit else ""
    return replace(
        request,
        application=(known.application if known else "") or request.application,
        source=known.stage if known else request.source,
        version=known.version if known else "",
        commit=commit,
        traceparent=trace,
        again=True,
        actor=known.actor if known else "",
    )


def log_updates(
    state: EdgeState, request: PromotionRequest, repository: Repository, *, closes: int = 0
) -> list[RefUpdate]:
    """What has to be added to the logs: the verification that `request` tells of, and a pull request it `closes`.

    Of a single source stage nothing is kept that came after something newer: it is never asked for. Where several
    have to agree, what one of them has verified late counts.
    """
    entry = None
    origin = state.edge.origin_of(request.application, request.source)
    own = next((log for log in state.logs if log.edge == origin), state.logs[0])
    if said := told_by(request, state.edge, own.edge):
        orders = (state.history.local_order(said.commit, known.commit) for known in own.entries)
        if own.adds(said) and (len(state.logs) > 1 or Order.OLDER not in orders):
            entry = said
    if closes in state.logs[0].closed:
        closes = 0
    updates = []
    for log in state.logs:
        theirs, first = entry if log is own else None, closes if log is state.logs[0] else 0
        if theirs or first:
            updates.append(log.extended(repository, theirs, first))
    return updates
