"""What stages have recorded as verified, beside what the promoter was told: who says it, and what nobody has told.

A dispatch can get lost and a record cannot; anybody with a token can dispatch, and a record names who made it. So where
several stages or applications have to agree, a record counts as much as a run, and the pull request says of each
verification whether it is recorded.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from delivery.github.client import GitHub, GitHubError
from delivery.github.records import Record, Records, read_records
from delivery.model.edges import Edge, Group
from delivery.model.settings import PromotionSettings
from delivery.promotion.history import PromotionError
from delivery.promotion.verified import Verification, VerificationLog

_NEVER = datetime.min.replace(tzinfo=UTC)


class RecordReader:
    """Reads the records of an edge's source stages, once for a run; `known` are those that have been read already.

    Where they cannot be read, a promotion is made without them, and `note` says so.
    """

    def __init__(self, github: GitHub, settings: PromotionSettings, known: Records | None = None) -> None:
        self._github, self._settings, self._known = github, settings, known
        self._read = known is not None
        self.note = ""

    def __call__(self, edge: Edge, commit: str) -> Records | None:
        """The records for `edge` and the `commit` that the run is about; None where they cannot be read.

        Raises `PromotionError` where the target demands a record.
        """
        if not self._read:
            self._read = True
            try:
                self._known = read_records(
                    self._github,
                    [origin.source for origin in edge.origins],
                    branches=[origin.source_branch or self._settings.default_branch for origin in edge.origins],
                    commit=commit,
                )
            except GitHubError as error:
                if edge.target in self._settings.require_record:
                    raise PromotionError(
                        f"{edge.target} demands a record (requireRecord), and the records cannot be read: {error}"
                    ) from error
                self.note = f"the records of what is verified could not be read, so nothing is said about them: {error}"
        return self._known


def of_record(record: Record, edge: Edge) -> Verification:
    """The verification along `edge`, an origin or the group that it is in, that `record` tells of."""
    application = record.application if isinstance(edge, Group) else ""
    recorder = record.creator or "an account that is gone"
    return Verification(record.stage, record.commit, record.version, record.traceparent, "", application, recorder)


def with_record(said: Verification, origin: Edge, records: Records | None) -> Verification:
    """`said`, and who has recorded it; what a person's run does not tell is taken from the record."""
    if records is None:
        return said
    record = records.verified(origin.application, said.stage, said.commit)
    if record is None:
        return replace(said, recorded_by="")
    known = of_record(record, origin)
    return replace(
        said,
        version=said.version or known.version,
        traceparent=said.traceparent or known.traceparent,
        recorded_by=known.recorded_by,
    )


def with_records(
    log: VerificationLog, edge: Edge, records: Records | None, said: Verification | None, *, only: bool
) -> VerificationLog:
    """The log with what is recorded and was never dispatched; with `only`, without what is not recorded.

    The log has the order in which runs came, a record its time: one that no run has told of comes before the first
    entry that is recorded as older. What a run was just told (`said`) is not added.
    """
    if records is None:
        return log
    origin = log.edge
    entries = [with_record(entry, origin, records) for entry in log.entries]
    recorded = [one for one in records.of(origin.application, origin.source) if one.state == "success"]
    at = {one.commit: one.created_at for one in recorded}
    present = {entry.commit for entry in entries} | ({said.commit} if said and said.stage == origin.source else set())
    times = _times(entries, at)
    added: list[tuple[datetime, int, Verification]] = []
    for record in recorded:
        if record.commit not in present:
            place = next((number for number, time in enumerate(times) if time < record.created_at), len(entries))
            added.append((record.created_at, place, of_record(record, edge)))
    for _, place, entry in sorted(added, key=lambda one: (-one[1], one[0])):
        entries.insert(place, entry)
    return replace(log, entries=tuple(entry for entry in entries if entry.recorded_by or not only))


def _times(entries: Sequence[Verification], at: dict[str, datetime]) -> list[datetime]:
    """When each entry was recorded; one that is not counts as old as the next older one that is."""
    times: list[datetime] = []
    time = _NEVER
    for entry in reversed(entries):
        time = at.get(entry.commit, time)
        times.insert(0, time)
    return times


def refuse_unrecorded(edge: Edge, found: Verification | None, commit: str, records: Records | None) -> None:
    """Raise `PromotionError` where the target demands a record and `found`, which is to be promoted, has none."""
    if found is not None and found.recorded_by:
        return
    stages = " and ".join(origin.source for origin in edge.origins[:1]) if isinstance(edge, Group) else edge.source
    sources = {(origin.application, origin.source) for origin in edge.origins}
    verified = (one for one in (records.found if records else ()) if one.state == "success")
    newest = next((one for one in verified if (one.application, one.stage) in sources), None)
    known = f"; the newest commit that is recorded is {newest.commit}" if newest else ""
    raise PromotionError(
        f"commit {commit[:12]} is not recorded as verified in {found.stage if found else stages}, and {edge.target} "
        f"demands that (requireRecord): promote one that its stage has verified{known}"
    )
