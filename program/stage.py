"""Declares the plan of a stack: its applications, and in the first stage's stack what exists once a repository."""

import pulumi

from components.actions_permissions import ActionsPermissions
from components.promotion_environment import PromotionEnvironment
from components.repository_files import RepositoryFiles
from components.shared_namespace import SharedNamespace
from components.stage_application import StageApplication
from delivery.config.errors import Json
from delivery.stack.plan import StackPlan
from program.startup import Started

NO_TOKEN = "not configured: a preview only"  # noqa: S105 - shown in place of a token, and good for nothing


def declare(plan: StackPlan, token: pulumi.Output[str] | None, started: Started) -> None:
    """Declare `plan` with the providers that have `started`, and export what people want to know of the stage.

    `token` is the promotion task's. The promotions come last: they depend on every file.
    """
    repository, branch = plan.repository.name, plan.repository.default_branch
    token = token or pulumi.Output.secret(NO_TOKEN)
    on_github = pulumi.ResourceOptions(providers=[started.github])
    last: pulumi.Resource | None = None
    if plan.owns_repository:
        ActionsPermissions("actions", repository, plan.actions_open_pull_requests, opts=on_github)
        if plan.environment is not None:
            PromotionEnvironment(plan.environment.name, repository, plan.environment, opts=on_github)
        last = RepositoryFiles("repository", repository, branch, plan.repository_files, opts=on_github).last
    in_cluster = pulumi.ResourceOptions(providers=[started.cluster])
    shared = {
        found.namespace: SharedNamespace(found.namespace, found, token, opts=in_cluster)
        for found in plan.shared_namespaces
    }
    applications: dict[str, dict[str, pulumi.Input[Json]]] = {}
    for application in plan.applications:
        declared = StageApplication(
            application.name,
            application,
            repository,
            token,
            last,
            started.cluster,
            started.argocd,
            shared.get(application.namespace),
            opts=on_github,
        )
        last = declared.files.last
        applications[application.name] = {
            "namespace": declared.namespace,
            "argocdApplication": declared.application,
            "path": application.path,
        }
    if started.promotions is not None:
        pulumi.export("promotions", started.promotions.declare([last] if last else [], on_github))
    pulumi.export("stage", plan.stage)
    pulumi.export("repository", plan.repository.url)
    pulumi.export("applications", applications)
    pulumi.export("promotesTo", list(plan.promotes_to))
