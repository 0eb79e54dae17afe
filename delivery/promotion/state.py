"""The state of one edge on the forge, read with one list of pull requests and one shallow fetch.

The promoter and a stack that declares its promotions read the same. What follows from it is `decide.py`'s matter.
"""

from dataclasses import dataclass, field, replace

from delivery.git.commits import Commit, File
from delivery.git.repository import GitError, Repository
from delivery.github.client import GitHub
from delivery.model.edges import Edge, PromotionSettings
from delivery.model.request import PromotionRequest
from delivery.promotion.branch import Branch, read_branch, rollback_branch
from delivery.promotion.history import EdgeNotReadyError, History, PromotionError, Proposal
from delivery.promotion.joins import CONSIDERED, JoinHistory, Selection, select, upstream_values
from delivery.promotion.metadata import bare_metadata, parse_metadata, promoted_by
from delivery.promotion.target_history import TargetHistory, read_target_history
from delivery.promotion.verified import Verification, VerificationLog, read_log, ref_of

DEPTH = 200
_TIP = "refs/delivery/default"
_BRANCHES = "refs/delivery/branch/"
_COMMITS = "refs/delivery/commit/"


@dataclass(frozen=True)
class EdgeState:
    """An edge as it is on the forge now.

    `tip` is the default branch's newest commit, `commit` the verified revision whose `source` values count
    (`given` by the caller, or the newest commit that touches the source stage), `target` the target's values
    at the tip. `proposals` are the promotions' pull requests and `on_branch` those of `branch`, newest first; they
    differ for a rollback. `logs` are what has been verified, for every source stage of the edge, and `selection` what
    of it is looked at: `source` are the values of its `origin`, the edge itself unless that is a join. `asked` are the
    values at the commit that the run was given, which a join may not promote (yet).
    """

    edge: Edge
    tip: str
    commit: str
    given: bool
    source: File
    target: File
    platform: File | None
    branch: Branch
    proposals: tuple[Proposal, ...]
    on_branch: tuple[Proposal, ...]
    history: History = field(compare=False, repr=False)
    selection: Selection
    asked: File
    asked_edge: Edge
    target_history: TargetHistory
    logs: tuple[VerificationLog, ...]

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
    depth: int = DEPTH,
) -> EdgeState:
    """Read the state of `edge` for `request`, a promotion or a rollback.

    Raises `PromotionError`, `GitHubError` or `GitError`, each with one line that says what to do.
    """
    commit, rollback = request.commit or None, bool(request.rollback)
    proposals = _proposals(github, edge, settings, edge.branch)
    name = rollback_branch(edge) if rollback else edge.branch
    on_branch = _proposals(github, edge, settings, name) if rollback else proposals
    # A pattern, unlike a name, may match nothing; it may also match more, of which only the name is looked at.
    pattern = f"+refs/heads/{name}*:{_BRANCHES}{name}*"
    repository.fetch(
        [
            f"+refs/heads/{settings.default_branch}:{_TIP}",
            pattern,
            *(f"+{ref_of(origin)}*:{ref_of(origin)}*" for origin in edge.origins),
            *([f"+{commit}:{_COMMITS}{commit}"] if commit else []),
        ],
        depth,
    )
    tip = repository.resolve(_TIP)
    if tip is None:
        raise EdgeNotReadyError(f"the default branch {settings.default_branch} has no commits: push a first one")
    logs = tuple(read_log(repository, origin) for origin in edge.origins)
    origin = next((found for found in edge.origins if found.source == request.source), None) or _newest_origin(
        repository, github, tip, edge
    )
    said = None
    if commit is not None and not rollback:
        said = Verification(origin.source, commit, request.version, request.traceparent, request.actor)
    if len(edge.origins) > 1:
        paths = tuple(upstream_values(edge, settings).values())
        history: History = JoinHistory(repository, github, tip, paths[::-1], logs, {commit: origin} if commit else {})
    else:
        history = History(repository, github, tip)
    if commit is not None and not history.contains(commit):
        raise PromotionError(
            f"commit {commit[:12]} is not on {settings.default_branch}: only what was merged there can be promoted"
        )
    target = _file(repository, tip, edge.target_values, edge.target)
    branch = read_branch(repository, name, repository.resolve(f"{_BRANCHES}{name}"), tip, on_branch)
    proposals = _told_by_commits(repository, edge, None if rollback else branch, proposals)
    selection = None
    if isinstance(history, JoinHistory) and not rollback:
        _fetch_verified(repository, logs)
        proposed = next((found for found in proposals if found.pull_request.state == "open"), None)
        every = edge.requires_all and not request.again
        selection = select(edge, history, logs, said, proposed, every=every)
        if selection is None and every:
            selection = Selection(origin, _newest(repository, github, tip, origin.source_path), blocked=True)
    elif said:
        selection = Selection(origin, said.commit, (logs[0].best(said),))
    if selection is None:
        newest = commit or _newest(repository, github, tip, origin.source_path)
        known = next((log.find(newest) for log in logs if log.edge == origin and not rollback), None)
        selection = Selection(origin, newest, (known,) if known else ())
    verified, chosen = selection.commit, selection.origin
    source = _file(repository, verified, chosen.source_values, chosen.source)
    same = commit is None or (origin, commit) == (chosen, verified)
    return EdgeState(
        edge=edge,
        tip=tip,
        commit=verified,
        given=commit is not None or (len(edge.origins) > 1 and bool(selection.verifications)),
        source=source,
        target=target,
        platform=repository.read(tip, f"{edge.target_path}/platform.yaml"),
        branch=branch,
        proposals=proposals,
        on_branch=on_branch if rollback else proposals,
        history=history,
        selection=selection,
        asked_edge=chosen if same else origin,
        asked=source if same else _file(repository, commit or "", origin.source_values, origin.source),
        target_history=read_target_history(repository, tip, edge),
        logs=logs,
    )


def _proposals(github: GitHub, edge: Edge, settings: PromotionSettings, branch: str) -> tuple[Proposal, ...]:
    found = github.list_pull_requests(branch, settings.default_branch)
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


def _newest_origin(repository: Repository, github: GitHub, tip: str, edge: Edge) -> Edge:
    """Of several source stages the one that was changed last, for a run that names none of them."""
    newest, *others = edge.origins
    for origin in others:
        commits = (_newest(repository, github, tip, found.source_path) for found in (newest, origin))
        if repository.is_ancestor(*commits):
            newest = origin
    return newest


def _newest(repository: Repository, github: GitHub, tip: str, path: str) -> str:
    """The newest commit of the default branch's own line that touches `path`: it stays the same while others land."""
    found = repository.log(tip, path=path, limit=1, first_parent=True)
    if found and found[0].sha in repository.boundary():
        # Where the fetched history ends, git shows every file as just added: the commit lies further back.
        commit = github.newest_commit(found[0].sha, path)
        if commit and repository.resolve(commit) is None:
            repository.fetch([f"+{commit}:{_COMMITS}{commit}"], 1)
        return commit or found[0].sha
    return found[0].sha if found else tip


def _file(repository: Repository, commit: str, path: str, stage: str) -> File:
    found = repository.read(commit, path)
    if found is None:
        raise EdgeNotReadyError(
            f"{path} is not in commit {commit[:12]}: run `pulumi up` on the stack {stage} first", stage
        )
    if found.mode not in ("100644", "100755"):
        raise PromotionError(f"{path} is a symbolic link in commit {commit[:12]}: make it a file")
    return found
