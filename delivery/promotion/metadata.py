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
from delivery.values.scalar import Scalar, resolve

_COMMENT = re.compile(r"<!-- delivery-promotion ({.*?}) -->")
# What could end the comment, or be taken for a mention, a reference or a link by a reader of the raw text.
_ACTIVE = re.compile(r"[<>&#@`$|]|-(?=-)|(?<=-)-|(?<=:)/|(?<=[gG][hH])-")
# How promoters from before `verified` began the note that nobody had named the commit.
_UNVERIFIED_BEFORE = "\n> No commit was given"
Kind = Literal["promotion", "rollback"]


@dataclass(frozen=True)
class PromotionMetadata:
    """What the hidden comment holds. `commit` is the verified revision that the pull request promotes.

    `traceparent` is the source stage's promotion phase, `run_traceparent` the span of the run that wrote this; both may
    be empty. `undoes` is the pull request that a rollback reverts (0 otherwise). `superseded_by` is set when the
    promoter itself closed the pull request: the newer verified revision that left nothing to promote. `verified` is
    whether anybody named the commit, and so said that it was verified.
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


def trailer(edge: Edge, commit: str) -> str:
    """The value of the commit trailer of a promotion of `commit` along `edge`."""
    return f"{edge.application} {edge.source}->{edge.target} {commit}"


def marked(message: str, mark: str) -> str:
    """The commit message with `mark` at the end of the promotion's trailer."""
    lines = (f"{line}{mark}" if line.startswith(f"{TRAILER}:") else line for line in message.splitlines())
    return "\n".join(lines) + "\n"


def promoted_by(trailers: Iterable[str], edge: Edge) -> str:
    """The commit that the first of these commits' trailers with one says is promoted along `edge`; empty if none."""
    return next(filter(None, (_promoted_by(text, edge) for text in trailers)), "")


def _promoted_by(trailers: str, edge: Edge) -> str:
    promoted = next(iter(trailers.removeprefix(trailer(edge, "")).split()), "")
    return promoted if is_commit(promoted) and trailers.startswith(trailer(edge, promoted)) else ""


def without_metadata(body: str) -> str:
    """`body` without any metadata in it."""
    return _COMMENT.sub("", body)
