"""What to do about one promotion, decided from the state of its edge: propose it, or why not.

Nothing is written here. The promoter acts on the decision, the Pulumi component shows and declares it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from delivery.model.edges import PromotionSettings
from delivery.model.identifiers import is_commit, is_traceparent, is_version
from delivery.promotion.history import PromotionError, Proposal, Standing, standing
from delivery.promotion.metadata import Block
from delivery.promotion.plan import Change, Plan, plan
from delivery.promotion.pull_request import Rendered, Subject, render
from delivery.promotion.state import EdgeState
from delivery.promotion.warnings import cautions
from delivery.values.scalar import Scalar, escape

AGAIN = "run again with the input again=true"
"""How to ask again, for a promoter's run; the component says it in its own words."""

_KEPTN_HASH = re.compile(r"[0-9a-f]{10}")
_NO_COMMIT = "No commit was given"


class RequestError(ValueError):
    """The request itself is wrong, whatever the repository holds; `str()` names the input and what it may be."""


@dataclass(frozen=True)
class Request:
    """One promotion as asked for; empty means not given. `rollback` is the reason, and makes it a rollback.

    `again` proposes even what was declined, taken back or superseded. `RequestError` when an input is wrong;
    a `traceparent` that cannot be linked to is none: it is left out, and `notes` says so.
    """

    application: str
    source: str
    target: str
    version: str = ""
    commit: str = ""
    traceparent: str = ""
    rollback: str = ""
    again: bool = False
    notes: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        if self.version and not is_version(self.version):
            raise RequestError(
                f"version {self.version[:80]!r} is no version: letters, digits, '-', '_' and '.', at most 63"
            )
        if self.commit and not is_commit(self.commit):
            raise RequestError(f"commitID {self.commit[:80]!r} is no full commit name: 40 or 64 lower-case hex digits")
        if self.traceparent and not is_traceparent(self.traceparent):
            object.__setattr__(self, "traceparent", "")
            object.__setattr__(
                self, "notes", ("The trace that was given is not a valid `traceparent` and is left out.",)
            )


class Result(Enum):
    """How a promotion ended; every one of them is a success."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    NOTHING = "nothing to change"
    CLOSED = "closed as pointless"
    SUPERSEDED = "superseded"
    UNDONE = "taken back"
    DECLINED = "declined"
    PLANNED = "planned"


@dataclass(frozen=True)
class Decision:
    """What is due. `PLANNED` comes with `rendered` and a plan that changes something, and is to be proposed.

    `CLOSED` means that the open pull request is to be closed. `why` is one line for people, `against` the pull
    request that speaks for it. `commit` is the verified revision that was looked at.
    """

    result: Result
    why: str
    plan: Plan
    commit: str
    traceparent: str = ""
    rendered: Rendered | None = None
    against: Proposal | None = None


def propose(state: EdgeState, request: Request, settings: PromotionSettings, *, promotion: str = "") -> Decision:
    """Decide about `request`, an ordinary promotion. `promotion` is the traceparent of the run that does.

    Raises `ValuesError` and `PromotionError`; asks GitHub at most once, about the order of two commits.
    """
    edge = state.edge
    link = _first_trace(state) or request.traceparent
    planned = plan(
        state.source.content,
        state.target.content,
        edge.promoted_keys,
        link or None,
        source_name=f"{edge.source_values} at {state.commit[:12]}",
        target_name=edge.target_values,
    )
    values = planned.values
    verified = state.given or _said_before(state)
    notes = (*request.notes, *_version_note(request, values, state), *_state_notes(state, verified))
    if not planned.changes and state.open is None:
        return Decision(Result.NOTHING, f"{edge.target} has what {edge.source} has", planned, state.commit)
    if not request.again:
        becomes = {each.key: each.becomes for each in planned.changes}
        stands, against = standing(state.history, state.proposals, state.commit, becomes, given=state.given)
        if stands is not Standing.FREE and against is not None:
            return _refused(stands, against, planned, state)
    if not planned.changes:
        why = f"{edge.target} already has what {edge.source} has at {state.commit[:12]}"
        return Decision(Result.CLOSED, why, planned, state.commit, against=state.open)
    block = Block(
        kind="promotion",
        application=edge.application,
        source=edge.source,
        target=edge.target,
        commit=state.commit,
        version=values[edge.promoted_keys[0]].text,
        traceparent=link,
        promotion=promotion,
        changes=planned.changes,
    )
    base = _ran_before(state, planned.changes)
    commits = state.history.commits_between(base, state.commit, edge.source_path)
    said = cautions(state, settings, values, planned.changes)
    notes += tuple(each.note for each in said)
    subject = Subject(edge, block, base, commits[:20], max(0, len(commits) - 20), verified, notes)
    return Decision(
        Result.PLANNED,
        "; ".join((words(planned.changes), *(each.words for each in said))),
        planned,
        state.commit,
        link,
        render(subject, settings),
    )


def words(changes: tuple[Change, ...]) -> str:
    """The changes on one line, for people."""
    return ", ".join(f"{each.key}: {shown_before(each)} → {each.becomes}" for each in changes)


def shown_before(change: Change) -> str:
    """What a promoted key was, on one line, for people."""
    return "not set" if change.was is None else escape(change.was) or "empty"


def _version_note(request: Request, values: Mapping[str, Scalar], state: EdgeState) -> tuple[str, ...]:
    first = state.edge.promoted_keys[0]
    if not request.version or request.version == values[first].text:
        return ()
    if _is_keptn_hash(request.version, values[first].text) or request.version in [
        each.text for each in values.values()
    ]:
        return (f"Keptn calls this version `{request.version}`, its name for several workloads together.",)
    raise PromotionError(
        f"version {request.version} was asked for, but {state.edge.source_values} has {first} "
        f"{values[first].text[:80]} at {state.commit[:12]}: give the commit at which that version was verified"
    )


def _is_keptn_hash(version: str, current: str) -> bool:
    """Whether this is Keptn's version of several workloads, which names nothing in git.

    One hash in a hundred has no letter. Where versions are numbers it could be one of them, and those have to be right.
    """
    return _KEPTN_HASH.fullmatch(version) is not None and not (version.isdigit() and current.isdigit())


def _first_trace(state: EdgeState) -> str:
    """The trace that the open pull request links to already, when it proposes this very commit; else empty.

    The first valid one stays: a run without a trace (by hand) must not erase it, and one with another (the commit
    was verified again) must not make a new head of it, which would take back reviews and run the checks again.
    """
    block = state.open.block if state.open else None
    return block.traceparent if block is not None and block.commit == state.commit else ""


def _said_before(state: EdgeState) -> bool:
    """Whether the open pull request was proposed with this very commit: whoever runs it again without, it counts."""
    block = state.open.block if state.open else None
    # What has no digest was read from a commit, which does not tell whether anybody named what it promotes.
    if state.open is None or block is None or not block.digest or block.commit != state.commit:
        return False
    return _NO_COMMIT not in state.open.pull_request.body


def _state_notes(state: EdgeState, verified: bool) -> tuple[str, ...]:
    notes = []
    if not verified:
        notes.append(f"{_NO_COMMIT}: before you merge, make sure that {state.edge.source} has verified this one.")
    if state.branch.foreign:
        notes.append("This branch has commits that the promoter did not make; they are kept.")
    return tuple(notes)


def _refused(stands: Standing, against: Proposal, planned: Plan, state: EdgeState) -> Decision:
    number, commit = against.pull_request.number, state.commit[:12]
    if stands is Standing.SUPERSEDED:
        newer = against.block.until or against.block.commit if against.block else ""
        why = f"pull request #{number} already stands for the newer commit {newer[:12]} than {commit}"
        return Decision(Result.SUPERSEDED, why, planned, state.commit, against=against)
    if stands is Standing.UNDONE:
        why = f"pull request #{number} promoted it and {state.edge.target} took it back since; to ask again, {AGAIN}"
        return Decision(Result.UNDONE, why, planned, state.commit, against=against)
    why = f"pull request #{number} was closed without merging; to ask again, reopen it or {AGAIN}"
    return Decision(Result.DECLINED, why, planned, state.commit, against=against)


def _ran_before(state: EdgeState, changes: tuple[Change, ...]) -> str:
    """The commit whose values the target has now: a former promotion's, else the source stage's newest with them."""
    had = {each.key: each.was for each in changes}
    for proposal in state.proposals:
        block = proposal.block
        if proposal.pull_request.state == "merged" and block is not None:
            brought = {each.key: each.becomes for each in block.changes}
            if brought == had:
                return block.commit
    return state.history.last_with(had, state.commit, state.edge.source_values)
