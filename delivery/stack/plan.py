"""The plan of a stack: every file and every manifest that it consists of, as values.

Made once, from a valid configuration and what git has already. The components declare it and decide nothing; the bodies
of the manifests come from `manifests`, the texts of the files from `repository_files`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from delivery.config.errors import Json
from delivery.config.reader import TASK_PROMOTE
from delivery.model.pipeline import Repository, StageApplication
from delivery.model.stack import StackConfiguration
from delivery.stack import manifests
from delivery.stack.environment import EnvironmentPlan, declares_environment, new_environment
from delivery.stack.repository_files import InitialValues, RepositoryText, repository_files, stage_files


@dataclass(frozen=True)
class ArgoCDApplicationPlan:
    """The Argo CD Application of a stage's application, in Argo CD's own `namespace`.

    Its `kind` is ApplicationSet where the Application is made by one, with the chart's version from git.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    finalizers: tuple[str, ...]
    spec: Mapping[str, Json]
    kind: str = "Application"


@dataclass(frozen=True)
class PromotionAccessPlan:
    """What the promotion task may use: `secret_data` goes into the Secret beside the token, `rules` into the Role.

    `secret` is None where something else fills it.
    """

    account: str
    secret: str | None
    secret_key: str
    secret_data: Mapping[str, str]
    rules: tuple[Mapping[str, list[str]], ...]


@dataclass(frozen=True)
class ApplicationPlan:
    """One application in the stack's stage. `tasks` are the specs of its Keptn task definitions, by name.

    Its manifests are in the folder `path` of the GitOps repository, on `branch`, and `files` are what the stack commits
    there or beside it; `access` is None where there is no promotion task. What is one for all applications of a
    namespace is in the stack's `shared_namespaces`, and declared there instead. `tasks` is None without Keptn.
    """

    name: str
    path: str
    branch: str
    files: tuple[RepositoryText, ...]
    namespace: str
    namespace_annotations: Mapping[str, str]
    access: PromotionAccessPlan | None
    tasks: Mapping[str, Mapping[str, Json]] | None
    argocd: ArgoCDApplicationPlan


@dataclass(frozen=True)
class SharedNamespacePlan:
    """What is one for all `applications` of a namespace; `tasks` are the stage's, by name."""

    namespace: str
    applications: tuple[str, ...]
    annotations: Mapping[str, str]
    access: PromotionAccessPlan | None
    tasks: Mapping[str, Mapping[str, Json]] | None


@dataclass(frozen=True)
class StackPlan:
    """Everything that a stack declares, promotions aside.

    `repository_files` exist once for the whole repository: they are empty but in the stack of the first stage, which
    also has the repository's Actions permissions (`owns_repository`). By them Actions open pull requests, and may
    approve them, only where the workflow's own token has to (`actions_open_pull_requests`): GitHub has one switch.
    Where the workflow has secrets of its own, they are in the `environment`.
    """

    stage: str
    promotes_to: tuple[str, ...]
    repository: Repository
    owns_repository: bool
    actions_open_pull_requests: bool
    environment: EnvironmentPlan | None
    repository_files: tuple[RepositoryText, ...]
    shared_namespaces: tuple[SharedNamespacePlan, ...]
    applications: tuple[ApplicationPlan, ...]


def plan_stack(
    configuration: StackConfiguration, initial: InitialValues, environment: EnvironmentPlan | None = None
) -> StackPlan:
    """The plan of the stack with this configuration.

    `initial` is what git has for its values, `environment` the one that GitHub has, None where it was not asked.
    """
    owns = configuration.owns_repository
    return StackPlan(
        stage=configuration.stage.name,
        promotes_to=configuration.promotes_to,
        repository=configuration.pipeline.repository,
        owns_repository=owns,
        actions_open_pull_requests=configuration.pipeline.promotions.identity == "workflow",
        environment=(environment or new_environment(configuration.pipeline.repository))
        if declares_environment(configuration)
        else None,
        repository_files=repository_files(configuration) if owns else (),
        shared_namespaces=tuple(
            SharedNamespacePlan(
                namespace=namespace,
                applications=names,
                annotations=manifests.namespace_annotations(configuration.stage),
                access=promotion_access(configuration),
                tasks=manifests.stage_task_specs(configuration) if configuration.stage.with_keptn else None,
            )
            for namespace, names in configuration.shared_namespaces.items()
        ),
        applications=tuple(
            ApplicationPlan(
                name=placed.application.name,
                path=placed.path,
                branch=placed.stage.branch or configuration.pipeline.repository.default_branch,
                files=stage_files(configuration, placed, initial),
                namespace=placed.namespace,
                namespace_annotations=manifests.namespace_annotations(configuration.stage),
                access=None if placed.namespace in configuration.shared_namespaces else promotion_access(configuration),
                tasks=manifests.task_specs(configuration, placed) if placed.stage.with_keptn else None,
                argocd=_argocd(configuration, placed),
            )
            for placed in configuration.stage_applications
        ),
    )


def _argocd(configuration: StackConfiguration, placed: StageApplication) -> ArgoCDApplicationPlan:
    """The Application, or the ApplicationSet of the same name that makes it."""
    plan = ArgoCDApplicationPlan(
        name=placed.argocd_application,
        namespace=configuration.argocd.namespace,
        labels=configuration.argocd.labels,
        annotations=manifests.argocd_annotations(configuration, placed),
        finalizers=manifests.argocd_finalizers(configuration),
        spec=manifests.argocd_application_spec(configuration, placed),
    )
    if placed.application.chart is None:
        return plan
    metadata: dict[str, Json] = {
        "name": plan.name,
        "labels": {**plan.labels},
        # An ApplicationSet would take it for a template of its own.
        "annotations": {name: text.replace("{{", '{{ "{{" }}') for name, text in plan.annotations.items()},
        "finalizers": list(plan.finalizers),
    }
    template: dict[str, Json] = {"metadata": metadata, "spec": {**plan.spec}}
    return replace(
        plan,
        kind="ApplicationSet",
        annotations={},
        finalizers=(),
        spec=manifests.application_set_spec(configuration, placed, template),
    )


def promotion_access(configuration: StackConfiguration) -> PromotionAccessPlan | None:
    """What the promotion task of a stage may do and read, in each of its namespaces; None where there is no task."""
    keptn = configuration.stage.with_keptn
    if keptn and not configuration.records:
        return None
    repository = configuration.pipeline.repository
    # Without a token a hook of Argo CD still sends its trace, and reads the cluster for it.
    filled = configuration.records and not configuration.external_promotion_secret
    return PromotionAccessPlan(
        account=TASK_PROMOTE,
        secret=manifests.SECRET_NAME if filled else None,
        secret_key=manifests.SECRET_KEY,
        secret_data={"githubRepo": repository.name, "githubRepoOwner": repository.owner},
        rules=manifests.PROMOTION_ROLE_RULES if keptn else manifests.HOOK_ROLE_RULES,
    )
