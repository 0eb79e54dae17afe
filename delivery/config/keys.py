"""Every key of the configuration: where it is set, its type, rule and default, and what the reference says of it.

The reader goes by this table, errors are made from it, and `docs/reference/configuration.md` is generated from it
(`delivery.config.reference`). A new key is an entry here, and a field in `delivery.model`.
"""

from dataclasses import dataclass
from enum import Enum

from delivery.config import rules
from delivery.config.rules import Json, Rule
from delivery.model.pipeline import COMMITS, ENGINES, IDENTITIES, SOURCES
from delivery.model.settings import MERGE_METHODS, TITLE
from delivery.model.stack import PROMOTION_SECRETS

PROJECT = "delivery"
"""The project's name, which stands before the colon of every key."""


class Type(Enum):
    """What a value is."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"
    LIST = "list of texts"
    ENTRIES = "list of maps"
    MAP = "map"
    KEYS = "list of texts or maps"
    SECRET = "secret"  # noqa: S105 - the name of a type
    JSON = "as Argo CD has it"


STRUCTURED = (Type.LIST, Type.ENTRIES, Type.MAP, Type.KEYS)
"""The types that travel as JSON."""
TEXT, NUMBER, LIST, MAP = Type.TEXT, Type.NUMBER, Type.LIST, Type.MAP


@dataclass(frozen=True)
class Key:
    """One key, of the whole configuration or of a map in it.

    `rule` is for the value: of a list for each text in it, of a map without `keys` for each value, whose names have to
    keep `names`. `default` is the value that stands for a missing one; where there is none, `otherwise` says in words
    what happens, and a `required` key has to be there. `for_stage` is the key of an entry of `stages` that replaces
    this one for that stage.
    """

    name: str
    type: Type
    rule: Rule
    default: Json
    about: str
    otherwise: str = ""
    required: bool = False
    names: Rule = rules.RESOURCE
    keys: tuple["Key", ...] = ()
    for_stage: str = ""

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        if self.type not in STRUCTURED:
            return self.rule.words
        return f"a {self.type.value}{', at least one' if self.default or self.type is Type.ENTRIES else ''}"

    @property
    def form(self) -> str:
        """A placeholder for an allowed value; JSON for a list or a map."""
        if self.type in (Type.LIST, Type.KEYS):
            return f'["{self.rule.form}"]'
        if self.keys:
            required = (key for key in self.keys if key.required)
            inner = ", ".join(f'"{key.name}": "{key.rule.form}"' for key in required)
            return f"[{{{inner}}}]" if self.type is Type.ENTRIES else f'{{"{self.keys[0].name}": …}}'
        return f'{{"{self.names.form}": "{self.rule.form}"}}' if self.type is Type.MAP else self.rule.form


def _pattern(name: str, about: str, otherwise: str = "", default: str | None = None, for_stage: str = "") -> Key:
    return Key(name, TEXT, rules.NAME_PATTERN, default, about, otherwise, for_stage=for_stage)


def _secret(name: str, about: str, otherwise: str) -> Key:
    return Key(name, Type.SECRET, rules.TEXT, None, about, otherwise)


def _flag(name: str, about: str) -> Key:
    return Key(name, Type.FLAG, rules.FLAG, False, about)


def _required(name: str, about: str, rule: Rule = rules.TEXT, type_: Type = TEXT, keys: tuple[Key, ...] = ()) -> Key:
    return Key(name, type_, rule, None, about, required=True, keys=keys)


PROMOTED_KEY = (
    Key("key", TEXT, rules.FIELD_PATH, None, "Where the value is in its file: a field path as Kustomize has it."),
    Key("file", TEXT, rules.FILE_PATTERN, None, "Its file, which may have `{stage}`.", "`values.yaml`"),
    Key("kind", TEXT, rules.KIND, None, "The `kind` of its document, in a file of several.", "any"),
    Key("name", TEXT, rules.RESOURCE, None, "The `metadata.name` of its document.", "any"),
)
CHART = (
    Key("repository", TEXT, rules.CHART_REPOSITORY, None, "The registry or repository of the chart."),
    Key("name", TEXT, rules.CHART_NAME, None, "Its name there."),
    Key("version", MAP, rules.TEXT, {}, "The `file` and `key` in git that have its version.", keys=PROMOTED_KEY),
)
APPLICATION = (
    _required("name", "What it is called.", rules.DNS_LABEL),
    Key(
        "source",
        Type.CHOICE,
        rules.one_of(*SOURCES),
        SOURCES[0],
        "Where its manifests come from: a chart that this program generates, or files of your own in `path`, which it "
        "never writes.",
    ),
    Key("image", TEXT, rules.IMAGE, None, "Its image, without a tag.", "required for a generated chart"),
    Key("workload", TEXT, rules.DNS_LABEL, None, "The name of its Deployment.", "its `name`"),
    Key("containerPort", NUMBER, rules.number(1, 65535), 8080, "The port that its container listens on."),
    Key("servicePort", NUMBER, rules.number(1, 65535), 80, "The port of its Service."),
    Key(
        "firstVersion",
        TEXT,
        rules.FIRST_VERSION,
        "v0.1.0",
        "The version in the initial `values.yaml` of a stage, unless a stage after it runs one already.",
    ),
    Key(
        "promotedKeys",
        Type.KEYS,
        rules.FIELD_PATH,
        ["serviceVersion"],
        "What promotions bring along; at least one. A text is a key of `values.yaml`, dots between levels; a map names "
        "another file. The first is the version: a generated chart deploys it, and `firstVersion` is its initial "
        "value; the others have to be [values that it reads](chart-values.md). Set them in the first stage's files; "
        "until then a promotion fails.",
        keys=PROMOTED_KEY,
    ),
    Key(
        "version",
        MAP,
        rules.TEXT,
        {},
        "Which of `promotedKeys` is the version that pull requests name; for your own files.",
        "the first one",
        keys=PROMOTED_KEY,
    ),
    Key("valueFiles", LIST, rules.FILE_PATTERN, [], "A Helm chart's value files, which may have `{stage}`."),
    Key("chart", MAP, rules.TEXT, {}, "A Helm chart that is not in `path`, but in a registry.", keys=CHART),
    Key(
        "reads",
        LIST,
        rules.READ_PATTERN,
        [],
        "Further folders that its manifests are made of, such as a Kustomize base. A commit to one of these, or to its "
        "own files, syncs it; any other does not.",
    ),
    Key(
        "sourceOptions",
        Type.JSON,
        rules.SOURCE_OPTIONS,
        None,
        "What else Argo CD is told of your own files, as an Application's source has it: `releaseName` or `parameters` "
        "under `helm`, `namePrefix` under `kustomize`, `recurse` under `directory`. Texts may have `{stage}`.",
        "nothing",
    ),
    Key(
        "variables",
        MAP,
        rules.ONE_LINE,
        {},
        "Texts of your own for patterns: `team: shop` for `{team}-{application}`.",
        names=rules.VARIABLE,
    ),
    _pattern("namespace", "Its namespace in each stage; applications may share one.", "`namespacePattern`"),
    _pattern("path", "Its folder in each stage. A second application needs its own.", "`pathPattern`"),
    _pattern("argocdApplication", "The name of its Argo CD Application in each stage.", "`argocdApplicationPattern`"),
)
SYNC = (
    Key(
        "mode",
        Type.CHOICE,
        rules.one_of("automated", "manual"),
        "automated",
        "Whether Argo CD syncs by itself. With `manual`, somebody syncs after each promotion.",
    ),
    Key("prune", Type.FLAG, rules.FLAG, True, "Delete what is no longer in git."),
    Key("selfHeal", Type.FLAG, rules.FLAG, True, "Change back what somebody has changed in the cluster."),
    Key("retry", Type.JSON, rules.RETRY, None, "How often a failed sync is repeated.", "Argo CD's own: 5 times"),
    Key("syncOptions", LIST, rules.SYNC_OPTION, None, "Argo CD's sync options.", '`["CreateNamespace=true"]`'),
    Key(
        "ignoreDifferences",
        Type.JSON,
        rules.IGNORED_DIFFERENCES,
        None,
        "What may differ from git, for example replicas that an autoscaler sets.",
        "nothing",
    ),
    Key(
        "window",
        TEXT,
        rules.ONE_LINE,
        None,
        "When it syncs, in words for people. What holds syncs back is a sync window of the Argo CD project.",
        "at any time",
    ),
)
STAGE = (
    _required("name", "What it and its stack are called.", rules.DNS_LABEL),
    Key("after", LIST, rules.DNS_LABEL, [], "The stages that promote into it: a graph without cycles."),
    Key(
        "requires",
        TEXT,
        rules.one_of("any", "all"),
        None,
        "Of several stages that promote into it, how many have to verify the same promoted values before these are "
        "proposed: `any` of them, or `all`. Either way there is one pull request for the stage.",
        "`all` where it comes after several stages, else `any`",
    ),
    Key(
        "group",
        TEXT,
        rules.one_of("all"),
        None,
        "`all`: promotions into this stage are of all applications together, as they were verified together, in one "
        "pull request. It comes after one stage then.",
        "a pull request for each application",
    ),
    Key(
        "revision",
        TEXT,
        rules.BRANCH,
        None,
        "The branch that has this stage's files, where each stage has its own. It has to exist.",
        "`defaultBranch`",
    ),
    Key(
        "cluster",
        TEXT,
        rules.ONE_LINE,
        None,
        "What you call its cluster, where the stages have several: namespaces are told apart within one, and the names "
        "of Argo CD Applications too, unless Argo CD is a central one.",
        "that of all stages without one",
    ),
    _pattern("path", "Its folder, for every application.", "the application's `path`, or `pathPattern`"),
    Key("sync", MAP, rules.TEXT, {}, "How Argo CD syncs its applications.", "automated, with all defaults", keys=SYNC),
    Key("labels", LIST, rules.LABEL, None, "What pull requests into this stage get.", "`promotionLabels`"),
    Key("reviewers", LIST, rules.PERSON, None, "Who is asked to review them.", "`promotionReviewers`"),
    Key("teamReviewers", LIST, rules.TEAM, None, "Which teams are asked to.", "`promotionTeamReviewers`"),
)
PROMOTE = (
    Key("application", TEXT, rules.TEXT, None, "The application.", "every one"),
    Key("from", TEXT, rules.TEXT, None, "The stage to promote from.", "every one before this stage"),
    Key("to", TEXT, rules.TEXT, None, "This stage.", "this stage"),
    Key("version", TEXT, rules.VERSION, None, "The version that `commitID` has to have.", "any"),
    Key("commitID", TEXT, rules.COMMIT, None, "The verified commit.", "the newest, as not verified"),
    # What cannot be linked to is left out later, as everywhere; here it only has to be one line.
    Key("traceParent", TEXT, rules.ONE_LINE, None, "The trace to link to.", "none"),
    _flag("again", "Propose again what a person has closed."),
    Key("rollback", TEXT, rules.NOTHING, None, "An input of the workflow that has to be empty here.", "empty"),
)
PIPELINE_KEYS = (
    _required("repositoryOwner", "The owner of the GitOps repository. An update refuses `example-org`.", rules.OWNER),
    _required("repositoryName", "Its name.", rules.REPOSITORY),
    Key("defaultBranch", TEXT, rules.BRANCH, "main", "Its default branch."),
    Key("githubApiUrl", TEXT, rules.API_URL, "https://api.github.com", "The REST API."),
    _required("applications", "What is delivered.", type_=Type.ENTRIES, keys=APPLICATION),
    _required(
        "stages", "The stages and what follows what. Each is a stack of its own.", type_=Type.ENTRIES, keys=STAGE
    ),
    Key(
        "argocdRepoURL",
        TEXT,
        rules.REPO_URL,
        None,
        "Its address as Argo CD knows it, where that is another one: by SSH, or with `.git`.",
        "the repository's https address",
    ),
    _pattern("namespacePattern", "The namespace.", default="{application}-{stage}"),
    _pattern("pathPattern", "The folder in the repository.", for_stage="path", default="{stage}"),
    _pattern("argocdApplicationPattern", "The name of the Argo CD Application.", default="{application}-{stage}"),
    Key(
        "promotionEngine",
        Type.CHOICE,
        rules.one_of(*ENGINES),
        ENGINES[0],
        "What opens pull requests: the promoter, or the target stage's stack.",
    ),
    Key(
        "promotionIdentity",
        Type.CHOICE,
        rules.one_of(*IDENTITIES),
        IDENTITIES[0],
        "As whom the workflow opens them: with its own token, with `PROMOTION_TOKEN`, or as a GitHub App. With its "
        "own, Actions may approve pull requests too.",
    ),
    Key(
        "promotionCommits",
        Type.CHOICE,
        rules.one_of(*COMMITS),
        COMMITS[0],
        "With `signed`, GitHub makes the commits of promotions and signs them, for branches that demand signatures. "
        "`promotionIdentity` has to be `workflow` or `app`.",
    ),
    Key("promotionTitle", TEXT, rules.TEXT_PATTERN, TITLE, "The title of a promotion's pull request."),
    Key(
        "promotionMessage",
        TEXT,
        rules.TEXT_PATTERN,
        None,
        "The first line of its commit's message; the changes and a trailer for machines follow.",
        "`promotionTitle`",
    ),
    Key(
        "promotionAuthor",
        TEXT,
        rules.AUTHOR,
        None,
        "The author of its commit; the committer stays the promoter. Neither with `signed` commits, whose author is "
        "GitHub's matter, nor with the engine `pulumi`.",
        "the promoter",
    ),
    Key(
        "promotionMergeMethod",
        Type.CHOICE,
        rules.one_of(*MERGE_METHODS),
        None,
        "How it is to be merged, which the pull request says.",
        "not said",
    ),
    Key("promotionLabels", LIST, rules.LABEL, [], "What pull requests get.", for_stage="labels"),
    Key("promotionReviewers", LIST, rules.PERSON, [], "Who is asked to review them.", for_stage="reviewers"),
    Key("promotionTeamReviewers", LIST, rules.TEAM, [], "Which teams are asked to.", for_stage="teamReviewers"),
    Key("promotionRetries", NUMBER, rules.number(0, 10), 2, "How often Keptn repeats a promotion task that failed."),
    Key(
        "promotionTimeoutSeconds",
        NUMBER,
        rules.number(1, 3600),
        300,
        "The time of all runs of the task together; each needs a minute and a quarter, and there are pauses between.",
    ),
    Key(
        "promotionTtlSeconds",
        NUMBER,
        rules.number(30, 86400),
        3600,
        "How long the task's Job stays. Below 20, Keptn would repeat the promotion without end.",
    ),
    Key(
        "traceUrl",
        TEXT,
        rules.TRACE_URL,
        "http://localhost:16686/trace/{trace_id}?uiFind={span_id}",
        "Where traces are. Pull requests link there, but not to an address on this machine.",
    ),
)
"""What describes the pipeline: set in `Pulumi.yaml` alone, so that no two stacks can differ."""
STACK_KEYS = (
    Key(
        "kubeContext",
        TEXT,
        rules.CONTEXT,
        None,
        "The context of this stage's cluster; never the current one.",
        "an update is refused",
    ),
    _secret("kubeconfig", "A kubeconfig; or its path, not encrypted.", "the usual files"),
    Key(
        "argocdContext",
        TEXT,
        rules.CONTEXT,
        None,
        "The context of Argo CD's cluster, where it is another one: the Argo CD Applications go there, all else to "
        "`kubeContext`. Needs `destinationServer` or `destinationName`.",
        "Argo CD runs in the cluster of `kubeContext`",
    ),
    _secret("argocdKubeconfig", "The kubeconfig of `argocdContext`; or its path, not encrypted.", "`kubeconfig`"),
    _secret(
        "githubToken",
        "The token that writes the GitOps repository.",
        "`GITHUB_TOKEN` in the environment; without it an update is refused",
    ),
    Key(
        "githubAppId",
        TEXT,
        rules.APP_ID,
        None,
        "A GitHub App that writes the GitOps repository, in place of `githubToken`.",
        "none",
    ),
    Key("githubAppInstallationId", TEXT, rules.INSTALLATION_ID, None, "Its installation there.", "none"),
    _secret(
        "githubAppPrivateKey",
        "The App's private key, as PEM; or the path of its file, not encrypted.",
        "`DELIVERY_GITHUB_APP_PRIVATE_KEY` in the environment, PEM or path; without it an update is refused",
    ),
    _secret(
        "promotionToken",
        "The token that dispatches the workflow, if the stage promotes.",
        "an update is refused, unless `promotionSecret` is `external`",
    ),
    Key(
        "promotionSecret",
        Type.CHOICE,
        rules.one_of(*PROMOTION_SECRETS),
        PROMOTION_SECRETS[0],
        "What fills the Secret `github-token`: this stack, from `promotionToken`, or something else in the cluster.",
    ),
    _pattern("namespace", "The namespace in this stage.", "the application's, or `namespacePattern`"),
    _pattern(
        "argocdApplication",
        "The name of the Argo CD Application in this stage.",
        "the application's, or `argocdApplicationPattern`",
    ),
    Key("argocdNamespace", TEXT, rules.DNS_LABEL, "argocd", "Where Argo CD runs."),
    Key("argocdProject", TEXT, rules.RESOURCE, "default", "The Argo CD project."),
    Key(
        "argocdLabels",
        MAP,
        rules.LABEL_VALUE,
        {},
        "Labels of the Argo CD Applications.",
        names=rules.LABEL_KEY,
    ),
    Key(
        "argocdAnnotations",
        MAP,
        rules.METADATA,
        {},
        "Annotations of the Argo CD Applications: subscriptions to notifications, links.",
        names=rules.ANNOTATION_KEY,
    ),
    _flag("argocdFinalizer", "Deleting an Application prunes what it deployed, and waits for that."),
    Key(
        "destinationServer",
        TEXT,
        rules.SERVER,
        "https://kubernetes.default.svc",
        "The cluster that Argo CD deploys this stage to, by default its own.",
    ),
    Key(
        "destinationName",
        TEXT,
        rules.CLUSTER_NAME,
        None,
        "That cluster by the name that Argo CD has for it; then `destinationServer` is not read.",
        "`destinationServer`",
    ),
    Key(
        "tasks",
        MAP,
        rules.TASK,
        {},
        "Keptn task definitions by name, as Python; `null`: it is defined elsewhere.",
        names=rules.TASK_NAME,
    ),
    Key("preDeploymentTasks", LIST, rules.RESOURCE, [], "Which of `tasks` run before a deployment."),
    Key("postDeploymentTasks", LIST, rules.RESOURCE, [], "Which of `tasks` run after a deployment."),
    Key("preDeploymentEvaluations", LIST, rules.RESOURCE, [], "Keptn evaluations before a deployment, by name."),
    Key("postDeploymentEvaluations", LIST, rules.RESOURCE, [], "Keptn evaluations after a deployment, by name."),
    Key("metadata", MAP, rules.METADATA, {}, "Attributes of this stage's spans.", names=rules.METADATA_KEY),
    Key(
        "promote",
        MAP,
        rules.TEXT,
        {},
        "One promotion into this stage to declare; in CI it is in `DELIVERY_PROMOTE`.",
        keys=PROMOTE,
    ),
    Key(
        "cluster",
        Type.CHOICE,
        rules.one_of("deploy", "render"),
        "deploy",
        "With `render`, manifests go to a folder, the promotion token among them, not encrypted.",
    ),
    Key("renderManifestsTo", TEXT, rules.FOLDER, "manifests", "The folder for `render`. Keep it out of git."),
    _flag(
        "adoptExisting",
        "Take over objects and repository files that exist already. They belong to the stack from then on: "
        "`pulumi destroy` deletes them, a namespace with all that is in it.",
    ),
)
"""What is a stack's own: set in `Pulumi.<stack>.yaml`, or in `Pulumi.yaml` for all stacks that do not set it."""
TABLE = {key.name: key for key in (*PIPELINE_KEYS, *STACK_KEYS)}
PIPELINE = frozenset(key.name for key in PIPELINE_KEYS)
SECRETS = frozenset(key.name for key in STACK_KEYS if key.type is Type.SECRET)
"""Keys whose values the reader never sees: the program reads them as Pulumi's secrets."""
OWN_NAMES = frozenset({"namespace", "argocdApplication"})
"""The keys by which a stack names what its stage has in the cluster."""
