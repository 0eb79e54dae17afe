"""What a stage consists of: its applications, and in the first stage what exists once a repository."""

from typing import TYPE_CHECKING

import pulumi

from components.actions_permissions import ActionsPermissions
from components.repository_files import RepositoryFiles
from components.stage_application import StageApplication
from delivery.config.errors import Json
from delivery.model.stack import StackConfiguration
from delivery.stack.repository_files import InitialValues, repository_files

if TYPE_CHECKING:
    # Most stacks never import it.
    from program.promotions import DuePromotions

NO_TOKEN = "not configured: a preview only"  # noqa: S105 - shown in place of a token, and good for nothing


def declare(
    configuration: StackConfiguration,
    token: pulumi.Output[str] | None,
    initial_values: InitialValues,
    due: "DuePromotions | None",
    forge: pulumi.ProviderResource,
    cluster: pulumi.ProviderResource,
) -> None:
    """Declare the stage with these providers, and export what a person wants to know of it.

    `token` is the promotion task's, `initial_values` what the GitOps repository has of them, `due` the promotions
    into this stage where the program declares them.
    """
    repository = configuration.pipeline.repository
    token = token or pulumi.Output.secret(NO_TOKEN)
    on_forge = pulumi.ResourceOptions(providers=[forge])
    last: pulumi.Resource | None = None
    if configuration.owns_repository:
        ActionsPermissions("actions", repository, opts=on_forge)
        once = RepositoryFiles("repository", repository, repository_files(configuration), (), opts=on_forge)
        last = once.last
    applications: dict[str, dict[str, pulumi.Input[Json]]] = {}
    for found in configuration.stage_applications:
        name = found.application.name
        staged = StageApplication(name, configuration, found, token, initial_values, last, cluster, opts=on_forge)
        last = staged.files.last
        applications[name] = {
            "namespace": staged.namespace,
            "argocdApplication": staged.application,
            "path": found.path,
        }
    if due is not None:
        pulumi.export("promotions", due.declare([last] if last else [], on_forge))
    pulumi.export("stage", configuration.stage.name)
    pulumi.export("repository", repository.url)
    pulumi.export("applications", applications)
    pulumi.export("promotesTo", list(configuration.promotes_to))
