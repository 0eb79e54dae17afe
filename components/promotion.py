"""A promotion as resources: branch, files and pull request, declared exactly when the target differs.

What is finished (merged, closed) leaves the state and stays on GitHub: a promotion after it has resources of its own.
The branch has one name all the same, so one that a finished promotion left behind is reset before it is used.
"""

from dataclasses import dataclass

import pulumi
import pulumi_github as github

from delivery.git.commits import PROMOTER_MAIL, PROMOTER_NAME
from delivery.model.pipeline import Repository
from delivery.promotion.desired import DesiredPromotion


@dataclass(frozen=True)
class PromotionHooks:
    """The hooks on the resources; `branch_alone` is for a branch that no commit follows, `file` for the last file."""

    branch: pulumi.ResourceHookBinding
    branch_alone: pulumi.ResourceHookBinding
    earlier_file: pulumi.ResourceHookBinding
    file: pulumi.ResourceHookBinding
    pull_request: pulumi.ResourceHookBinding


class Promotion(pulumi.ComponentResource):
    """Declares `desired`; None when there is nothing to promote. `why` is a line for people, about either.

    With `sign`, GitHub signs the commit: for a GitHub App, and where nobody is named as its author.
    `pull_request` is its address; None when there is nothing to promote.
    """

    why: str
    pull_request: pulumi.Output[str] | None

    def __init__(
        self,
        name: str,
        repository: Repository,
        desired: DesiredPromotion | None,
        why: str,
        hooks: PromotionHooks | None = None,
        *,
        sign: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("delivery:components:Promotion", name, None, opts)
        self.why, self.pull_request = why, None
        if desired is not None:
            own = resource_name(name, desired)
            files = desired.declared_files
            on_branch = (hooks.branch if files else hooks.branch_alone) if hooks else None
            branch = github.Branch(
                own,
                repository=repository.name,
                branch=desired.branch,
                source_branch=desired.base,
                # GitHub may have deleted it on merge, and the provider fails to delete what is not there.
                opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True, hooks=on_branch),
            )
            needed: list[pulumi.Resource] = [branch]
            for file in files:
                # A commit for each, one after another: GitHub refuses one whose parent is no longer the newest.
                on_file = (hooks.file if file is files[-1] else hooks.earlier_file) if hooks else None
                committed = github.RepositoryFile(
                    f"{own}-{file.hash}",
                    repository=repository.name,
                    branch=branch.branch,
                    file=file.path,
                    content=file.content,
                    commit_message=desired.declared_message,
                    commit_author=None if sign else PROMOTER_NAME,
                    commit_email=None if sign else PROMOTER_MAIL,
                    overwrite_on_create=True,
                    opts=pulumi.ResourceOptions(
                        parent=self,
                        # Deleting it would be a commit that deletes the target's values.
                        retain_on_delete=True,
                        ignore_changes=["commitMessage"],
                        depends_on=list(needed),
                        hooks=on_file,
                    ),
                )
                needed.append(committed)
            number = desired.open.number if desired.open else 0
            pull = github.RepositoryPullRequest(
                own,
                base_repository=repository.name,
                base_ref=desired.base,
                head_ref=branch.branch,
                title=desired.title,
                body=desired.body,
                opts=pulumi.ResourceOptions(
                    parent=self,
                    depends_on=needed,
                    # One that is open and not in the state was lost from it: it is imported again.
                    import_=f"{repository.owner}:{repository.name}:{number}" if number else None,
                    hooks=hooks.pull_request if hooks else None,
                ),
            )
            self.pull_request = pull.number.apply(lambda number: f"{repository.url}/pull/{number}")
        self.register_outputs({"why": self.why, "pull_request": self.pull_request})


def resource_name(name: str, desired: DesiredPromotion) -> str:
    """The name of the resources of `desired`, and of its hooks, in the promotion called `name`."""
    return f"{name}-after-{desired.previous_pull_request}" if desired.previous_pull_request else name
