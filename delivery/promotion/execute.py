"""Carries out one promotion or rollback on the forge: reads, decides, pushes, opens; safe to run again at any point.

Everything it decides by is in `proposal.py` and `rollback.py`; here is only the order in which things are done.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from delivery.git.repository import GitError, LeaseLost, Repository
from delivery.github.client import GitHub, GitHubError, PullRequest
from delivery.model.edges import Edge, PromotionSettings
from delivery.promotion.branch import put_branch
from delivery.promotion.decide import Decision, Request, Result, propose
from delivery.promotion.history import PromotionError
from delivery.promotion.metadata import parse_block
from delivery.promotion.plan import Change
from delivery.promotion.pull_request import Rendered, closed_body
from delivery.promotion.rollback import propose_rollback
from delivery.promotion.state import Branch, EdgeState, read_edge
from delivery.tracing.run import PromotionSpan


class Overtaken(PromotionError):  # noqa: N818 - what happened, as `LeaseLost`
    """A person merged or closed the pull request while it was being changed."""


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
    request: Request,
    settings: PromotionSettings,
    github: GitHub,
    connect: Callable[[], Repository],
    span: PromotionSpan,
    *,
    dry_run: bool = False,
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
        except (LeaseLost, Overtaken) as error:
            if attempt == 2:
                raise
            progress(f"reading again: {error}")
        else:
            break
    if outcome.pull_request is not None:
        pull_request = outcome.pull_request
        span.set_pull_request(pull_request.number, pull_request.url, pull_request.title, pull_request.state)
    acted = outcome.result in (Result.CREATED, Result.UPDATED, Result.UNCHANGED, Result.CLOSED)
    span.set_result("success" if acted else "skip", outcome.result.name.lower())
    return outcome


def _once(
    request: Request,
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
            decision = propose_rollback(state, request, settings, repository, promotion=own)
            span.add_link(decision.traceparent, "undone")
        else:
            decision = propose(state, request, settings, promotion=own)
        progress(f"{decision.result.value}: {decision.why}")
    span.set_commit(decision.commit, repository.committed_at(decision.commit))
    rendered = decision.rendered
    if rendered is not None:
        span.set_version(rendered.block.version)
    if dry_run or (rendered is None and decision.result is not Result.CLOSED):
        against = decision.against.pull_request if decision.against else None
        return _outcome(decision, decision.result, edge, against)
    if rendered is None:
        with span.step("open"):
            return _close(github, state, decision)
    with span.step("push"):
        head = put_branch(repository, state, decision)
        progress(f"{state.branch.name} is {'as it should be' if head is None else f'at {head[:12]}'}")
    with span.step("open"):
        sent = len(github.requests)
        try:
            return _open(github, settings, state, decision, rendered, pushed=head)
        except GitHubError as error:
            # After more than one request an answer may have got lost that had opened a pull request on the branch.
            if error.refused and head is not None and len(github.requests) == sent + 1:
                _take_back(repository, state.branch, head, progress)
            raise


def _take_back(repository: Repository, branch: Branch, head: str, progress: Callable[[str], None]) -> None:
    """Put the branch back to where this run found it, or delete it again, unless somebody has pushed to it since.

    Otherwise the pull request on it would bring another version than the one that its text still tells of.
    """
    try:
        repository.push(branch.name, branch.head or "", observed=head, rewrite=True)
        progress(f"{branch.name} is {f'back at {branch.head[:12]}' if branch.head else 'deleted again'}")
    except GitError as error:
        progress(f"{branch.name} was left at {head[:12]}: {error}")


def _open(
    github: GitHub,
    settings: PromotionSettings,
    state: EdgeState,
    decision: Decision,
    rendered: Rendered,
    *,
    pushed: str | None,
) -> Outcome:
    """Open the pull request, or bring its text up to date; `pushed` is the branch's new head, if it has one."""
    branch, base = state.branch.name, settings.default_branch
    found = state.open.pull_request if state.open else None
    block = state.open.block if state.open else None
    result = Result.UPDATED if pushed is not None else Result.UNCHANGED
    if found is None:
        result = Result.CREATED
        try:
            found = github.create_pull_request(branch, base, rendered.title, rendered.body)
            block = rendered.block
        except GitHubError as error:
            if error.status != 422 or "already exists" not in error.message:
                raise
            # Ours from an answer that got lost, or one that the list did not show yet.
            found = github.find_open(branch, base)
            if found is None:
                raise
            block = parse_block(found.body, state.edge)
            if block is None or block.promotion != rendered.block.promotion:
                result = Result.UNCHANGED
    if not rendered.says(block):
        result = Result.UPDATED
        proposed = pushed or state.branch.head
        found = _changed(github, found, rendered.title, rendered.over(found.body), "open", proposed)
    notes: tuple[str, ...] = ()
    if _undecorated(result, settings.labels_for(state.edge), found):
        notes = decorate(github, settings, state.edge, found.number)
    return _outcome(decision, result, state.edge, found, notes)


def _undecorated(result: Result, labels: tuple[str, ...], pull_request: PullRequest) -> bool:
    """Whether labels and reviewers are still to be added: a run that was cut off may not have come to it.

    Labels come last, so one of them there means that all of it was done. Without labels to look for, an existing
    pull request is left alone: people may have taken a reviewer off.
    """
    return result is Result.CREATED or bool(labels and not set(labels) & set(pull_request.labels))


def decorate(github: GitHub, settings: PromotionSettings, edge: Edge, number: int) -> tuple[str, ...]:
    """Ask for reviews of pull request `number` along `edge`, and add labels.

    What does not work is a note, not a failed promotion.
    """
    notes = []
    people, teams, labels = settings.reviewers_for(edge), settings.team_reviewers_for(edge), settings.labels_for(edge)
    if people or teams:
        try:
            github.request_reviewers(number, people, teams)
        except GitHubError as error:
            notes.append(f"reviewers were not asked: {error}")
    if labels:
        try:
            github.add_labels(number, labels)
        except GitHubError as error:
            notes.append(f"labels were not added: {error}")
    return tuple(notes)


def _close(github: GitHub, state: EdgeState, decision: Decision) -> Outcome:
    """Close the open pull request that has become pointless. The reason is in its body first, in one request with
    the closing; the comment notifies people, and must not be said twice when the run is repeated.
    """
    if state.open is None:
        return _outcome(decision, Result.NOTHING, state.edge, None)
    found, block = state.open.pull_request, state.open.block
    body = found.body if block is None else closed_body(found.body, replace(block, until=decision.commit), decision.why)
    closed = _changed(github, found, found.title, body, "closed", None)
    try:
        github.comment(found.number, f"Closed, for there is nothing left to do: {decision.why}.")
    except GitHubError as error:
        return _outcome(decision, Result.CLOSED, state.edge, closed, (f"no comment was left: {error}",))
    return _outcome(decision, Result.CLOSED, state.edge, closed)


def _changed(
    github: GitHub, found: PullRequest, title: str, body: str, wanted: Literal["open", "closed"], head: str | None
) -> PullRequest:
    """The pull request with a new text, closed when that is `wanted`.

    GitHub changes the text of a finished one as readily. Merged with another commit than `head`, it would claim
    what it never brought, and the promotion would be taken for done: then its text is put back, and `Overtaken`.
    """
    changed = github.update_pull_request(found.number, title, body, close=wanted == "closed")
    if changed.state == wanted or (changed.state == "merged" and changed.head == head):
        return changed
    github.update_pull_request(found.number, found.title, found.body)
    raise Overtaken(f"pull request #{found.number} was {changed.state} in between: run again")


def _outcome(
    decision: Decision,
    result: Result,
    edge: Edge,
    pull_request: PullRequest | None,
    notes: tuple[str, ...] = (),
) -> Outcome:
    return Outcome(
        result, decision.why, edge, decision.commit, decision.plan.changes, pull_request, decision.rendered, notes
    )
