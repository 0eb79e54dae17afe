"""Brings the pull request of a promotion to its desired state: opens it, updates its text, closes it.

The branch that it proposes is on GitHub before; whether anything is due was decided before, too.
"""

from dataclasses import dataclass, replace
from typing import Literal

from delivery.github.answers import GitHubError, Kind
from delivery.github.client import GitHub, PullRequest
from delivery.promotion.decide import Decision, Result
from delivery.promotion.desired import DesiredPromotion
from delivery.promotion.history import PromotionError
from delivery.promotion.metadata import parse_metadata
from delivery.promotion.pull_request import closed_body
from delivery.promotion.state import EdgeState


class PullRequestFinishedError(PromotionError):
    """A person merged or closed the pull request while it was being changed."""


@dataclass(frozen=True)
class Published:
    """The pull request as it is now, what was done to it, and notes about what did not matter enough to fail."""

    result: Result
    pull_request: PullRequest | None
    notes: tuple[str, ...] = ()


def open_pull_request(github: GitHub, desired: DesiredPromotion, *, pushed: str | None) -> Published:
    """Open the pull request, or bring its text up to date; `pushed` is the branch's new head, if it has one."""
    branch, base, rendered = desired.branch, desired.base, desired.rendered
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
            metadata = parse_metadata(found.body, desired.edge)
            says_so = rendered.says(metadata)
            if metadata is None or metadata.run_traceparent != rendered.metadata.run_traceparent:
                result = Result.UNCHANGED
    if not says_so:
        result = Result.UPDATED
        proposed = pushed or desired.observed
        found = _changed(github, found, rendered.title, rendered.over(found.body), "open", proposed)
    notes: tuple[str, ...] = ()
    if desired.lacks_labels(found, created=result is Result.CREATED):
        notes = add_labels_and_reviewers(github, desired, found.number)
    return Published(result, found, notes)


def add_labels_and_reviewers(github: GitHub, desired: DesiredPromotion, number: int) -> tuple[str, ...]:
    """Ask for the reviews of pull request `number`, and add its labels; returns a note for each that did not work."""
    notes = []
    if desired.reviewers or desired.teams:
        try:
            github.request_reviewers(number, desired.reviewers, desired.teams)
        except GitHubError as error:
            notes.append(f"reviewers were not asked: {error}")
    if desired.labels:
        try:
            github.add_labels(number, desired.labels)
        except GitHubError as error:
            notes.append(f"labels were not added: {error}")
    return tuple(notes)


def close_pull_request(github: GitHub, state: EdgeState, decision: Decision) -> Published:
    """Close the open pull request that has nothing left to promote.

    The reason is in its body first, in one request with the closing; the comment notifies people, and must not be
    repeated when the run is.
    """
    if state.open is None:
        return Published(Result.NOTHING, None)
    found, metadata = state.open.pull_request, state.open.metadata
    body = found.body
    if metadata is not None:
        body = closed_body(found.body, replace(metadata, superseded_by=decision.commit), decision.why)
    closed = _changed(github, found, found.title, body, "closed", None)
    try:
        github.comment(found.number, f"Closed, because nothing is left to promote: {decision.why}.")
    except GitHubError as error:
        return Published(Result.CLOSED, closed, (f"no comment was left: {error}",))
    return Published(Result.CLOSED, closed)


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
