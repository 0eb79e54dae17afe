"""Brings the pull request of a promotion to its desired state: opens it, updates its text, closes it.

The branch that it proposes is on GitHub before; whether anything is due was decided before, too.
"""

from collections.abc import Callable
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


class ForgeChangedError(PromotionError):
    """What is on the forge after the last write is not what was decided: a person or another run changed it."""


@dataclass(frozen=True)
class Published:
    """The pull request as it is now, what was done to it, and notes about what did not matter enough to fail."""

    result: Result
    pull_request: PullRequest | None
    notes: tuple[str, ...] = ()


def open_pull_request(
    github: GitHub, desired: DesiredPromotion, *, pushed: str | None, did: Callable[[Result], Result]
) -> Published:
    """Open the pull request, or bring its text up to date, and make sure that both halves of it are as decided.

    `pushed` is the branch's new head, if it has one. `did` is told what is done to the pull request, and knows what
    the run has done in all. Raises `ForgeChangedError` when it brings or says something else in the end.
    """
    found, head = desired.open, pushed or desired.observed
    if found is None:
        found, result = _create(github, desired)
        did(result)
    if not _says(found, desired):
        found = _changed(github, found, desired.rendered.title, desired.rendered.over(found.body), "open", head)
        did(Result.UPDATED)
    elif found is desired.open:
        found = github.get_pull_request(found.number)
    compare(found, desired, head)
    result = did(Result.UNCHANGED)
    notes: tuple[str, ...] = ()
    if desired.lacks_labels(found, created=result is Result.CREATED):
        notes = add_labels_and_reviewers(github, desired, found.number)
    return Published(result, found, notes)


def refuse_hidden(github: GitHub, state: EdgeState, base: str) -> None:
    """Raise `ForgeChangedError` when the list of pull requests has hidden one of the branch, and shows it by now.

    A new one may be missing for some seconds. What is decided without it would close it, or open it a second time.
    """
    head = state.branch.head
    found = github.find(state.branch.name, base, lambda one: one.head == head)
    if found is not None:
        raise ForgeChangedError(f"pull request #{found.number} was not in the list before: run again")


def _create(github: GitHub, desired: DesiredPromotion) -> tuple[PullRequest, Result]:
    """The open pull request of the branch, and whether this run has opened it.

    An answer that is no success proves nothing: something in between may have given it after GitHub has acted, and
    the list of pull requests may not show yet what is there. So the forge is asked, and nothing is ever taken back.
    """
    rendered = desired.rendered
    try:
        return github.create_pull_request(desired.branch, desired.base, rendered.title, rendered.body), Result.CREATED
    except GitHubError as error:
        patient = error.kind is Kind.ALREADY_EXISTS
        try:
            found = github.find(desired.branch, desired.base, lambda one: one.state == "open", patient=patient)
        except GitHubError:
            found = None
        if found is None:
            raise
        metadata = parse_metadata(found.body, desired.edge)
        own = metadata is not None and metadata.run_traceparent == rendered.metadata.run_traceparent
        return found, Result.CREATED if own else Result.UNCHANGED


def _says(found: PullRequest, desired: DesiredPromotion) -> bool:
    return desired.rendered.says(parse_metadata(found.body, desired.edge))


def compare(found: PullRequest, desired: DesiredPromotion, head: str | None) -> None:
    """Raise `ForgeChangedError` unless the pull request says and brings what was decided.

    A merged one does when it brought that. GitHub shows a new head with a delay of seconds: then it is read again.
    """
    if found.head != head:
        what = f"brings {found.head[:12]}, not {str(head)[:12]}"
    elif found.base != desired.base:
        what = f"goes into {found.base}, not {desired.base}"
    elif found.state == "closed":
        what = "was closed in between"
    elif not _says(found, desired):
        what = "says something else than its branch brings"
    else:
        return
    raise ForgeChangedError(f"pull request #{found.number} {what}: run again")


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


def close_pull_request(github: GitHub, state: EdgeState, decision: Decision, *, announce: bool) -> Published:
    """Close the open pull request that has nothing left to promote; `announce` says so in a comment, too.

    The reason is in its body first, in one request with the closing. The comment notifies people, and must not be
    repeated: of several runs at once, one announces.
    """
    if state.open is None:
        return Published(Result.NOTHING, None)
    found, metadata = state.open.pull_request, state.open.metadata
    body = found.body
    if metadata is not None:
        body = closed_body(found.body, replace(metadata, superseded_by=decision.commit), decision.why)
    closed = _changed(github, found, found.title, body, "closed", None)
    if not announce:
        return Published(Result.CLOSED, closed)
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
    Raises `ForgeChangedError`.
    """
    try:
        changed = github.update_pull_request(found.number, title, body, close=wanted == "closed")
    except GitHubError:
        # An answer that is no success proves nothing, here neither.
        changed = github.get_pull_request(found.number)
        if changed.body.strip() != body.strip():
            raise
    if changed.state == wanted or (changed.state == "merged" and changed.head == head):
        return changed
    github.update_pull_request(found.number, found.title, found.body)
    raise ForgeChangedError(f"pull request #{found.number} was {changed.state} in between: run again")
