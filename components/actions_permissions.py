"""What GitHub Actions may do in the GitOps repository: open pull requests, which is off by default."""

import pulumi
from pulumi_github import WorkflowRepositoryPermissions


class ActionsPermissions(pulumi.ComponentResource):
    """Declares the workflow permissions of `repository` (its name). Jobs get read access unless they ask for more."""

    def __init__(self, name: str, repository: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("delivery:components:ActionsPermissions", name, None, opts)
        WorkflowRepositoryPermissions(
            name,
            repository=repository,
            default_workflow_permissions="read",
            can_approve_pull_request_reviews=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
