"""The configuration of a grid of Argo CD Applications: what all stacks share, and what each has of its own.

Where the Applications of a stage differ, what most of them have is the stage's; others are compared with that later.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from delivery.adopt.describe import Described
from delivery.adopt.given import Finding, Given, Kind, finding, table, text_of
from delivery.adopt.grouping import Grid, rank
from delivery.adopt.patterns import Patterns
from delivery.adopt.usable import repository_of, revision_of, url_of
from delivery.config import rules
from delivery.config.errors import Json
from delivery.config.keys import TABLE
from delivery.stack.manifests import SYNC_FINALIZER

PATTERNS = {"namespace": "namespacePattern", "path": "pathPattern", "argocdApplication": "argocdApplicationPattern"}
_DECIDED = (
    *("namespace", "argocdApplication", "argocdNamespace", "argocdProject", "argocdFinalizer"),
    *("destinationServer", "destinationName", "argocdLabels", "argocdAnnotations", "pathPattern", "namespacePattern"),
    *("argocdApplicationPattern", "argocdRepoURL", "defaultBranch", "githubApiUrl"),
)
"""What is printed where it is not the default: a value of before would go on beside what is printed."""
_OF_OTHERS = ("argocd.argoproj.io/", "kubectl.kubernetes.io/", "pulumi.com/", "meta.helm.sh/")


def project_keys(
    grid: Grid, described: Mapping[str, Described], patterns: Mapping[str, Patterns], default_branch: str
) -> dict[str, Json]:
    url = _most(map(url_of, grid.cells.values()))
    host, owner, name = repository_of(url) or ("", "", "")
    server = url.rpartition(f"/{owner}/")[0] if url.startswith(("http://", "https://")) else f"https://{host}"
    project: dict[str, Json] = {"repositoryOwner": owner, "repositoryName": name}
    if default_branch != TABLE["defaultBranch"].default:
        project["defaultBranch"] = default_branch
    if host != "github.com":
        project["githubApiUrl"] = f"{server}/api/v3"
    if url != f"{server}/{owner}/{name}":
        project["argocdRepoURL"] = url
    alone = len(grid.applications) == 1
    applications: list[Json] = []
    for application in grid.applications:
        entry = dict(described[application].entry)
        own: dict[str, Json] = {"name": entry.pop("name"), "source": entry.pop("source")}
        for kind, found in patterns.items():
            pattern = found.by_application.get(application)
            if alone and kind == "path" and found.shared != TABLE[PATTERNS[kind]].default:
                pattern = found.shared
            if pattern is not None:
                own[kind] = pattern.replace("{application}", application)
        applications.append(own | entry)
    project["applications"] = applications
    project["stages"] = [_stage(grid, stage, patterns["path"], default_branch) for stage in grid.stages]
    for kind, found in patterns.items():
        if found.shared != TABLE[PATTERNS[kind]].default and not (alone and kind == "path"):
            project[PATTERNS[kind]] = found.shared
    return project


def _stage(grid: Grid, stage: str, paths: Patterns, default_branch: str) -> dict[str, Json]:
    entry: dict[str, Json] = {"name": stage}
    if after := grid.after[stage]:
        entry["after"] = list(after)
    branch = branch_of(grid, stage)
    if branch not in ("HEAD", default_branch):
        entry["revision"] = branch
    if stage in paths.by_stage:
        entry["path"] = paths.by_stage[stage]
    sync = json.loads(_most(json.dumps(_sync(given)) for given in _column(grid, stage)))
    return entry | ({"sync": sync} if sync else {})


def _column(grid: Grid, stage: str) -> list[Given]:
    return [grid.cells[application, stage] for application in grid.applications]


def _sync(given: Given) -> dict[str, Json]:
    """How Argo CD syncs an Application, as `sync` of a stage has it; what that cannot say is a difference later."""
    policy, sync = table(given.spec.get("syncPolicy")), dict[str, Json]()
    automated = policy.get("automated")
    if isinstance(automated, dict) and automated.get("enabled") is not False:
        sync |= {key: False for key in ("prune", "selfHeal") if automated.get(key) is not True}
    else:
        sync["mode"] = "manual"
    options = policy.get("syncOptions") or []
    if options != ["CreateNamespace=true"] and isinstance(options, list) and all(map(rules.SYNC_OPTION.holds, options)):
        sync["syncOptions"] = options
    if (retry := policy.get("retry")) and rules.RETRY.holds(retry):
        sync["retry"] = retry
    if (ignored := given.spec.get("ignoreDifferences")) and rules.IGNORED_DIFFERENCES.holds(ignored):
        sync["ignoreDifferences"] = ignored
    return sync


def stack_keys(grid: Grid, patterns: Mapping[str, Patterns]) -> dict[str, dict[str, Json]]:
    stacks = {}
    for stage in grid.stages:
        column = _column(grid, stage)
        own: dict[str, Json] = {
            "argocdNamespace": _most(given.namespace for given in column),
            "argocdProject": _most(text_of(given.spec.get("project")) or "default" for given in column),
        }
        clusters = _most(
            json.dumps([text_of(given.destination.get("name")), text_of(given.destination.get("server"))])
            for given in column
        )
        name, server = json.loads(clusters)
        own |= {"destinationName": name} if name else {"destinationServer": server}
        own = {key: value for key, value in own.items() if value != TABLE[key].default}
        for kind in ("namespace", "argocdApplication"):
            if stage in patterns[kind].by_stage:
                own[kind] = patterns[kind].by_stage[stage]
        if all(SYNC_FINALIZER in given.finalizers for given in column):
            own["argocdFinalizer"] = True
        labels, annotations = (_common([_own(texts) for texts in each]) for each in _metadata(column))
        labels = {key: value for key, value in labels.items() if rules.LABEL_VALUE.holds(value)}
        annotations = {key: value for key, value in annotations.items() if rules.METADATA.holds(value)}
        own |= {"argocdLabels": labels} if labels else {}
        own |= {"argocdAnnotations": annotations} if annotations else {}
        stacks[stage] = {"adoptExisting": True} | own
    return stacks


def _metadata(column: Sequence[Given]) -> tuple[list[Mapping[str, str]], list[Mapping[str, str]]]:
    return [given.labels for given in column], [given.annotations for given in column]


def _own(texts: Mapping[str, str]) -> dict[str, str]:
    """What people have set: no tool's own notes."""
    return {
        key: value
        for key, value in texts.items()
        if not key.startswith(_OF_OTHERS) and rules.ANNOTATION_KEY.holds(key) and key != "app.kubernetes.io/instance"
    }


def _common(several: Sequence[Mapping[str, str]]) -> dict[str, Json]:
    first, *others = several
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}


def branch_of(grid: Grid, stage: str) -> str:
    """The branch that most applications of a stage are on."""
    return _most(revision_of(grid.cells[application, stage]) for application in grid.applications) or "HEAD"


def _most(values: Iterable[str]) -> str:
    counts = Counter(values)
    return max(counts, key=lambda each: counts[each], default="")


def open_decisions(grid: Grid, project: Mapping[str, Json], stacks: Mapping[str, Mapping[str, Json]]) -> list[Finding]:
    """What Applications and repositories do not say."""
    unknown = [stage for stage in grid.stages if rank(stage) == rank("")]
    why = (
        f"`after`: the names {', '.join(unknown)} do not say what follows what"
        if unknown
        else f"the order {' -> '.join(grid.stages)} is a guess by their names; set `after`"
    )
    found = [finding(Kind.DECIDE, "stages", why), finding(Kind.DECIDE, "stacks", "set kubeContext of each, and tokens")]
    for stack, own in stacks.items():
        if cluster := own.get("destinationName") or own.get("destinationServer"):
            why = f"it deploys to {cluster}: kubeContext is that cluster, argocdContext the one that Argo CD runs in"
            found.append(finding(Kind.DECIDE, stack, why))
        if "argocdProject" in own:
            # What a project does not permit fails the whole sync.
            why = f"the project {own['argocdProject']} has to permit the kind lifecycle.keptn.sh/KeptnAppContext"
            found.append(finding(Kind.DECIDE, stack, why))
    if "githubApiUrl" in project:
        found.append(finding(Kind.DECIDE, "githubApiUrl", "promotions need GitHub or a GitHub Enterprise Server there"))
    return found


def left_overs(
    project: Mapping[str, Json],
    stacks: Mapping[str, Mapping[str, Json]],
    shared: Mapping[str, str],
    own: Mapping[str, Mapping[str, str]],
) -> list[Finding]:
    """The values that files of before would add to what is printed.

    `shared` is what the project's file has, `own` what each stack has from both, by the stack.
    """
    found: dict[Finding, None] = {}
    for stack, printed in stacks.items():
        for key in _DECIDED:
            value, default = own.get(stack, {}).get(key), TABLE[key].default
            if value is None or key in printed or key in project or value in (default, json.dumps(default)):
                continue
            file = "Pulumi.yaml" if shared.get(key) == value else f"Pulumi.{stack}.yaml"
            why = f"remove {key}: its value {value} would go on beside what is printed"
            found[finding(Kind.DECIDE, file, why)] = None
    return [*found]
