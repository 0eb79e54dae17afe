"""Every key of the configuration: where it is set, its type, rule and default, and what the reference says of it.

The reader goes by this table, errors are made from it, and `docs/reference/configuration.md` is generated from it
(`delivery.config.reference`). A new key is an entry here, or in `entries.py` for a
key of an application or a stage, and a field in `delivery.model`.
"""

from delivery.config import rules
from delivery.config.entries import APPLICATION, CHECK, PROMOTE, STAGE
from delivery.config.key import LIST, MAP, NUMBER, TEXT, Key, Project, Type, flag, pattern, required, secret
from delivery.model.pipeline import COMMITS, ENGINES, IDENTITIES
from delivery.model.settings import MERGE_METHODS, TITLE
from delivery.model.stack import HOOK_IMAGE, PROMOTION_SECRETS

PROJECT = "delivery"
"""The project's name, which stands before the colon of every key."""

PIPELINE_KEYS = (
    required("repositoryOwner", "The owner of the GitOps repository. An update refuses `example-org`.", rules.OWNER),
    required("repositoryName", "Its name.", rules.REPOSITORY),
    Key("defaultBranch", TEXT, rules.BRANCH, "main", "Its default branch."),
    Key("githubApiUrl", TEXT, rules.API_URL, "https://api.github.com", "The REST API."),
    required("applications", "What is delivered.", type_=Type.ENTRIES, keys=APPLICATION),
    required("stages", "The stages and what follows what. Each is a stack of its own.", type_=Type.ENTRIES, keys=STAGE),
    Key(
        "argocdRepoURL",
        TEXT,
        rules.REPO_URL,
        None,
        "Its address as Argo CD knows it, where that is another one: by SSH, or with `.git`.",
        "the repository's https address",
    ),
    pattern("namespacePattern", "The namespace.", default="{application}-{stage}"),
    pattern("pathPattern", "The folder in the repository.", for_stage="path", default="{stage}"),
    pattern("argocdApplicationPattern", "The name of the Argo CD Application.", default="{application}-{stage}"),
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
        "sweepMinutes",
        NUMBER,
        rules.SWEEP_MINUTES,
        15,
        "How often the workflow looks for what is recorded as verified and was never proposed; 0: never by itself.",
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
    secret("kubeconfig", "A kubeconfig; or its path, not encrypted.", "the usual files"),
    Key(
        "argocdContext",
        TEXT,
        rules.CONTEXT,
        None,
        "The context of Argo CD's cluster, where it is another one: the Argo CD Applications go there, all else to "
        "`kubeContext`. Needs `destinationServer` or `destinationName`.",
        "Argo CD runs in the cluster of `kubeContext`",
    ),
    secret("argocdKubeconfig", "The kubeconfig of `argocdContext`; or its path, not encrypted.", "`kubeconfig`"),
    secret(
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
    secret(
        "githubAppPrivateKey",
        "The App's private key, as PEM; or the path of its file, not encrypted.",
        "`DELIVERY_GITHUB_APP_PRIVATE_KEY` in the environment, PEM or path; without it an update is refused",
    ),
    secret(
        "promotionToken",
        "The token that dispatches the workflow and records what the stage has verified.",
        "an update of a stage that promotes is refused, unless `promotionSecret` is `external`; the last stage records "
        "nothing",
    ),
    Key(
        "promotionSecret",
        Type.CHOICE,
        rules.one_of(*PROMOTION_SECRETS),
        PROMOTION_SECRETS[0],
        "What fills the Secret `github-token`: this stack, from `promotionToken`, or something else in the cluster.",
    ),
    pattern("namespace", "The namespace in this stage.", "the application's, or `namespacePattern`"),
    pattern(
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
    flag("argocdFinalizer", "Deleting an Application prunes what it deployed, and waits for that."),
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
        "Tasks that verify a deployment, by name, as Python: task definitions of Keptn, or hooks of Argo CD. `null`: "
        "Keptn's definition is made elsewhere.",
        names=rules.TASK_NAME,
    ),
    Key("preDeploymentTasks", LIST, rules.RESOURCE, [], "Which of `tasks` run before a deployment."),
    Key("postDeploymentTasks", LIST, rules.RESOURCE, [], "Which of `tasks` run after a deployment."),
    Key("preDeploymentEvaluations", LIST, rules.RESOURCE, [], "Keptn evaluations before a deployment, by name."),
    Key("postDeploymentEvaluations", LIST, rules.RESOURCE, [], "Keptn evaluations after a deployment, by name."),
    Key(
        "checks",
        Type.ENTRIES,
        rules.TEXT,
        None,
        "Checks after a deployment that need no code, with `verification: argocd`. Texts may have `{application}`, "
        "`{stage}` and `{namespace}`.",
        "none",
        keys=CHECK,
    ),
    Key(
        "hookImage",
        TEXT,
        rules.PINNED_IMAGE,
        HOOK_IMAGE,
        "The image that hooks of Argo CD run in, with its tag or digest: Python 3.11 or newer is all they need.",
    ),
    Key(
        "otlpEndpoint",
        TEXT,
        rules.OTLP_ENDPOINT,
        None,
        "Where Argo CD's last hook sends the trace of a deployment, by OTLP over HTTP; Keptn has its own setting.",
        "no trace is sent",
    ),
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
    flag(
        "adoptExisting",
        "Take over objects and repository files that exist already. They belong to the stack from then on: "
        "`pulumi destroy` deletes them, a namespace with all that is in it.",
    ),
)
"""What is a stack's own: set in `Pulumi.<stack>.yaml`, or in `Pulumi.yaml` for all stacks that do not set it."""
TABLE = {key.name: key for key in (*PIPELINE_KEYS, *STACK_KEYS)}
PIPELINE = frozenset(key.name for key in PIPELINE_KEYS)
DELIVERY = Project(PROJECT, "pulumi", TABLE, PIPELINE)
SECRETS = DELIVERY.secrets
OWN_NAMES = frozenset({"namespace", "argocdApplication"})
"""The keys by which a stack names what its stage has in the cluster."""
