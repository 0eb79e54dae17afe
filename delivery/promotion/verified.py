"""What stages have verified, as the promoter was told: a log for each edge, in refs of the GitOps repository.

Every run with a verified commit adds an entry. So a decision that changes nothing orders later ones too, and a join
finds what its other source stages have verified. The refs are outside of `refs/heads`: nobody clones them, no
workflow starts from them, and GitHub's list of pull requests, which can lag, has no part in them.
"""

import json
import secrets
from dataclasses import dataclass
from typing import Any

from delivery.git.repository import RefUpdate, Repository
from delivery.model.edges import Edge
from delivery.model.identifiers import is_commit, is_dns_label, is_traceparent, is_version
from delivery.model.request import PromotionRequest
from delivery.promotion.markdown import plain
from delivery.text import one_line

REFS = "refs/delivery/verified"
KEPT = 50
"""How many entries a log keeps: what is older orders nothing any more."""


@dataclass(frozen=True)
class Verification:
    """That `stage` has verified `commit`, and who says so.

    `version` and `traceparent` come from the stage's promotion task; a person's run may lack both. `actor` is who
    started the run, as GitHub names them; empty outside of GitHub Actions. `application` is named where several are
    promoted together. `recorded_by` is who has recorded it: empty where nobody has, None where that was not looked at.
    """

    stage: str
    commit: str
    version: str = ""
    traceparent: str = ""
    actor: str = ""
    application: str = ""
    recorded_by: str | None = None

    @property
    def subject(self) -> tuple[str, str, str]:
        """What was verified, and where."""
        return self.application, self.stage, self.commit

    @property
    def by_task(self) -> bool:
        """Whether the stage's promotion task says so: it alone has a version and a trace to give."""
        return bool(self.version and self.traceparent)

    @property
    def weight(self) -> int:
        """How much of a task's word there is: of two for the same commit the heavier one counts, else the first."""
        return bool(self.version) + bool(self.traceparent)

    def to_json(self) -> dict[str, str]:
        """What is kept of it."""
        kept = {
            "stage": self.stage,
            "commitID": self.commit,
            "version": self.version,
            "traceparent": self.traceparent,
            "actor": self.actor,
            "application": self.application,
        }
        said = {} if self.recorded_by is None else {"recordedBy": self.recorded_by}
        return {key: value for key, value in kept.items() if value} | said

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> "Verification | None":
        """What `to_json` made; None when it is something else. What is not valid in it is left out."""
        stage, commit, version = (str(raw.get(key, "")) for key in ("stage", "commitID", "version"))
        trace, actor = str(raw.get("traceparent", "")), str(raw.get("actor", ""))
        application, recorder = str(raw.get("application", "")), raw.get("recordedBy")
        if not is_commit(commit):
            return None
        version, trace = version if is_version(version) else "", trace if is_traceparent(trace) else ""
        return cls(
            stage,
            commit,
            version,
            trace,
            one_line(actor, 100),
            application if is_dns_label(application) else "",
            one_line(recorder, 100) if isinstance(recorder, str) else None,
        )


@dataclass(frozen=True)
class VerificationLog:
    """The log of one edge: its commit (None: there is no log yet), and the entries, newest first.

    `closed` are the pull requests that a run has undertaken to close, which it alone announces.
    """

    edge: Edge
    head: str | None
    entries: tuple[Verification, ...]
    closed: frozenset[int] = frozenset()

    def find(self, commit: str) -> Verification | None:
        """The entry for `commit` that counts; None when there is none."""
        found = [entry for entry in reversed(self.entries) if entry.commit == commit]
        return max(found, key=lambda entry: entry.weight, default=None)

    def best(self, said: Verification) -> Verification:
        """What counts of `said` and the entry for the same commit."""
        present = self.find(said.commit)
        return present if present is not None and present.weight >= said.weight else said

    def adds(self, entry: Verification) -> bool:
        """Whether `entry` says something that is not in the log."""
        return self.best(entry) is entry

    def extended(self, repository: Repository, entry: Verification | None, closes: int = 0) -> RefUpdate:
        """The update that adds `entry`, and that the pull request `closes` is being closed.

        The whole log is one commit, without a parent: it stays as small as that, and a fetch has all of it.
        """
        # Of two runs that close it at the same second only one may find its own commit there.
        added: list[dict[str, object]] = [{"closes": closes, "run": secrets.token_hex(8)}] if closes else []
        kept = [found.to_json() for found in (*((entry,) if entry else ()), *self.entries)][:KEPT]
        closed = [{"closes": number} for number in sorted(self.closed, reverse=True)][:KEPT]
        what = f"Verified {self.edge.application} {entry.version or entry.commit[:12]} in" if entry else "Closing for"
        lines = "\n".join(json.dumps(line) for line in (*added, *kept, *closed))
        made = repository.note(f"{plain(what)} {self.edge.source}\n\n{lines}\n")
        return RefUpdate(ref_of(self.edge), made, self.head)


def told_by(request: PromotionRequest, edge: Edge, origin: Edge) -> Verification | None:
    """What `request` says was verified in the source stage of `origin`, which is a part of `edge`; None for nothing."""
    if not request.commit or request.rollback:
        return None
    application = "" if edge.application == origin.application else origin.application
    return Verification(origin.source, request.commit, request.version, request.traceparent, request.actor, application)


def ref_of(edge: Edge) -> str:
    """The ref with the log of `edge`."""
    return f"{REFS}/{edge.application}/{edge.source}/{edge.target}"


def read_log(repository: Repository, edge: Edge) -> VerificationLog:
    """The log of `edge`, from refs that were fetched under their own names."""
    head = repository.resolve(ref_of(edge))
    entries, closed = [], set()
    for line in repository.message(head).splitlines()[1:] if head else ():
        try:
            raw = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(raw, dict):
            continue
        if type(raw.get("closes")) is int:
            closed.add(raw["closes"])
        found = Verification.from_json(raw)
        if found is not None and found.stage == edge.source:
            entries.append(found)
    return VerificationLog(edge, head, tuple(entries), frozenset(closed))
