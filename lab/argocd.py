"""A stand-in for an Argo CD sync, and for the part of helm that it needs. It deploys nothing.

`sync` reads `values.yaml` and `platform.yaml` at the tip of the branch and builds what matters of the rendered chart,
by the rules of `gitops/context` and `gitops/chart`: the workload's version, and the KeptnAppContext or the hooks that
`lab.argocd_hooks` runs. `tests/gitops` compares the result with `helm template` where helm is on PATH. Workloads that
are the team's own are those of `lab.workloads`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

import yaml

from delivery.model.identifiers import is_image_version, is_traceparent
from lab.argocd_hooks import Hook, read_hooks
from lab.engine import Value
from lab.forge import Forge
from lab.workloads import Workload, keptn_version, workloads

_GENERATE_PATHS = "argocd.argoproj.io/manifest-generate-paths"
_REVISION = "$ARGOCD_APP_REVISION"
_PHASES = (
    "preDeploymentTasks",
    "preDeploymentEvaluations",
    "postDeploymentTasks",
    "postDeploymentEvaluations",
    "promotionTasks",
)


class SyncError(Exception):
    """The stage's files cannot be synced: one is missing, or has no usable version."""


@dataclass(frozen=True)
class Synced:
    """The commit that was synced, the workloads that the stage then runs, and what verifies them.

    `context` is the KeptnAppContext, empty where the `hooks` of Argo CD verify the stage. `links` are the promotions
    that its trace links to.
    """

    commit: str
    application: str
    namespace: str
    workloads: tuple[Workload, ...]
    context: dict[str, Any]
    hooks: tuple[Hook, ...]
    links: tuple[str, ...]

    @property
    def version(self) -> str:
        """How Keptn calls what the workloads run."""
        return keptn_version(self.workloads)


def sync(forge: Forge, repository: str, application: Mapping[str, Value]) -> Synced:
    """Sync an Argo CD Application (the object) from `repository` (`owner/name`). Raises `SyncError`."""
    spec: dict[str, Any] = application["spec"]  # type: ignore[assignment]
    *own, source = spec.get("sources") or [spec["source"]]
    commit = forge.branch(repository, source["targetRevision"])
    if commit is None:
        raise SyncError(f"{repository} has no branch {source['targetRevision']}")
    values: dict[str, Any] = {}
    for name in ("values.yaml", *source["helm"]["valueFiles"]):
        content = forge.read(repository, f"{source['path']}/{name}", commit)
        if content is None:
            raise SyncError(f"{repository} has no {source['path']}/{name} at {commit[:12]}")
        values |= yaml.safe_load(content) or {}
    for parameter in source["helm"]["parameters"]:
        values[parameter["name"]] = parameter["value"].replace(_REVISION, commit)
    application_values, namespace = values["application"], spec["destination"]["namespace"]

    def read(path: str) -> str:
        content = forge.read(repository, f"{source['path']}/{path}", commit)
        if content is None:
            raise LookupError(f"there is no {source['path']}/{path}")
        return content.decode()

    try:
        by_hooks = "verification" in values
        hooks = read_hooks(values, read) if by_hooks else ()
        context = {} if by_hooks else app_context(values, namespace)
        if own:
            runs = workloads(_files(forge, repository, commit), own[0])
        else:
            runs = (_workload(application_values, version(values)),)
    except LookupError as error:
        raise SyncError(f"{error} at {commit[:12]} of {repository}") from error
    return Synced(commit, application_values["name"], namespace, runs, context, hooks, _links(values))


def _workload(application: Mapping[str, Any], version: str) -> Workload:
    return Workload(application["workload"], version, f"{application['image']}:{version}")


def _files(forge: Forge, repository: str, commit: str) -> dict[str, str]:
    """The team's files of a commit."""
    paths = forge.settings(repository).git("ls-tree", "-r", "--name-only", commit).splitlines()
    own = (path for path in paths if not path.startswith("."))
    return {path: (forge.read(repository, path, commit) or b"").decode() for path in own}


def is_out_of_sync(forge: Forge, repository: str, application: Mapping[str, Value], synced: str) -> bool:
    """Whether Argo CD syncs an Application again that it has synced at the commit `synced`.

    The chart has the commit in a tracked object, so every new one is a difference. With the annotation only one counts
    that changes a file at or below a path of it: below the source's own, or with a `/` before it below the repository's
    root (argo-cd, `util/app/path`: `GetAppRefreshPaths`, `AppFilesHaveChanged`).
    """
    spec: dict[str, Any] = application["spec"]  # type: ignore[assignment]
    metadata: dict[str, Any] = application["metadata"]  # type: ignore[assignment]
    sources = spec.get("sources") or [spec["source"]]
    tip = forge.branch(repository, sources[0]["targetRevision"])
    if tip is None or tip == synced:
        return False
    stated = (metadata.get("annotations") or {}).get(_GENERATE_PATHS, "").split(";")
    paths = [
        normpath(item if item.startswith("/") else f"/{source['path']}/{item}")
        for item in filter(None, map(str.strip, stated))
        for source in sources
    ]
    changed = [f"/{path}" for path in forge.settings(repository).changed_paths(synced, tip)]
    return not paths or any(
        file == path or file.startswith(f"{path.rstrip('/')}/") or PurePosixPath(file).match(path)
        for file in changed
        for path in paths
    )


def version(values: Mapping[str, Any]) -> str:
    """The version that the chart puts into the labels, without a digest. Raises `SyncError` where the chart fails."""
    found: object = values
    for key in values["versionKey"].split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, str) or not is_image_version(found):
        raise SyncError(f"values.yaml has no version at {values['versionKey']}")
    return found.partition("@")[0]


def app_context(values: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """The chart's KeptnAppContext. A traceparent that is not valid is left out, as are an empty commit and phase."""
    application, context = values["application"], values["context"]
    commit = values.get("commitID")
    metadata = {"commitID": commit} if commit else {}
    metadata |= {key: value for key, value in (context.get("metadata") or {}).items() if key != "commitID"}
    spec: dict[str, Any] = {"metadata": metadata}
    spec |= {phase: context[phase] for phase in _PHASES if context.get(phase)}
    if links := _links(values):
        spec["spanLinks"] = list(links)
    return {
        "apiVersion": "lifecycle.keptn.sh/v1",
        "kind": "KeptnAppContext",
        "metadata": {
            "name": application["name"],
            "namespace": namespace,
            "annotations": {"argocd.argoproj.io/sync-wave": "-1"},
        },
        "spec": spec,
    }


def _links(values: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(link for link in str(values.get("traceParent") or "").split(",") if is_traceparent(link))
