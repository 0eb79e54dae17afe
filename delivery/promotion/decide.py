"""What to do about one promotion, decided from the state of its edge: propose it, or why not.

Every rule by which a promotion is refused is here; `rollback.py` has those of a rollback, and
`desired.py` what commits by other authors on the branch forbid.

Nothing is written here. What follows from a decision for the branch and the pull request is `desired.py`'s matter.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from delivery.model.edges import Group
from delivery.model.hints import Hint
from delivery.model.request import PromotionRequest
from delivery.model.settings import PromotionSettings
from delivery.promotion.body import Subject
from delivery.promotion.evidence import newer_in_git
from delivery.promotion.history import Precedence, PromotionError, Proposal, precedence
from delivery.promotion.markdown import code
from delivery.promotion.metadata import bare_metadata
from delivery.promotion.plan import Change, Plan, plan, read_promoted, words
from delivery.promotion.pull_request import Rendered, render, version_of
from delivery.promotion.stacks import check_stacks
from delivery.promotion.state import EdgeState, texts
from delivery.promotion.verified import Verification
from delivery.promotion.warnings import ReviewerWarning, reviewer_warnings

_KEPTN_HASH = re.compile(r"[0-9a-f]{10}")


class Result(Enum):
    """How a promotion ended; all of these are a success. The values are public: scripts read them from `--json`."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    NOTHING = "nothing to change"
    CLOSED = "closed as pointless"
    SUPERSEDED = "superseded"
    REVERTED = "taken back"
    DECLINED = "declined"
    PLANNED = "planned"
    WAITING = "waiting"

    @property
    def words(self) -> str:
        """The result as people read it."""
        return {"CLOSED": "closed: nothing left to promote", "REVERTED": "reverted"}.get(self.name, self.value)

    @property
    def outcome(self) -> str:
        """The result in the span attribute `delivery.promotion.outcome`, which is public too."""
        return "undone" if self is Result.REVERTED else self.name.lower()


@dataclass(frozen=True)
class Decision:
    """What is due. `PLANNED` comes with `rendered` and a plan that changes something, and is to be proposed.

    `CLOSED` means that the open pull request is to be closed. `why` is one line for people, to which `hint` belongs;
    `against` is the pull request that speaks for it. `commit` is the verified revision that was looked at. `links` are
    the traces that the target's values are to link to, by their file.
    """

    result: Result
    why: str
    plan: Plan
    commit: str
    links: Mapping[str, str] = field(default_factory=dict)
    rendered: Rendered | None = None
    against: Proposal | None = None
    hint: Hint | None = None

    @property
    def traces(self) -> frozenset[str]:
        """The traces that the promotion links to: of everybody who has verified it."""
        told = self.rendered.metadata.verifications if self.rendered else ()
        linked = (trace for link in self.links.values() for trace in link.split(","))
        return frozenset({*linked, *(found.traceparent for found in told)} - {""})


def propose(
    state: EdgeState, request: PromotionRequest, settings: PromotionSettings, *, run_traceparent: str = ""
) -> Decision:
    """Decide about `request`, an ordinary promotion. `run_traceparent` is that of the run that does.

    Raises `ValuesError` and `PromotionError`; asks GitHub at most once, about the order of two commits.
    """
    decision = _propose(state, request, settings, run_traceparent)
    waiting = state.selection.waiting
    if not (waiting or state.selection.blocked):
        return decision
    what = "what is verified"
    if request.commit:
        what = f"{request.application} {request.version or request.commit[:12]} from {request.source}"
    if isinstance(state.edge, Group):
        wait = f"{what} waits until {state.edge.source} has verified {' and '.join(waiting) or 'all'} too"
    else:
        names = waiting or [origin.source for origin in state.edge.origins]
        missing = f"{' and '.join(names)} {'have' if len(names) > 1 else 'has'}"
        wait = f"{what} waits until {missing} verified the same"
    if state.selection.blocked or (decision.rendered is None and decision.result is not Result.CLOSED):
        return Decision(Result.WAITING, wait, decision.plan, state.commit, against=state.open)
    return replace(decision, why=f"{decision.why}; {wait}")


def _propose(
    state: EdgeState, request: PromotionRequest, settings: PromotionSettings, run_traceparent: str
) -> Decision:
    edge = state.edge
    check_stacks(state, settings)
    links = _links(state, request)
    planned = plan(
        texts(state.source),
        state.target_texts,
        state.origin.at_source,
        edge.at_target,
        links,
        at=f" at {state.commit[:12]}",
    )
    values = planned.values
    verified = state.given or bool(state.selection.verifications) or _verified_before(state)
    notes = (*request.notes, *_version_note(request, state), *_state_notes(state, verified))
    if not planned.changes and state.open is None:
        return Decision(Result.NOTHING, f"{edge.target} has what {state.origin.source} has", planned, state.commit)
    warnings = reviewer_warnings(state, settings, values, planned.changes) if planned.changes else ()
    if not request.again and (refused := _refused(state, planned, warnings)):
        return refused
    if not planned.changes and (others := _other_stages(state)):
        why = f"{edge.target} has what {state.origin.source} has; the open pull request is of {' and '.join(others)}"
        return Decision(Result.SUPERSEDED, why, planned, state.commit, against=state.open)
    if not planned.changes:
        why = f"{edge.target} already has what {state.origin.source} has at {state.commit[:12]}"
        return Decision(Result.CLOSED, why, planned, state.commit, against=state.open)
    metadata = replace(
        bare_metadata(edge, state.commit),
        version=version_of(edge, values, planned.changes),
        traceparent=next(filter(None, links.values()), "").partition(",")[0],
        run_traceparent=run_traceparent,
        changes=planned.changes,
        verified=verified,
        verifications=_vouching(state),
    )
    base = _ran_before(state, planned.changes)
    commits = state.history.commits_between(base, state.commit, state.origin.at_source)
    notes = (*(warning.note for warning in warnings), *notes)
    subject = Subject(edge, metadata, base, commits[:20], max(0, len(commits) - 20), notes, source=state.origin.source)
    return Decision(
        Result.PLANNED,
        "; ".join((words(planned.changes), *(warning.words for warning in warnings))),
        planned,
        state.commit,
        links,
        render(subject, settings),
    )


def _version_note(request: PromotionRequest, state: EdgeState) -> tuple[str, ...]:
    """Compare the version that was asked for with the values; what to say where that cannot be done.

    Keptn calls an application of one workload by that workload's version label, in lower case, and one of several by a
    hash of all their names and versions (`computeVersionFromWorkloads` in its operator): git does not tell those.
    """
    if not request.version:
        return ()
    where, commit = state.asked_edge.at_source, request.commit or state.commit
    values = read_promoted(texts(state.asked), where)
    # A label holds no digest, so of `v1@sha256:…` it is the tag.
    present = [value.text.lower().partition("@")[0] for value in values.values()]
    version = values[state.asked_edge.version_key].text
    if request.version.lower() in present:
        return ()
    # One hash in a hundred has no letter. Where versions are numbers it could be one, and those have to be right.
    hashed = _KEPTN_HASH.fullmatch(request.version) and not (request.version.isdigit() and version.isdigit())
    if state.asked_edge.own_files and not hashed:
        # The label is the team's own, and need not be among the values that travel.
        return (f"Keptn calls this version {code(request.version)}, which none of the promoted values is.",)
    if hashed and (state.asked_edge.own_files or state.history.workloads(commit, state.asked_edge.source_path) != 1):
        called = code(request.version)
        return (
            f"Keptn calls this version {called}, as it does with several workloads. That is a hash of all their "
            "versions, which was not compared with the values.",
        )
    raise PromotionError(
        f"version {request.version} was asked for, but {where.file_of(state.asked_edge.version_key)} has "
        f"{state.asked_edge.version_key} {version[:80]} at {commit[:12]}: give the commit at which that version was "
        "verified"
    )


def _links(state: EdgeState, request: PromotionRequest) -> dict[str, str]:
    """The traces that the values are to link to, by their file: of several applications, each to its own.

    Several for one file have commas between them: where all stages have to agree, of all.

    The first valid one of a commit stays: a run without a trace (by hand) must not erase it, and one with another (the
    commit was verified again) must not make a new head of it, which would discard reviews and run the checks again.
    """
    if isinstance(state.edge, Group):
        traces = {found.application: found.traceparent for found in _vouching(state)}
        return {member.at_target.trace: traces.get(member.application, "") for member in state.edge.members}
    [file] = state.edge.at_target.traces
    if state.edge.requires_all and state.selection.verifications:
        return {file: ",".join(dict.fromkeys(found.traceparent for found in _vouching(state) if found.traceparent))}
    metadata = state.open.metadata if state.open else None
    # Two stages may have verified one commit, each with values of its own.
    same = metadata is not None and metadata.commit == state.commit and not _other_stages(state)
    first = metadata.traceparent if metadata is not None and same else ""
    logged = [found.traceparent for found in state.selection.verifications if found.commit == state.commit]
    own = request.traceparent if request.commit in ("", state.commit) else ""
    return {file: first or next(filter(None, logged), own)}


def _vouching(state: EdgeState) -> tuple[Verification, ...]:
    """Who vouches for what is promoted: as the open pull request tells already, where that is as good."""
    metadata = state.open.metadata if state.open else None
    told = {found.subject: found for found in metadata.verifications} if metadata else {}
    kept = []
    for found in state.selection.verifications:
        before = told.get(found.subject)
        if before and before.weight >= found.weight:
            # Whether it is recorded is told as it is now, where that could be read.
            recorder = before.recorded_by if found.recorded_by is None else found.recorded_by
            found = replace(before, recorded_by=recorder)
        kept.append(found)
    if not kept and metadata is not None and metadata.commit == state.commit:
        return metadata.verifications
    return tuple(kept)


def _verified_before(state: EdgeState) -> bool:
    """Whether the open pull request was proposed with this very commit named: that counts for a run without it too."""
    metadata = state.open.metadata if state.open else None
    # What has no digest was read from a commit, which does not tell whether anybody named what it promotes.
    return metadata is not None and bool(metadata.digest) and metadata.commit == state.commit and metadata.verified


def _state_notes(state: EdgeState, verified: bool) -> tuple[str, ...]:
    notes = []
    if not verified:
        notes.append(
            f"No commit was given: before you merge, make sure that {state.origin.source} has verified this one."
        )
    if state.branch.by_others:
        notes.append("This branch has commits by other authors; they are kept.")
    return tuple(notes)


def _other_stages(state: EdgeState) -> tuple[str, ...]:
    """The stages that have verified what is open, where the one that has nothing left to promote is none of them.

    Where any source stage is enough, one that has what the target has says nothing about what another has verified.
    """
    metadata = state.open.metadata if state.open else None
    stages = tuple(found.stage for found in metadata.verifications) if metadata else ()
    return () if state.edge.requires_all or state.origin.source in stages else stages


def _proposed_already(state: EdgeState, planned: Plan) -> bool:
    """Whether the open pull request proposes just this: somebody has asked for it, or has reopened it."""
    metadata = state.open.metadata if state.open else None
    if metadata is None or metadata.commit != state.commit:
        return False
    return bool(metadata.superseded_by) or metadata.changes == planned.changes


def _refused(state: EdgeState, planned: Plan, warnings: tuple[ReviewerWarning, ...]) -> Decision | None:
    """The decision not to promote, by the first rule that says so; None when none does."""
    becomes = {change.key: change.becomes for change in planned.changes}
    where = state.origin.at_source
    found, against = precedence(state.history, state.proposals, state.commit, becomes, given=state.given, where=where)
    if found is not Precedence.FREE and against is not None:
        return _refused_by_pull_request(found, against, planned, state)
    if state.given and (newer := newer_in_git(state)):
        why = f"the newer commit {newer.commit[:12]} than {state.commit[:12]} {newer.words}"
        return Decision(Result.SUPERSEDED, why, planned, state.commit, against=state.open)
    if _proposed_already(state, planned):
        return None
    reverted = state.target_history.reverted(becomes) if becomes else None
    if reverted is not None:
        why = f"{state.edge.target} had it, and commit {reverted.commit.sha[:12]} has reverted it since; ask again"
        return Decision(Result.REVERTED, why, planned, state.commit, hint=Hint.AGAIN)
    downgrade = next((warning for warning in warnings if warning.downgrade), None)
    if downgrade is not None:
        why = f"{words(planned.changes)} is a downgrade: {downgrade.words}; to promote it all the same"
        return Decision(Result.SUPERSEDED, why, planned, state.commit, hint=Hint.AGAIN)
    return None


def _refused_by_pull_request(found: Precedence, against: Proposal, planned: Plan, state: EdgeState) -> Decision:
    number, commit = against.pull_request.number, state.commit[:12]
    if found is Precedence.SUPERSEDED:
        newer = against.metadata.superseded_by or against.metadata.commit if against.metadata else ""
        why = f"pull request #{number} already proposes the newer commit {newer[:12]} than {commit}"
        return Decision(Result.SUPERSEDED, why, planned, state.commit, against=against)
    result, why = Result.DECLINED, f"pull request #{number} was closed without merging; reopen it, or ask again"
    if found is Precedence.REVERTED:
        result = Result.REVERTED
        why = f"pull request #{number} promoted it and {state.edge.target} has reverted it since; ask again"
    return Decision(result, why, planned, state.commit, against=against, hint=Hint.AGAIN)


def _ran_before(state: EdgeState, changes: tuple[Change, ...]) -> str:
    """The commit whose values the target has now: a former promotion's, else the source stage's newest with them."""
    had = {change.key: change.was for change in changes}
    for proposal in state.proposals:
        metadata = proposal.metadata
        if proposal.pull_request.state == "merged" and metadata is not None:
            brought = {change.key: change.becomes for change in metadata.changes}
            if brought == had:
                return metadata.commit
    return state.history.last_with(had, state.commit, state.origin.at_source)
