"""The branch that a pull request is proposed on: whose commits are on it."""

from dataclasses import dataclass

from delivery.git.commits import Commit
from delivery.git.repository import Repository
from delivery.model.edges import Edge
from delivery.promotion.history import Proposal


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


def read_branch(
    repository: Repository, name: str, head: str | None, tip: str, proposals: tuple[Proposal, ...]
) -> Branch:
    """The branch `name` with the commit `head`, beside the default branch at `tip`, and `proposals` made from it."""
    if head is None or repository.is_ancestor(head, tip):
        return Branch(name, head)
    # Squashed on merge, the branch's commits are not in the default branch's history, but their content is.
    if any(proposal.pull_request.state == "merged" and proposal.pull_request.head == head for proposal in proposals):
        return Branch(name, head)
    commits = repository.log(head, without=tip)
    own = tuple(commit for commit in commits if commit.ours)
    boundary = repository.boundary()
    # Where the branch's own line reaches the repository's first commit, only the default branch's is cut off.
    cut = boundary & {commit.sha for commit in commits} or (boundary and not repository.merge_base(head, tip))
    if cut and commits[0].ours and not commits[0].appended:
        # The branch left the default branch before the fetched history begins, so git cannot tell where. What
        # the promoter rebuilds is a single commit on the default branch: below it everything is merged.
        return Branch(name, head, own[:1])
    return Branch(name, head, own, tuple(commit for commit in commits if not commit.ours))
