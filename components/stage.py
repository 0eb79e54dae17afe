"""One stage of the pipeline: its applications, and in the first stage what exists once a repository."""

from collections.abc import Callable
from dataclasses import dataclass

import pulumi

from components.actions_permissions import ActionsPermissions
from components.promotion_environment import PromotionEnvironment
from components.repository_files import RepositoryFiles
from components.shared_namespace import SharedNamespace
from components.stage_application import StageApplication
from delivery.config.errors import Json
from delivery.stack.plan import StackPlan

NO_TOKEN = "not configured: a preview only"  # noqa: S105 - shown in place of a token, and good for nothing

DeclarePromotions = Callable[[list[pulumi.Resource], pulumi.ResourceOptions], dict[str, pulumi.Input[str]]]
"""Declares the promotions into a stage after these resources; returns an address, or why there is none, for each."""


@dataclass(frozen=True)
class Providers:
    """The providers of a stage; `argocd` is `cluster`, where Argo CD runs in the stage's."""

    github: pulumi.ProviderResource
    cluster: pulumi.ProviderResource
    argocd: pulumi.ProviderResource


class Stage(pulumi.ComponentResource):
    """Declares `plan` with `providers`, its first file after the one that is called `after`.

    `token` is the promotion task's. The promotions come last: they depend on every file, the last one of which is
    `last`. A `prefix` tells the resources of several stages in one program apart; without one they have the names that
    they had before there was this component, and are found by these.
    """

    stage: pulumi.Output[str]
    repository: pulumi.Output[str]
    branch: pulumi.Output[str]
    applications: pulumi.Output[dict[str, dict[str, str]]]
    promotes_to: pulumi.Output[list[str]]
    promotions: pulumi.Output[dict[str, str]] | None
    last: pulumi.Resource | None

    def __init__(
        self,
        name: str,
        plan: StackPlan,
        token: pulumi.Output[str] | None,
        providers: Providers,
        promotions: DeclarePromotions | None = None,
        after: pulumi.Resource | None = None,
        prefix: str = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("delivery:index:Stage", name, None, opts)
        repository, branch = plan.repository.name, plan.repository.default_branch
        token = token or pulumi.Output.secret(NO_TOKEN)
        before = None if prefix else [pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)]
        on_github = pulumi.ResourceOptions(parent=self, aliases=before, providers=[providers.github])
        self.last = after
        if plan.owns_repository:
            ActionsPermissions(f"{prefix}actions", repository, plan.actions_open_pull_requests, opts=on_github)
            if plan.environment is not None:
                PromotionEnvironment(f"{prefix}{plan.environment.name}", repository, plan.environment, opts=on_github)
            self.last = RepositoryFiles(
                f"{prefix}repository", repository, branch, plan.repository_files, after, opts=on_github
            ).last
        in_cluster = pulumi.ResourceOptions(parent=self, aliases=before, providers=[providers.cluster])
        shared = {
            found.namespace: SharedNamespace(f"{prefix}{found.namespace}", found, token, prefix, opts=in_cluster)
            for found in plan.shared_namespaces
        }
        applications: dict[str, dict[str, pulumi.Input[Json]]] = {}
        for application in plan.applications:
            declared = StageApplication(
                f"{prefix}{application.name}",
                application,
                repository,
                token,
                self.last,
                providers.cluster,
                providers.argocd,
                shared.get(application.namespace),
                prefix,
                opts=on_github,
            )
            self.last = declared.files.last
            applications[application.name] = {
                "namespace": declared.namespace,
                "argocdApplication": declared.application,
                "path": application.path,
            }
        self.promotions = None
        if promotions is not None:
            shown = promotions([self.last] if self.last else [], on_github)
            self.promotions = pulumi.Output.from_input(shown)  # type: ignore[arg-type]
        self.stage = pulumi.Output.from_input(plan.stage)
        self.repository = pulumi.Output.from_input(plan.repository.url)
        self.branch = pulumi.Output.from_input(branch)
        self.applications = pulumi.Output.from_input(applications)  # type: ignore[arg-type]
        self.promotes_to = pulumi.Output.from_input(list(plan.promotes_to))
        self.register_outputs(
            {
                "stage": self.stage,
                "repository": self.repository,
                "branch": self.branch,
                "applications": self.applications,
                "promotesTo": self.promotes_to,
                "promotions": self.promotions,
            }
        )
