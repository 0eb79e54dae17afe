"""Carries out one promotion or rollback on the forge: reads, decides, pushes, opens; safe to run again at any point.

What it decides by is in `decide.py` and `rollback.py`, what has to exist for a decision in `desired.py`; here is only
the order in which things are done.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from delivery.git.repository import ConcurrentPushError, GitError, Repository
from delivery.github.answers import Kind
from delivery.github.client import GitHub, GitHubError, PullRequest
from delivery.model.edges import Edge, PromotionSettings
from delivery.model.hints import with_hint
from delivery.model.request import PromotionRequest
from delivery.promotion.decide import Decision, Result, propose
from delivery.promotion.desired import DesiredPromotion, desired_promotion
from delivery.promotion.history import PromotionError
from delivery.promotion.metadata import parse_metadata
from delivery.promotion.plan import Change
from delivery.promotion.pull_request import Rendered, closed_body
from delivery.promotion.rollback import propose_rollback
from delivery.promotion.state import EdgeState, read_edge
from delivery.tracing.run import PromotionSpan


class PullRequestFinishedError(PromotionError):
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
    request: PromotionRequest,
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
        except (ConcurrentPushError, PullRequestFinishedError) as error:
            if attempt == 2:
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
        return _outcome(decision, decision.result, edge, against)
    if rendered is None:
        with span.step("open"):
            return _close(github, state, decision)
    with span.step("push"):
        desired = desired_promotion(state, decision, repository)
        assert desired is not None  # noqa: S101 - there is one wherever something is rendered
        head = update_branch(repository, desired)
        progress(f"{desired.branch} is {'up to date' if head is None else f'at {head[:12]}'}")
    with span.step("open"):
        sent = len(github.requests)
        try:
            return _open(github, settings, state, decision, desired, pushed=head)
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


def _open(
    github: GitHub,
    settings: PromotionSettings,
    state: EdgeState,
    decision: Decision,
    desired: DesiredPromotion,
    *,
    pushed: str | None,
) -> Outcome:
    """Open the pull request, or bring its text up to date; `pushed` is the branch's new head, if it has one."""
    branch, base, rendered = desired.branch, settings.default_branch, desired.rendered
    found, says_so = desired.open, desired.text_up_to_date
    result = Result.UPDATED if pushed is not None else Result.UNCHANGED
    if found is None:
        result = Result.CREATED
        try:
            found, says_so = github.create_pull_request(branch, base, rendered.title, rendered.body), True
        except GitHubError as error:
            if error.kind is not Kind.ALREADY_EXISTS:
                raise
            # Ours from an answer that got lost, or one that the list did not show yet.
            found = github.find_open(branch, base)
            if found is None:
                raise
            metadata = parse_metadata(found.body, state.edge)
            says_so = rendered.says(metadata)
            if metadata is None or metadata.run_traceparent != rendered.metadata.run_traceparent:
                result = Result.UNCHANGED
    if not says_so:
        result = Result.UPDATED
        proposed = pushed or desired.observed
        found = _changed(github, found, rendered.title, rendered.over(found.body), "open", proposed)
    notes: tuple[str, ...] = ()
    if _lacks_labels(result, settings.labels_for(state.edge), found):
        notes = add_labels_and_reviewers(github, settings, state.edge, found.number)
    return _outcome(decision, result, state.edge, found, notes)


def _lacks_labels(result: Result, labels: tuple[str, ...], pull_request: PullRequest) -> bool:
    """Whether labels and reviewers are still to be added: a run that was cut off may not have come to it.

    Labels come last, so one of them there means that all of it was done. Without labels to look for, an existing
    pull request is left alone: people may have taken a reviewer off.
    """
    return result is Result.CREATED or bool(labels and not set(labels) & set(pull_request.labels))


def add_labels_and_reviewers(github: GitHub, settings: PromotionSettings, edge: Edge, number: int) -> tuple[str, ...]:
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
    """Close the open pull request that has nothing left to promote.

    The reason is in its body first, in one request with the closing; the comment notifies people, and must not be
    repeated when the run is.
    """
    if state.open is None:
        return _outcome(decision, Result.NOTHING, state.edge, None)
    found, metadata = state.open.pull_request, state.open.metadata
    body = found.body
    if metadata is not None:
        body = closed_body(found.body, replace(metadata, superseded_by=decision.commit), decision.why)
    closed = _changed(github, found, found.title, body, "closed", None)
    try:
        github.comment(found.number, f"Closed, because nothing is left to promote: {decision.why}.")
    except GitHubError as error:
        return _outcome(decision, Result.CLOSED, state.edge, closed, (f"no comment was left: {error}",))
    return _outcome(decision, Result.CLOSED, state.edge, closed)


def _changed(
    github: GitHub, found: PullRequest, title: str, body: str, wanted: Literal["open", "closed"], head: str | None
) -> PullRequest:
    """The pull request with a new text, closed when that is `wanted`.

    GitHub changes the text of a finished one as readily. Merged with another commit than `head`, it would claim
    what it never brought, and the promotion would be taken for done: then its text is restored.
    Raises `PullRequestFinishedError`.
    """
    changed = github.update_pull_request(found.number, title, body, close=wanted == "closed")
    if changed.state == wanted or (changed.state == "merged" and changed.head == head):
        return changed
    github.update_pull_request(found.number, found.title, found.body)
    raise PullRequestFinishedError(f"pull request #{found.number} was {changed.state} in between: run again")


def _outcome(
    decision: Decision,
    result: Result,
    edge: Edge,
    pull_request: PullRequest | None,
    notes: tuple[str, ...] = (),
) -> Outcome:
    why = with_hint(decision.why, decision.hint)
    return Outcome(result, why, edge, decision.commit, decision.plan.changes, pull_request, decision.rendered, notes)
