"""Kubernetes manifests of what a program declared, secrets masked, as text a person can review."""

from lab.engine import Declared, Preview, Value

_LEFT_OUT = ("apiVersion", "kind", "metadata")


def manifest(resource: Declared) -> dict[str, Value] | None:
    """The object that this resource stands for, or None where it is no Kubernetes object."""
    inputs = resource.inputs
    if not resource.type.startswith("kubernetes:") or "apiVersion" not in inputs or "kind" not in inputs:
        return None
    head = {key: inputs[key] for key in _LEFT_OUT if key in inputs}
    return head | {key: value for key, value in inputs.items() if key not in _LEFT_OUT}


def manifest_files(result: Preview) -> dict[str, dict[str, Value]]:
    """Every object that a stack declares, by the path of its file: with a central Argo CD each cluster has a folder."""
    central = any(each.type == "pulumi:providers:kubernetes" and each.name == "argocd" for each in result.resources)
    files: dict[str, dict[str, Value]] = {}
    for resource in result.resources:
        if (body := manifest(resource)) is not None:
            cluster = f"{resource.provider.rsplit('::', 2)[1]}/" if central else ""
            files[f"{cluster}{manifest_name(body)}"] = body
    return files


def manifest_name(body: dict[str, Value]) -> str:
    """A file name that sorts by kind and tells the object apart: `secret_podtato-head-dev_github-token.yaml`.

    No part can contain the underscore, so no two objects share a file.
    """
    metadata = body["metadata"]
    assert isinstance(metadata, dict)  # noqa: S101 - every Kubernetes object has it
    parts = (str(body["kind"]), str(metadata.get("namespace", "")), str(metadata["name"]))
    return "_".join(part.lower() for part in parts if part) + ".yaml"
