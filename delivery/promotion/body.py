"""What the text of a promotion's pull request says to people, paragraph by paragraph, from one subject.

Title, commit message and the limits of GitHub are `pull_request.py`'s matter.
"""

import re
from dataclasses import dataclass

from delivery.git.commits import Commit
from delivery.model.edges import Edge, Group
from delivery.model.settings import PromotionSettings
from delivery.promotion.markdown import code
from delivery.promotion.metadata import PromotionMetadata
from delivery.promotion.plan import Change
from delivery.promotion.verified import Verification

_MERGE = {"merge": "create a merge commit", "squash": "squash and merge", "rebase": "rebase and merge"}
"""What GitHub's button says for each method."""


@dataclass(frozen=True)
class Subject:
    """What one pull request is about: the input of the template.

    `base` is the commit that the target ran before, or empty when that is not known. `commits` are those
    between it and the verified one that touch the source stage, newest first, and `more` is how many were left
    out. `notes` are what a reviewer has to know first. `reason` is why, for a rollback, and `failed` the trace of the
    deployment that failed, where that is why.
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
    failed: str = ""


def region(subject: Subject, settings: PromotionSettings, rows: int, listed: int) -> str:
    """The whole text, with at most so many `rows` of changes and `listed` commits."""
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
        name = applications(subject) if isinstance(edge, Group) else edge.application
        what = f"Returns **{name}** in **{edge.target}** to what it was.{undone}"
        return f"{what}\n\n**Why:** {code(subject.reason, 500)}"
    if isinstance(edge, Group):
        names = ", ".join(f"**{name}**" for name in changed_applications(subject))
        whole = f"{names} from **{edge.source}** to **{edge.target}**, together"
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


def changed_applications(subject: Subject) -> tuple[str, ...]:
    """The names of the applications of a group that change."""
    return tuple(dict.fromkeys(change.key.partition("/")[0] for change in subject.metadata.changes))


def applications(subject: Subject) -> str:
    """How many applications of a group change."""
    number = len(changed_applications(subject))
    return f"{number} application{'' if number == 1 else 's'}"


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
    return f"{_who(said)}{_recorder(said)}"


def _recorder(said: Verification) -> str:
    if said.recorded_by is None:
        return ""
    return (
        f" Recorded as verified by {code(said.recorded_by, 60)}." if said.recorded_by else " Not recorded as verified."
    )


def _who(said: Verification) -> str:
    if said.recorded_by and not said.actor and said.by_task:
        return f"the promotion task of {said.stage}, application version {code(said.version)}."
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
    links = (
        _trace_link(settings, subject.metadata.traceparent, what),
        _trace_link(settings, subject.failed, f"{subject.edge.target}'s deployment that failed"),
    )
    found = " · ".join(filter(None, links))
    return f"**Trace:** {found}" if found else ""


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
