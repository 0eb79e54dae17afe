"""The environment of the GitOps repository that keeps the workflow's secrets, open to the default branch alone.

Secrets are put there by people. So it stays when the stack is destroyed, and so do the rules that people have set.
"""

import pulumi
from pulumi_github import (
    RepositoryEnvironment,
    RepositoryEnvironmentDeploymentBranchPolicyArgs,
    RepositoryEnvironmentDeploymentPolicy,
    RepositoryEnvironmentReviewerArgs,
)

from delivery.stack.environment import EnvironmentPlan


class PromotionEnvironment(pulumi.ComponentResource):
    """Declares the environment of `plan` in `repository` (its name)."""

    def __init__(
        self, name: str, repository: str, plan: EnvironmentPlan, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("delivery:components:PromotionEnvironment", name, None, opts)
        reviewers = RepositoryEnvironmentReviewerArgs(users=list(plan.users), teams=list(plan.teams))
        environment = RepositoryEnvironment(
            name,
            repository=repository,
            environment=plan.name,
            wait_timer=plan.wait_timer,
            prevent_self_review=plan.prevent_self_review,
            can_admins_bypass=plan.can_admins_bypass,
            reviewers=[reviewers] if plan.users or plan.teams else None,
            deployment_branch_policy=RepositoryEnvironmentDeploymentBranchPolicyArgs(
                protected_branches=False, custom_branch_policies=True
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                # What people have set goes with the first PUT, and is theirs to change from then on.
                ignore_changes=["waitTimer", "preventSelfReview", "canAdminsBypass", "reviewers"],
                retain_on_delete=True,
            ),
        )
        RepositoryEnvironmentDeploymentPolicy(
            name,
            repository=repository,
            environment=environment.environment,
            branch_pattern=plan.branch,
            opts=pulumi.ResourceOptions(
                parent=self,
                retain_on_delete=True,
                # GitHub refuses a second one of the same name.
                import_=f"{repository}:{plan.name}:{plan.policy}" if plan.policy else None,
            ),
        )
        self.register_outputs({})
