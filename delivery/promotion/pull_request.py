"""What a promotion's pull request says: title, body and commit message, from one template.

Whether a pull request is due, and which commits it lists, is decided elsewhere (`history.py`, `proposal.py`).
"""

import hashlib
import re
from dataclasses import dataclass, replace

from delivery.git.commits import TRAILER, Commit
from delivery.model.edges import Edge, PromotionSettings
from delivery.promotion.markdown import code, plain
from delivery.promotion.metadata import Block, trailer, without_blocks
from delivery.promotion.plan import Change

# GitHub's limits, in characters.
TITLE_LIMIT = 256
BODY_LIMIT = 65_536
_BLOCK_LIMIT = 20_000
_CLOSED_BY = "> Closed by the promoter: "
_CLOSED = re.compile(rf"\A{_CLOSED_BY}[^\n]*\n\n")
_BEGIN = "<!-- delivery: from here on the promoter keeps the text up to date; your own text stays above this line -->"


@dataclass(frozen=True)
class Subject:
    """What one pull request is about: the input of the template.

    `base` is the commit that the target ran before, or empty when that is not known. `commits` are those
    between it and the verified one that touch the source stage, newest first, and `more` is how many were left
    out. `verified` is whether anybody has named the commit of a promotion, and so said that it was verified.
    `notes` are what a reviewer has to know first. `reason` is why, for a rollback.
    """

    edge: Edge
    block: Block
    base: str = ""
    commits: tuple[Commit, ...] = ()
    more: int = 0
    verified: bool = True
    notes: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Rendered:
    """A pull request as it goes to GitHub. `message` is that of the commit on its branch."""

    title: str
    body: str
    message: str
    block: Block

    def says(self, block: Block | None) -> bool:
        """Whether the pull request with this block says all of it already.

        The span of the run that wrote it does not count: every run has another. Nor do changes that people made
        to the text, so that they stay until there is something new to say.
        """
        return block is not None and block.digest == self.block.digest and not block.until

    def over(self, existing: str) -> str:
        """The new body for a pull request with the body `existing`: what people wrote above ours is kept."""
        above, mark, _ = existing.partition(_BEGIN)
        above = _CLOSED.sub("", above)
        return above + self.body if mark and len(above) + len(self.body) <= BODY_LIMIT else self.body


def render(subject: Subject, settings: PromotionSettings) -> Rendered:
    """Title, body and commit message for `subject`; a pure function of its arguments."""
    title = _title(subject)
    # Hundreds of promoted keys with long values: machines can do without them, git's history has them too.
    changes = subject.block.changes if len(subject.block.to_comment()) <= _BLOCK_LIMIT else ()
    for rows, listed in ((100, 20), (20, 5), (5, 0)):
        region = _region(subject, settings, rows, listed)
        digest = hashlib.sha256(f"{title}\n{region}".encode()).hexdigest()[:16]
        block = replace(subject.block, version=subject.block.version[:TITLE_LIMIT], changes=changes, digest=digest)
        body = f"{_BEGIN}\n{region}\n{block.to_comment()}\n"
        if len(body) <= BODY_LIMIT:
            break
    return Rendered(title, body, _message(subject, title), block)


def closed_body(existing: str, block: Block, why: str) -> str:
    """The body of a pull request that the promoter closes: the reason on top, the block says until which commit."""
    said = without_blocks(existing)[: BODY_LIMIT - 8_000].rstrip()
    return f"{_CLOSED_BY}{why}\n\n{said}\n{replace(block, changes=()).to_comment()}\n"


def _title(subject: Subject) -> str:
    edge, version = subject.edge, plain(subject.block.version)
    if subject.block.kind == "rollback":
        return f"Roll back {edge.application} to {version} in {edge.target}"[:TITLE_LIMIT]
    return f"Promote {edge.application} {version} to {edge.target}"[:TITLE_LIMIT]


def _message(subject: Subject, title: str) -> str:
    edge, block = subject.edge, subject.block
    changes = "\n".join(
        f"{plain(each.key)}: {'not set' if each.was is None else plain(each.was)} -> {plain(each.becomes)}"
        for each in block.changes[:50]
    )
    return f"{title}\n\n{changes}\n\n{TRAILER}: {trailer(edge, block.commit)}\n"


def _region(subject: Subject, settings: PromotionSettings, rows: int, listed: int) -> str:
    parts = [
        _opening(subject),
        "\n".join(f"> {note}" for note in subject.notes),
        _table(subject.block.changes, rows),
        _verified(subject, settings, listed),
        _graph(subject.edge, settings),
        _trace(subject, settings),
        _roll_back(subject, settings),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(subject: Subject) -> str:
    edge, block = subject.edge, subject.block
    if block.kind == "rollback":
        undone = f" Undoes #{block.undoes}." if block.undoes else ""
        what = f"Returns **{edge.application}** in **{edge.target}** to what it was.{undone}"
        return f"{what}\n\n**Why:** {code(subject.reason, 500)}"
    what = f"Promotes **{edge.application}** from **{edge.source}** to **{edge.target}**"
    if subject.verified:
        return f"{what}, as it was verified there."
    return f"{what}, as {edge.source} has it on the default branch: nobody has said that it was verified there."


def _table(changes: tuple[Change, ...], limit: int) -> str:
    rows = [
        f"| {code(each.key)} | {'*not set*' if each.was is None else code(each.was)} | {code(each.becomes)} |"
        for each in changes[:limit]
    ]
    if len(changes) > limit:
        rows.append(f"| and {len(changes) - limit} more | | |")
    return "\n".join(("| key | was | becomes |", "| --- | --- | --- |", *rows))


def _verified(subject: Subject, settings: PromotionSettings, listed: int) -> str:
    web, commit = settings.web_url, subject.block.commit
    what = "Verified commit" if subject.verified else "Commit"
    if subject.block.kind == "rollback":
        what = "Commit of the promotion that this undoes"
    text = f"**{what}:** [`{commit[:12]}`]({web}/commit/{commit})"
    if subject.base and subject.base != commit:
        text += f" · [compared with what {subject.edge.target} runs]({web}/compare/{subject.base}...{commit})"
    rows = [
        f"- [`{each.sha[:9]}`]({web}/commit/{each.sha}) {code(each.subject, 120)} by {code(each.author, 60)}"
        for each in subject.commits[:listed]
    ]
    left = subject.more + max(0, len(subject.commits) - listed)
    if left and rows:
        rows.append(f"- and {left} more")
    return f"{text}\n\nCommits that touch **{subject.edge.source}**:\n\n" + "\n".join(rows) if rows else text


def _graph(edge: Edge, settings: PromotionSettings) -> str:
    names = {stage: f"s{number}" for number, stage in enumerate(settings.stages)}
    lines = [f'  {names[stage]}["{stage}"]' for stage in names]
    for stage, after in settings.stages.items():
        for before in after:
            arrow = '== "this one" ==>' if (before, stage) == (edge.source, edge.target) else "-->"
            lines.append(f"  {names[before]} {arrow} {names[stage]}")
    return "\n".join(("```mermaid", "flowchart LR", *lines, "```"))


def _trace(subject: Subject, settings: PromotionSettings) -> str:
    if not (settings.trace_url and subject.block.traceparent):
        return ""
    _, trace_id, span_id, _ = subject.block.traceparent.split("-")
    url = settings.trace_url.replace("{trace_id}", trace_id).replace("{span_id}", span_id)
    if not re.fullmatch(r"https?://[^\s<>()\[\]`\\]+", url):
        return ""
    what = (
        "the promotion that this undoes" if subject.block.kind == "rollback" else f"{subject.edge.source}'s promotion"
    )
    if settings.traces_are_local:
        # What whoever opened it finds on their machine, a release manager does not; the id is found anywhere.
        return f"**Trace:** {what}, `{trace_id}`"
    return f"**Trace:** [{what}]({url})"


def _roll_back(subject: Subject, settings: PromotionSettings) -> str:
    if subject.block.kind == "rollback":
        return ""
    edge = subject.edge
    return (
        "**To roll back** once this is merged, run the workflow `promote` with the reason as its input `rollback`:\n\n"
        f"```sh\ngh workflow run promote.yaml --repo {settings.owner}/{settings.repository} "
        f"-f application={edge.application} -f from={edge.source} -f to={edge.target} -f rollback='why'\n```"
    )
