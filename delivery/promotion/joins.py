"""Which of the verified commits are promoted where several stages promote into one, and in which order they came.

The source stages have folders of their own, so that the age of a commit does not tell which of two versions is newer:
one stage may be slower than the other. What counts is the order in which the values came to the stage that both
have them from.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from delivery.git.repository import Repository
from delivery.github.client import GitHub
from delivery.model.edges import Edge, Group
from delivery.model.promoted_keys import StageValues
from delivery.model.settings import PromotionSettings
from delivery.promotion.history import History, Order, Proposal
from delivery.promotion.verified import Verification, VerificationLog

CONSIDERED = 30
"""How many of a stage's newest verifications count."""

Texts = Mapping[str, str]
_Verified = Mapping[str, tuple[Edge, Verification]]


@dataclass(frozen=True)
class Selection:
    """What is promoted: `commit`, at which the source stage of `origin` has the values.

    `verifications` are those of just these values, one for each source stage that has verified them. `waiting` are the
    source stages that have not verified what the run was told of, where all of them have to; with `blocked` nothing
    else is to be promoted meanwhile.
    """

    origin: Edge
    commit: str
    verifications: tuple[Verification, ...] = ()
    waiting: tuple[str, ...] = ()
    blocked: bool = False


class JoinHistory(History):
    """The default branch's history, as several source stages of one target see it."""

    def __init__(
        self,
        repository: Repository,
        github: GitHub,
        tip: str,
        tips: Mapping[str, str],
        upstream: Iterable[StageValues],
        logs: tuple[VerificationLog, ...],
        said: Mapping[str, Edge],
    ) -> None:
        """`upstream` are the stages before, the farthest one first; `said` the edge of a commit that is in no log."""
        super().__init__(repository, github, tip, tips)
        self._upstream = tuple(upstream)
        self._files = {**said, **{entry.commit: log.edge for log in reversed(logs) for entry in log.entries}}
        self._arrived: dict[tuple[StageValues, str, tuple[tuple[str, str], ...]], str] = {}

    def local_order(self, commit: str, reference: str) -> Order | None:
        """How `commit` stands to `reference`.

        Of one source stage the age of the commits tells it. Of two it is told by when their values came to a stage that
        both have them from, up to the commits themselves: what came later has not been verified with them.
        """
        if self._files.get(commit) != self._files.get(reference):
            one, other = (self._known_values(name) for name in (commit, reference))
            if one is not None and other is not None and one != other:
                for where in self._upstream:
                    came = self._arrival(one, commit, where), self._arrival(other, reference, where)
                    if all(came):
                        return super().local_order(*came)
            if self._branch(commit) != self._branch(reference):
                return self._order_of_branches(commit, reference)
        return super().local_order(commit, reference)

    def _branch(self, commit: str) -> str | None:
        """The branch of the stage that has verified `commit`; None where it is in no log."""
        return self._files[commit].source_branch if commit in self._files else None

    def _order_of_branches(self, commit: str, reference: str) -> Order | None:
        """How commits of two stages' own branches stand to each other: where neither contains the other, by date."""
        found = super().local_order(commit, reference)
        dates = [self._repository.committed_at(name) for name in (commit, reference)]
        if found in (Order.OLDER, Order.NEWER) or dates[0] is None or dates[1] is None:
            return found
        return Order.OLDER if dates[0] < dates[1] else Order.NEWER

    def _known_values(self, commit: str) -> Texts | None:
        return self.promoted(commit, self._files[commit].at_source) if commit in self._files else None

    def _arrival(self, values: Texts, commit: str, where: StageValues) -> str:
        key = where, commit, tuple(values.items())
        if key not in self._arrived:
            # The history of another branch does not tell what the stage had.
            own = self._branch(commit) in (None, where.branch)
            self._arrived[key] = self.last_with(values, commit if own else self.tip_of(where), where)
        return self._arrived[key]


def upstream_values(edge: Edge, settings: PromotionSettings) -> dict[str, StageValues]:
    """Every stage from which the application comes to the target, the nearest ones first, and where it has it."""
    if isinstance(edge, Group):
        return {edge.source: edge.at_source}
    found: dict[str, StageValues] = {}
    level = [edge.target]
    while level:
        edges = [one for one in settings.edges if one.application == edge.application and one.target in level]
        level = [one.source for one in edges if one.source not in found]
        found |= {one.source: one.at_source for one in edges}
    return found


def select(
    edge: Edge,
    history: JoinHistory,
    logs: tuple[VerificationLog, ...],
    said: Verification | None,
    proposed: Proposal | None,
    *,
    every: bool,
) -> Selection | None:
    """What to promote along the join `edge`, from its `logs` and what a run was just told; None for nothing.

    With `every` it is the newest values that all source stages have verified, else just what was `said`. What the open
    pull request `proposed` stands on stays as it is while its values are the same.
    """
    told = proposed.metadata.verifications if proposed and proposed.metadata else ()
    kept = {(entry.stage, entry.commit) for entry in told}
    candidates: dict[tuple[str, ...], dict[str, tuple[Edge, Verification]]] = {}
    own: tuple[str, ...] = ()
    for log in logs:
        first = (said,) if said and said.stage == log.edge.source and log.adds(said) else ()
        for entry in (*first, *log.entries[:CONSIDERED]):
            values = history.promoted(entry.commit, log.edge.at_source)
            if values is None or not history.contains(entry.commit, history.tip_of(log.edge.at_source)):
                continue
            key = tuple(values[promoted.name] for promoted in edge.promoted_keys)
            if said and (entry.stage, entry.commit) == (said.stage, said.commit):
                own = key
            verified = candidates.setdefault(key, {})
            best = verified.get(entry.stage)
            if best is None or _better(history, entry, best[1], kept):
                verified[entry.stage] = log.edge, log.best(entry)
    waiting: tuple[str, ...] = ()
    chosen: _Verified | None = candidates.get(own)
    if every:
        if said:
            waiting = tuple(log.edge.source for log in logs if log.edge.source not in candidates.get(own, {}))
        chosen = _newest(history, [found for found in candidates.values() if len(found) == len(logs)])
    if chosen is None:
        mine = next((log.edge for log in logs if said and log.edge.source == said.stage), logs[0].edge)
        return Selection(mine, said.commit, (said,), waiting, blocked=every) if said else None
    kept_here = [found for found in chosen.values() if proposed and _is_at(proposed, found[1])]
    origin, verification = kept_here[0] if kept_here else _newest_of(history, chosen)
    shown = tuple(chosen[log.edge.source][1] for log in logs if log.edge.source in chosen)
    return Selection(origin, verification.commit, shown, waiting)


def _better(history: History, entry: Verification, best: Verification, kept: Collection[tuple[str, str]]) -> bool:
    if (best.stage, best.commit) in kept:
        return False
    return (entry.stage, entry.commit) in kept or _is_newer(history, entry, best)


def _is_newer(history: History, one: Verification, other: Verification) -> bool:
    """Of the same values, the age of the commits counts."""
    return History.local_order(history, one.commit, other.commit) is Order.NEWER


def _newest_of(history: History, verified: _Verified) -> tuple[Edge, Verification]:
    return reduce(lambda best, one: one if _is_newer(history, one[1], best[1]) else best, verified.values())


def _newest(history: History, candidates: Sequence[_Verified]) -> _Verified | None:
    def newer(best: _Verified, one: _Verified) -> _Verified:
        commits = (_newest_of(history, found)[1].commit for found in (one, best))
        return one if history.local_order(*commits) is Order.NEWER else best

    return reduce(newer, candidates) if candidates else None


def _is_at(proposed: Proposal, verification: Verification) -> bool:
    return proposed.metadata is not None and proposed.metadata.commit == verification.commit
