"""A promotion as resources: branch, file and pull request, declared exactly when the target differs.

What is due was decided before, by the same modules that the promoter runs. What is finished (merged, closed)
leaves the state and stays on the forge: a promotion after it has resources of its own. The branch carries
one name all the same, so a finished one's left-over is built anew before it is used.
"""

import pulumi
import pulumi_github as github

from components.promotion_hooks import PromotionHooks
from delivery.git.commits import PROMOTER_MAIL, PROMOTER_NAME
from delivery.model.pipeline import Repository
from delivery.promotion.declared_run import DeclaredRun
from delivery.promotion.desired import Incoming


class Promotion(pulumi.ComponentResource):
    """Declares what `incoming` wants. `pull_request` is its address; None when there is nothing to promote.

    `run` is told by hooks what the engine is about to do and how it went; None together with what is wanted.
    """

    why: str
    pull_request: pulumi.Output[str] | None

    def __init__(
        self,
        name: str,
        repository: Repository,
        incoming: Incoming,
        run: DeclaredRun | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("delivery:components:Promotion", name, None, opts)
        self.why, self.pull_request = incoming.why, None
        pulumi.log.info(f"{incoming.edge}: {incoming.why}", resource=self)
        wanted = incoming.wanted
        if wanted is not None and run is not None:
            own = f"{name}-after-{wanted.generation}" if wanted.generation else name
            hooks = PromotionHooks(own, run)
            branch = github.Branch(
                own,
                repository=repository.name,
                branch=wanted.branch,
                source_branch=repository.default_branch,
                # GitHub may have deleted it on merge, and the provider fails to delete what is not there.
                opts=pulumi.ResourceOptions(
                    parent=self, retain_on_delete=True, hooks=hooks.branch(alone=wanted.content is None)
                ),
            )
            needed: list[pulumi.Resource] = [branch]
            if wanted.content is not None:
                file = github.RepositoryFile(
                    f"{own}-{wanted.edition}",
                    repository=repository.name,
                    branch=branch.branch,
                    file=wanted.path,
                    content=wanted.content,
                    commit_message=wanted.message,
                    commit_author=PROMOTER_NAME,
                    commit_email=PROMOTER_MAIL,
                    overwrite_on_create=True,
                    # Taking it away would be a commit that deletes the target's values.
                    opts=pulumi.ResourceOptions(
                        parent=self,
                        retain_on_delete=True,
                        ignore_changes=["commitMessage"],
                        depends_on=[branch],
                        hooks=hooks.file(),
                    ),
                )
                needed.append(file)
            pull = github.RepositoryPullRequest(
                own,
                base_repository=repository.name,
                base_ref=repository.default_branch,
                head_ref=branch.branch,
                title=wanted.title,
                body=wanted.body,
                opts=pulumi.ResourceOptions(
                    parent=self,
                    depends_on=needed,
                    # One that is open and not in the state was lost from it: it is ours to take up again.
                    import_=f"{repository.owner}:{repository.name}:{wanted.open_number}"
                    if wanted.open_number
                    else None,
                    hooks=hooks.pull_request(),
                ),
            )
            self.pull_request = pull.number.apply(lambda number: f"{repository.url}/pull/{number}")
        self.register_outputs({"why": self.why, "pull_request": self.pull_request})
