"""Runs the program for a stack, without the Pulumi CLI and without asking any forge."""

import json
from pathlib import Path

import pytest

from delivery.config.errors import Json
from delivery.config.files import read_stack_config
from lab.engine import Declared, Preview, Value, preview

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "ghp_good_for_dispatching_and_secret"
FIVE: list[Json] = [
    {"name": "dev"},
    {"name": "load", "after": ["dev"]},
    {"name": "acceptance", "after": ["dev"]},
    {"name": "staging", "after": ["load", "acceptance"]},
    {"name": "production", "after": ["staging"]},
]
STAGES = ("dev", "load", "acceptance", "staging", "production")
TWO: list[Json] = [
    {"name": "web", "image": "ghcr.io/acme/web", "path": "web/{stage}"},
    {"name": "api", "image": "ghcr.io/acme/api", "path": "api/{stage}", "promotedKeys": ["image.tag"]},
]
OWN: list[Json] = [
    {
        "name": "shop",
        "source": "kustomize",
        "path": "apps/shop/overlays/{stage}",
        "reads": ["../../base", "/lib"],
        "promotedKeys": [{"file": "kustomization.yaml", "key": "images.[name=shop].newTag"}],
    },
    {
        "name": "billing",
        "source": "helm",
        "path": "charts/billing",
        "valueFiles": ["values.yaml", "/values/billing-{stage}.yaml"],
        "promotedKeys": [{"file": "/values/billing-{stage}.yaml", "key": "image.tag"}],
    },
    {
        "name": "ingress",
        "source": "helm",
        "path": "platform/ingress",
        "valueFiles": ["{stage}.yaml"],
        "chart": {
            "repository": "oci://registry.example.org/charts",
            "name": "ingress",
            "version": {"file": "{stage}.yaml", "key": "chartVersion"},
        },
        "promotedKeys": [{"file": "{stage}.yaml", "key": "chartVersion"}],
    },
]
"""Applications with files of the team's own: of each kind one."""
SYNC: dict[str, Json] = {
    "mode": "manual",
    "retry": {"limit": 2, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
    "syncOptions": ["ServerSideApply=true", "RespectIgnoreDifferences=true"],
    "ignoreDifferences": [{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}],
}
"""A `sync` of a stage in which nothing is as by default."""
TEAM: dict[str, Json] = {
    "repositoryOwner": "acme",
    "repositoryName": "gitops",
    "stages": FIVE,
    "applications": TWO,
    "tasks": {"load-test": "print('load')", "elsewhere": None},
    "preDeploymentTasks": ["elsewhere"],
    "postDeploymentTasks": ["load-test"],
    "kubeContext": "a-cluster",
}


def run(stack: str, secrets: dict[str, str] | None = None, **changes: Json) -> Preview:
    """The shipped stack with these keys set; `secrets` are encrypted ones."""
    values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in changes.items()}
    config = read_stack_config(ROOT, stack).override(values, secrets or {})
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GITHUB_TOKEN", raising=False)
        return preview(stack, config)


def team(stack: str, **changes: Json) -> Preview:
    """One of five stages with a fan-out and a join, of two applications. The last one has no token."""
    return run(stack, {} if stack == "production" else {"promotionToken": TOKEN}, **{**TEAM, **changes})


def objects(result: Preview) -> list[tuple[str, str, str]]:
    """Kind, namespace and name of every Kubernetes object, sorted."""
    return sorted(
        (
            str(each.inputs["kind"]),
            str(of(each.inputs, "metadata", "namespace")),
            str(of(each.inputs, "metadata", "name")),
        )
        for each in result.resources
        if "kind" in each.inputs
    )


def files(result: Preview) -> list[str]:
    """The paths of the repository files, in the order in which they are committed."""
    return [str(resource.inputs["file"]) for resource in result.of_type(":RepositoryFile")]


def of(value: Value, *keys: str) -> Value:
    """What stands at these keys, None where nothing does."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def named(result: Preview, suffix: str, name: str = "") -> Declared:
    """The one resource of that type, and of that name in Kubernetes."""
    [found] = [each for each in result.of_type(suffix) if name in ("", of(each.inputs, "metadata", "name"))]
    return found
