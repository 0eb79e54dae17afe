"""From a stack's configuration to one valid `StackConfiguration`, or to every mistake in it at once.

Input is what Pulumi hands a program: texts, JSON for lists and maps. What each key may be is in `delivery.config.keys`;
here is what keys mean for each other, and which value of the model each becomes. Secrets never come through here.
"""

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter

from delivery.config import rules
from delivery.config.applications import read_applications, refuse_repeated
from delivery.config.errors import ConfigError as ConfigError
from delivery.config.errors import ErrorCollector, Kind, meant, set_fix
from delivery.config.key import Key
from delivery.config.keys import PROJECT, TABLE
from delivery.config.naming import read_stage_applications
from delivery.config.promoted_values import refuse_undeployed
from delivery.config.values import Values, decoded_keys, read_root, refuse_encrypted
from delivery.config.verification import read_checks, read_endpoint_checks
from delivery.model.pipeline import Pipeline, Promotions, Repository, Stage
from delivery.model.request import PromotionRequest
from delivery.model.stack import ArgoCD, Cluster, GitHubApp, StackConfiguration
from delivery.model.sync import SyncPolicy
from delivery.model.task_runs import SECONDS_A_RUN, least_timeout

TASK_PROMOTE = "promote"
"""The promotion task's definition, which the program declares itself."""


def parse(
    raw: Mapping[str, str],
    stack: str,
    encrypted: Collection[str] = (),
    misplaced: Collection[str] = (),
    other_names: Mapping[str, Mapping[str, str]] | None = None,
) -> StackConfiguration:
    """The configuration of `stack`, from its keys without the namespace.

    `encrypted` are the keys with an encrypted value; of one that is no secret the value is neither read nor shown.
    `misplaced` are keys of the pipeline that the stack's own file sets (`files.misplaced_keys`), and `other_names` what
    other stacks set under `OWN_NAMES` (`files.other_names`), so that no two stages have one name. Raises `ConfigError`.
    """
    errors = ErrorCollector(stack)
    for key in sorted(misplaced):
        _refuse_misplaced(TABLE[key], stack, errors)
    refuse_encrypted(encrypted, errors, "the value is public, in the repository and in manifests")
    found = decoded_keys(raw, encrypted, errors)
    if isinstance(promote := found.get("promote"), dict):
        # The workflow hands its inputs over as they are: what was left out is an empty text there.
        found["promote"] = {key: value for key, value in promote.items() if value != ""}
    root = read_root(found, errors)
    stages = _stages(root, stack, errors)
    applications = read_applications(root, errors)
    stage = next((stage for stage in stages if stage.name == stack), Stage(stack, ()))
    pipeline = Pipeline(
        repository=Repository(
            owner=root.text("repositoryOwner"),
            name=root.text("repositoryName"),
            default_branch=root.text("defaultBranch"),
            api_url=root.text("githubApiUrl"),
            argocd_url=_argocd_url(root, errors),
        ),
        applications=applications,
        stages=stages,
        stage_applications=read_stage_applications(root, applications, stages, stack, other_names or {}, errors),
        promotions=_promotions(root, errors),
    )
    refuse_undeployed(pipeline, errors)
    configuration = StackConfiguration(
        pipeline=pipeline,
        stage=stage,
        argocd=ArgoCD(
            namespace=root.text("argocdNamespace"),
            project=root.text("argocdProject"),
            finalizer=root.flag("argocdFinalizer"),
            labels={key: value or "" for key, value in root.table("argocdLabels").items()},
            annotations={key: value or "" for key, value in root.table("argocdAnnotations").items()},
        ),
        destination=_destination(root, errors),
        checks=read_checks(root, stage, errors),
        tasks=root.table("tasks"),
        metadata={key: value or "" for key, value in root.table("metadata").items()},
        cluster=Cluster(
            mode=root.text("cluster"),
            context=root.text("kubeContext"),
            argocd_context=root.text("argocdContext"),
            render_to=root.text("renderManifestsTo"),
            adopt_existing=root.flag("adoptExisting"),
        ),
        request=_request(root.map("promote"), pipeline, stack, errors),
        github_app=_github_app(root, errors),
        external_promotion_secret=root.text("promotionSecret") == "external",
        promotion_token="promotionToken" in encrypted or bool(raw.get("promotionToken")),
        endpoint_checks=read_endpoint_checks(root, stage, errors),
        hook_image=root.text("hookImage"),
        otlp_endpoint=root.text("otlpEndpoint").rstrip("/"),
    )
    _refuse_promotion_tasks(configuration, errors)
    errors.check()
    return configuration


def _refuse_promotion_tasks(configuration: StackConfiguration, errors: ErrorCollector) -> None:
    for names in configuration.shared_namespaces.values():
        for task in (f"{TASK_PROMOTE}-{name}" for name in names):
            if task in configuration.tasks:
                allowed = "another name: in a shared namespace the application's promotion task is called so"
                errors.add(Kind.COLLISION, ("tasks", task), task, allowed, "TASK")


def _refuse_misplaced(key: Key, stack: str, errors: ErrorCollector) -> None:
    allowed = "a value in Pulumi.yaml alone, for every stack"
    if key.for_stage:
        allowed += f"; for one stage, `{key.for_stage}` of its entry in {PROJECT}:stages"
    fix = f"pulumi config rm -s {stack} {PROJECT}:{key.name}, then {set_fix(stack, key.name, key.form)}"
    errors.say(Kind.MISPLACED, (key.name,), f"a value in Pulumi.{stack}.yaml", allowed, fix)
    errors.closed.add(key.name)


def _stages(root: Values, stack: str, errors: ErrorCollector) -> tuple[Stage, ...]:
    """The stages, as a graph without cycles in which every name is known, `stack` one of them."""
    entries = root.entries("stages")
    stages = tuple(
        Stage(
            name=entry.text("name"),
            after=entry.texts("after"),
            labels=entry.optional_texts("labels"),
            reviewers=entry.optional_texts("reviewers"),
            team_reviewers=entry.optional_texts("teamReviewers"),
            branch=entry.text("revision") if entry.text("revision") != root.text("defaultBranch") else "",
            grouped=bool(entry.text("group")),
            requires=entry.text("requires") or ("all" if len(entry.texts("after")) > 1 else "any"),
            sync=_sync(entry.map("sync")),
            verification=entry.text("verification"),
            require_record=entry.flag("requireRecord"),
            on_failure=entry.text("onFailure"),
        )
        for entry in entries
    )
    if errors.about("stages"):
        # What refers to a name is looked at once the names are right.
        return stages
    refuse_repeated(entries, errors)
    graph = {stage.name: stage.after for stage in stages}
    for entry, stage in zip(entries, stages, strict=True):
        for index, after in enumerate(stage.after):
            if after not in graph:
                known = " or ".join(name for name in graph if name != stage.name) or "nothing: there is no other stage"
                errors.add(Kind.UNKNOWN_NAME, (*entry.path, "after", index), after, meant(known, after, graph), "STAGE")
        if stage.grouped and len(stage.after) != 1:
            allowed = "all, for a stage that comes after one stage"
            errors.superfluous((*entry.path, "group"), entry.text("group"), allowed)
        if not stage.after:
            for key in ("labels", "reviewers", "teamReviewers"):
                if entry.optional_texts(key):
                    allowed = "nothing: no stage promotes into this one"
                    errors.add(Kind.NOT_ALLOWED, (*entry.path, key), list(entry.texts(key)), allowed, "[]")
            if stage.on_failure:
                allowed = "nothing: no promotion into this stage can be rolled back"
                errors.superfluous((*entry.path, "onFailure"), stage.on_failure, allowed)
            if stage.require_record:
                errors.add(
                    Kind.NOT_ALLOWED, (*entry.path, "requireRecord"), True, "false: no stage promotes into it", "false"
                )
            if entry.text("requires") == "all":
                errors.add(Kind.NOT_ALLOWED, (*entry.path, "requires"), "all", "any: no stage promotes into it", "any")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        index = min(list(graph).index(name) for name in cycle)
        found, allowed = f"dependency cycle: {' -> '.join(cycle)}", "stages that do not come after themselves"
        path = (*entries[index].path, "after")
        errors.say(Kind.CYCLE, path, found, allowed, set_fix(stack, path, '["STAGE"]'))
    if stack not in graph:
        fix = f"pulumi stack select STAGE, or add the stage: {set_fix(stack, 'stages', '')}".rstrip()
        allowed = meant(" or ".join(graph), stack, graph)
        errors.say(Kind.UNKNOWN_NAME, ("stages",), f"no stage for stack {stack}", allowed, fix)
    return stages


def _sync(sync: Values) -> SyncPolicy:
    return SyncPolicy(
        automated=sync.text("mode") == "automated",
        prune=sync.flag("prune"),
        self_heal=sync.flag("selfHeal"),
        retry=sync.json_map("retry"),
        options=SyncPolicy().options if (given := sync.optional_texts("syncOptions")) is None else given,
        window=sync.text("window"),
        ignore_differences=sync.json_maps("ignoreDifferences"),
    )


def _argocd_url(root: Values, errors: ErrorCollector) -> str:
    """The repository's address as Argo CD knows it, which has to be that of the same repository."""
    key, url = "argocdRepoURL", root.text("argocdRepoURL")
    owner, name = root.text("repositoryOwner"), root.text("repositoryName")
    named = url.lower().removesuffix(".git").replace(":", "/").split("/")[-2:]
    if url and named != [owner.lower(), name.lower()] and not errors.about(key, "repositoryOwner", "repositoryName"):
        errors.add(Kind.NOT_ALLOWED, (key,), url, f"an address of {owner}/{name}", f"git@HOST:{owner}/{name}.git")
    return url


def _promotions(root: Values, errors: ErrorCollector) -> Promotions:
    retries, timeout = root.number("promotionRetries"), root.number("promotionTimeoutSeconds")
    if not errors.about("promotionRetries", "promotionTimeoutSeconds") and timeout < least_timeout(retries):
        why = f" ({retries + 1} runs of {SECONDS_A_RUN} seconds each, and the pauses between)"
        allowed = rules.number(least_timeout(retries), 3600, why).words
        errors.add(Kind.NOT_ALLOWED, ("promotionTimeoutSeconds",), timeout, allowed, "NUMBER")
    signs = root.text("promotionCommits") == "signed"
    if signs and root.text("promotionIdentity") == "token":
        allowed = "workflow or app: GitHub signs no commits that are made with a person's token"
        errors.add(Kind.NOT_ALLOWED, ("promotionIdentity",), "token", allowed, "workflow")
    if root.text("promotionAuthor") and (signs or root.text("promotionEngine") == "pulumi"):
        allowed = "nothing with signed commits, or with the engine pulumi: they do not take an author"
        errors.superfluous(("promotionAuthor",), root.text("promotionAuthor"), allowed)
    return Promotions(
        engine=root.text("promotionEngine"),
        identity=root.text("promotionIdentity"),
        sign_commits=signs,
        labels=root.texts("promotionLabels"),
        reviewers=root.texts("promotionReviewers"),
        team_reviewers=root.texts("promotionTeamReviewers"),
        trace_url=root.text("traceUrl"),
        retries=retries,
        timeout_seconds=timeout,
        ttl_seconds=root.number("promotionTtlSeconds"),
        title=root.text("promotionTitle"),
        message=root.text("promotionMessage"),
        author=root.text("promotionAuthor"),
        merge_method=root.text("promotionMergeMethod"),
        sweep_minutes=root.number("sweepMinutes"),
    )


def _github_app(root: Values, errors: ErrorCollector) -> GitHubApp | None:
    keys = ("githubAppId", "githubAppInstallationId")
    found = {key: text for key in keys if (text := root.text(key))}
    for key in keys if found and not errors.about(*keys) else ():
        if key not in found:
            errors.add(
                Kind.MISSING, (key,), None, f"{TABLE[key].allowed}: {' and '.join(keys)} go together", TABLE[key].form
            )
    return GitHubApp(found[keys[0]], found[keys[1]]) if len(found) == len(keys) else None


def _destination(root: Values, errors: ErrorCollector) -> dict[str, str]:
    name, key = root.text("destinationName"), "destinationServer"
    if name:
        return {"name": name}
    if root.text("argocdContext") and root.text(key) == TABLE[key].default and not errors.about(key):
        # Argo CD would deploy to its own cluster, where neither the namespace nor Keptn's objects are.
        allowed = "the address of this stage's cluster, as `argocd cluster list` shows it: argocdContext is another one"
        errors.add(Kind.NOT_ALLOWED, (key,), root.text(key), allowed, TABLE[key].form)
    return {"server": root.text(key)}


def _request(promote: Values, pipeline: Pipeline, stack: str, errors: ErrorCollector) -> PromotionRequest:
    known = {
        "application": [application.name for application in pipeline.applications],
        "from": [after for stage in pipeline.stages if stage.name == stack for after in stage.after],
        "to": [stack],
    }
    for key, names in known.items():
        if promote.text(key) and promote.text(key) not in names and not errors.about("stages", "applications"):
            allowed = meant(" or ".join(names) or "nothing", promote.text(key), names)
            errors.add(Kind.UNKNOWN_NAME, ("promote", key), promote.text(key), allowed, "NAME")
    return PromotionRequest(
        application=promote.text("application"),
        source=promote.text("from"),
        version=promote.text("version"),
        commit=promote.text("commitID"),
        traceparent=promote.text("traceParent"),
        again=promote.flag("again"),
    )
