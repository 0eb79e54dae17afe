"""The keys of the configuration's maps: of an application, of a stage, and of one promotion that is asked for.

The keys that hold these maps are in `keys.py`.
"""

from delivery.config import rules
from delivery.config.key import LIST, MAP, NUMBER, TEXT, Key, Type, flag, pattern, required
from delivery.model.pipeline import ON_FAILURE, SOURCES
from delivery.model.settings import VERIFICATIONS

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
    required("name", "What it is called.", rules.DNS_LABEL),
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
    pattern("namespace", "Its namespace in each stage; applications may share one.", "`namespacePattern`"),
    pattern("path", "Its folder in each stage. A second application needs its own.", "`pathPattern`"),
    pattern("argocdApplication", "The name of its Argo CD Application in each stage.", "`argocdApplicationPattern`"),
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
    Key(
        "retry",
        Type.JSON,
        rules.RETRY,
        None,
        "How often a failed sync is repeated.",
        "Argo CD's own: 5 times; with `verification: argocd` not at all",
    ),
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
    required("name", "What it and its stack are called.", rules.DNS_LABEL),
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
    Key(
        "verification",
        Type.CHOICE,
        rules.one_of(*VERIFICATIONS),
        VERIFICATIONS[0],
        "What verifies a deployment: Keptn, or hooks of Argo CD alone, without any object of Keptn.",
    ),
    Key(
        "requireRecord",
        Type.FLAG,
        rules.FLAG,
        False,
        "Promotions into this stage are of commits alone that are recorded as verified.",
    ),
    Key(
        "onFailure",
        TEXT,
        rules.one_of(*ON_FAILURE),
        None,
        "With `propose-rollback`, a failed verification in this stage opens a pull request that rolls it back.",
        "nothing but the record",
    ),
    pattern("path", "Its folder, for every application.", "the application's `path`, or `pathPattern`"),
    Key("sync", MAP, rules.TEXT, {}, "How Argo CD syncs its applications.", "automated, with all defaults", keys=SYNC),
    Key("labels", LIST, rules.LABEL, None, "What pull requests into this stage get.", "`promotionLabels`"),
    Key("reviewers", LIST, rules.PERSON, None, "Who is asked to review them.", "`promotionReviewers`"),
    Key("teamReviewers", LIST, rules.TEAM, None, "Which teams are asked to.", "`promotionTeamReviewers`"),
)
CHECK = (
    required("name", "What it is called.", rules.DNS_LABEL),
    Key("url", TEXT, rules.CHECK_URL, None, "An HTTP address that is asked after each deployment.", "none"),
    Key("status", NUMBER, rules.number(100, 599), 200, "The status that it has to answer with."),
    Key("prometheus", TEXT, rules.CHECK_URL, None, "The address of a Prometheus server.", "none"),
    Key(
        "query", TEXT, rules.QUERY, None, "What it is asked: every value of the answer has to keep the bounds.", "none"
    ),
    Key("min", Type.JSON, rules.DECIMAL, None, "The least value.", "no bound"),
    Key("max", Type.JSON, rules.DECIMAL, None, "The greatest value.", "no bound"),
)
PROMOTE = (
    Key("application", TEXT, rules.TEXT, None, "The application.", "every one"),
    Key("from", TEXT, rules.TEXT, None, "The stage to promote from.", "every one before this stage"),
    Key("to", TEXT, rules.TEXT, None, "This stage.", "this stage"),
    Key("version", TEXT, rules.VERSION, None, "The version that `commitID` has to have.", "any"),
    Key("commitID", TEXT, rules.COMMIT, None, "The verified commit.", "the newest, as not verified"),
    # What cannot be linked to is left out later, as everywhere; here it only has to be one line.
    Key("traceParent", TEXT, rules.ONE_LINE, None, "The trace to link to.", "none"),
    flag("again", "Propose again what a person has closed."),
    Key("rollback", TEXT, rules.NOTHING, None, "An input of the workflow that has to be empty here.", "empty"),
)
