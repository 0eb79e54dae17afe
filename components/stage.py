"""One stage of the pipeline: its applications, and in the first stage what exists once a repository."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi

from components.actions_permissions import ActionsPermissions
from components.promotion_environment import PromotionEnvironment
from components.repository_files import RepositoryFiles
from components.shared_namespace import SharedNamespace
from components.stage_application import StageApplication
from delivery.stack.plan import StackPlan

NO_TOKEN = "not configured: a preview only"  # noqa: S105 - shown in place of a token, and good for nothing


class ApplicationOutputs(TypedDict):
    """Where an application of a stage is."""

    namespace: pulumi.Output[str]
    """Its namespace in the cluster."""
    argocdApplication: pulumi.Output[str]
    """The name of its Argo CD Application."""
    path: str
    """Its folder in the GitOps repository."""


class StageOutputs(TypedDict):
    """What people and programs want to know of a stage."""

    stage: str
    """The stage's name."""
    repository: str
    """The address of the GitOps repository."""
    branch: str
    """Its default branch."""
    applications: dict[str, ApplicationOutputs]
    """The stage's applications, by name."""
    promotesTo: list[str]
    """The stages that it promotes into."""
    promotions: NotRequired[dict[str, pulumi.Output[str]]]
    """With the engine `pulumi`: the address of each pull request into the stage, or why there is none."""


@dataclass(frozen=True)
class Providers:
    """The providers of a stage; `argocd` is `cluster`, where Argo CD runs in the stage's."""

    github: pulumi.ProviderResource
    cluster: pulumi.ProviderResource
    argocd: pulumi.ProviderResource


@dataclass(frozen=True)
class StageParts:
    """What a stage is declared from.

    `token` is the promotion task's. `providers` makes the providers for a stage, named with a prefix, or returns those
    that are there. `promotions` declares the promotions into the stage, named with the prefix, after these resources,
    and returns an address for each of them, or why there is none.
    """

    plan: StackPlan
    token: pulumi.Output[str] | None
    providers: Callable[[str, pulumi.ComponentResource], Providers]
    promotions: Callable[[str, list[pulumi.Resource], pulumi.ResourceOptions], dict[str, pulumi.Output[str]]] | None


class Stage(pulumi.ComponentResource):
    """Declares `parts`, its first file after the resource `after`; `last` is the file that is committed last.

    The promotions come last: they depend on every file. A `prefix` tells the resources of several stages in one program
    apart; without one they have the names that they had before there was this component, and are found by these.
    """

    stage: pulumi.Output[str]
    repository: pulumi.Output[str]
    branch: pulumi.Output[str]
    applications: pulumi.Output[dict[str, ApplicationOutputs]]
    promotes_to: pulumi.Output[list[str]]
    promotions: pulumi.Output[dict[str, str]] | None

    def __init__(
        self,
        name: str,
        parts: StageParts,
        after: pulumi.Resource | None = None,
        prefix: str = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("delivery:index:Stage", name, None, opts)
        plan, providers = parts.plan, parts.providers(prefix, self)
        repository, branch = plan.repository.name, plan.repository.default_branch
        token = parts.token or pulumi.Output.secret(NO_TOKEN)
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
        applications: dict[str, ApplicationOutputs] = {}
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
        self.outputs: StageOutputs = {
            "stage": plan.stage,
            "repository": plan.repository.url,
            "branch": branch,
            "applications": applications,
            "promotesTo": list(plan.promotes_to),
        }
        self.promotions = None
        if parts.promotions is not None:
            shown = parts.promotions(prefix, [self.last] if self.last else [], on_github)
            self.outputs["promotions"] = shown
            self.promotions = pulumi.Output.from_input(shown)  # type: ignore[arg-type]
        self.stage = pulumi.Output.from_input(plan.stage)
        self.repository = pulumi.Output.from_input(plan.repository.url)
        self.branch = pulumi.Output.from_input(branch)
        self.applications = pulumi.Output.from_input(applications)
        self.promotes_to = pulumi.Output.from_input(list(plan.promotes_to))
        self.register_outputs({**self.outputs})
