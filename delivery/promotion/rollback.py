"""A promotion backwards: the target's promoted keys as they were before its last promotion was merged.

Decides as `proposal.py` does for promotions, with the same result; the promoter carries out both alike.
"""

from collections.abc import Mapping

from delivery.edges import PromotionSettings
from delivery.promotion.block import Block
from delivery.promotion.documents import ValuesError
from delivery.promotion.git import Repository
from delivery.promotion.history import PromotionError, Proposal
from delivery.promotion.plan import plan_values
from delivery.promotion.proposal import AGAIN, Decision, Request, Result, words
from delivery.promotion.pull_request import Subject, render
from delivery.promotion.reading import EdgeState
from delivery.promotion.scalars import Scalar, resolve
from delivery.promotion.values import promoted, read_keys


def propose_rollback(
    state: EdgeState, request: Request, settings: PromotionSettings, repository: Repository, *, promotion: str = ""
) -> Decision:
    """Decide about taking back the edge's last promotion; `request.rollback` is the reason.

    The values written link to the trace that is taken back. Raises `PromotionError` when there is nothing to
    take back, what was before can be found neither in the fetched history nor in the hidden block, or the target
    has something else by now (`again` takes that back too).
    """
    edge = state.edge
    last = next((each for each in state.proposals if each.pull_request.state == "merged"), None)
    if last is None:
        raise PromotionError(
            f"nothing to roll back: no pull request from {edge.branch} has been merged into {settings.default_branch}"
        )
    values = _values_before(state, last, repository)
    undone = last.block
    link = (undone.promotion or undone.traceparent) if undone else ""
    planned = plan_values(values, state.target.content, link or None, target_name=edge.target_values)
    commit = undone.commit if undone else last.pull_request.merge_commit
    number = last.pull_request.number
    if not planned.changes:
        result = Result.CLOSED if state.open else Result.NOTHING
        why = f"{edge.target} already has what it had before pull request #{number}"
        return Decision(result, why, planned, commit, against=state.open or last)
    if not request.again:
        _still_there(state, last, settings, repository)
    block = Block(
        kind="rollback",
        application=edge.application,
        source=edge.source,
        target=edge.target,
        commit=commit,
        version=values[edge.promoted_keys[0]].text,
        traceparent=link,
        promotion=promotion,
        changes=planned.changes,
        undoes=number,
    )
    notes = request.notes
    for each in state.proposals:
        if each.pull_request.state == "open":
            notes += (
                f"Pull request #{each.pull_request.number} proposes a promotion to this stage: decide about it too.",
            )
    subject = Subject(edge, block, notes=notes, reason=request.rollback)
    return Decision(
        Result.PLANNED, words(planned.changes), planned, commit, values, link, render(subject, settings), last
    )


def _still_there(state: EdgeState, last: Proposal, settings: PromotionSettings, repository: Repository) -> None:
    """Raise `PromotionError` when the target no longer has what `last` brought: it is not what is wrong there now."""
    edge, merge = state.edge, last.pull_request.merge_commit
    path, keys = edge.target_values, edge.promoted_keys
    file = repository.read(merge, path) if merge and repository.is_ancestor(merge, state.tip) else None
    brought = {each.key: each.becomes for each in last.block.changes} if last.block else {}
    if file is not None:
        brought = _shown(read_keys(file.content, keys, where=path))
    present = _shown(read_keys(state.target.content, brought, where=path))
    key = next((key for key in brought if present[key] != brought[key]), None)
    if key is None:
        return
    others = [
        str(each)
        for each in settings.edges
        if (each.application, each.target) == (edge.application, edge.target) and each != edge
    ]
    mend = f"roll back what brought it ({'; '.join(others)})" if others else "take that back first"
    raise PromotionError(
        f"{edge.target} has {key} {present[key][:80]} now, not {brought[key][:80]} as pull request "
        f"#{last.pull_request.number} brought it: {mend}, or {AGAIN} to take back both"
    )


def _shown(values: Mapping[str, Scalar | None]) -> dict[str, str]:
    return {key: "not set" if value is None else value.text for key, value in values.items()}


def _values_before(state: EdgeState, last: Proposal, repository: Repository) -> dict[str, Scalar]:
    """The promoted values before `last` was merged: from git's history, else as its block remembers them."""
    edge, merge = state.edge, last.pull_request.merge_commit
    path, keys = edge.target_values, edge.promoted_keys
    if merge and repository.is_ancestor(merge, state.tip) and repository.resolve(f"{merge}^"):
        before, after = repository.read(f"{merge}^", path), repository.read(merge, path)
        if before is not None and after is not None:
            values = promoted(before.content, keys, f"{path} at {merge[:12]}^")
            # A rebase merge of several commits: only the last one is known, and it may not be the one that counts.
            if values != read_keys(after.content, keys, where=path):
                return values
    if last.block is None:
        raise PromotionError(
            f"what {edge.target} had before pull request #{last.pull_request.number} is not known any more (it is too "
            f"far back, and its description was edited): change {path} by hand"
        )
    return _remembered(state, last.block)


def _remembered(state: EdgeState, block: Block) -> dict[str, Scalar]:
    path, keys = state.edge.target_values, state.edge.promoted_keys
    present = promoted(state.target.content, keys, path)
    for change in block.changes:
        if change.key not in present:
            continue
        if change.was is None:
            raise ValuesError(f"{path}:1:1: {change.key} was not set before — remove it by hand")
        present[change.key] = resolve(change.was, plain=present[change.key].kind != "string")
    return present
