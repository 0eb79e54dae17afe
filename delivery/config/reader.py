"""From a stack's configuration to one valid `StackConfiguration`, or to every mistake in it at once.

Input is what Pulumi hands a program: texts, JSON for structured values. Which key means what, and what is
allowed, is decided here and nowhere else; tokens never come through here.
"""

import json
from collections.abc import Callable, Collection, Mapping
from functools import cache, partial

from delivery.config import rules
from delivery.config.checks import TASK_PROMOTE as TASK_PROMOTE
from delivery.config.checks import read_checks, read_tasks
from delivery.config.collector import Problems
from delivery.config.decoding import decode
from delivery.config.errors import Json
from delivery.config.fields import Fields, Rule
from delivery.config.naming import read_stage_applications
from delivery.config.shared import EXAMPLE_APPLICATION, read_applications, read_promotions, read_stages
from delivery.model.pipeline import Pipeline, Repository, Stage
from delivery.model.request import PromotionRequest
from delivery.model.stack import ArgoCD, Cluster, StackConfiguration

EXAMPLES: dict[str, Json] = {
    "applications": [dict(EXAMPLE_APPLICATION)],
    "metadata": {},
    "postDeploymentEvaluations": [],
    "postDeploymentTasks": [],
    "preDeploymentEvaluations": [],
    "preDeploymentTasks": [],
    "promote": {},
    "promotionLabels": [],
    "promotionReviewers": [],
    "promotionTeamReviewers": [],
    "stages": [{"name": "dev"}],
    "tasks": {},
}
"""An allowed value of each key that holds a list or a map."""
STRUCTURED = frozenset(EXAMPLES)
PLAIN = frozenset(
    {
        "adoptExisting",
        "argocdApplication",
        "argocdApplicationPattern",
        "argocdFinalizer",
        "argocdNamespace",
        "argocdProject",
        "cluster",
        "defaultBranch",
        "destinationServer",
        "githubApiUrl",
        "kubeContext",
        "namespace",
        "namespacePattern",
        "pathPattern",
        "promotionEngine",
        "promotionRetries",
        "promotionTimeoutSeconds",
        "promotionTtlSeconds",
        "renderManifestsTo",
        "repositoryName",
        "repositoryOwner",
        "traceUrl",
    }
)
SECRETS = frozenset({"githubToken", "promotionToken", "kubeconfig"})
"""Keys that never come here: the program reads them as Pulumi secrets."""
KEYS = STRUCTURED | PLAIN | SECRETS
"""Every key of the namespace `delivery:`; any other is a mistake."""


def parse(
    raw: Mapping[str, str],
    stack: str,
    encrypted: Collection[str] = (),
    beside: Callable[[str], Mapping[str, str]] = lambda _: {},
    shared: Callable[[], Mapping[str, str]] = dict,
) -> StackConfiguration:
    """The configuration of `stack`, from its keys without the namespace.

    `encrypted` are the keys with an encrypted value. Only `SECRETS` may have one; what another key holds is neither
    read nor said. `beside` gives the names that another stage's own stack sets (`stack_files.own_names`), so that no
    two stacks take the same; `shared` what Pulumi.yaml has for every stack (`stack_files.shared_texts`), which no mend
    throws away. Raises `ConfigurationError` with one line for each mistake.
    """
    problems = Problems({}, partial(_shipped, cache(shared)))
    for key in sorted((KEYS - SECRETS).intersection(encrypted)):
        name = f"delivery:{key}"
        mend = f'value="$(pulumi config get {name})" && pulumi config set --plaintext {name} "$value"'
        public = "a plain one: this value is public, in the repository and in manifests"
        problems.add_command((key,), "an encrypted value", public, mend)
        problems.unreadable.add(key)
    unread = SECRETS | problems.unreadable
    decode({key: text for key, text in raw.items() if key not in unread}, EXAMPLES, problems)
    root = Fields(problems, problems.roots)
    root.only(KEYS)
    stages = read_stages(root, stack)
    current = next((stage for stage in stages if stage.name == stack), None)
    applications = read_applications(root)
    tasks = read_tasks(root)
    pipeline = Pipeline(
        repository=Repository(
            owner=root.text("repositoryOwner", rules.OWNER),
            name=root.text("repositoryName", rules.REPOSITORY),
            default_branch=root.text("defaultBranch", rules.BRANCH, "main"),
            api_url=root.text("githubApiUrl", rules.API_URL, "https://api.github.com"),
        ),
        applications=tuple(application for application, _ in applications),
        stages=stages,
        stage_applications=read_stage_applications(root, applications, stages, stack, beside),
        promotions=read_promotions(root),
    )
    configuration = StackConfiguration(
        pipeline=pipeline,
        stage=current or Stage(stack, ()),
        argocd=ArgoCD(
            namespace=root.text("argocdNamespace", rules.NAMESPACE, "argocd"),
            project=root.text("argocdProject", rules.PROJECT, "default"),
            finalizer=root.flag("argocdFinalizer", False),
        ),
        destination_server=root.text("destinationServer", rules.SERVER, "https://kubernetes.default.svc"),
        checks=read_checks(root, tasks),
        tasks=tasks,
        metadata=_metadata(root),
        cluster=_cluster(root),
        request=_request(root, pipeline, stack),
    )
    problems.check()
    return configuration


def _shipped(shared: Callable[[], Mapping[str, str]], key: str) -> Json:
    """What `shared` has under a key that holds a list or a map, None where that would be a mistake too."""
    text = shared().get(key)
    if text is None or key not in STRUCTURED:
        return None
    problems = Problems({})
    decode({key: text}, EXAMPLES, problems)
    value = problems.roots.get(key)
    return value if value and isinstance(value, type(EXAMPLES[key])) else None


def _metadata(root: Fields) -> dict[str, str]:
    metadata: dict[str, str] = {}
    for key, value in root.table("metadata", rules.METADATA_KEY).items():
        if isinstance(value, str):
            metadata[key] = value
        else:
            quoted = "" if value is None else json.dumps(value, ensure_ascii=False)
            root.problems.add(("metadata", key), value, "a text (quote it)", quoted)
    return metadata


def _cluster(root: Fields) -> Cluster:
    mode = root.choice("cluster", ("deploy", "render"))
    return Cluster(
        mode=mode,
        context=root.text("kubeContext", rules.CONTEXT, ""),
        render_to=root.text("renderManifestsTo", rules.FOLDER, "manifests"),
        adopt_existing=root.flag("adoptExisting", False),
    )


def _request(root: Fields, pipeline: Pipeline, stack: str) -> PromotionRequest:
    table = root.values.get("promote", {})
    if not isinstance(table, dict):
        root.problems.add(("promote",), table, "a map with version, commitID, traceParent, again", {}, kept=False)
        return PromotionRequest()
    # The workflow hands its inputs over as they are: what was left out is an empty text there.
    fields = Fields(root.problems, {key: value for key, value in table.items() if value != ""}, ("promote",))
    fields.only(frozenset({"application", "from", "to", "version", "commitID", "traceParent", "again", "rollback"}))
    applications = tuple(application.name for application in pipeline.applications)
    sources = next((stage.after for stage in pipeline.stages if stage.name == stack), ())
    fields.text("to", rules.one_of((stack,)), stack)
    fields.text("rollback", Rule(lambda text: not text, "nothing: the promoter opens rollbacks", ""), "")
    return PromotionRequest(
        application=fields.text("application", rules.one_of(applications), ""),
        source=fields.text("from", rules.one_of(sources), ""),
        version=fields.text("version", rules.VERSION, ""),
        commit=fields.text("commitID", rules.COMMIT, ""),
        # What cannot be linked to is left out further on, as everywhere; here it only has to be one line.
        traceparent=fields.text("traceParent", rules.ONE_LINE, ""),
        again=fields.flag("again", False),
    )
