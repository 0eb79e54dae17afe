"""The desired state of a promotion: its branch, the files on it and its pull request, computed once from a decision.

The promoter applies it (`execute.py`); the Pulumi component declares it. Nothing is written here. The branch gets one
commit on the default branch's tip where it is the promoter's own, and one more commit on top where other authors have
worked on it, so that nobody's commits are lost.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from delivery.git.commits import APPENDED, DECLARED, File
from delivery.git.repository import Repository
from delivery.github.client import PullRequest
from delivery.model.edges import Edge
from delivery.model.settings import PromotionSettings
from delivery.promotion.decide import Decision
from delivery.promotion.history import PromotionError
from delivery.promotion.metadata import marked, promoted_by
from delivery.promotion.plan import Plan, plan_values, read_values
from delivery.promotion.pull_request import Rendered
from delivery.promotion.state import EdgeState, texts
from delivery.values.scalar import Scalar


@dataclass(frozen=True)
class DeclaredFile:
    """A file as a resource. `hash` is short for its text: another text is another resource.

    The provider updates a file with the checksum in its state, which GitHub refuses when that is not the newest.
    """

    path: str
    content: str
    hash: str


@dataclass(frozen=True)
class DesiredPromotion:
    """What has to exist on the forge for a decision about `edge`.

    The branch `branch` has `files`, by their path, by one commit of `author` with `message` on `parent`. With `append`
    the parent is the branch's own head, which other authors have worked on, and the branch is only moved forward.
    `up_to_date`: the branch as it was read brings just that, and needs no commit. `observed` is its head then, None
    when it was not there, and `present` the target's files that it had.

    The pull request into `base` has what `rendered` says, `labels`, and reviews asked of `reviewers` and `teams`.
    `open` is the one that is open already, None when there is none, and `text_up_to_date` whether its text says so
    already. `previous_pull_request` is the newest one of the branch that is
    finished (0: none), `stale_head` the head of a branch that a finished one left behind (empty: none).

    `undeclared`: the newest commit of the branch is not one that the Pulumi component declared.
    """

    edge: Edge
    branch: str
    base: str
    files: Mapping[str, File]
    message: str
    author: str
    parent: str
    append: bool
    up_to_date: bool
    observed: str | None
    present: Mapping[str, File]
    undeclared: bool
    rendered: Rendered
    labels: tuple[str, ...]
    reviewers: tuple[str, ...]
    teams: tuple[str, ...]
    open: PullRequest | None
    text_up_to_date: bool
    previous_pull_request: int
    stale_head: str

    def lacks_labels(self, pull_request: PullRequest | None, *, created: bool) -> bool:
        """Whether labels and reviewers are still to be added: a run that was cut off may not have come to it.

        Labels come last, so one of them there means that all of it was done. Without labels to look for, an existing
        pull request is left alone: people may have taken a reviewer off.
        """
        present = pull_request.labels if pull_request is not None else ()
        return created or bool(self.labels and not set(self.labels) & set(present))

    @property
    def title(self) -> str:
        """The pull request's title. A text that says it all already stays as it is, with what people changed in it."""
        return self.open.title if self.open is not None and self.text_up_to_date else self.rendered.title

    @property
    def body(self) -> str:
        """The pull request's body, with what people wrote above ours."""
        if self.open is None:
            return self.rendered.body
        return self.open.body if self.text_up_to_date else self.rendered.over(self.open.body)

    @property
    def unchanged(self) -> bool:
        """Whether branch and pull request are what they have to be."""
        return self.text_up_to_date and self.is_on(self.present)

    def is_on(self, present: Mapping[str, File]) -> bool:
        """Whether a branch with the files `present` has what it has to have."""
        return all(path in present and present[path].content == file.content for path, file in self.files.items())

    @property
    def declared_files(self) -> tuple[DeclaredFile, ...]:
        """The files as resources, in the order to write them; none where the branch has them by other commits."""
        if self.undeclared and self.is_on(self.present):
            return ()
        contents = {path: file.content.decode("utf-8") for path, file in self.files.items()}
        named = {path: text if len(contents) == 1 else f"{path}\n{text}" for path, text in contents.items()}
        hashes = {path: hashlib.sha256(name.encode()).hexdigest()[:8] for path, name in named.items()}
        return tuple(DeclaredFile(path, text, hashes[path]) for path, text in contents.items())

    @property
    def declared_message(self) -> str:
        """The message of a commit that is a resource.

        Git keeps no newline at the end of what GitHub is given, and a difference would be a change each time.
        """
        return marked(self.message, DECLARED).strip()


def desired_promotion(
    state: EdgeState, decision: Decision, settings: PromotionSettings, repository: Repository
) -> DesiredPromotion | None:
    """The desired state for `decision`; None where nothing is to be proposed.

    Raises `PromotionError` when commits by other authors changed a promoted key: which of the two counts is for people
    to say.
    """
    rendered, branch, paths = decision.rendered, state.branch, state.edge.at_target.written
    if rendered is None:
        return None
    message, parent, append = rendered.message, state.tip, False
    files, up_to_date = _planned(decision.plan, state.target), False
    stale = branch.head if state.open is None and not branch.by_others else None
    present = repository.read_all(branch.head, paths) if branch.head is not None and stale is None else {}
    if branch.head is not None and branch.by_others:
        message, parent, append = marked(message, APPENDED), branch.head, True
        changed = append_commit(repository, state, decision, branch.head)
        files, up_to_date = changed or present, not changed
    elif branch.head is not None:
        up_to_date = _brings_the_plan(repository, state, decision, branch.head, message)
    newest = None
    if branch.head is not None and present:
        newest = next(iter(repository.log(branch.head, without=state.tip, limit=1)), None)
    finished = (found.pull_request.number for found in state.on_branch if found.pull_request.state != "open")
    return DesiredPromotion(
        edge=state.edge,
        branch=branch.name,
        base=settings.base(state.edge),
        files=files,
        message=message,
        author=settings.author,
        parent=parent,
        append=append,
        up_to_date=up_to_date,
        observed=branch.head,
        present=present,
        undeclared=newest is not None and not newest.declared,
        rendered=rendered,
        labels=settings.labels_for(state.edge),
        reviewers=settings.reviewers_for(state.edge),
        teams=settings.team_reviewers_for(state.edge),
        open=state.open.pull_request if state.open else None,
        text_up_to_date=state.open is not None and rendered.says(state.open.metadata),
        previous_pull_request=max(finished, default=0),
        stale_head=stale or "",
    )


def _brings_the_plan(repository: Repository, state: EdgeState, decision: Decision, head: str, message: str) -> bool:
    """Whether merging the branch as it is gives just what is planned: then reviews and checks on it stay valid."""
    own, paths = state.branch.own, state.edge.at_target.written
    if len(own) != 1 or own[0].sha != head or own[0].appended:
        return False
    before, after = repository.read_all(f"{head}^", paths), repository.read_all(head, paths)
    return (
        # What else has changed in the target since, the merge would have to bring together.
        before == state.target
        and texts(after) == state.target_texts | dict(decision.plan.texts)
        and repository.message(head).strip() == message.strip()
    )


def _planned(plan: Plan, target: Mapping[str, File]) -> dict[str, File]:
    return {path: File(text, target[path].mode) for path, text in plan.texts.items()}


def append_commit(repository: Repository, state: EdgeState, decision: Decision, head: str) -> dict[str, File]:
    """The target's files on a branch that other authors have worked on, with the promoted keys as planned.

    None of them when they are so already, for the commit that is promoted. Raises `PromotionError` when commits by
    other authors changed a promoted key, and when merging would keep what the default branch has by now instead of
    the plan.
    """
    where, wanted = state.edge.at_target, dict(decision.plan.values)
    left = repository.merge_base(head, state.tip)
    base = state.branch.own[0].sha if state.branch.own else left
    current = repository.read_all(head, where.written)
    before = repository.read_all(base, where.written) if base else {}
    if removed := [path for path in where.written if path not in current or path not in before]:
        raise PromotionError(_conflict(state, f"removed {' and '.join(removed)}"))
    _refuse_what_a_merge_drops(state, decision, left)
    present = read_values(texts(current), where, wanted, f" on {state.branch.name}")
    if present == wanted:
        if promoted_by((commit.trailer for commit in state.branch.own), state.edge) in ("", decision.commit):
            return {}
    elif present != read_values(texts(before), where, wanted) and not _as_proposed(state, present):
        raise PromotionError(_conflict(state, f"changed {' or '.join(wanted)} themselves"))
    planned = plan_values(wanted, texts(current), where, decision.links)
    # An empty commit, where only the commit that is promoted is another one: its trailer tells which.
    return _planned(planned, current) or {where.files[0]: current[where.files[0]]}


def _refuse_what_a_merge_drops(state: EdgeState, decision: Decision, left: str | None) -> None:
    """Raise `PromotionError` where a merge would not bring what is planned, though nothing would be in its way.

    Git takes the side that changed a line since the branch `left` the default branch: with the planned value on the
    branch as it was there, and another one on the default branch by now, that is the default branch's.
    """
    where, planned = state.edge.at_target, decision.plan.values
    then = state.history.texts(left, where) if left else None
    if then is None:
        return
    had = read_values(then, where, planned, f" at {str(left)[:12]}")
    has = read_values(state.target_texts, where, planned)
    key = next((key for key, value in planned.items() if had[key] == value != has[key]), None)
    if key is not None:
        raise PromotionError(
            f"{_shown(state)} has commits by other authors, and left the default branch before {key} changed there: "
            "merging would keep that change; merge the default branch into it (Update branch), then run again"
        )


def _as_proposed(state: EdgeState, present: Mapping[str, Scalar | None]) -> bool:
    """Whether the branch has what the open pull request proposes: commits of ours that somebody has rebased."""
    metadata = state.open.metadata if state.open else None
    proposed = {change.key: change.becomes for change in metadata.changes} if metadata else {}
    kept = read_values(state.target_texts, state.edge.at_target, present)
    return bool(proposed) and all(
        (now is not None and now.text == proposed[key]) if key in proposed else now == kept[key]
        for key, now in present.items()
    )


def _conflict(state: EdgeState, what: str) -> str:
    newest = state.branch.by_others[0].sha[:12]
    return (
        f"{_shown(state)} has commits by other authors that {what} (the newest is {newest}): "
        "merge or close it and delete its branch, or remove those commits, then run again"
    )


def _shown(state: EdgeState) -> str:
    return f"pull request #{state.open.pull_request.number}" if state.open else f"branch {state.branch.name}"
