"""What has happened to a target's values on the default branch: promotions, rollbacks, and changes by hand.

Read from git alone: the promoter's trailers tell its own commits, in whichever way they were merged.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from delivery.git.commits import Commit
from delivery.git.repository import Repository
from delivery.model.edges import Edge, Group
from delivery.model.promoted_keys import StageValues
from delivery.promotion.metadata import read_trailer
from delivery.promotion.plan import read_values
from delivery.values.document import ValuesError
from delivery.values.scalar import Scalar

_LOOKED_AT = 20
Values = Mapping[str, Scalar | None]


@dataclass(frozen=True)
class TargetChange:
    """A commit on the default branch's own line that changed promoted keys of the target, and was no promotion."""

    commit: Commit
    before: Values
    after: Values
    rollback: bool


@dataclass(frozen=True)
class TargetHistory:
    """`promoted` is the commit that the newest merged promotion or rollback into the target names; empty: none known.

    `since` are the changes since the newest promotion, newest first: by hand, and rollbacks.
    """

    promoted: str = ""
    since: tuple[TargetChange, ...] = ()

    def reverted(self, becomes: Mapping[str, str]) -> TargetChange | None:
        """The newest change since the last promotion that replaced just these values."""
        for change in self.since:
            had, has = ({key: _text(values.get(key)) for key in becomes} for values in (change.before, change.after))
            if had == dict(becomes) != has:
                return change
        return None


def read_target_history(repository: Repository, tip: str, edge: Edge) -> TargetHistory:
    """The history of the target of `edge` up to `tip`, as far as it was fetched."""
    promoted, since = "", []
    for commit in repository.log(tip, paths=edge.at_target.files, limit=_LOOKED_AT, first_parent=True):
        found = _promotion(repository, commit, edge)
        promoted = promoted or (found[0] if found else "")
        rollback = found is not None and found[1]
        if found is not None and not rollback:
            change = _changed_on_branch(repository, commit, edge, found[0])
        else:
            change = _change(repository, commit, edge, rollback=rollback)
        if change is not None:
            since.append(change)
        if found is not None and not rollback:
            break
    return TargetHistory(promoted, tuple(since))


def _promotion(repository: Repository, commit: Commit, edge: Edge) -> tuple[str, bool] | None:
    """The commit that `commit` promotes into the target, and whether it is a rollback; None when it is neither.

    A merge is what it brought; a squash has the trailer somewhere in its message.
    """
    brought = repository.log(commit.sha, without=commit.parents[0]) if len(commit.parents) > 1 else (commit,)
    for one in brought:
        found = read_trailer(one.trailer or (repository.trailer(one.sha) if one.sha == commit.sha else ""), edge)
        if found is not None:
            return found
    return None


def _change(repository: Repository, commit: Commit, edge: Edge, *, rollback: bool) -> TargetChange | None:
    # Where the fetched history ends, git shows every file as just added.
    if not commit.parents or commit.sha in repository.boundary():
        return None
    before, after = (_read(repository, sha, edge.at_target) for sha in (commit.parents[0], commit.sha))
    if before is None or after is None or before == after:
        return None
    return TargetChange(commit, before, after, rollback)


def _changed_on_branch(repository: Repository, commit: Commit, edge: Edge, promoted: str) -> TargetChange | None:
    """What people changed on a promotion's branch before they merged it: other values than the source stage has."""
    after = _read(repository, commit.sha, edge.at_target)
    there = repository.resolve(promoted) is not None
    # Of a group, each origin has the values of one application alone.
    places = [edge.at_source] if isinstance(edge, Group) else [origin.at_source for origin in edge.origins]
    sources = [_read(repository, promoted, where) for where in places] if there else []
    verified = [values for values in sources if values is not None]
    if after is None or not verified or after in verified:
        return None
    return TargetChange(commit, verified[0], after, rollback=False)


def _read(repository: Repository, commit: str, where: StageValues) -> Values | None:
    texts = repository.texts(commit, where.files)
    try:
        return None if texts is None else read_values(texts, where)
    except ValuesError:
        return None


def _text(value: Scalar | None) -> str | None:
    return None if value is None else value.text
