"""The state of one edge on the forge, read with one list of pull requests and one shallow fetch.

The promoter and a stack that declares its promotions read the same. What follows from it is `decide.py`'s matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from delivery.git.commits import Commit, File
from delivery.git.repository import GitError, Repository
from delivery.github.client import GitHub
from delivery.model.edges import Edge, Group, Join
from delivery.model.request import PromotionRequest
from delivery.model.settings import PromotionSettings
from delivery.promotion.branch import Branch, read_branch, rollback_branch
from delivery.promotion.groups import select_together
from delivery.promotion.history import EdgeNotReadyError, History, PromotionError, Proposal
from delivery.promotion.joins import CONSIDERED, JoinHistory, Selection, select, upstream_values
from delivery.promotion.metadata import bare_metadata, parse_metadata, promoted_by
from delivery.promotion.recorded import RecordReader, refuse_unrecorded, with_record, with_records
from delivery.promotion.target_history import TargetHistory, read_target_history
from delivery.promotion.verified import VerificationLog, read_log, ref_of, told_by

DEPTH = 200
TIPS = "refs/delivery/tips/"
_BRANCHES = "refs/delivery/branch/"
_COMMITS = "refs/delivery/commit/"


@dataclass(frozen=True)
class EdgeState:
    """An edge as it is on the forge now.

    `tip` is the newest commit of the target's branch, `commit` the verified revision whose `source` files count
    (`given` by the caller, or the newest commit that touches the source stage), `target` the target's files
    at the tip, by their paths. `proposals` are the promotions' pull requests and `on_branch` those of `branch`, newest
    first; they differ for a rollback. `logs` are what has been verified, for every source stage of the edge, and
    `selection` what of it is looked at: `source` are the files of its `origin`, the edge itself unless that is a join.
    `asked` are the files at the commit that the run was given, which a join may not promote (yet).
    """

    edge: Edge
    tip: str
    commit: str
    given: bool
    source: Mapping[str, File]
    target: Mapping[str, File]
    platforms: Mapping[str, File]
    branch: Branch
    proposals: tuple[Proposal, ...]
    on_branch: tuple[Proposal, ...]
    history: History = field(compare=False, repr=False)
    selection: Selection
    asked: Mapping[str, File]
    asked_edge: Edge
    target_history: TargetHistory
    logs: tuple[VerificationLog, ...]

    @property
    def target_texts(self) -> dict[str, bytes]:
        """What is in the target's files."""
        return texts(self.target)

    @property
    def origin(self) -> Edge:
        """The edge whose source stage has the values at `commit`."""
        return self.selection.origin

    @property
    def on_its_branch(self) -> str:
        """The commit that the branch brings, where it is not what a finished pull request left behind; else empty."""
        return promoted_by((commit.trailer for commit in self.branch.own), self.edge)

    @property
    def unlisted(self) -> bool:
        """Whether a pull request may stand on the branch that the list does not show (yet): open, or closed just now.

        The promoter's own commits are on it, and no pull request of the list has its head.
        """
        heads = {proposal.pull_request.head for proposal in self.on_branch}
        return bool(self.branch.own) and self.branch.head not in heads and self.open is None

    @property
    def open(self) -> Proposal | None:
        """The open pull request of `branch`, if there is one."""
        return next((proposal for proposal in self.on_branch if proposal.pull_request.state == "open"), None)


def read_edge(
    edge: Edge,
    settings: PromotionSettings,
    github: GitHub,
    repository: Repository,
    request: PromotionRequest,
    *,
    reader: RecordReader | None = None,
    depth: int = DEPTH,
) -> EdgeState:
    """Read the state of `edge` for `request`, a promotion or a rollback; a promotion's records by the `reader`.

    Raises `PromotionError`, `GitHubError` or `GitError`, each with one line that says what to do.
    """
    commit, rollback = request.commit or None, bool(request.rollback)
    base, upstream = settings.base(edge), upstream_values(edge, settings)
    proposals = _proposals(github, edge, base, edge.branch)
    name = rollback_branch(edge) if rollback else edge.branch
    on_branch = _proposals(github, edge, base, name) if rollback else proposals
    branches = {where.branch: where.branch or settings.default_branch for where in (edge.at_target, *upstream.values())}
    # A pattern, unlike a name, may match nothing; it may also match more, of which only the name is looked at.
    pattern = f"+refs/heads/{name}*:{_BRANCHES}{name}*"
    repository.fetch(
        [
            *(f"+refs/heads/{branch}:{TIPS}{branch}" for branch in dict.fromkeys(branches.values())),
            pattern,
            *(f"+{ref_of(origin)}*:{ref_of(origin)}*" for origin in edge.origins),
            *([f"+{commit}:{_COMMITS}{commit}"] if commit else []),
        ],
        depth,
    )
    tips = {own: repository.resolve(f"{TIPS}{branch}") or "" for own, branch in branches.items()}
    if missing := [branches[own] for own, commit_there in tips.items() if not commit_there]:
        what = "default branch" if missing[0] == settings.default_branch else "branch"
        raise EdgeNotReadyError(f"the {what} {missing[0]} has no commits: push a first one")
    tip = tips[edge.target_branch]
    logs = tuple(read_log(repository, origin) for origin in edge.origins)
    origin = edge.origin_of(request.application, request.source) or _newest_origin(repository, github, tips, edge)
    own_tip = tips[origin.source_branch]
    records = reader(edge, request.commit) if reader and not rollback else None
    said = told_by(request, edge, origin)
    said = with_record(said, origin, records) if said else None
    demanded = edge.target in settings.require_record and not rollback
    if demanded and said:
        refuse_unrecorded(edge, said, said.commit, records)
    known = tuple(with_records(log, edge, records, said, only=demanded) for log in logs)
    if isinstance(edge, Join):
        paths, said_of = tuple(upstream.values()), {commit: origin} if commit else {}
        history: History = JoinHistory(repository, github, own_tip, tips, paths[::-1], known, said_of)
    else:
        history = History(repository, github, own_tip, tips)
    if commit is not None and not history.contains(commit):
        raise PromotionError(
            f"commit {commit[:12]} is not on {branches[origin.source_branch]}: only what was merged there can be "
            "promoted"
        )
    target = _files(repository, tip, edge.at_target.written, edge, edge.target)
    branch = read_branch(repository, name, repository.resolve(f"{_BRANCHES}{name}"), tip, on_branch)
    proposals = _told_by_commits(repository, edge, None if rollback else branch, proposals)
    selection, recorded = None, ""
    proposed = next((found for found in proposals if found.pull_request.state == "open"), None)
    if isinstance(edge, Group):
        if not rollback and (demanded or not request.again):
            _fetch_verified(repository, known)
            selection = select_together(edge, history, known, said, proposed, texts(target))
        everything = _newest(repository, github, own_tip, edge.at_source.touched) if selection is None else ""
        free = rollback or (request.again and not demanded)
        selection = selection or Selection(edge, commit or everything, blocked=not free)
    elif isinstance(history, JoinHistory) and not rollback:
        _fetch_verified(repository, known)
        every = edge.requires_all and not request.again
        selection = select(edge, history, known, said, proposed, every=every)
        if selection is None and every:
            selection = Selection(origin, _newest(repository, github, own_tip, origin.at_source.touched), blocked=True)
    elif said:
        selection = Selection(origin, said.commit, (known[0].best(said),))
    if selection is None:
        own = next((log for log in known if log.edge == origin), None) if demanded and not commit else None
        recorded = _newest_verified(repository, own, history) if own else ""
        newest = commit or recorded or _newest(repository, github, own_tip, origin.at_source.touched)
        before = next((log.find(newest) for log in known if log.edge == origin and not rollback), None)
        if demanded:
            refuse_unrecorded(edge, before, newest, records)
        selection = Selection(origin, newest, (before,) if before else ())
    verified, chosen = selection.commit, selection.origin
    source = _files(repository, verified, chosen.at_source.files, edge, chosen.source)
    same = commit is None or (origin, commit) == (chosen, verified)
    return EdgeState(
        edge=edge,
        tip=tip,
        commit=verified,
        given=bool(commit or recorded) or (edge.origins != (edge,) and bool(selection.verifications)),
        source=source,
        target=target,
        platforms=repository.read_all(tip, tuple(part.target_platform for part in edge.parts)),
        branch=branch,
        proposals=proposals,
        on_branch=on_branch if rollback else proposals,
        history=history,
        selection=selection,
        asked_edge=chosen if same else origin,
        asked=source if same else _files(repository, commit or "", origin.at_source.files, edge, origin.source),
        target_history=read_target_history(repository, tip, edge),
        logs=logs,
    )


def texts(files: Mapping[str, File]) -> dict[str, bytes]:
    """What is in these files, by their paths."""
    return {path: file.content for path, file in files.items()}


def _proposals(github: GitHub, edge: Edge, base: str, branch: str) -> tuple[Proposal, ...]:
    found = github.list_pull_requests(branch, base)
    return tuple(Proposal(pull_request, parse_metadata(pull_request.body, edge)) for pull_request in found)


def _told_by_commits(
    repository: Repository, edge: Edge, branch: Branch | None, proposals: tuple[Proposal, ...]
) -> tuple[Proposal, ...]:
    """The promotions' `proposals`, corrected by their commits, down to the newest merged one.

    People edit descriptions, and a run can be cut off between a description and a commit. So a merged pull request
    counts as the commit that was merged. Any other one counts as what its description says, and when that has lost
    its metadata, for what the promoter's commits on its `branch` say.
    """
    told = list(proposals)
    for place, proposal in enumerate(proposals):
        metadata, pull_request = proposal.metadata, proposal.pull_request
        merged = pull_request.state == "merged"
        if merged:
            commits = _merged(repository, pull_request.merge_commit)
        elif branch is not None and metadata is None:
            commits = branch.own if pull_request.head == branch.head else _fetched(repository, pull_request.head)
        else:
            commits = ()
        trailers = (commit.trailer or (repository.trailer(commit.sha) if merged else "") for commit in commits)
        commit = promoted_by(trailers, edge)
        if commit and (metadata is None or metadata.commit != commit):
            told[place] = replace(proposal, metadata=bare_metadata(edge, commit))
        if merged:
            break
    return tuple(told)


def _fetched(repository: Repository, head: str) -> tuple[Commit, ...]:
    """The newest commit of a branch that is gone: GitHub keeps the heads of its pull requests, as long as it does."""
    try:
        repository.fetch([f"+{head}:{_COMMITS}{head}"], 2)
    except GitError:
        return ()
    return repository.log(head, limit=1)


def _merged(repository: Repository, merge: str) -> tuple[Commit, ...]:
    """What a merge brought, newest first, as far as it was fetched; a squash is one commit with the same message."""
    before = repository.resolve(f"{merge}^") if merge else None
    return repository.log(merge, without=before) if before else ()


def _fetch_verified(repository: Repository, logs: tuple[VerificationLog, ...]) -> None:
    """Fetch the commits in the logs that lie further back than the fetched history."""
    named = {entry.commit for log in logs for entry in log.entries[:CONSIDERED]}
    if missing := sorted(commit for commit in named if repository.resolve(commit) is None):
        repository.fetch([f"+{commit}:{_COMMITS}{commit}" for commit in missing], 1)


def _newest_verified(repository: Repository, log: VerificationLog, history: History) -> str:
    """The newest commit in the log that is on the source stage's branch; empty where none is."""
    _fetch_verified(repository, (log,))
    return next((entry.commit for entry in log.entries[:CONSIDERED] if history.contains(entry.commit)), "")


def _newest_origin(repository: Repository, github: GitHub, tips: Mapping[str, str], edge: Edge) -> Edge:
    """Of several source stages the one that was changed last, for a run that names none of them."""
    newest, *others = edge.origins if isinstance(edge, Join) else edge.origins[:1]
    for origin in others:
        commits = (
            _newest(repository, github, tips[found.source_branch], found.at_source.touched)
            for found in (newest, origin)
        )
        if repository.is_ancestor(*commits):
            newest = origin
    return newest


def _newest(repository: Repository, github: GitHub, tip: str, paths: Sequence[str]) -> str:
    """The newest commit of the branch's own line that touches `paths`: it stays the same while others land."""
    found = repository.log(tip, paths=paths, limit=1, first_parent=True)
    if found and found[0].sha in repository.boundary():
        # Where the fetched history ends, git shows every file as just added: the commit lies further back.
        asked = {commit for path in paths if (commit := github.newest_commit(found[0].sha, path))}
        if absent := sorted(commit for commit in asked if repository.resolve(commit) is None):
            repository.fetch([f"+{commit}:{_COMMITS}{commit}" for commit in absent], 1)
        # Of several paths the newest one, as far as clocks tell: the parents were not fetched.
        dated = ((repository.committed_at(commit) or datetime.min.replace(tzinfo=UTC), commit) for commit in asked)
        return max(dated, default=(None, found[0].sha))[1]
    return found[0].sha if found else tip


def _files(repository: Repository, commit: str, paths: Sequence[str], edge: Edge, stage: str) -> dict[str, File]:
    found = repository.read_all(commit, paths)
    for path in paths:
        own = next((part for part in edge.parts if path in (*part.at_source.files, *part.at_target.files)), None)
        if path not in found and own is not None and own.own_files:
            raise PromotionError(
                f"{path} is not in commit {commit[:12]}, and {own.application} promotes a value of it: add the file, "
                "or correct promotedKeys"
            )
        if path not in found:
            raise EdgeNotReadyError(
                f"{path} is not in commit {commit[:12]}: run `pulumi up` on the stack {stage} first", stage
            )
        if found[path].mode not in ("100644", "100755"):
            raise PromotionError(f"{path} is a symbolic link in commit {commit[:12]}: make it a file")
    return found
