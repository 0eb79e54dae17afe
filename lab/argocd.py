"""A stand-in for one thing that Argo CD does: sync an Application, that is, render its chart at a commit.

It deploys nothing: it returns the objects that Argo CD would give to the cluster. Charts are rendered by `lab.helm`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.engine import Value
from lab.forge import Forge
from lab.helm import render_chart

_REVISION = "$ARGOCD_APP_REVISION"


@dataclass(frozen=True)
class Synced:
    """A sync: the commit that was synced and the objects of the chart at that commit."""

    commit: str
    manifests: tuple[dict[str, Any], ...]
    text: str

    def of_kind(self, kind: str) -> dict[str, Any]:
        """The chart's one object of that kind."""
        return next(body for body in self.manifests if body["kind"] == kind)

    @property
    def version(self) -> str:
        """The version label of the workload, from which Keptn tells one app version from the next."""
        labels = self.of_kind("Deployment")["spec"]["template"]["metadata"]["labels"]
        return str(labels["app.kubernetes.io/version"])


def sync(forge: Forge, repository: str, application: dict[str, Value], folder: Path) -> Synced:
    """Sync an Argo CD Application (as an object) from `repository` (`owner/name`); the chart is written to `folder`."""
    spec: dict[str, Any] = application["spec"]  # type: ignore[assignment]
    source, branch = spec["source"], spec["source"]["targetRevision"]
    commit = forge.branch(repository, branch)
    if commit is None:
        raise LookupError(f"{repository} has no branch {branch}")
    for name in ("Chart.yaml", "values.yaml", "platform.yaml", "templates/application.yaml"):
        content = forge.read(repository, f"{source['path']}/{name}", commit)
        if content is None:
            raise LookupError(f"{repository} has no {source['path']}/{name} at {commit[:12]}")
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    helm = source["helm"]
    text = render_chart(
        folder,
        namespace=spec["destination"]["namespace"],
        value_files=helm["valueFiles"],
        parameters={each["name"]: each["value"].replace(_REVISION, commit) for each in helm["parameters"]},
    )
    return Synced(commit, tuple(body for body in yaml.safe_load_all(text) if body), text)
