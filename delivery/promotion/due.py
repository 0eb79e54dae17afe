"""What a sweep finds to be done: verified versions that nobody has promoted, and verifications that have failed.

A dispatch can get lost; a record cannot. An origin's newest record that is in no log, and is not older than what is in
one, was never told to the promoter. What has been told was decided: proposed, declined, superseded, nothing to change.
Here is only what is left; whether it is promoted is decided as for any dispatch (`decide.py`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery.git.commits import TRAILER
from delivery.git.repository import Repository
from delivery.github.client import GitHub, PullRequest
from delivery.github.records import Record, Records, read_records
from delivery.model.edges import Edge
from delivery.model.request import PromotionRequest
from delivery.model.settings import PromotionSettings
from delivery.promotion.branch import rollback_branch
from delivery.promotion.joins import CONSIDERED
from delivery.promotion.metadata import parse_metadata, read_trailer
from delivery.promotion.state import DEPTH, TIPS
from delivery.promotion.verified import REFS, VerificationLog, read_log

_RETRIES = timedelta(minutes=6)
"""So long a stage's task may go on trying after a failure, and say that it has succeeded after all."""
_CUT_OFF = timedelta(days=7)
"""A branch without a pull request that is older has been left so by somebody."""


@dataclass(frozen=True)
class Due:
    """One promotion or rollback along `edge`, and why a sweep asks for it."""

    edge: Edge
    request: PromotionRequest
    why: str


def all_edges(settings: PromotionSettings) -> tuple[Edge, ...]:
    """Everything that is promoted along, joins and groups each as one."""
    return tuple(edge for stage in settings.stages for edge in settings.into(stage))


def read_everything(github: GitHub, settings: PromotionSettings, now: datetime) -> Records:
    """The records of all stages that matter to a sweep, and the promotions' branches. Raises `GitHubError`."""
    edges = all_edges(settings)
    failing = [edge for edge in edges if edge.target in settings.rollback_on_failure]
    stages = [origin.source for edge in edges for origin in edge.origins] + [edge.target for edge in failing]
    return read_records(github, stages, branches=_source_branches(settings, edges, failing), promotions=True, now=now)


def find_due(
    settings: PromotionSettings, github: GitHub, repository: Repository, records: Records, now: datetime
) -> tuple[Due, ...]:
    """What is due along all edges, by one fetch. Raises `GitError` or `GitHubError`."""
    edges = all_edges(settings)
    branches = {edge.target_branch for edge in edges}
    branches |= {origin.source_branch for edge in edges for origin in edge.origins}
    names = {own: own or settings.default_branch for own in branches}
    repository.fetch(
        [
            f"+{REFS}/*:{REFS}/*",
            # A pattern may match nothing: the branch of a stage that has not been there yet.
            *(
                f"+refs/heads/{name}{'*' if own else ''}:{TIPS}{name}{'*' if own else ''}"
                for own, name in names.items()
            ),
        ],
        DEPTH,
        commits_only=True,
    )
    looked = _Sweep(settings, github, repository, records, now, names)
    return tuple(due for edge in edges for due in looked.due(edge))


def _source_branches(settings: PromotionSettings, edges: Iterable[Edge], failing: Iterable[Edge]) -> tuple[str, ...]:
    own = [origin.source_branch for edge in edges for origin in edge.origins] + [edge.target_branch for edge in failing]
    return tuple(dict.fromkeys(branch or settings.default_branch for branch in own))


@dataclass(frozen=True)
class _Sweep:
    settings: PromotionSettings
    github: GitHub
    repository: Repository
    records: Records
    now: datetime
    names: Mapping[str, str]

    def due(self, edge: Edge) -> list[Due]:
        """What is due along `edge`."""
        logs = tuple(read_log(self.repository, origin) for origin in edge.origins)
        found = []
        for log in logs:
            record = self._untold(edge, log)
            if record is not None:
                why = f"{log.edge.source} has verified {record.version or record.commit[:12]}, and nobody was told"
                found.append(
                    Due(edge, _request(edge, log.edge, record.commit, record.version, record.traceparent), why)
                )
        if not found and (torn := self._cut_off(edge, logs)):
            found.append(torn)
        if edge.target in self.settings.rollback_on_failure and (failed := self._failed(edge)):
            found.append(failed)
        return found

    def _untold(self, edge: Edge, log: VerificationLog) -> Record | None:
        """The newest verified record of an origin that the promoter was never told of."""
        origin, told = log.edge, {entry.commit for entry in log.entries}
        verified = [one for one in self.records.of(origin.application, origin.source) if one.state == "success"]
        tip = self._tip(origin.source_branch)
        if len(edge.origins) > 1:
            # What one has verified late counts where others have to agree, so that it is kept in the log.
            left = [one for one in verified[:CONSIDERED] if one.commit not in told]
            near_entry = False
        else:
            reached = set().union(*(self.repository.contained(commit) for commit in told))
            left = [one for one in verified if one.commit not in told and one.commit not in reached]
            near_entry = any(self.repository.is_ancestor(commit, tip) for commit in told)
        near = [one for one in left if self.repository.is_ancestor(one.commit, tip)]
        for one in near:
            if not any(other is not one and self.repository.is_ancestor(one.commit, other.commit) for other in near):
                return one
        # Beyond the fetched history everything is older than what is in it. The rest is on no branch of the stage's, or
        # far back on it, which GitHub knows.
        far = () if near_entry else left
        return next((one for one in far if self.github.compare(one.commit, tip) in ("ahead", "identical")), None)

    def _cut_off(self, edge: Edge, logs: Sequence[VerificationLog]) -> Due | None:
        """The promotion whose run was cut off after its push: its branch is there, and no pull request has its head."""
        branch = next((one for one in self.records.branches if one.name == edge.branch), None)
        if branch is None or branch.head in branch.proposed or self.now - branch.committed_at > _CUT_OFF:
            return None
        if self.repository.is_ancestor(branch.head, self._tip(edge.target_branch)):
            return None
        trailers = re.findall(rf"^{TRAILER}: (.*)$", branch.message, re.MULTILINE)
        brought = read_trailer(trailers[-1].strip(), edge) if trailers else None
        if brought is None:
            return None
        known = next(((log.edge, entry) for log in logs if (entry := log.find(brought[0]))), None)
        if known is None:
            return None
        origin, entry = known
        why = f"{edge.branch} has no pull request"
        return Due(edge, _request(edge, origin, entry.commit, entry.version, entry.traceparent, entry.actor), why)

    def _failed(self, edge: Edge) -> Due | None:
        """The rollback of the promotion that the target has found to fail, unless somebody has thought of it."""
        newest = (self.records.of(part.application, edge.target)[:1] for part in edge.parts)
        failed = [one for found in newest for one in found if one.state == "failure"]
        failed = [one for one in failed if self.now - one.created_at >= _RETRIES]
        if not failed:
            return None
        base = self.settings.base(edge)
        merged = next((one for one in self.github.list_pull_requests(edge.branch, base) if one.state == "merged"), None)
        record = next((one for one in failed if merged and self._brought(merged, one)), None)
        if merged is None or record is None:
            return None
        proposed = self.github.list_pull_requests(rollback_branch(edge), base)
        if any((found := parse_metadata(one.body, edge)) and found.undoes == merged.number for one in proposed):
            return None
        origin = next((one for one in edge.origins if one.application == record.application), edge.origins[0])
        reason = f"verification failed in {edge.target}: {record.reason or 'no reason is recorded'}"
        request = PromotionRequest(
            origin.application, origin.source, edge.target, traceparent=record.traceparent, rollback=reason
        )
        return Due(edge, request, reason)

    def _brought(self, merged: PullRequest, record: Record) -> bool:
        """Whether what failed has come with that promotion: it is in the commit, and was never verified with it."""
        if not merged.merge_commit or not self._contains(record.commit, merged.merge_commit):
            return False
        verified = (one for one in self.records.of(record.application, record.stage) if one.state == "success")
        return not any(self.repository.is_ancestor(merged.merge_commit, one.commit) for one in verified)

    def _contains(self, commit: str, merge: str) -> bool:
        if self.repository.resolve(commit) and self.repository.resolve(merge):
            return self.repository.is_ancestor(merge, commit)
        return self.github.compare(merge, commit) in ("ahead", "identical")

    def _tip(self, own: str) -> str:
        return self.repository.resolve(f"{TIPS}{self.names[own]}") or ""


def _request(
    edge: Edge, origin: Edge, commit: str, version: str, traceparent: str, actor: str = ""
) -> PromotionRequest:
    return PromotionRequest(
        origin.application,
        origin.source,
        edge.target,
        version=version,
        commit=commit,
        traceparent=traceparent,
        actor=actor,
    )
