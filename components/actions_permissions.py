"""What GitHub Actions may do in the GitOps repository: open pull requests, which is off by default.

GitHub has one switch for opening them and for approving them. Where it is on, a workflow run counts as a reviewer:
whoever can write a workflow can have a required review given to its own change.
"""

import pulumi
from pulumi_github import WorkflowRepositoryPermissions


class ActionsPermissions(pulumi.ComponentResource):
    """Declares the workflow permissions of `repository` (its name). Jobs get read access unless they ask for more.

    `open_pull_requests` lets them open pull requests, and approve them.
    """

    def __init__(
        self, name: str, repository: str, open_pull_requests: bool, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("delivery:components:ActionsPermissions", name, None, opts)
        WorkflowRepositoryPermissions(
            name,
            repository=repository,
            default_workflow_permissions="read",
            can_approve_pull_request_reviews=open_pull_requests,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
