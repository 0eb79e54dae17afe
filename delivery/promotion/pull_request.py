"""What a promotion's pull request says: title, body and commit message, from one template.

Whether a pull request is due, and which commits it lists, is decided elsewhere (`history.py`, `decide.py`).
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from delivery.git.commits import SIGNED, TRAILER, Commit
from delivery.model.edges import Edge, Group, PromotionSettings
from delivery.promotion.markdown import code, plain
from delivery.promotion.metadata import PromotionMetadata, trailer, without_metadata
from delivery.promotion.plan import Change
from delivery.promotion.verified import Verification
from delivery.values.scalar import Scalar

# GitHub's limits, in characters.
TITLE_LIMIT = 256
BODY_LIMIT = 65_536
_BLOCK_LIMIT = 20_000
_MERGE = {"merge": "create a merge commit", "squash": "squash and merge", "rebase": "rebase and merge"}
"""What GitHub's button says for each method."""
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_CLOSED_BY = "> Closed by the promoter: "
_CLOSED = re.compile(rf"\A{_CLOSED_BY}[^\n]*\n\n")
_BEGIN = "<!-- delivery: from here on the promoter keeps the text up to date; your own text stays above this line -->"


@dataclass(frozen=True)
class Subject:
    """What one pull request is about: the input of the template.

    `base` is the commit that the target ran before, or empty when that is not known. `commits` are those
    between it and the verified one that touch the source stage, newest first, and `more` is how many were left
    out. `notes` are what a reviewer has to know first. `reason` is why, for a rollback.
    `source` is the stage whose commits these are, where it is one of several.
    """

    edge: Edge
    metadata: PromotionMetadata
    base: str = ""
    commits: tuple[Commit, ...] = ()
    more: int = 0
    notes: tuple[str, ...] = ()
    reason: str = ""
    source: str = ""


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
        region = _region(subject, settings, rows, listed)
        digest = hashlib.sha256(f"{title}\n{region}".encode()).hexdigest()[:16]
        metadata = replace(
            subject.metadata, version=subject.metadata.version[:TITLE_LIMIT], changes=changes, digest=digest
        )
        body = f"{_BEGIN}\n{region}\n{metadata.to_comment()}\n"
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
        what = _applications(subject) if isinstance(edge, Group) else f"{edge.application} to {version}"
        return f"Roll back {what} in {edge.target}"[:TITLE_LIMIT]
    return _filled(settings.title, subject)


def _filled(pattern: str, subject: Subject) -> str:
    edge, version = subject.edge, plain(subject.metadata.version)
    name = edge.application
    if isinstance(edge, Group):
        name, version = _applications(subject), f"({version})"
    known = {"application": name, "version": version, "from": edge.source, "to": edge.target}
    return _PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), pattern)[:TITLE_LIMIT]


def _applications(subject: Subject) -> str:
    """How many applications of a group change."""
    number = len({change.key.partition("/")[0] for change in subject.metadata.changes})
    return f"{number} application{'' if number == 1 else 's'}"


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


def _region(subject: Subject, settings: PromotionSettings, rows: int, listed: int) -> str:
    parts = [
        _opening(subject),
        "\n".join(f"> {note}" for note in subject.notes),
        _table(subject.edge, subject.metadata.changes, rows),
        _verified(subject, settings, listed),
        _graph(subject.edge, subject.metadata.verifications, settings),
        _trace(subject, settings),
        f"**To merge:** {_MERGE[settings.merge_method]}." if settings.merge_method in _MERGE else "",
        _syncs(subject.edge, settings),
        _roll_back(subject, settings),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(subject: Subject) -> str:
    edge, metadata = subject.edge, subject.metadata
    if metadata.kind == "rollback":
        undone = f" Reverts #{metadata.undoes}." if metadata.undoes else ""
        name = _applications(subject) if isinstance(edge, Group) else edge.application
        what = f"Returns **{name}** in **{edge.target}** to what it was.{undone}"
        return f"{what}\n\n**Why:** {code(subject.reason, 500)}"
    if isinstance(edge, Group):
        names = dict.fromkeys(change.key.partition("/")[0] for change in metadata.changes)
        whole = f"{', '.join(f'**{name}**' for name in names)} from **{edge.source}** to **{edge.target}**, together"
        if not metadata.verified:
            return f"Promotes {whole}, as the branch has them: nobody has said that they were verified there."
        return f"Promotes {whole}, at a commit at which all of them were verified."
    stages = [found.stage for found in metadata.verifications] or [subject.source or edge.source]
    sources = " and ".join(f"**{stage}**" for stage in stages)
    what = f"Promotes **{edge.application}** from {sources} to **{edge.target}**"
    if not metadata.verified:
        return f"{what}, as {stages[0]} has it on the default branch: nobody has said that it was verified there."
    tasks = [found.stage for found in metadata.verifications if found.by_task]
    if tasks:
        return f"{what}, as the promotion task of {' and of '.join(f'**{stage}**' for stage in tasks)} has verified it."
    return f"{what}, at a commit that was named without the version and trace that a promotion task gives."


def _table(edge: Edge, changes: tuple[Change, ...], limit: int) -> str:
    # With files of the team's own, each value is in one of several; so it is with several applications.
    several = edge.own_files or isinstance(edge, Group)
    keys = {key.name: key for part in edge.parts for key in part.promoted_keys} if several else {}
    head = ["file", "key", "was", "becomes"] if several else ["key", "was", "becomes"]
    rows = []
    for change in changes[:limit]:
        name = change.key.partition("/")[2] if isinstance(edge, Group) else change.key
        key = keys.get(name)
        shown = f"{key.kind} {key.document}".strip() if key else ""
        cells = [code(edge.at_target.file_of(change.key))] if several else []
        cells += [code(f"{shown} {key.key}".strip() if key else name)]
        cells += ["*not set*" if change.was is None else code(change.was), code(change.becomes)]
        rows.append(f"| {' | '.join(cells)} |")
    if len(changes) > limit:
        rows.append(f"| and {len(changes) - limit} more |{' |' * (len(head) - 1)}")
    return "\n".join((f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *rows))


def _verified(subject: Subject, settings: PromotionSettings, listed: int) -> str:
    web, commit = settings.web_url, subject.metadata.commit
    by_task = any(found.by_task for found in subject.metadata.verifications)
    what = "Verified commit" if by_task else "Commit"
    if subject.metadata.kind == "rollback":
        what = "Commit of the promotion that this reverts"
    text = f"**{what}:** {_link(settings, commit)}"
    if subject.base and subject.base != commit:
        text += f" · [compared with what {subject.edge.target} runs]({web}/compare/{subject.base}...{commit})"
    text = "\n\n".join((text, *_vouching(subject, settings)))
    rows = [
        f"- [`{commit.sha[:9]}`]({web}/commit/{commit.sha}) {code(commit.subject, 120)} by {code(commit.author, 60)}"
        for commit in subject.commits[:listed]
    ]
    left = subject.more + max(0, len(subject.commits) - listed)
    if left and rows:
        rows.append(f"- and {left} more")
    touched = subject.source or subject.edge.source
    return f"{text}\n\nCommits that touch **{touched}**:\n\n" + "\n".join(rows) if rows else text


def _link(settings: PromotionSettings, commit: str) -> str:
    return f"[`{commit[:12]}`]({settings.web_url}/commit/{commit})"


def _vouching(subject: Subject, settings: PromotionSettings) -> tuple[str, ...]:
    """Who says that it was verified: a paragraph, or a list where several stages promote into the target."""
    metadata, stages = subject.metadata, [origin.source for origin in subject.edge.origins]
    if metadata.kind == "rollback" or not metadata.verifications:
        return ()
    if isinstance(subject.edge, Group):
        of_each = [
            f"- **{said.application}** at {_link(settings, said.commit)}: {_voucher(said)}{_its_trace(settings, said)}"
            for said in metadata.verifications
        ]
        return ("**Vouched for by:**\n\n" + "\n".join(of_each),)
    if len(stages) == 1:
        return (f"**Vouched for by:** {_voucher(metadata.verifications[0])}",)
    found = {verification.stage: verification for verification in metadata.verifications}
    rows = []
    for stage in stages:
        said = found.get(stage)
        if said is None:
            rows.append(f"- **{stage}** has not verified it.")
            continue
        rows.append(f"- **{stage}** at {_link(settings, said.commit)}: {_voucher(said)}{_its_trace(settings, said)}")
    return ("**Vouched for by:**\n\n" + "\n".join(rows),)


def _its_trace(settings: PromotionSettings, said: Verification) -> str:
    trace = _trace_link(settings, said.traceparent, "trace")
    return f" Its {trace}." if trace else ""


def _voucher(said: Verification) -> str:
    started = f"a run that {code(said.actor, 60)} started" if said.actor else "a run outside of GitHub Actions"
    if said.by_task:
        return f"the promotion task of {said.stage}, application version {code(said.version)}, in {started}."
    if said.version:
        return f"{started}. It named application version {code(said.version)}, and gave no trace."
    trace = "a trace, and no version" if said.traceparent else "neither a trace nor a version"
    return f"{started}. It gave {trace} to compare with the values."


def _graph(edge: Edge, verified: tuple[Verification, ...], settings: PromotionSettings) -> str:
    names = {stage: f"s{number}" for number, stage in enumerate(settings.stages)}
    sources = {found.stage for found in verified} or {origin.source for origin in edge.origins}
    lines = [f'  {names[stage]}["{stage}"]' for stage in names]
    for stage, after in settings.stages.items():
        for before in after:
            arrow = '== "this one" ==>' if before in sources and stage == edge.target else "-->"
            lines.append(f"  {names[before]} {arrow} {names[stage]}")
    return "\n".join(("```mermaid", "flowchart LR", *lines, "```"))


def _trace(subject: Subject, settings: PromotionSettings) -> str:
    if len(subject.edge.origins) > 1 and subject.metadata.kind == "promotion":
        return ""
    what = (
        "the promotion that this reverts"
        if subject.metadata.kind == "rollback"
        else f"{subject.edge.source}'s promotion"
    )
    link = _trace_link(settings, subject.metadata.traceparent, what)
    return f"**Trace:** {link}" if link else ""


def _trace_link(settings: PromotionSettings, traceparent: str, what: str) -> str:
    if not (settings.trace_url and traceparent):
        return ""
    _, trace_id, span_id, _ = traceparent.split("-")
    url = settings.trace_url.replace("{trace_id}", trace_id).replace("{span_id}", span_id)
    if not re.fullmatch(r"https?://[^\s<>()\[\]`\\]+", url):
        return ""
    if settings.traces_are_local:
        # The address leads each reader to their own machine, where this trace is not; its id can be looked up anywhere.
        return f"{what}, `{trace_id}`"
    return f"[{what}]({url})"


def _syncs(edge: Edge, settings: PromotionSettings) -> str:
    """What merging does not do by itself: nothing to say where Argo CD syncs at once."""
    window = settings.windows.get(edge.target, "")
    parts = []
    if edge.target in settings.manual:
        parts.append("merging deploys nothing by itself: sync it in Argo CD after that")
    if window:
        parts.append(f"Argo CD syncs it only in its window, {code(window, 200)}")
    return f"**{edge.target}:** {'; '.join(parts)}." if parts else ""


def _roll_back(subject: Subject, settings: PromotionSettings) -> str:
    if subject.metadata.kind == "rollback":
        return ""
    edge, origin = subject.edge, subject.edge.origins[0]
    return (
        "**To roll back** once this is merged, run the workflow `promote` with the reason as its input `rollback`:\n\n"
        f"```sh\ngh workflow run promote.yaml --repo {settings.owner}/{settings.repository} "
        f"-f application={origin.application} -f from={origin.source} -f to={edge.target} -f rollback='why'\n```"
    )
