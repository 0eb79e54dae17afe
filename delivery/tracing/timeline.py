"""A delivery in order of time: sections that add up to its lead time, and the rows of a waterfall.

Sections never overlap and have no gaps, so that their sum is the lead time. The times come from several machines;
where their clocks contradict each other, a section has no length and a note says so. Drawing is elsewhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

from delivery.tracing.attributes import CHANGE_ID, CHANGE_TITLE, CHANGE_URL, COMMIT_TIME, HEAD_REVISION
from delivery.tracing.model import PROMOTION_PHASE, Delivery, Hop, Rollout, Run
from delivery.tracing.otlp import Span, SpanId
from delivery.tracing.scale import Scale, scale

_SECOND = 1_000_000_000

Kind = Literal["wait", "rollout", "promotion", "review"]


@dataclass(frozen=True)
class Section:
    """A part of the lead time, and what it was spent on. All times here are nanoseconds, points in time since 1970."""

    name: str
    kind: Kind
    start: int
    end: int

    @property
    def length(self) -> int:
        """How long it lasted."""
        return self.end - self.start


@dataclass(frozen=True)
class Row:
    """One bar of the waterfall. `span` is None for a wait, which no span covers; `follows` is what it is linked to."""

    name: str
    kind: Kind
    depth: int
    start: int
    end: int
    span: Span | None = None
    follows: SpanId | None = None

    @property
    def failed(self) -> bool:
        """Whether its span has the status ERROR."""
        return self.span is not None and self.span.failed


@dataclass(frozen=True)
class Change:
    """The pull request that a promotion went through. `merged` is when, 0 where that is not known."""

    number: str
    title: str
    url: str
    merged: int


@dataclass(frozen=True)
class Timeline:
    """A delivery in order of time.

    `commit_time` is when `commit` was made; 0 where that is not known, and the lead time then starts with the first
    span.
    """

    delivery: Delivery
    sections: tuple[Section, ...]
    rows: tuple[Row, ...]
    changes: tuple[Change, ...]
    commit: str
    commit_time: int
    notes: tuple[str, ...]

    @property
    def lead_time(self) -> int:
        """From the commit to the end of the last rollout, or to the last thing known."""
        return sum(section.length for section in self.sections)

    @property
    def scale(self) -> Scale:
        """The axis on which the rows are drawn: a piece for each section. What came after them is at its end."""
        moments = [self.sections[0].start, *(section.end for section in self.sections)]
        return scale(moments, [section.kind in ("wait", "review") for section in self.sections])

    @property
    def traces(self) -> tuple[tuple[str, str], ...]:
        """The traces of the delivery, in order, as pairs of a name (the stage, or `promotion`) and the trace's id."""
        named: list[tuple[str, str]] = []
        for index, stage in enumerate(self.delivery.stages):
            for rollout in filter(None, self.delivery.rollouts[index : index + 1]):
                tries = (*self.delivery.failures_before(rollout), rollout)
                named += [(f"{stage}, failed" if one.failed else stage, one.trace) for one in tries]
            named += [
                ("promotion", run.span.id.trace) for hop in self.delivery.hops[index : index + 1] for run in hop.runs
            ]
        return tuple(dict.fromkeys(named))


class _Builder:
    """Adds section after section. One that would end before it starts has no length and leaves a note."""

    def __init__(self, start: int) -> None:
        self.sections: list[Section] = []
        self.rows: list[Row] = []
        self.notes: list[str] = []
        self.now = start

    def until(self, end: int, name: str, kind: Kind) -> None:
        """Add the section from where the last one ended to `end`; one that no span covers is a row, too."""
        if end < self.now - _SECOND:  # git's times are whole seconds
            self.notes.append(f"clocks disagree: {name} ended {(self.now - end) / 1e9:.3g} s before it began")
        self.sections.append(Section(name, kind, self.now, max(end, self.now)))
        if kind in ("wait", "review") and end > self.now:
            self.rows.append(Row(name, kind, 0, self.now, end))
        self.now = max(end, self.now)

    def arrival(self, start: int, stage: str, change: Change | None, merged: int) -> None:
        """Add what passed before a promoted version's rollout began: the review, and the wait for its sync."""
        name = f"review of #{change.number}" if change else "review"
        if merged:
            self.until(min(merged, start), name, "review")
            self.until(start, f"wait for {stage}'s sync", "wait")
        else:
            self.until(start, name, "review")
            self.notes.append(f"no commit tells when it was merged: the {name} lasts until {stage} began")


def timeline(delivery: Delivery, commit_times: Mapping[str, int] = MappingProxyType({})) -> Timeline:
    """`delivery` in order of time. `commit_times` has times of commits that no span tells."""
    commit, commit_time = _commit(delivery)
    commit_time = commit_time or commit_times.get(commit, 0)
    starts = [rollout.start for rollout in (*delivery.failures, *delivery.rollouts) if rollout]
    starts += [run.span.start for run in delivery.runs]
    built = _Builder(commit_time or min(starts))
    changes: list[Change] = []
    before: Hop | None = None
    change, merged = None, 0
    for index, rollout in enumerate(delivery.rollouts):
        stage = delivery.stages[index]
        hop = next(iter(delivery.hops[index:]), None)
        if rollout:
            tries = (*delivery.failures_before(rollout), rollout)
            if before and before.run:
                built.arrival(tries[0].start, stage, change, merged)
            elif before:
                built.until(tries[0].start, f"promotion to {stage}", "wait")
            elif commit_time:
                built.until(tries[0].start, f"wait for {stage}'s sync", "wait")
            for failure, following in pairwise(tries):
                built.rows += _rollout_rows(failure, stage, before)
                built.until(failure.end, f"{stage} deployment, failed", "rollout")
                built.until(following.start, f"wait for {stage}'s next sync", "wait")
            built.rows += _rollout_rows(rollout, stage, before)
            built.until(_verified(rollout, hop), f"{stage} deployment", "rollout")
        if hop and hop.run:
            merged = _merged(hop.run, next(iter(delivery.rollouts[index + 1 :]), None), commit_times)
            change = _change(hop.run.span, merged)
            changes += [change] if change else []
            built.rows += _run_rows(hop)
            built.until(hop.run.span.end, f"promotion to {delivery.stages[index + 1]}", "promotion")
        before = hop
    notes = (*built.notes, *_missing(delivery, commit_time))
    return Timeline(delivery, tuple(built.sections), tuple(built.rows), tuple(changes), commit, commit_time, notes)


def _merged(run: Run, target: Rollout | None, commit_times: Mapping[str, int]) -> int:
    """When the promotion's pull request was merged, 0 where that is not known.

    It is the time of the commit that the target stage synced: the merge's own, or that of a later commit. A commit
    from before the promotion is neither.
    """
    synced = commit_times.get(target.commit, 0) if target else 0
    return synced if synced >= run.span.end - _SECOND else 0


def _rollout_rows(rollout: Rollout, stage: str, before: Hop | None) -> Iterator[Row]:
    follows = before.phase if before and rollout.root else None
    yield Row(f"{stage}, all phases", "rollout", 0, rollout.start, rollout.end, rollout.root, follows)
    promoting: set[str] = set()
    for depth, span in rollout.spans:
        if span.name == PROMOTION_PHASE or span.parent in promoting:
            promoting.add(span.id.span)
        kind: Kind = "promotion" if span.id.span in promoting else "rollout"
        yield Row(span.name, kind, depth, span.start, span.end, span)


def _run_rows(hop: Hop) -> Iterator[Row]:
    for run in hop.runs:
        yield Row(run.span.name, "promotion", 0, run.span.start, run.span.end, run.span, hop.phase)
        for step in run.steps:
            yield Row(step.name, "promotion", 1, step.start, step.end, step)


def _verified(rollout: Rollout, hop: Hop | None) -> int:
    """When the version was verified: at the start of the promotion phase, or without one at the rollout's end."""
    phases = (span for _, span in rollout.spans if hop and span.id == hop.phase)
    phase = next(phases, rollout.promotion)
    return phase.start if phase else rollout.end


def _change(run: Span, merged: int) -> Change | None:
    number = run.get(CHANGE_ID)
    return Change(number, run.get(CHANGE_TITLE), run.get(CHANGE_URL), merged) if number else None


def _commit(delivery: Delivery) -> tuple[str, int]:
    """The verified commit of the first hop and when it was made; the first stage's where no run tells."""
    runs = [run.span for hop in delivery.hops[:1] for run in hop.runs]
    named = [span.get(HEAD_REVISION) for span in runs]
    named += [rollout.commit for rollout in delivery.rollouts[:1] if rollout]
    times = (_time(span.get(COMMIT_TIME)) for span in runs)
    return next(filter(None, named), ""), next(filter(None, times), 0)


def _time(text: str) -> int:
    """An ISO 8601 time in nanoseconds since 1970; 0 for a text that is none, or that has no zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return int(time.timestamp() * 1e9) if time.tzinfo else 0


def _missing(delivery: Delivery, commit_time: int) -> Iterator[str]:
    stages = delivery.stages
    if not commit_time:
        yield "no span tells when the commit was made: the time starts with the first thing known"
    for index, rollout in enumerate(delivery.rollouts):
        if rollout is None:
            yield f"nothing of {stages[index]}'s rollout was exported"
        elif rollout.root is None:
            yield f"{stages[index]}'s rollout has no end yet"
        elif rollout.failed:
            yield f"{stages[index]} was not verified: {rollout.root.message or 'its spans do not say why'}"
    for index, hop in enumerate(delivery.hops):
        if not hop.runs:
            yield f"no promotion run towards {stages[index + 1]} was exported"
    if delivery.waits:
        yield f"{stages[-1]} has not begun: the pull request waits, or {stages[-1]} exports no spans"
