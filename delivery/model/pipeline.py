"""The pipeline as frozen values: applications, stages, what follows what, and what each is called.

`delivery.config.reader` makes these from a stack's configuration and nothing else does; whoever holds
one holds something valid. The graph's questions (what does this stage promote to?) are answered here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from delivery.model.edges import Edge
from delivery.model.promoted_keys import PromotedKey, in_repository, program_folder
from delivery.model.settings import TITLE, VERIFICATIONS, PromotionSettings
from delivery.model.sync import Json, SyncPolicy

EXAMPLE_OWNER = "example-org"
"""The owner that ships in Pulumi.yaml: good for a preview, refused by an update."""


@dataclass(frozen=True)
class Repository:
    """The GitOps repository. `api_url` is the REST base: `https://api.github.com` or `https://HOST/api/v3`.

    `argocd_url` is the address by which Argo CD knows it, where that is another one than `url`; else empty.
    """

    owner: str
    name: str
    default_branch: str
    api_url: str
    argocd_url: str = ""

    @property
    def is_example(self) -> bool:
        """Whether the owner is still the one that ships with the project."""
        return self.owner == EXAMPLE_OWNER

    @property
    def server_url(self) -> str:
        """The server that people open in a browser and git clones from."""
        if self.api_url == "https://api.github.com":
            return "https://github.com"
        return self.api_url.removesuffix("/api/v3")

    @property
    def url(self) -> str:
        """The repository's own address."""
        return f"{self.server_url}/{self.owner}/{self.name}"

    @property
    def repo_url(self) -> str:
        """What Argo CD's `repoURL` has."""
        return self.argocd_url or self.url

    @property
    def gh_name(self) -> str:
        """What `gh --repo` takes: owner and name, behind the server where that is not the one of gh's default."""
        server = self.server_url.partition("://")[2]
        return f"{'' if server == 'github.com' else f'{server}/'}{self.owner}/{self.name}"


def filled_texts(value: Json, fill: Callable[[str], str]) -> Json:
    """`value` with each text in it as `fill` makes it."""
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, list):
        return [filled_texts(item, fill) for item in value]
    return {name: filled_texts(item, fill) for name, item in value.items()} if isinstance(value, dict) else value


SOURCES = ("generated", "helm", "kustomize", "directory")
"""Where an application's manifests come from: a chart that this program generates (the default), or the team's own."""


@dataclass(frozen=True)
class RegistryChart:
    """A chart of a Helm registry: its `repository`, its `name`, and the key in git that has its version."""

    repository: str
    name: str
    version: PromotedKey


@dataclass(frozen=True)
class Application:
    """What is delivered. `promoted_keys` travel along every edge; `version` is the one that people talk about.

    `source` is one of `SOURCES`. Image, ports, `workload` and `first_version` are a generated chart's. `value_files`
    are a Helm chart's, by stage (`{stage}`), from its folder or the repository's root; `chart` is the chart, where it
    is not in that folder. `reads` are further folders that are read when the manifests are made, `source_options` what
    else Argo CD is told of the source, by its tool.
    """

    name: str
    image: str
    container_port: int
    service_port: int
    workload: str
    first_version: str
    promoted_keys: tuple[PromotedKey, ...]
    version: PromotedKey
    source: str = SOURCES[0]
    value_files: tuple[str, ...] = ()
    chart: RegistryChart | None = None
    reads: tuple[str, ...] = ()
    source_options: Mapping[str, Json] = field(default_factory=dict, hash=False)

    @property
    def own_files(self) -> bool:
        """Whether the team owns the files in its folders, and this program writes none of them."""
        return self.source != SOURCES[0]


ON_FAILURE = ("propose-rollback",)
"""What can follow a failed verification, beside its record."""


@dataclass(frozen=True)
class Stage:
    """One environment, one Pulumi stack. `after` names the stages that promote into it.

    `requires` is `any` or `all`: how many of these have to verify the same before it is proposed. `labels`, `reviewers`
    and `team_reviewers` are for pull requests into this stage; None: as for all stages. `branch` is the one that has
    this stage's files; empty: the default branch. `sync` is how Argo CD syncs it. With `grouped`, all applications are
    promoted into it together. `verification` is one of `VERIFICATIONS`. With `require_record`, only what is recorded as
    verified is promoted into it; `on_failure` is one of `ON_FAILURE`, or empty.
    """

    name: str
    after: tuple[str, ...]
    labels: tuple[str, ...] | None = None
    reviewers: tuple[str, ...] | None = None
    team_reviewers: tuple[str, ...] | None = None
    requires: str = "any"
    branch: str = ""
    sync: SyncPolicy = field(default_factory=SyncPolicy)
    grouped: bool = False
    verification: str = VERIFICATIONS[0]
    require_record: bool = False
    on_failure: str = ""

    @property
    def with_keptn(self) -> bool:
        """Whether Keptn verifies it; else hooks of Argo CD do."""
        return self.verification == VERIFICATIONS[0]


@dataclass(frozen=True)
class StageApplication:
    """One application in one stage: where it lives in the cluster, in the repository and in Argo CD."""

    application: Application
    stage: Stage
    namespace: str
    path: str
    argocd_application: str

    @property
    def program_path(self) -> str:
        """The folder with what this program commits for it: its own, or one under `.delivery`."""
        return program_folder(self.application.name, self.stage.name, self.path, own_files=self.application.own_files)

    @property
    def value_files(self) -> tuple[str, ...]:
        """The value files of a Helm chart in this stage."""
        return tuple(file.replace("{stage}", self.stage.name) for file in self.application.value_files)

    @property
    def source_options(self) -> Mapping[str, Json]:
        """What else Argo CD is told of the team's source in this stage."""
        stage = self.stage.name
        return {
            tool: filled_texts(options, lambda text: text.replace("{stage}", stage))
            for tool, options in self.application.source_options.items()
        }

    def in_repository(self, file: str) -> str:
        """The path of one of its files in the repository."""
        return in_repository(self.path, file.replace("{stage}", self.stage.name))


ENGINES = ("promoter", "pulumi")
"""What can promote, the default first."""
IDENTITIES = ("workflow", "token", "app")
"""As whom the workflow opens pull requests, the default first."""
COMMITS = ("unsigned", "signed")
"""What the commits of promotions are, the default first."""


@dataclass(frozen=True)
class Promotions:
    """How promotions look and how their task runs.

    `engine` is `promoter` (the workflow edits the values) or `pulumi` (the workflow runs this program).
    `title`, `message`, `author` and `merge_method` are as in `PromotionSettings`.
    `identity` is who opens the pull requests: the `workflow` with its own token, PROMOTION_TOKEN (`token`), or a GitHub
    App (`app`). With `sign_commits`, GitHub makes the commits, and signs them. `timeout_seconds` spans all of the
    task's retries together; `ttl_seconds` is Keptn's `ttlSecondsAfterFinished`. Every `sweep_minutes` (0: never) the
    workflow looks for what is recorded as verified and was never proposed.
    """

    engine: str
    identity: str
    sign_commits: bool
    labels: tuple[str, ...]
    reviewers: tuple[str, ...]
    team_reviewers: tuple[str, ...]
    trace_url: str
    retries: int
    timeout_seconds: int
    ttl_seconds: int
    title: str = TITLE
    message: str = ""
    author: str = ""
    merge_method: str = ""
    sweep_minutes: int = 0


@dataclass(frozen=True)
class Pipeline:
    """What every stack shares: the repository, the applications, the stages, and every application in every stage.

    Namespace and Argo CD Application of another stage are as in `Pulumi.yaml`; its own stack may have named them.
    """

    repository: Repository
    applications: tuple[Application, ...]
    stages: tuple[Stage, ...]
    stage_applications: tuple[StageApplication, ...]
    promotions: Promotions

    @property
    def first_stage(self) -> Stage:
        """The stage that owns what exists once a repository: the first one with no upstream."""
        return next(stage for stage in self.stages if not stage.after)

    def stage_application(self, application: str, stage: str) -> StageApplication:
        """Where that application lives in that stage."""
        return self._placed[application, stage]

    @cached_property
    def _placed(self) -> dict[tuple[str, str], StageApplication]:
        return {(found.application.name, found.stage.name): found for found in self.stage_applications}

    def targets(self, stage: Stage) -> tuple[str, ...]:
        """The stages that `stage` promotes to, in the pipeline's order."""
        return tuple(other.name for other in self.stages if stage.name in other.after)

    def downstream(self, stage: Stage) -> tuple[str, ...]:
        """Every stage that what `stage` promotes can come to, the nearest ones first."""
        found = dict.fromkeys(self.targets(stage))
        level = tuple(found)
        while level:
            after = (other.name for other in self.stages if not found.keys().isdisjoint(other.after))
            level = tuple(name for name in after if name not in found)
            found |= dict.fromkeys(level)
        return tuple(found)

    def edges(self) -> tuple[Edge, ...]:
        """Every way along which an application is promoted, application by application."""
        branches = {stage.name: stage.branch for stage in self.stages}
        return tuple(
            Edge(
                application=application.name,
                source=source,
                target=target.name,
                source_path=self.stage_application(application.name, source).path,
                target_path=self.stage_application(application.name, target.name).path,
                promoted_keys=application.promoted_keys,
                labels=target.labels,
                reviewers=target.reviewers,
                team_reviewers=target.team_reviewers,
                own_files=application.own_files,
                version="" if application.version == application.promoted_keys[0] else application.version.name,
                source_branch=branches[source],
                target_branch=target.branch,
            )
            for application in self.applications
            for target in self.stages
            for source in target.after
        )

    def promotion_settings(self) -> PromotionSettings:
        """What the promoter is told of all this."""
        return PromotionSettings(
            owner=self.repository.owner,
            repository=self.repository.name,
            default_branch=self.repository.default_branch,
            api_url=self.repository.api_url,
            web_url=self.repository.url,
            stages={stage.name: stage.after for stage in self.stages},
            edges=self.edges(),
            labels=self.promotions.labels,
            reviewers=self.promotions.reviewers,
            team_reviewers=self.promotions.team_reviewers,
            trace_url=self.promotions.trace_url,
            sign_commits=self.promotions.sign_commits,
            title=self.promotions.title,
            message=self.promotions.message,
            author=self.promotions.author,
            merge_method=self.promotions.merge_method,
            groups=tuple(stage.name for stage in self.stages if stage.grouped),
            manual=tuple(stage.name for stage in self.stages if stage.after and not stage.sync.automated),
            windows={stage.name: stage.sync.window for stage in self.stages if stage.after and stage.sync.window},
            requires={stage.name: stage.requires for stage in self.stages if len(stage.after) > 1},
            require_record=tuple(stage.name for stage in self.stages if stage.require_record),
            rollback_on_failure=tuple(stage.name for stage in self.stages if stage.on_failure == ON_FAILURE[0]),
        )
