"""What is there before anything is made or removed, and what is asked about: both commands begin with it."""

from collections.abc import Iterator
from dataclasses import dataclass

from delivery.laptop.clusters import LONGEST_NAME, ClusterTool, LocalCluster
from delivery.laptop.projects import Place, api_url
from delivery.laptop.repository import GitOpsRepository, Token, find_token
from delivery.laptop.session import RefusedError, Session
from delivery.laptop.workspace import Answers
from delivery.model.identifiers import is_dns_label
from delivery.model.pipeline import Repository

CLUSTER = "delivery"
"""What the cluster is called unless a person names it."""
PROMOTION_TOKEN = "DELIVERY_PROMOTION_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True)
class Wanted:
    """What the person asked for; empty: as before, or the default."""

    repository: str
    cluster: str


@dataclass(frozen=True)
class Ground:
    """What the steps stand on. `cluster_exists` is as it was found."""

    answers: Answers
    cluster: LocalCluster
    cluster_exists: bool
    repository: GitOpsRepository
    token: Token

    @property
    def place(self) -> Place:
        """Where the pipeline is."""
        where = self.repository.repository
        return Place(where.owner, where.name, self.repository.default_branch, self.cluster.context)


def chosen(wanted: Wanted, before: Answers | None) -> tuple[str, str]:
    """Repository and cluster. Raises `RefusedError` for what is no name, or not what the stacks are of."""
    repository = wanted.repository or (before.repository if before else "")
    cluster = wanted.cluster or (before.cluster if before else CLUSTER)
    owner, slash, name = repository.partition("/")
    if not (owner and slash and name) or "/" in name:
        raise RefusedError("name your GitOps repository: make up REPOSITORY=OWNER/NAME")
    if not is_dns_label(cluster) or len(cluster) > LONGEST_NAME:
        raise RefusedError(f"{cluster!r} is no name for a cluster: a-z, 0-9 and -, at most {LONGEST_NAME}")
    if before and (repository, cluster) != (before.repository, before.cluster):
        now = f"repository {before.repository}, cluster {before.cluster}"
        raise RefusedError(f"what is up is of {now}; take that down first: make down")
    return repository, cluster


def survey(session: Session, answers: Answers, tool: ClusterTool) -> Ground:
    """Look at the repository and the cluster. Raises `LaptopError` and `StackFilesError`."""
    owner, _, name = answers.repository.partition("/")
    where = Repository(owner, name, "main", api_url(session.workspace))
    token = find_token(session.programs, where.server_url.partition("://")[2])
    cluster = LocalCluster(tool, answers.cluster, session.workspace, session.programs)
    return Ground(answers, cluster, cluster.exists(), GitOpsRepository(where, token), token)


def what_comes(ground: Ground, session: Session, stages: tuple[str, ...], removed: tuple[str, ...]) -> Iterator[str]:
    """What will be made and where, and which stages will go, in lines."""
    cluster, where, folder = ground.cluster, ground.repository.repository, session.workspace.folder
    there = ", which is there" if ground.cluster_exists else ""
    yield "this makes, on this machine:"
    yield f"  cluster   {cluster.tool.name} cluster {cluster.name}{there}; its context is {cluster.context}"
    yield "  platform  Argo CD, Keptn where a stage verifies with it, an OpenTelemetry collector and Jaeger, in it"
    yield f"  stages    {', '.join(stages)}, in it: namespaces, Argo CD Applications, tasks"
    yield f"  {folder}: Pulumi's state with its passphrase, a kubeconfig; your own is not changed"
    yield f"in {where.url}, by commits to {ground.repository.default_branch}:"
    yield "  the workflow promote with the promoter, and a chart for each stage"
    yield "  and a setting: Actions may open pull requests"
    if removed:
        yield f"stages that Pulumi.yaml no longer has are removed: {', '.join(reversed(removed))}"
    yield f"your token, from {ground.token.source}, goes into Pulumi's state, encrypted, and into the cluster:"
    if PROMOTION_TOKEN not in session.programs.environ:
        yield f"  the promotion task's (a narrower one for it: {PROMOTION_TOKEN})"
    if ground.repository.is_private:
        yield "  Argo CD's"


def what_goes(ground: Ground, stages: tuple[str, ...]) -> Iterator[str]:
    """What will be removed and what stays, in lines."""
    cluster, where = ground.cluster, ground.repository.repository
    gone = "" if ground.cluster_exists else ", which is gone already"
    yield "this removes, on this machine:"
    yield f"  stages    {', '.join(reversed(stages)) or 'none'}"
    yield "  platform  with its definitions"
    yield f"  cluster   {cluster.tool.name} cluster {cluster.name}{gone}"
    yield "  the folder with Pulumi's state, its passphrase and the kubeconfig"
    if not ground.repository.exists:
        yield f"{where.url} is not there, or the token does not see it: nothing in it is removed"
        return
    yield f"in {where.url}, by commits: the workflow promote with the promoter, the chart of each stage"
    yield "what stays there: its history, values.yaml of each stage, pull requests with their branches, records, and"
    yield "  the setting for Actions"
