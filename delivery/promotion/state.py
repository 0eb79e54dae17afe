"""The state of one edge on the forge, read with one list of pull requests and one shallow fetch.

The promoter and a stack that declares its promotions read the same. What follows from it is `decide.py`'s matter.
"""

from dataclasses import dataclass, field, replace

from delivery.git.commits import Commit, File
from delivery.git.repository import Repository
from delivery.github.client import GitHub
from delivery.model.edges import Edge, PromotionSettings
from delivery.model.identifiers import is_commit
from delivery.promotion.history import EdgeNotReadyError, History, PromotionError, Proposal
from delivery.promotion.metadata import bare_metadata, parse_metadata, promoted_by

DEPTH = 200
_TIP = "refs/delivery/default"
_BRANCHES = "refs/delivery/branch/"


def rollback_branch(edge: Edge) -> str:
    """The branch on which rollbacks are proposed: not the promotions', so that neither overwrites the other."""
    return f"rollback/{edge.application}/{edge.source}/{edge.target}"


@dataclass(frozen=True)
class Branch:
    """The branch that a pull request is proposed on. `head` is None when it is not there.

    `by_others` are the commits on it, newest first, that the promoter did not make and that are nowhere else:
    empty when the branch may be rebuilt.
    """

    name: str
    head: str | None
    own: tuple[Commit, ...] = ()
    by_others: tuple[Commit, ...] = ()


@dataclass(frozen=True)
class EdgeState:
    """An edge as it is on the forge now.

    `tip` is the default branch's newest commit, `commit` the verified revision whose `source` values count
    (`given` by the caller, or the newest commit that touches the source stage), `target` the target's values
    at the tip. `proposals` are the promotions' pull requests and `on_branch` those of `branch`, newest first; they
    differ for a rollback.
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

    @property
    def open(self) -> Proposal | None:
        """The open pull request of `branch`, if there is one."""
        return next((proposal for proposal in self.on_branch if proposal.pull_request.state == "open"), None)


def read_edge(
    edge: Edge,
    settings: PromotionSettings,
    github: GitHub,
    repository: Repository,
    *,
    commit: str | None = None,
    rollback: bool = False,
    depth: int = DEPTH,
) -> EdgeState:
    """Read the state of `edge`; `commit` is the verified revision, `rollback` reads for a rollback's branch.

    Raises `PromotionError`, `GitHubError` or `GitError`, each with one line that says what to do.
    """
    if commit is not None and not is_commit(commit):
        raise PromotionError(f"{commit[:80]!r} is no full commit name: give 40 or 64 lower-case hexadecimal digits")
    proposals = _proposals(github, edge, settings, edge.branch)
    name = rollback_branch(edge) if rollback else edge.branch
    on_branch = _proposals(github, edge, settings, name) if rollback else proposals
    # A pattern, unlike a name, may match nothing; it may also match more, of which only the name is looked at.
    pattern = f"+refs/heads/{name}*:{_BRANCHES}{name}*"
    repository.fetch(
        [f"+refs/heads/{settings.default_branch}:{_TIP}", pattern, *([commit] if commit else [])],
        depth,
    )
    tip = repository.resolve(_TIP)
    if tip is None:
        raise EdgeNotReadyError(f"the default branch {settings.default_branch} has no commits: push a first one")
    history = History(repository, github, tip)
    if commit is not None and not history.contains(commit):
        raise PromotionError(
            f"commit {commit[:12]} is not on {settings.default_branch}: only what was merged there can be promoted"
        )
    target = _file(repository, tip, edge.target_values, edge.target)
    verified = commit or _newest(repository, github, tip, edge.source_path)
    branch = _branch(repository, name, tip, on_branch)
    proposals = _told_by_commits(repository, edge, None if rollback else branch, proposals)
    return EdgeState(
        edge=edge,
        tip=tip,
        commit=verified,
        given=commit is not None,
        source=_file(repository, verified, edge.source_values, edge.source),
        target=target,
        platform=repository.read(tip, f"{edge.target_path}/platform.yaml"),
        branch=branch,
        proposals=proposals,
        on_branch=on_branch if rollback else proposals,
        history=history,
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
        elif branch is not None and metadata is None and pull_request.head == branch.head:
            commits = branch.own
        else:
            commits = ()
        trailers = (commit.trailer or (repository.trailer(commit.sha) if merged else "") for commit in commits)
        commit = promoted_by(trailers, edge)
        if commit and (metadata is None or metadata.commit != commit):
            told[place] = replace(proposal, metadata=bare_metadata(edge, commit))
        if merged:
            break
    return tuple(told)


def _merged(repository: Repository, merge: str) -> tuple[Commit, ...]:
    """What a merge brought, newest first, as far as it was fetched; a squash is one commit with the same message."""
    before = repository.resolve(f"{merge}^") if merge else None
    return repository.log(merge, f"^{before}") if before else ()


def _newest(repository: Repository, github: GitHub, tip: str, path: str) -> str:
    """The newest commit of the default branch's own line that touches `path`: it stays the same while others land."""
    found = repository.log("--first-parent", tip, path=path, limit=1)
    if found and found[0].sha in repository.boundary():
        # Where the fetched history ends, git shows every file as just added: the commit lies further back.
        commit = github.newest_commit(found[0].sha, path)
        if commit and repository.resolve(commit) is None:
            repository.fetch([commit], 1)
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


def _branch(repository: Repository, name: str, tip: str, proposals: tuple[Proposal, ...]) -> Branch:
    head = repository.resolve(f"{_BRANCHES}{name}")
    if head is None or repository.is_ancestor(head, tip):
        return Branch(name, head)
    # Squashed on merge, the branch's commits are not in the default branch's history, but their content is.
    if any(proposal.pull_request.state == "merged" and proposal.pull_request.head == head for proposal in proposals):
        return Branch(name, head)
    commits = repository.log(head, f"^{tip}")
    own = tuple(commit for commit in commits if commit.ours)
    boundary = repository.boundary()
    # Where the branch's own line reaches the repository's first commit, only the default branch's is cut off.
    cut = boundary & {commit.sha for commit in commits} or (boundary and not repository.merge_base(head, tip))
    if cut and commits[0].ours and not commits[0].appended:
        # The branch left the default branch before the fetched history begins, so git cannot tell where. What
        # the promoter rebuilds is a single commit on the default branch: below it everything is merged.
        return Branch(name, head, own[:1])
    return Branch(name, head, own, tuple(commit for commit in commits if not commit.ours))
