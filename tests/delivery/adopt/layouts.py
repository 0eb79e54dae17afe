"""GitOps repositories in the style of those that teams have, each with its Argo CD Applications, as texts."""

from collections.abc import Mapping, Sequence

import yaml

from delivery.adopt.adoption import Adoption, adopt
from delivery.adopt.given import Kind, read_given
from delivery.adopt.grouping import Hints
from delivery.adopt.sources import Tree
from delivery.adopt.usable import Repository
from delivery.config.errors import Json
from delivery.model.promoted_keys import PromotedKey

URL = "https://github.com/acme/gitops"
IN_CLUSTER = "https://kubernetes.default.svc"
AUTOMATED: dict[str, Json] = {
    "automated": {"prune": True, "selfHeal": True},
    "syncOptions": ["CreateNamespace=true"],
}
STAGES = ("dev", "staging", "production")
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
        - name: web
          image: ghcr.io/acme/shop:v1.2.3
"""


def application(
    name: str,
    path: str,
    namespace: str = "",
    *,
    source: Mapping[str, Json] | None = None,
    spec: Mapping[str, Json] | None = None,
    metadata: Mapping[str, Json] | None = None,
) -> dict[str, Json]:
    """An Argo CD Application as people write it."""
    given: dict[str, Json] = {"repoURL": URL, "targetRevision": "main", "path": path, **(source or {})}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd", **(metadata or {})},
        "spec": {
            "project": "default",
            "source": {key: value for key, value in given.items() if value is not None},
            "destination": {"server": IN_CLUSTER, "namespace": namespace or name},
            "syncPolicy": AUTOMATED,
            **(spec or {}),
        },
    }


def overlay(image: str, tag: str) -> str:
    """A kustomization with a base and an image."""
    return f"resources:\n  - ../../base\nimages:\n  - name: {image}\n    newTag: {tag} # set by CI\n"


def chart(name: str = "shop") -> dict[str, str]:
    """A chart that reads two images."""
    image = "image: {{ .Values.web.image.repository }}:{{ .Values.web.image.tag }}\n"
    return {
        f"charts/{name}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n",
        f"charts/{name}/values.yaml": "web:\n  image:\n    repository: r\n    tag: none\n",
        f"charts/{name}/templates/web.yaml": image,
    }


def values(tag: str) -> str:
    """A stage's values for that chart."""
    return f"web:\n  image:\n    tag: {tag}\n  replicas: 1\n  apiVersion: v1\n"


def monorepo() -> tuple[dict[str, str], list[dict[str, Json]]]:
    """`apps/<application>/overlays/<stage>`, with bases."""
    files, applications = {}, []
    for name in ("billing", "shop"):
        files[f"apps/{name}/base/kustomization.yaml"] = "resources:\n  - deployment.yaml\n"
        files[f"apps/{name}/base/deployment.yaml"] = DEPLOYMENT
        for stage in STAGES:
            files[f"apps/{name}/overlays/{stage}/kustomization.yaml"] = overlay(f"ghcr.io/acme/{name}", "v1")
            applications.append(application(f"{name}-{stage}", f"apps/{name}/overlays/{stage}"))
    return files, applications


def values_beside_the_chart() -> tuple[dict[str, str], list[dict[str, Json]]]:
    """`charts/<application>` with `values-<stage>.yaml`."""
    files = chart() | {f"charts/shop/values-{stage}.yaml": values("v1") for stage in STAGES}
    return files, [
        application(
            f"shop-{stage}",
            "charts/shop",
            source={"helm": {"releaseName": "shop", "valueFiles": ["values.yaml", f"values-{stage}.yaml"]}},
        )
        for stage in STAGES
    ]


def values_elsewhere(prefix: str) -> tuple[dict[str, str], list[dict[str, Json]]]:
    """`envs/<stage>/<application>.yaml`, for one chart that the applications share."""
    files = chart("service")
    applications = []
    for name in ("billing", "shop"):
        for stage in STAGES:
            files[f"envs/{stage}/{name}.yaml"] = values("v1")
            file = f"{prefix}envs/{stage}/{name}.yaml"
            applications.append(
                application(
                    f"{stage}-{name}", "charts/service", f"{name}-{stage}", source={"helm": {"valueFiles": [file]}}
                )
            )
    return files, applications


def branches() -> tuple[dict[str, dict[str, str]], list[dict[str, Json]]]:
    """A branch for each stage, with the same paths on all of them."""
    files = {"deploy/deployment.yaml": DEPLOYMENT}
    revisions = {"dev": "main", "staging": "env/staging", "production": "env/production"}
    found = [
        application(f"shop-{stage}", "deploy", source={"targetRevision": branch}) for stage, branch in revisions.items()
    ]
    return dict.fromkeys(revisions.values(), files), found


def charts_of_charts(lock: bool = False) -> tuple[dict[str, str], list[dict[str, Json]]]:
    """`envs/<stage>` with a chart that is nothing but another one, by its version."""
    dependency = "dependencies:\n  - name: shop\n    version: 1.2.3\n    repository: oci://ghcr.io/acme/charts\n"
    files = {
        f"envs/{stage}/Chart.yaml": f"apiVersion: v2\nname: shop\nversion: 0.0.0\n{dependency}" for stage in STAGES
    }
    if lock:
        files |= {f"envs/{stage}/Chart.lock": "digest: a\n" for stage in STAGES}
    return files, [application(f"shop-{stage}", f"envs/{stage}") for stage in STAGES]


def patches() -> tuple[dict[str, str], list[dict[str, Json]]]:
    """Overlays that have the image in a patch."""
    files = {"shop/base/kustomization.yaml": "resources: [d.yaml]\n", "shop/base/d.yaml": DEPLOYMENT}
    for stage in STAGES:
        files[f"shop/{stage}/kustomization.yaml"] = "resources: [../base]\npatches: [{path: image.yaml}]\n"
        files[f"shop/{stage}/image.yaml"] = DEPLOYMENT
    return files, [application(f"shop-{stage}", f"shop/{stage}") for stage in STAGES]


def adopted(
    files: Mapping[str, str] | Mapping[str, Mapping[str, str]],
    applications: Sequence[Mapping[str, Json]],
    hints: Hints | None = None,
    keys: Mapping[str, tuple[PromotedKey, ...]] | None = None,
) -> Adoption:
    """What these Applications and files, of one branch or by branch, are adopted as."""
    by_branch: dict[str, Tree] = {}
    branches = files if any(isinstance(each, Mapping) for each in files.values()) else {"main": files}
    for branch, found in branches.items():
        assert isinstance(found, Mapping)
        texts = {str(path): str(text) for path, text in found.items()}
        by_branch[str(branch)] = Tree(frozenset(texts), lambda path, texts=texts: texts.get(path, ""))  # type: ignore[misc]
    by_branch["HEAD"] = by_branch["main"]
    given, findings = read_given([("given.yaml", yaml.safe_dump_all(applications))])
    adoption = adopt(given, Repository("main", by_branch.get), hints, keys)
    return Adoption(adoption.project, adoption.stacks, (*findings, *adoption.findings))


def left_out(adoption: Adoption) -> dict[str, str]:
    """Why each is left out."""
    return {each.about: each.text for each in adoption.kinds(Kind.LEFT_OUT)}


def differing(adoption: Adoption) -> list[str]:
    """What differs beyond what is expected."""
    return [each.text for each in adoption.kinds(Kind.DIFFERS)]
