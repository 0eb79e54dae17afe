"""How one commit stands to another, and what earlier pull requests of an edge mean for a new one.

Asks the fetched history first and GitHub only where that ends. Reads and judges; writes nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from delivery.git.commits import Commit
from delivery.git.repository import Repository
from delivery.github.client import GitHub, PullRequest
from delivery.model.hints import Hint, HintedError
from delivery.model.promoted_keys import StageValues
from delivery.promotion.metadata import PromotionMetadata
from delivery.promotion.plan import may_be, read_promoted, read_values
from delivery.values.document import ValuesError
from delivery.values.scalar import Scalar

_SEARCHED = 20
_WORKLOAD = re.compile(rb"^kind:[ \t]*[\"']?(Deployment|StatefulSet|DaemonSet|ReplicaSet|Rollout)\b", re.MULTILINE)


class PromotionError(HintedError):
    """A promotion that must not or cannot be made; `str()` is one line that says what to do."""


class EdgeNotReadyError(PromotionError):
    """The stack of `stage` has not committed yet what the promotion needs from it; empty: nobody has committed."""

    def __init__(self, message: str, stage: str = "") -> None:
        super().__init__(message)
        self.stage = stage


class Order(Enum):
    """How a commit stands to another one."""

    SAME = "identical"
    NEWER = "ahead"
    OLDER = "behind"
    UNRELATED = "diverged"


@dataclass(frozen=True)
class Proposal:
    """A pull request of the edge with what its hidden metadata says; `metadata` is None when a person removed it."""

    pull_request: PullRequest
    metadata: PromotionMetadata | None

    @property
    def declined(self) -> bool:
        """Whether a person closed it without merging. What the promoter closes says so in its metadata."""
        return self.pull_request.state == "closed" and self.metadata is not None and not self.metadata.superseded_by


class History:
    """The history of the branches that stages are on: `tip` is the source stage's newest commit, `tips` those of all.

    `tips` are by the name of the branch, which is empty for the default one.
    """

    def __init__(self, repository: Repository, github: GitHub, tip: str, tips: Mapping[str, str] | None = None) -> None:
        self._repository, self._github, self.tip = repository, github, tip
        self._tips = tips or {"": tip}
        self._compared: dict[tuple[str, str], Order] = {}
        self._promoted: dict[tuple[str, StageValues], dict[str, str] | None] = {}
        self._parsed: dict[tuple[StageValues, tuple[bytes, ...]], dict[str, str] | None] = {}

    def newest_first(self) -> tuple[str, ...]:
        """The commits of the source stage's branch, as far as they were fetched."""
        return tuple(commit.sha for commit in self._repository.log(self.tip))

    def tip_of(self, where: StageValues) -> str:
        """The newest commit of that stage's branch."""
        return self._tips[where.branch]

    def contains(self, commit: str, tip: str = "") -> bool:
        """Whether the branch with this `tip` contains `commit`, the source stage's unless it is given.

        Being able to fetch a commit proves nothing: GitHub serves the commits of every fork through the parent.
        """
        if self._repository.is_ancestor(commit, tip or self.tip):
            return True
        if not self._repository.boundary():
            return False
        return self._github.compare(commit, tip or self.tip) in ("ahead", "identical")

    def is_near(self, commit: str) -> bool:
        """Whether the fetched history reaches from the tip to `commit`."""
        return self._repository.is_ancestor(commit, self.tip)

    def order(self, commit: str, reference: str) -> Order:
        """How `commit` stands to `reference`."""
        if commit == reference:
            return Order.SAME
        local = self.local_order(commit, reference)
        if local is not None:
            return local
        if (commit, reference) not in self._compared:
            self._compared[commit, reference] = Order(self._github.compare(reference, commit))
        return self._compared[commit, reference]

    def local_order(self, commit: str, reference: str) -> Order | None:
        """The same without asking GitHub; None where the fetched history does not reach far enough."""
        if commit == reference:
            return Order.SAME
        if self._repository.is_ancestor(commit, reference):
            return Order.OLDER
        if self._repository.is_ancestor(reference, commit):
            return Order.NEWER
        return None if self._repository.boundary() else Order.UNRELATED

    def closed_by_our_deletion(self, pull_request: PullRequest) -> bool:
        """Whether the promoter's own identity closed it by deleting its branch, as earlier releases did.

        GitHub then closes the pull request in the deleter's name, at the same second. A person who closes one and
        deletes its branch takes longer, and goes by another name.
        """
        events = self._github.events(pull_request.number)
        closed = [event for event in events if event.kind == "closed"]
        deleted = [event for event in events if event.kind == "head_ref_deleted"]
        return bool(closed and deleted) and (
            closed[-1].actor == deleted[-1].actor == pull_request.author
            and abs((closed[-1].at - deleted[-1].at).total_seconds()) <= 1
        )

    def commits_between(self, base: str, commit: str, where: StageValues) -> tuple[Commit, ...]:
        """Commits after `base` up to `commit` that touch that stage, newest first; none when `base` was not fetched.

        Those at the end of the fetched history are left out: there, git shows every file as just added.
        """
        if not base or self._repository.resolve(base) is None:
            return ()
        boundary = self._repository.boundary()
        found = self._repository.log(commit, without=base, paths=where.touched, limit=500)
        return tuple(commit for commit in found if commit.sha not in boundary)

    def values_since(self, commit: str, where: StageValues) -> dict[str, Scalar | None]:
        """A stage's values as the newest commit has them, when one after `commit` touched its files; else none.

        Raises `ValuesError`.
        """
        tip = self.tip_of(where)
        if not self._repository.log(tip, without=commit, paths=where.files, limit=1):
            return {}
        texts = self.texts(tip, where)
        return read_values(texts, where) if texts is not None else {}

    def untouched(self, since: str, commit: str, where: StageValues) -> bool:
        """Whether git knows that no commit after `since` up to `commit` touches the files with a stage's values."""
        near = self._repository.resolve(since) is not None and self._repository.is_ancestor(since, commit)
        return near and not self._repository.log(commit, without=since, paths=where.files, limit=1)

    def texts(self, commit: str, where: StageValues) -> dict[str, bytes] | None:
        """The files with a stage's values at `commit`; None when one of them is not there."""
        return self._repository.texts(commit, where.files)

    def promoted(self, commit: str, where: StageValues) -> dict[str, str] | None:
        """The values of a stage at `commit` that could be promoted, as texts; None when they cannot be read."""
        if (commit, where) not in self._promoted:
            there = self._repository.resolve(commit) is not None
            texts = self.texts(commit, where) if there else None
            found = None
            if texts is not None:
                # Most commits have not changed these files.
                content = where, tuple(texts.values())
                if content not in self._parsed:
                    self._parsed[content] = _promotable(texts, where)
                found = self._parsed[content]
            self._promoted[commit, where] = found
        return self._promoted[commit, where]

    def is_by_hand(self, commit: str, where: StageValues) -> bool:
        """Whether a person changed a stage's values with `commit`: no promotion, nor its initial values."""
        repository = self._repository
        before = repository.resolve(f"{commit}^")
        return not repository.trailer(commit) and before is not None and self.texts(before, where) is not None

    def workloads(self, commit: str, path: str) -> int:
        """How many workloads the chart in the folder `path` has at `commit`, by the kinds in its templates."""
        files = self._repository.files(commit, f"{path}/templates")
        contents = self._repository.contents([blob for _, blob in files.values()]) if files else ()
        return sum(len(_WORKLOAD.findall(content)) for content in contents)

    def last_with(self, values: Mapping[str, str | None], commit: str, where: StageValues, *, after: str = "") -> str:
        """The newest commit up to `commit` that gave a stage these values; empty when none is near.

        Only commits that `after` does not contain count, when it is given.
        """
        boundary = self._repository.boundary()
        for found in self._repository.log(commit, without=after, paths=where.files, limit=_SEARCHED):
            texts = self.texts(found.sha, where)
            try:
                # Twenty large files take half a minute to parse.
                may = texts is not None and may_be(texts, where, values)
                present = read_values(texts, where, values) if texts is not None and may else {}
            except ValuesError:
                continue
            if found.sha not in boundary and {key: str(value) for key, value in present.items()} == values:
                return found.sha
        return ""


def _promotable(texts: Mapping[str, bytes], where: StageValues) -> dict[str, str] | None:
    try:
        return {key: value.text for key, value in read_promoted(texts, where).items()}
    except ValuesError:
        return None


class Precedence(Enum):
    """What the edge's pull requests say about a promotion of some commit."""

    FREE = "free"
    SUPERSEDED = "superseded"
    REVERTED = "reverted"
    DECLINED = "declined"


def precedence(
    history: History,
    proposals: tuple[Proposal, ...],
    commit: str,
    becomes: dict[str, str],
    *,
    given: bool,
    where: StageValues,
) -> tuple[Precedence, Proposal | None]:
    """Whether `commit` may be promoted after `proposals` (newest first), and which of them speaks against it.

    `becomes` are the promoted values of `commit`; without a `given` commit, "whatever the source stage has",
    they are what tells a reverted or declined promotion. Raises `PromotionError` where history was rewritten.

    The newest pull request decides, by at most one question to GitHub, and the newest merged one where git
    knows without asking. A merged commit is never proposed again by itself: if the target no longer has its
    values, somebody has reverted it, and Keptn repeats old promotions after a restart of its operator. Nor is what
    was declined proposed from a later commit, unless the source stage's files, which are `where`, were touched since:
    Argo CD's hooks run again at whatever its next full sync finds.
    """
    known = [proposal for proposal in proposals if proposal.metadata is not None]
    merged = next((proposal for proposal in known if proposal.pull_request.state == "merged"), None)
    opened = next((proposal for proposal in known if proposal.pull_request.state == "open"), None)
    for proposal in dict.fromkeys(found for found in (opened, next(iter(known), None), merged) if found is not None):
        metadata, state = proposal.metadata, proposal.pull_request.state
        assert metadata is not None  # noqa: S101 - narrowed by `known`
        # What the promoter closed counts as the revision that left nothing to promote, until a person reopens it.
        reference = metadata.superseded_by if metadata.superseded_by and state == "closed" else metadata.commit
        newest = proposal is (opened or known[0])
        order = history.order(commit, reference) if newest else history.local_order(commit, reference)
        if order is Order.UNRELATED:
            raise PromotionError(
                f"commit {commit[:12]} and {reference[:12]}, last promoted by pull request "
                f"#{proposal.pull_request.number}, have no history in common (was the default branch rewritten?); "
                "to promote it all the same",
                Hint.AGAIN,
            )
        if order is Order.SAME and state == "open":
            break
        brings = {change.key: change.becomes for change in metadata.changes}
        same_values = bool(becomes) and brings == becomes
        if given and not (proposal.declined and order is Order.NEWER and history.untouched(reference, commit, where)):
            same_values = False
        if order is Order.OLDER and not (proposal.declined or same_values):
            return Precedence.SUPERSEDED, proposal
        if order in (Order.OLDER, Order.SAME) or same_values:
            if state == "merged":
                return Precedence.REVERTED, proposal
            if proposal.declined:
                if history.closed_by_our_deletion(proposal.pull_request):
                    others = tuple(other for other in proposals if other is not proposal)
                    return precedence(history, others, commit, becomes, given=given, where=where)
                return Precedence.DECLINED, proposal
    return Precedence.FREE, None
