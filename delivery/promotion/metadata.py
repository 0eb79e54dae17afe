"""What a promotion leaves for machines, so that later runs need not guess from its text.

The metadata in the pull request's body, an HTML comment with JSON, and a trailer in the commit. Everything in them is
checked when it is read: people can edit a body, and make commits. The names in both are public: older and newer
promoters read each other's.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from delivery.git.commits import TRAILER
from delivery.model.edges import Edge
from delivery.model.identifiers import is_commit, is_traceparent
from delivery.promotion.plan import Change
from delivery.promotion.verified import Verification
from delivery.values.scalar import Scalar, resolve

_COMMENT = re.compile(r"<!-- delivery-promotion ({.*?}) -->")
# What could end the comment, or be taken for a mention, a reference or a link by a reader of the raw text.
_ACTIVE = re.compile(r"[<>&#@`$|]|-(?=-)|(?<=-)-|(?<=:)/|(?<=[gG][hH])-")
# How promoters from before `verified` began the note that nobody had named the commit.
_UNVERIFIED_BEFORE = "\n> No commit was given"
Kind = Literal["promotion", "rollback"]
ROLLBACK = " rollback"
"""Follows the commit in the trailer of a rollback, which names the commit of the promotion that it reverts."""


@dataclass(frozen=True)
class PromotionMetadata:
    """What the hidden comment holds. `commit` is the verified revision that the pull request promotes.

    `traceparent` is the source stage's promotion phase, `run_traceparent` the span of the run that wrote this; both may
    be empty. `undoes` is the pull request that a rollback reverts (0 otherwise). `superseded_by` is set when the
    promoter itself closed the pull request: the newer verified revision that left nothing to promote. `verified` is
    whether anybody named the commit, and so said that it was verified; `verifications` are who did, for every source
    stage that has verified these values.
    """

    kind: Kind
    application: str
    source: str
    target: str
    commit: str
    version: str
    traceparent: str = ""
    run_traceparent: str = ""
    changes: tuple[Change, ...] = ()
    undoes: int = 0
    superseded_by: str = ""
    digest: str = ""
    verified: bool = True
    verifications: tuple[Verification, ...] = ()

    def to_comment(self) -> str:
        """The metadata as an HTML comment that nothing in it can end early."""
        data = {
            "kind": self.kind,
            "application": self.application,
            "from": self.source,
            "to": self.target,
            "commitID": self.commit,
            "version": self.version,
            "traceparent": self.traceparent,
            "promotion": self.run_traceparent,
            "changes": [_recorded(change) for change in self.changes],
            "undoes": self.undoes,
            "until": self.superseded_by,
            "digest": self.digest,
            "verifications": [found.to_json() for found in self.verifications],
        }
        # What is not said is verified: that is the rule, and what comments from before say.
        said = {key: value for key, value in data.items() if value} | ({} if self.verified else {"verified": False})
        text = json.dumps(said)
        return f"<!-- delivery-promotion {_ACTIVE.sub(lambda found: f'{chr(92)}u{ord(found[0]):04x}', text)} -->"


def parse_metadata(body: str, edge: Edge) -> PromotionMetadata | None:
    """The last metadata in `body` that is about `edge`; None when there is none or it is not what we write.

    People can edit the body, so everything read here is checked like any other input.
    """
    for text in reversed(_COMMENT.findall(body)):
        try:
            raw: dict[str, Any] = json.loads(text)
            metadata = PromotionMetadata(
                kind="rollback" if raw["kind"] == "rollback" else "promotion",
                application=raw["application"],
                source=raw["from"],
                target=raw["to"],
                commit=raw["commitID"],
                version=str(raw.get("version", "")),
                traceparent=_valid_or_empty(raw.get("traceparent")),
                run_traceparent=_valid_or_empty(raw.get("promotion")),
                changes=tuple(_change(change) for change in raw.get("changes", [])),
                undoes=_whole(raw.get("undoes", 0)),
                superseded_by=raw["until"] if is_commit(str(raw.get("until", ""))) else "",
                digest=str(raw.get("digest", "")),
                verified=raw.get("verified", _UNVERIFIED_BEFORE not in body) is not False,
                verifications=tuple(filter(None, map(Verification.from_json, raw.get("verifications", [])))),
            )
            if (metadata.application, metadata.source, metadata.target) == (
                edge.application,
                edge.source,
                edge.target,
            ) and is_commit(metadata.commit):
                return metadata
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
    return None


def _whole(number: object) -> int:
    if type(number) is not int:
        raise ValueError("no whole number")
    return number


def _recorded(change: Change) -> dict[str, str | None]:
    kind = {} if change.kind == "string" else {"kind": change.kind}
    return {"key": change.key, "was": change.was, "becomes": change.becomes, **kind}


def _change(raw: dict[str, Any]) -> Change:
    """One change as it was recorded; `ValueError` when what it was is not of the kind that is said."""
    key, was, becomes = str(raw["key"]), raw["was"], str(raw["becomes"])
    if was is None:
        return Change(key, None, becomes)
    before = Scalar(str(was)) if raw.get("kind", "string") == "string" else resolve(str(was), plain=True)
    if before.kind != raw.get("kind", "string") or before.text != was:
        raise ValueError(f"{key} was no {raw['kind']}")
    return Change(key, before.text, becomes, before.kind)


def _valid_or_empty(traceparent: object) -> str:
    return traceparent if isinstance(traceparent, str) and is_traceparent(traceparent) else ""


def bare_metadata(edge: Edge, commit: str, kind: Kind = "promotion") -> PromotionMetadata:
    """Metadata that knows no more than which commit is promoted along `edge`."""
    return PromotionMetadata(kind, edge.application, edge.source, edge.target, commit, version="")


def trailer(edge: Edge, commit: str, kind: Kind = "promotion") -> str:
    """The value of the commit trailer of a promotion of `commit` along `edge`, or of a rollback of that promotion."""
    return f"{edge.application} {edge.source}->{edge.target} {commit}{ROLLBACK if kind == 'rollback' else ''}"


def marked(message: str, mark: str) -> str:
    """The commit message with `mark` at the end of the promotion's trailer."""
    lines = (f"{line}{mark}" if line.startswith(f"{TRAILER}:") else line for line in message.splitlines())
    return "\n".join(lines) + "\n"


def promoted_by(trailers: Iterable[str], edge: Edge) -> str:
    """The commit that the first of these commits' trailers with one says is promoted; empty if none.

    Any source stage of the target counts: a join has carried the names of its stages one by one.
    """
    return next((found[0] for text in trailers if (found := read_trailer(text, edge))), "")


def read_trailer(trailers: str, edge: Edge) -> tuple[str, bool] | None:
    """The commit that is promoted into the target of `edge`, and whether that is rolled back; None without either."""
    into = rf"(?:^|,){re.escape(edge.application)} \S+->{re.escape(edge.target)} ([0-9a-f]+)\b([^,]*)"
    found = re.search(into, trailers)
    return (found[1], found[2].startswith(ROLLBACK)) if found and is_commit(found[1]) else None


def without_metadata(body: str) -> str:
    """`body` without any metadata in it."""
    return _COMMENT.sub("", body)
