"""A stack's program: every application of its stage, and what exists once a repository in the first one."""

from collections.abc import Collection

import pulumi

from components.actions_permissions import ActionsPermissions
from components.application_in_stage import ApplicationInStage
from components.providers import github_provider, kubernetes_provider
from components.repository_files import RepositoryFiles
from components.stack import Secrets, secret_output
from delivery.configuration.problems import Json
from delivery.gitops_files import repository_files
from delivery.pipeline import StackConfiguration

NO_TOKEN = "not configured: a preview only"  # noqa: S105 - shown in place of a token, and good for nothing


def declare(configuration: StackConfiguration, secrets: Secrets, existing: Collection[str]) -> None:
    """Declare the stack and export what a person wants to know of it.

    `existing` are the paths that the GitOps repository has already.
    """
    repository = configuration.pipeline.repository
    due = None
    if configuration.declares_promotions and secrets.github is not None:
        # Imported here: reading the forge takes HTTP, git and telemetry, which most stacks never need.
        from components.promotions import DuePromotions

        due = DuePromotions(configuration, secrets.github)
    forge = github_provider(repository, secret_output(secrets.github))
    cluster = kubernetes_provider(configuration.cluster, secret_output(secrets.kubeconfig))
    token = secret_output(secrets.promotion) or pulumi.Output.secret(NO_TOKEN)
    on_forge = pulumi.ResourceOptions(providers=[forge])
    last: pulumi.Resource | None = None
    if configuration.owns_repository:
        ActionsPermissions("actions", repository, opts=on_forge)
        once = RepositoryFiles("repository", repository, repository_files(configuration), existing, opts=on_forge)
        last = once.last
    applications: dict[str, dict[str, pulumi.Input[Json]]] = {}
    for placement in configuration.placements:
        name = placement.application.name
        staged = ApplicationInStage(name, configuration, placement, token, existing, last, cluster, opts=on_forge)
        last = staged.files.last
        applications[name] = {
            "namespace": staged.namespace,
            "argocdApplication": staged.application,
            "path": placement.path,
        }
    if due is not None:
        pulumi.export("promotions", due.declare([last] if last else [], on_forge))
    pulumi.export("stage", configuration.stage.name)
    pulumi.export("repository", repository.url)
    pulumi.export("applications", applications)
    pulumi.export("promotesTo", list(configuration.promotes_to))
