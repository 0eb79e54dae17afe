"""Carries out one promotion or rollback on the forge: reads, decides, pushes, opens; safe to run again at any point.

What it decides by is in `decide.py` and `rollback.py`, what has to exist for a decision in `desired.py`; the pull
request is `publish.py`'s matter. Here is only the order in which things are done.
"""

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from delivery.git.repository import ConcurrentPushError, GitError, RefUpdate, Repository
from delivery.github.client import GitHub, GitHubError, PullRequest
from delivery.model.edges import Edge
from delivery.model.hints import with_hint
from delivery.model.request import PromotionRequest
from delivery.model.settings import PromotionSettings
from delivery.promotion.commit import make_commit
from delivery.promotion.decide import Decision, Result, propose
from delivery.promotion.desired import DesiredPromotion, desired_promotion
from delivery.promotion.evidence import completing, log_updates, torn_commit
from delivery.promotion.plan import Change
from delivery.promotion.publish import (
    ForgeChangedError,
    Published,
    close_pull_request,
    open_pull_request,
    refuse_hidden,
)
from delivery.promotion.pull_request import Rendered
from delivery.promotion.recorded import RecordReader
from delivery.promotion.rollback import propose_rollback
from delivery.promotion.state import EdgeState, read_edge
from delivery.timeouts import Deadline
from delivery.tracing.run import PromotionSpan

_ROUNDS = 50
"""No race lasts so long: a bound for what nobody has thought of."""
_ROUND_SECONDS = 5.0
"""What a round may take: one that would be cut off is not begun."""


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
    records: RecordReader | None = None,
    dry_run: bool = False,
    deadline: Deadline | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Carry out `request`; `connect` gives a new, empty `Repository` with the GitOps repository as its remote.

    `records` reads what the stages have recorded, by default as `github` may.

    Raises `SettingsError`, `ValuesError`, `PromotionError`, `GitHubError` or `GitError`, each with one line. What was
    done until then is completed, not repeated, by running again. When somebody pushes to the branch in between, or
    changes, merges or closes the pull request, everything is read and decided again, until the `deadline`. A success
    means that branch and text were as decided when this run wrote last. `dry_run` ends with the decision.
    """
    edge = settings.edge(request.application, request.source, request.target)
    deadline = deadline or Deadline()
    run = _Run(settings, edge, github, span, records or RecordReader(github, settings), dry_run, progress)
    for number in range(1, _ROUNDS + 1):
        try:
            with connect() as repository:
                outcome = run.once(request, repository)
        except (ConcurrentPushError, ForgeChangedError) as error:
            # Runs that got into each other's way must not meet again, and GitHub may need seconds to show a change.
            pause = min(8.0, 0.1 * 2**number) * random.uniform(0.5, 1)  # noqa: S311 - no secret
            if number == _ROUNDS or pause + _ROUND_SECONDS >= deadline.remaining():
                raise
            progress(f"reading again: {error}")
            deadline.sleep(pause)
        else:
            break
    if outcome.pull_request is not None:
        pull_request = outcome.pull_request
        span.set_pull_request(pull_request.number, pull_request.url, pull_request.title, pull_request.state)
    acted = outcome.result in (Result.CREATED, Result.UPDATED, Result.UNCHANGED, Result.CLOSED)
    span.set_result("success" if acted else "skip", outcome.result.outcome)
    return outcome


@dataclass
class _Run:
    """One run, in as many rounds as it takes. `done` is what earlier rounds have done to the pull request."""

    settings: PromotionSettings
    edge: Edge
    github: GitHub
    span: PromotionSpan
    records: RecordReader
    dry_run: bool
    progress: Callable[[str], None]
    done: Result = Result.UNCHANGED
    linked: set[str] = field(default_factory=set)

    def once(self, request: PromotionRequest, repository: Repository) -> Outcome:
        """One round: read, decide, write, compare."""
        span, progress = self.span, self.progress
        with span.step("read"):
            progress(f"reading {self.edge}")
            state = read_edge(self.edge, self.settings, self.github, repository, request, reader=self.records)
        with span.step("plan"):
            decision = self._decide(state, request, repository)
            if torn := decision.result is Result.SUPERSEDED and not self.dry_run and torn_commit(state):
                progress(f"text and branch of the open pull request do not fit: promoting {torn[:12]} again")
                return self.once(completing(request, state, torn), repository)
            progress(f"{decision.result.words}: {with_hint(decision.why, decision.hint)}")
        if state.unlisted and not self.dry_run and decision.result in (Result.NOTHING, Result.PLANNED):
            progress(f"the list shows no pull request for {state.branch.name}, which is there: looking again")
            refuse_hidden(self.github, state, self.settings.base(self.edge))
        span.set_commit(decision.commit, repository.committed_at(decision.commit))
        if decision.rendered is not None:
            span.set_version(decision.rendered.metadata.version)
        if self.dry_run:
            return self._outcome(decision, Published(decision.result, _against(decision)))
        if decision.rendered is not None:
            return self._publish(state, request, decision, repository)
        closes = decision.against.pull_request.number if decision.result is Result.CLOSED and decision.against else 0
        updates = log_updates(state, request, repository, closes=closes)
        if updates:
            with span.step("push"):
                repository.push(updates)
        if decision.result is not Result.CLOSED:
            return self._outcome(decision, Published(decision.result, _against(decision)))
        with span.step("open"):
            announce = state.open is not None and closes not in state.logs[0].closed
            return self._outcome(decision, close_pull_request(self.github, state, decision, announce=announce))

    def _decide(self, state: EdgeState, request: PromotionRequest, repository: Repository) -> Decision:
        own = self.span.traceparent or ""
        if not request.rollback:
            decision = propose(state, request, self.settings, run_traceparent=own)
            self._link(decision.traces - {request.traceparent}, "verified")
            return decision
        decision = propose_rollback(state, request, self.settings, repository, run_traceparent=own)
        self._link(decision.traces, "undone")
        return decision

    def _link(self, traces: Collection[str], relation: str) -> None:
        for trace in sorted(set(traces) - self.linked):
            self.span.add_link(trace, relation)
        self.linked |= set(traces)

    def _publish(
        self, state: EdgeState, request: PromotionRequest, decision: Decision, repository: Repository
    ) -> Outcome:
        with self.span.step("push"):
            desired = desired_promotion(state, decision, self.settings, repository)
            assert desired is not None  # noqa: S101 - there is one wherever something is rendered
            signer = self.github if self.settings.sign_commits else None
            head = update_branch(repository, desired, log_updates(state, request, repository), signer)
            self.progress(f"{desired.branch} is {'up to date' if head is None else f'at {head[:12]}'}")
            if head is not None and desired.open is not None:
                self._did(Result.UPDATED)
        with self.span.step("open"):
            try:
                published = open_pull_request(self.github, desired, pushed=head, did=self._did)
            except GitHubError as error:
                if error.refused and head is not None:
                    restore_branch(self.github, repository, desired, head, self.progress)
                raise
            return self._outcome(decision, published)

    def _did(self, result: Result) -> Result:
        """Remember what was done to the pull request, and say what this run has done to it in all."""
        if self.done is not Result.CREATED and result is not Result.UNCHANGED:
            self.done = result
        return self.done

    def _outcome(self, decision: Decision, published: Published) -> Outcome:
        return Outcome(
            result=published.result,
            why=with_hint(decision.why, decision.hint),
            edge=self.edge,
            commit=decision.commit,
            changes=decision.plan.changes,
            pull_request=published.pull_request,
            rendered=decision.rendered,
            notes=(*published.notes, *filter(None, (self.records.note,))),
        )


def _against(decision: Decision) -> PullRequest | None:
    return decision.against.pull_request if decision.against else None


def update_branch(
    repository: Repository, desired: DesiredPromotion, logs: Sequence[RefUpdate] = (), signer: GitHub | None = None
) -> str | None:
    """Push what `desired` has on its branch, with `logs` at once; returns the new head, or None when it stays.

    With a `signer`, GitHub makes the commit, and signs it.
    Raises `ConcurrentPushError` when one of them moved since it was read; then none of them is changed.
    """
    updates, commit = list(logs), None
    if not desired.up_to_date:
        commit = make_commit(repository, desired.parent, desired.files, desired.message, signer, desired.author)
        ref = f"refs/heads/{desired.branch}"
        updates.insert(0, RefUpdate(ref, commit, desired.observed, rewrite=not desired.append))
    if updates:
        repository.push(updates)
    return commit


def restore_branch(
    github: GitHub, repository: Repository, desired: DesiredPromotion, head: str, progress: Callable[[str], None]
) -> None:
    """Put the branch of an open pull request back to where this run found it, where its text could not be changed.

    Else the pull request would bring another version than its text tells of. That the text is the old one is asked of
    GitHub: a refusal may come from something in between. A branch without a pull request stays for the next run;
    deleting it could close one that the list does not show yet.
    """
    open_one, before = desired.open, desired.observed
    if open_one is None or before is None:
        return
    branch = f"refs/heads/{desired.branch}"
    try:
        if github.get_pull_request(open_one.number).body != open_one.body:
            return
        repository.push([RefUpdate(branch, before, head)])
        progress(f"{desired.branch} is back at {before[:12]}")
        if github.get_pull_request(open_one.number).body != open_one.body:
            repository.push([RefUpdate(branch, head, before)])
            progress(f"{desired.branch} is at {head[:12]} again: the text was changed in between")
    except (GitError, GitHubError) as error:
        progress(f"{desired.branch} was left at {head[:12]}: {error}")
