"""The rules for pull requests: opening, merging and closing them, and following their branches.

REST is in `pulls`. Reviews, checks, forks and merge queues are not modelled.
"""

import time

from lab.forge.errors import ApiError, invalid, refused
from lab.forge.issues_model import PullRequest
from lab.forge.repositories import ZERO, Person, Repository, timestamp
from lab.forge.state import State
from lab.forge.tokens import Token


def pull_requests(state: State, repository: Repository) -> list[PullRequest]:
    """All pull requests of a repository, oldest first."""
    return [issue for issue in state.issues[repository.full_name].values() if isinstance(issue, PullRequest)]


def open_pull_request(
    state: State,
    repository: Repository,
    token: Token,
    *,
    title: str,
    head: str,
    base: str,
    body: str | None,
    draft: bool,
) -> PullRequest:
    """Open one. `head` may be `owner:branch`. Raises GitHub's 422s and, for Actions, its 403."""
    if token.actions and not repository.actions_may_open_pull_requests:
        raise ApiError(403, "GitHub Actions is not permitted to create or approve pull requests.")
    owner, _, branch = head.rpartition(":")
    tip = repository.branch(branch)
    if tip is None or (owner and owner.lower() != repository.owner.lower()):
        raise invalid("PullRequest", "head")
    base_tip = repository.branch(base)
    if base_tip is None:
        raise invalid("PullRequest", "base")
    _refuse_duplicate(state, repository, branch, base)
    if repository.is_ancestor(tip, base_tip):
        raise refused("PullRequest", f"No commits between {base} and {branch}")
    number = max(state.issues[repository.full_name], default=0) + 1
    created = PullRequest(
        number=number,
        login=token.login,
        title=title,
        body=body,
        head=branch,
        base=base,
        head_sha=tip,
        base_sha=base_tip,
        draft=draft,
        actions=token.actions,
    )
    state.issues[repository.full_name][number] = created
    repository.git("update-ref", f"refs/pull/{number}/head", tip)
    return created


def _refuse_duplicate(state: State, repository: Repository, head: str, base: str) -> None:
    for other in pull_requests(state, repository):
        if (other.state, other.head, other.base) == ("open", head, base):
            raise refused("PullRequest", f"A pull request already exists for {repository.owner}:{head}.")


def reopen(state: State, repository: Repository, pull: PullRequest) -> None:
    """Open a closed one again; 422 when it is merged or its head branch is gone."""
    if pull.merged:
        raise refused("PullRequest", "state cannot be changed. The pull request has already been merged.")
    tip = repository.branch(pull.head)
    if tip is None:
        raise refused("PullRequest", f"state cannot be changed. The {pull.head} branch has been deleted.")
    _refuse_duplicate(state, repository, pull.head, pull.base)
    pull.reopen()
    pull.head_sha = tip


def mergeable(repository: Repository, pull: PullRequest) -> bool | None:
    """Whether git could merge it now; None for one that is not open."""
    base = repository.branch(pull.base)
    if pull.state != "open" or base is None:
        return None
    return repository.merged_tree(base, pull.head_sha) is not None


def merge(
    repository: Repository,
    pull: PullRequest,
    *,
    login: str,
    method: str = "merge",
    sha: str | None = None,
    title: str | None = None,
    message: str | None = None,
) -> str:
    """Merge into the base branch, with git, and return the new commit. Raises GitHub's 405 and 409."""
    if pull.state != "open" or pull.draft:
        raise ApiError(405, "Pull Request is not mergeable")
    if sha is not None and sha != pull.head_sha:
        raise ApiError(409, "Head branch was modified. Review and try the merge again.")
    protection = repository.protections.get(pull.base)
    if protection and protection.reviews:
        count = protection.reviews
        raise ApiError(405, f"At least {count} approving review is required by reviewers with write access.")
    base = repository.branch(pull.base)
    tree = repository.merged_tree(base, pull.head_sha) if base else None
    if base is None or tree is None:
        raise ApiError(405, "Pull Request is not mergeable")
    who = Person(login, f"{login}@users.noreply.github.com", int(time.time()))
    by_forge = Person("GitHub", "noreply@github.com", who.when)
    if method == "squash":
        parents, (subject, text) = [base], _squash_message(repository, pull, base)
    else:
        parents = [base, pull.head_sha]
        subject, text = f"Merge pull request #{pull.number} from {repository.owner}/{pull.head}", pull.title
    full = "\n\n".join(part for part in (title or subject, text if message is None else message) if part)
    commit = repository.write_commit(tree, parents, full, who, by_forge)
    _mark_merged(pull, login, commit)
    repository.update_ref(f"refs/heads/{pull.base}", commit, base)
    if repository.auto_delete_head_branches and repository.branch(pull.head):
        repository.update_ref(f"refs/heads/{pull.head}", ZERO)
    return commit


def _squash_message(repository: Repository, pull: PullRequest, base: str) -> tuple[str, str]:
    """GitHub's default: a single commit's own message, or the title and the messages of all."""
    names = repository.git("rev-list", "--reverse", f"{base}..{pull.head_sha}").split()
    messages = [commit.message.strip() for commit in map(repository.commit, names) if commit]
    if len(messages) == 1:
        subject, _, text = messages[0].partition("\n")
        return f"{subject} (#{pull.number})", text.strip()
    return f"{pull.title} (#{pull.number})", "\n\n".join(f"* {message}" for message in messages)


def _mark_merged(pull: PullRequest, login: str, commit: str) -> None:
    pull.close()
    pull.merged_at, pull.merged_by, pull.merge_commit_sha = timestamp(), login, commit


def follow(state: State, repository: Repository, branch: str, new: str) -> None:
    """A branch moved (or, with ZERO, went): bring the open pull requests that use it up to date."""
    for pull in pull_requests(state, repository):
        if pull.state != "open":
            continue
        if pull.head == branch:
            if new == ZERO:
                pull.close()
                continue
            pull.head_sha, pull.updated_at = new, timestamp()
            repository.git("update-ref", f"refs/pull/{pull.number}/head", new)
            base = repository.branch(pull.base)
            pull.base_sha = base or pull.base_sha
            if base and repository.is_ancestor(new, base):
                # Nothing left to merge: GitHub closes it by itself, without calling it merged.
                pull.close()
        elif pull.base == branch:
            if new == ZERO:
                pull.close()
            elif repository.is_ancestor(pull.head_sha, new):
                _mark_merged(pull, repository.owner, new)
