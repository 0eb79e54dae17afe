"""What a promotion's pull request says: title, body and commit message, from one template.

Whether a pull request is due, and which commits it lists, is decided elsewhere (`history.py`, `decide.py`).
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from delivery.git.commits import SIGNED, TRAILER
from delivery.model.edges import Edge, Group
from delivery.model.settings import PromotionSettings
from delivery.promotion.body import Subject, applications, changed_applications, region
from delivery.promotion.markdown import plain
from delivery.promotion.metadata import PromotionMetadata, trailer, without_metadata
from delivery.promotion.plan import Change
from delivery.values.scalar import Scalar

# GitHub's limits, in characters.
TITLE_LIMIT = 256
BODY_LIMIT = 65_536
_BLOCK_LIMIT = 20_000
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_CLOSED_BY = "> Closed by the promoter: "
_CLOSED = re.compile(rf"\A{_CLOSED_BY}[^\n]*\n\n")
_BEGIN = "<!-- delivery: from here on the promoter keeps the text up to date; your own text stays above this line -->"


@dataclass(frozen=True)
class Rendered:
    """A pull request as it goes to GitHub. `message` is that of the commit on its branch."""

    title: str
    body: str
    message: str
    metadata: PromotionMetadata

    def says(self, metadata: PromotionMetadata | None) -> bool:
        """Whether the pull request with this metadata says all of it already.

        The span of the run that wrote it does not count: every run has another. Nor do changes that people made
        to the text, so that they stay until there is something new to say.
        """
        return metadata is not None and metadata.digest == self.metadata.digest and not metadata.superseded_by

    def over(self, existing: str) -> str:
        """The new body for a pull request with the body `existing`: what people wrote above ours is kept."""
        above, mark, _ = existing.partition(_BEGIN)
        above = _CLOSED.sub("", above)
        return above + self.body if mark and len(above) + len(self.body) <= BODY_LIMIT else self.body


def render(subject: Subject, settings: PromotionSettings) -> Rendered:
    """Title, body and commit message for `subject`; a pure function of its arguments."""
    title = _title(subject, settings)
    # Hundreds of promoted keys with long values: machines can do without them, git's history has them too.
    changes = subject.metadata.changes if len(subject.metadata.to_comment()) <= _BLOCK_LIMIT else ()
    for rows, listed in ((100, 20), (20, 5), (5, 0)):
        text = region(subject, settings, rows, listed)
        digest = hashlib.sha256(f"{title}\n{text}".encode()).hexdigest()[:16]
        metadata = replace(
            subject.metadata, version=subject.metadata.version[:TITLE_LIMIT], changes=changes, digest=digest
        )
        body = f"{_BEGIN}\n{text}\n{metadata.to_comment()}\n"
        if len(body) <= BODY_LIMIT:
            break
    return Rendered(title, body, _message(subject, title, settings), metadata)


def version_of(edge: Edge, values: Mapping[str, Scalar], changes: tuple[Change, ...]) -> str:
    """The version that people talk about; of a group that of each application that changes."""
    if not isinstance(edge, Group):
        return values.get(edge.version_key, next(iter(values.values()))).text
    changed = {change.key.partition("/")[0] for change in changes}
    members = [member for member in edge.members if member.application in changed]
    return ", ".join(
        f"{member.application} {values[f'{member.application}/{member.version_key}'].text}" for member in members
    )


def closed_body(existing: str, metadata: PromotionMetadata, why: str) -> str:
    """The body of a pull request that the promoter closes: the reason on top, the metadata says until which commit."""
    said = without_metadata(existing)[: BODY_LIMIT - 8_000].rstrip()
    return f"{_CLOSED_BY}{why}\n\n{said}\n{replace(metadata, changes=()).to_comment()}\n"


def _title(subject: Subject, settings: PromotionSettings) -> str:
    edge, version = subject.edge, plain(subject.metadata.version)
    if subject.metadata.kind == "rollback":
        what = applications(subject) if isinstance(edge, Group) else f"{edge.application} to {version}"
        return f"Roll back {what} in {edge.target}"[:TITLE_LIMIT]
    return _filled(settings.title, subject)


def _filled(pattern: str, subject: Subject) -> str:
    edge, version = subject.edge, plain(subject.metadata.version)
    name = edge.application
    if isinstance(edge, Group):
        changed = changed_applications(subject)
        # Of one alone the version is `web v2`.
        several = len(changed) != 1
        name = applications(subject) if several else changed[0]
        version = f"({version})" if several else version.removeprefix(f"{name} ")
    known = {"application": name, "version": version, "from": edge.source, "to": edge.target}
    return _PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), pattern)[:TITLE_LIMIT]


def _message(subject: Subject, title: str, settings: PromotionSettings) -> str:
    edge, metadata = subject.edge, subject.metadata
    changes = "\n".join(
        f"{plain(change.key)}: {'not set' if change.was is None else plain(change.was)} -> {plain(change.becomes)}"
        for change in metadata.changes[:50]
    )
    mark = SIGNED if settings.sign_commits else ""
    if settings.message and metadata.kind == "promotion":
        title = _filled(settings.message, subject)
    return f"{title}\n\n{changes}\n\n{TRAILER}: {trailer(edge, metadata.commit, metadata.kind)}{mark}\n"
