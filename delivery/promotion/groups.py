"""Which commit is promoted where all applications of a stage are promoted together: one that was verified as a whole.

Each application is verified by itself, at commits of its own. A commit of the source stage counts when every
application has been verified with the values that it has there, at that commit or at another one. What an application
has in the target stage already needs nobody's word.
"""

from collections.abc import Mapping

from delivery.model.edges import Edge, Group
from delivery.promotion.history import History, Proposal
from delivery.promotion.joins import Selection
from delivery.promotion.plan import read_values
from delivery.promotion.verified import Verification, VerificationLog
from delivery.values.document import ValuesError

CONSIDERED = 10
"""How many of an application's newest verifications count."""

Texts = Mapping[str, str]


def select_together(
    edge: Group,
    history: History,
    logs: tuple[VerificationLog, ...],
    said: Verification | None,
    proposed: Proposal | None,
    target: Mapping[str, bytes],
) -> Selection | None:
    """The newest commit at which all applications were verified, from the `logs` of all and what a run was just told.

    `target` are the target stage's files. What the open pull request `proposed` stands on stays as it is while its
    values are the same. None when nothing was ever verified.
    """
    entries = {log.edge.application: _entries(log, said, history) for log in logs}
    verified = {
        member.application: [history.promoted(entry.commit, member.at_source) for entry in entries[member.application]]
        for member in edge.members
    }
    has = {member.application: _present(member, target) for member in edge.members}

    def missing(commit: str) -> tuple[str, ...]:
        return tuple(
            member.application
            for member in edge.members
            if (there := history.promoted(commit, member.at_source)) is None
            or (there != has[member.application] and there not in verified[member.application])
        )

    order = {commit: number for number, commit in enumerate(history.newest_first())}
    found = {entry.commit for own in entries.values() for entry in own}
    commits = sorted(found, key=lambda commit: order.get(commit, len(order)))
    chosen = next((commit for commit in commits if not missing(commit)), None)
    asked = said.commit if said else next(iter(commits), None)
    waiting = missing(asked) if asked else ()
    if chosen is None:
        return Selection(edge, asked, waiting=waiting, blocked=True) if asked else None
    places = [member.at_source for member in edge.members]
    stands = proposed.metadata.commit if proposed and proposed.metadata else ""
    if stands in order and all(history.promoted(stands, where) == history.promoted(chosen, where) for where in places):
        chosen = stands
    vouching = []
    for member in edge.members:
        there = history.promoted(chosen, member.at_source)
        known = zip(entries[member.application], verified[member.application], strict=True)
        same = [entry for entry, its in known if its == there]
        if there != has[member.application] and same:
            vouching.append(next((entry for entry in same if entry.commit == chosen), same[0]))
    return Selection(edge, chosen, tuple(vouching), waiting)


def _entries(log: VerificationLog, said: Verification | None, history: History) -> list[Verification]:
    """What an application's log has, the newest first, on the source stage's branch; each commit once."""
    own = said is not None and said.application == log.edge.application and log.adds(said)
    first = (said,) if said is not None and own else ()
    commits = {entry.commit: log.best(entry) for entry in (*first, *log.entries[:CONSIDERED])}
    return [entry for entry in commits.values() if history.contains(entry.commit)]


def _present(member: Edge, target: Mapping[str, bytes]) -> Texts | None:
    try:
        found = read_values(target, member.at_target)
    except ValuesError:
        return None
    return {name: value.text for name, value in found.items() if value is not None}
