"""A stand-in for `helm template` and `kustomize build`, as far as it needs them to tell what a stage runs.

Of a chart it fills in `.Values` and nothing else; of a kustomization it knows resources, images and labels. What the
examples need of both is there, and no more: `tests/lab/test_examples.py` compares it with the real ones, where these
are on PATH.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from posixpath import normpath
from typing import Any

import yaml

_KINDS = ("DaemonSet", "Deployment", "StatefulSet")
_VALUE = re.compile(r"\{\{[^{}]*?\.Values\.([\w.]+)[^{}]*\}\}")
_VERSION = "app.kubernetes.io/version"

Files = Mapping[str, str]
"""The texts of a repository's files at one commit, by path."""
Body = dict[str, Any]


@dataclass(frozen=True)
class Workload:
    """What Keptn and people see of a Deployment or its like: its name, the version in its pods' labels, its image."""

    name: str
    version: str
    image: str
    kind: str = "Deployment"


def keptn_version(workloads: Sequence[Workload]) -> str:
    """How Keptn calls what an application runs: the version of its only workload, or a hash of all."""
    if len(workloads) == 1:
        return workloads[0].version
    return sha256(" ".join(f"{found.name}-{found.version}" for found in workloads).encode()).hexdigest()[:10]


def workloads(files: Files, source: Mapping[str, Any]) -> tuple[Workload, ...]:
    """The workloads of one source of an Argo CD Application. Raises `LookupError`: a file or a label is missing."""
    found = [body for body in manifests(files, source) if body["kind"] in _KINDS]
    if not found:
        raise LookupError(f"{source['path']} has no {', '.join(_KINDS[:-1])} or {_KINDS[-1]}")
    return tuple(map(_workload, found))


def manifests(files: Files, source: Mapping[str, Any]) -> list[Body]:
    """Every object of such a source. Raises `LookupError`: a file is missing."""
    folder: str = source["path"]
    if f"{folder}/Chart.yaml" in files:
        return _chart(files, folder, source.get("helm", {}).get("valueFiles", ()))
    if f"{folder}/kustomization.yaml" in files:
        return _kustomization(files, folder)
    return _documents(text for path, text in files.items() if path.rpartition("/")[0] == folder)


def _workload(body: Body) -> Workload:
    name, pods = body["metadata"]["name"], body["spec"]["template"]
    if _VERSION not in pods["metadata"]["labels"]:
        raise LookupError(f"the pods of {name} have no label {_VERSION}")
    [container] = pods["spec"]["containers"]
    return Workload(name, str(pods["metadata"]["labels"][_VERSION]), container["image"], body["kind"])


def _documents(texts: Iterator[str]) -> list[Body]:
    return [body for text in texts for body in yaml.safe_load_all(text) if body]


def _chart(files: Files, folder: str, value_files: Sequence[str]) -> list[Body]:
    values: Body = {}
    for name in ("values.yaml", *value_files):
        path = name[1:] if name.startswith("/") else f"{folder}/{name}"
        if path not in files:
            raise LookupError(f"there is no {path}")
        _merge(values, yaml.safe_load(files[path]) or {})

    def value(match: re.Match[str]) -> str:
        found: Any = values
        for key in match[1].split("."):
            found = found[key]
        return str(found)

    templates = (text for path, text in files.items() if path.startswith(f"{folder}/templates/"))
    return _documents(_VALUE.sub(value, text) for text in templates)


def _merge(values: Body, more: Body) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            _merge(values[key], value)
        else:
            values[key] = value


def _kustomization(files: Files, folder: str) -> list[Body]:
    said: Body = yaml.safe_load(files[f"{folder}/kustomization.yaml"])
    bodies: list[Body] = []
    for resource in said["resources"]:
        path = normpath(f"{folder}/{resource}")
        bodies += _documents(iter([files[path]])) if path in files else _kustomization(files, path)
    for body in (body for body in bodies if body["kind"] in _KINDS):
        pods = body["spec"]["template"]
        for labels in said.get("labels", ()):
            pods["metadata"]["labels"] |= labels["pairs"] if labels.get("includeTemplates") else {}
        for container in pods["spec"]["containers"]:
            for image in said.get("images", ()):
                if container["image"].partition(":")[0] == image["name"]:
                    tag, digest = (image.get(key) for key in ("newTag", "digest"))
                    container["image"] = image["name"] + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    return bodies
