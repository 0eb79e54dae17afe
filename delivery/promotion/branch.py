"""Brings the branch of a pull request to where the decision wants it, without losing anybody's commits.

One commit on the default branch's tip where the branch is the promoter's own; one more commit on top where
others have worked on it.
"""

from collections.abc import Mapping

from delivery.git.commits import ON_TOP, TRAILER, File
from delivery.git.repository import Repository
from delivery.promotion.decide import Decision
from delivery.promotion.history import PromotionError
from delivery.promotion.metadata import promoted_by
from delivery.promotion.plan import plan_values
from delivery.promotion.state import EdgeState
from delivery.values.editor import read_keys
from delivery.values.scalar import Scalar


def put_branch(repository: Repository, state: EdgeState, decision: Decision) -> str | None:
    """Push what `decision` plans; returns the new head, or None when the branch is right as it is.

    Raises `LeaseLost` when somebody pushed since `state` was read, and `PromotionError` when commits of others
    changed a promoted key: which of the two counts is for people to say.
    """
    branch, rendered = state.branch, decision.rendered
    if rendered is None:
        return None
    if branch.foreign and branch.head is not None:
        return _on_top(repository, state, decision, branch.head, rendered.message)
    if branch.head is not None and _is_right(repository, state, decision, branch.head, rendered.message):
        return None
    file = File(decision.plan.text, state.target.mode)
    commit = repository.commit(state.tip, state.edge.target_values, file, rendered.message)
    repository.push(branch.name, commit, observed=branch.head, rewrite=True)
    return commit


def _is_right(repository: Repository, state: EdgeState, decision: Decision, head: str, message: str) -> bool:
    """Whether merging the branch as it is gives just what is planned: then reviews and checks on it stay valid."""
    path = state.edge.target_values
    if len(state.branch.own) != 1 or state.branch.own[0].sha != head or state.branch.own[0].on_top:
        return False
    before, after = repository.read(f"{head}^", path), repository.read(head, path)
    return (
        before == state.target
        and after is not None
        and after.content == decision.plan.text
        and repository.message(head).strip() == message.strip()
    )


def _on_top(repository: Repository, state: EdgeState, decision: Decision, head: str, message: str) -> str | None:
    file = on_top(repository, state, decision, head)
    if file is None:
        return None
    text = "".join(
        f"{line}{ON_TOP}\n" if line.startswith(f"{TRAILER}:") else f"{line}\n" for line in message.splitlines()
    )
    commit = repository.commit(head, state.edge.target_values, file, text)
    repository.push(state.branch.name, commit, observed=head, rewrite=False)
    return commit


def on_top(repository: Repository, state: EdgeState, decision: Decision, head: str) -> File | None:
    """The target's values on a branch that others have worked on, with the promoted keys as planned.

    None when they are so already, for the commit that is promoted. Raises `PromotionError` when commits of others
    changed a promoted key, and when merging would keep what the default branch has by now instead of what is planned.
    """
    path, wanted = state.edge.target_values, dict(decision.plan.values)
    left = repository.merge_base(head, state.tip)
    base = state.branch.own[0].sha if state.branch.own else left
    current = repository.read(head, path)
    before = repository.read(base, path) if base else None
    if current is None or before is None:
        raise PromotionError(_conflict(state, f"removed {path}"))
    _reaches_the_target(repository, state, decision, left)
    present = read_keys(current.content, wanted, where=f"{path} on {state.branch.name}")
    if present == wanted:
        if promoted_by((each.trailer for each in state.branch.own), state.edge) in ("", decision.commit):
            return None
    elif present != read_keys(before.content, wanted, where=path) and not _as_proposed(state, present):
        raise PromotionError(_conflict(state, f"changed {' or '.join(wanted)} themselves"))
    planned = plan_values(wanted, current.content, decision.traceparent, target_name=path)
    return File(planned.text, current.mode)


def _reaches_the_target(repository: Repository, state: EdgeState, decision: Decision, left: str | None) -> None:
    """Raise `PromotionError` where a merge would not bring what is planned, though nothing would be in its way.

    Git takes the side that changed a line since the branch `left` the default branch: with the planned value on the
    branch as it was there, and another one on the default branch by now, that is the default branch's.
    """
    path, planned = state.edge.target_values, decision.plan.values
    then = repository.read(left, path) if left else None
    if then is None:
        return
    had = read_keys(then.content, planned, where=f"{path} at {str(left)[:12]}")
    has = read_keys(state.target.content, planned, where=path)
    key = next((key for key, value in planned.items() if had[key] == value != has[key]), None)
    if key is not None:
        raise PromotionError(
            f"{_shown(state)} has commits of others, and left the default branch before {key} changed there: merging "
            "would keep that change; merge the default branch into it (Update branch), then run again"
        )


def _as_proposed(state: EdgeState, present: Mapping[str, Scalar | None]) -> bool:
    """Whether the branch has what the open pull request proposes: commits of ours that somebody has rebased."""
    block = state.open.block if state.open else None
    proposed = {each.key: each.becomes for each in block.changes} if block else {}
    kept = read_keys(state.target.content, present, where=state.edge.target_values)
    return bool(proposed) and all(
        (now is not None and now.text == proposed[key]) if key in proposed else now == kept[key]
        for key, now in present.items()
    )


def _conflict(state: EdgeState, what: str) -> str:
    author = state.branch.foreign[0]
    return (
        f"{_shown(state)} has commits of others that {what} (the newest is {author.sha[:12]}): "
        "merge or close it and delete its branch, or take those commits off, then run again"
    )


def _shown(state: EdgeState) -> str:
    return f"pull request #{state.open.pull_request.number}" if state.open else f"branch {state.branch.name}"
