"""A promotion backwards: the target's promoted keys as they were before its last promotion was merged.

Decides as `decide.py` does for promotions, with the same result; the promoter carries out both alike.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from delivery.git.commits import APPENDED
from delivery.git.repository import Repository
from delivery.model.hints import Hint
from delivery.model.request import PromotionRequest
from delivery.model.settings import PromotionSettings
from delivery.promotion.body import Subject
from delivery.promotion.decide import Decision, Result
from delivery.promotion.history import PromotionError, Proposal
from delivery.promotion.metadata import bare_metadata
from delivery.promotion.plan import Change, plan_values, read_values, words
from delivery.promotion.pull_request import render, version_of
from delivery.promotion.stacks import check_stacks
from delivery.promotion.state import EdgeState
from delivery.values.editor import unpromotable
from delivery.values.scalar import Scalar


def propose_rollback(
    state: EdgeState,
    request: PromotionRequest,
    settings: PromotionSettings,
    repository: Repository,
    *,
    run_traceparent: str = "",
) -> Decision:
    """Decide about reverting the edge's last promotion; `request.rollback` is the reason.

    The values written link to the trace that is reverted. Raises `PromotionError` when there is nothing to
    revert, what was before can be found neither in the fetched history nor in the hidden metadata, or the target
    has something else by now (`again` reverts that too), and where a key came with it that was not there before.
    """
    edge = state.edge
    check_stacks(state, settings)
    last = next((proposal for proposal in state.proposals if proposal.pull_request.state == "merged"), None)
    if last is None:
        raise PromotionError(
            f"nothing to roll back: no pull request from {edge.branch} has been merged into {settings.base(edge)}"
        )
    values = _values_before(state, last, repository)
    undone = last.metadata
    link = (undone.run_traceparent or undone.traceparent) if undone else ""
    links = dict.fromkeys(edge.at_target.traces, link)
    planned = plan_values(values, state.target_texts, edge.at_target, links)
    commit = undone.commit if undone else last.pull_request.merge_commit
    number = last.pull_request.number
    if not planned.changes:
        result = Result.CLOSED if state.open else Result.NOTHING
        why = f"{edge.target} already has what it had before pull request #{number}"
        return Decision(result, why, planned, commit, against=state.open or last)
    if not request.again:
        _still_there(state, last, values, settings, repository)
    metadata = replace(
        bare_metadata(edge, commit, "rollback"),
        version=version_of(edge, values, planned.changes),
        traceparent=link,
        run_traceparent=run_traceparent,
        changes=planned.changes,
        undoes=number,
    )
    notes = request.notes
    for proposal in state.proposals:
        if proposal.pull_request.state == "open":
            number_open = proposal.pull_request.number
            notes += (f"Pull request #{number_open} proposes a promotion to this stage: decide about it too.",)
    subject = Subject(edge, metadata, notes=notes, reason=request.rollback, failed=request.traceparent)
    return Decision(Result.PLANNED, words(planned.changes), planned, commit, links, render(subject, settings), last)


def _still_there(
    state: EdgeState, last: Proposal, keys: Collection[str], settings: PromotionSettings, repository: Repository
) -> None:
    """Raise `PromotionError` when the target no longer has the `keys` that `last` brought.

    Then it is not that promotion which is wrong there now.
    """
    edge, merge = state.edge, last.pull_request.merge_commit
    near = bool(merge) and repository.is_ancestor(merge, state.tip)
    files = state.history.texts(merge, edge.at_target) if near else None
    brought = (
        {change.key: change.becomes for change in last.metadata.changes if change.key in keys} if last.metadata else {}
    )
    if files is not None:
        brought = _shown(read_values(files, edge.at_target, keys))
    present = _shown(read_values(state.target_texts, edge.at_target, brought))
    key = next((key for key in brought if present[key] != brought[key]), None)
    if key is None:
        return
    others = [
        str(other)
        for other in settings.edges
        if (other.application, other.target) == (edge.application, edge.target) and other != edge
    ]
    fix = f"roll back what brought it ({'; '.join(others)})" if others else "revert that first"
    raise PromotionError(
        f"{edge.target} has {key} {present[key][:80]} now, not {brought[key][:80]} as pull request "
        f"#{last.pull_request.number} brought it: {fix}; to revert both",
        Hint.AGAIN,
    )


def _shown(values: Mapping[str, Scalar | None]) -> dict[str, str]:
    return {key: "not set" if value is None else value.text for key, value in values.items()}


def _values_before(state: EdgeState, last: Proposal, repository: Repository) -> dict[str, Scalar]:
    """The promoted values before `last` was merged: from git's history, else as its metadata remembers them."""
    edge, merge, number = state.edge, last.pull_request.merge_commit, last.pull_request.number
    where = edge.at_target
    remembered = {change.key: change for change in last.metadata.changes} if last.metadata else {}
    near = bool(merge and repository.is_ancestor(merge, state.tip) and repository.resolve(f"{merge}^"))
    # A rebase merge of several commits: only the last one is known, which stood on others of the same pull request.
    if near and not (remembered and _stood_on_others(repository, merge)):
        before, after = state.history.texts(f"{merge}^", where), state.history.texts(merge, where)
        if before is not None and after is not None:
            had = read_values(before, where, at=f" at {merge[:12]}^")
            if had != read_values(after, where):
                return _settable(state, had, number)
    if not remembered:
        raise PromotionError(
            f"what {edge.target} had before pull request #{number} is not known any more (it is too far back, and its "
            f"description does not tell): change {where} by hand"
        )
    return _settable(state, {key: _before(remembered[key]) for key in where.names if key in remembered}, number)


def _stood_on_others(repository: Repository, merge: str) -> bool:
    """Whether `merge` is no merge commit, but a promotion's that was put on top of other commits of its branch."""
    found = repository.log(merge, limit=1)
    return bool(found) and len(found[0].parents) == 1 and found[0].trailer.endswith(APPENDED)


def _before(change: Change) -> Scalar | None:
    return None if change.was is None else Scalar(change.was, change.kind)


def _settable(state: EdgeState, before: Mapping[str, Scalar | None], number: int) -> dict[str, Scalar]:
    """The values among `before` that are to be set again; a key that was not there must not be there now.

    Taking a key out of a file is for people: what else on its lines belongs to it, only they can tell.
    """
    where = state.edge.at_target
    present = read_values(state.target_texts, where, before)
    added = " and ".join(key for key, value in before.items() if value is None and present[key] is not None)
    if added:
        raise PromotionError(
            f"{where} had no {added} before pull request #{number}: remove it there by hand, then run again"
        )
    values = {key: value for key, value in before.items() if value is not None}
    for key, value in values.items():
        if problem := unpromotable(value):
            raise PromotionError(
                f"{key} contained {problem} before pull request #{number}: change {where.file_of(key)} by hand"
            )
    return values
