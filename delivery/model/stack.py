"""One stack's configuration as frozen values: the pipeline it has a stage in, and what is that stage's own.

`delivery.config.reader` makes these and nothing else does; whoever holds one holds something valid. What every
stack shares is `delivery.model.pipeline`'s.
"""

from dataclasses import dataclass
from functools import cached_property

from delivery.model.edges import Edge
from delivery.model.pipeline import Pipeline, Stage, StageApplication
from delivery.model.request import PromotionRequest


@dataclass(frozen=True)
class ArgoCD:
    """Where Argo CD lives and what its Applications belong to.

    With `finalizer`, deleting an Application prunes what it deployed, and the delete waits for that. `labels` and
    `annotations` are people's own, on every Application.
    """

    namespace: str
    project: str
    finalizer: bool
    labels: dict[str, str]
    annotations: dict[str, str]


@dataclass(frozen=True)
class KeptnChecks:
    """What Keptn runs around a deployment in this stage, by the names of its definitions."""

    pre_deployment_tasks: tuple[str, ...]
    post_deployment_tasks: tuple[str, ...]
    pre_deployment_evaluations: tuple[str, ...]
    post_deployment_evaluations: tuple[str, ...]


@dataclass(frozen=True)
class Cluster:
    """How this stack reaches its cluster. Never the context that happens to be current.

    `mode` is `deploy` (to `context`) or `render` (manifests go to the folder `render_to`). With `adopt_existing`,
    objects that are there already are taken over; without, they are an error. `argocd_context` is Argo CD's cluster
    where it is another one, else empty.
    """

    mode: str
    context: str
    argocd_context: str
    render_to: str
    adopt_existing: bool


@dataclass(frozen=True)
class EndpointCheck:
    """A check after a deployment that needs no code: `url` answers with `status`, or what `prometheus` answers to
    `query` is at least `least` and at most `most` (empty: no bound). Texts may have names to fill in.
    """

    name: str
    url: str
    status: int
    prometheus: str
    query: str
    least: str
    most: str


HOOK_IMAGE = "docker.io/library/python:3.13.14-slim"
"""What hooks of Argo CD run in: they need the standard library alone."""
PROMOTION_SECRETS = ("stack", "external")
"""What can fill the Secret that the promotion task reads, the default first."""


@dataclass(frozen=True)
class GitHubApp:
    """A GitHub App, by its id or client id, and its installation on the GitOps repository. The key is a secret."""

    id: str
    installation_id: str


@dataclass(frozen=True)
class StackConfiguration:
    """Everything one stack's program needs to know, valid as a whole.

    `destination` is the stage's cluster as Argo CD knows it, by `server` or by `name`. `tasks` maps the name of a Keptn
    task definition to its Python source; a name with `None` is defined elsewhere. `github_app` writes the repository in
    place of a token. The Secret of the promotion task is `external` where this stack does not fill it, and
    `promotion_token` says whether it can. `endpoint_checks`, `hook_image` and `otlp_endpoint` (empty: none) are for
    hooks of Argo CD.
    """

    pipeline: Pipeline
    stage: Stage
    argocd: ArgoCD
    destination: dict[str, str]
    checks: KeptnChecks
    tasks: dict[str, str | None]
    metadata: dict[str, str]
    cluster: Cluster
    request: PromotionRequest
    github_app: GitHubApp | None
    external_promotion_secret: bool
    promotion_token: bool = False
    endpoint_checks: tuple[EndpointCheck, ...] = ()
    hook_image: str = HOOK_IMAGE
    otlp_endpoint: str = ""

    @property
    def stage_applications(self) -> tuple[StageApplication, ...]:
        """Every application of this stage."""
        return tuple(p for p in self.pipeline.stage_applications if p.stage == self.stage)

    @cached_property
    def shared_namespaces(self) -> dict[str, tuple[str, ...]]:
        """The namespaces that several applications of this stage have, with these."""
        found: dict[str, tuple[str, ...]] = {}
        for placed in self.stage_applications:
            found[placed.namespace] = (*found.get(placed.namespace, ()), placed.application.name)
        return {namespace: names for namespace, names in found.items() if len(names) > 1}

    @property
    def promotes_to(self) -> tuple[str, ...]:
        """The stages that this one promotes to."""
        return self.pipeline.targets(self.stage)

    @property
    def records(self) -> bool:
        """Whether the stage has the promotion task: it promotes onward, or records what it has verified."""
        # Of a secret that something else fills nobody knows whether it is there: Keptn's task could not start.
        return bool(self.promotes_to) or self.promotion_token

    @property
    def incoming(self) -> tuple[Edge, ...]:
        """What is promoted into this stage, application by application: an edge, or the join of several."""
        return self.pipeline.promotion_settings().into(self.stage.name)

    @property
    def declares_promotions(self) -> bool:
        """Whether this stack opens the pull requests into its stage itself."""
        return self.pipeline.promotions.engine == "pulumi" and not self.pipeline.repository.is_example

    @property
    def owns_repository(self) -> bool:
        """Whether what exists once a repository is declared by this stack."""
        return self.stage == self.pipeline.first_stage
