"""Kubernetes manifests of what a program declared, secrets masked, as text a person can review."""

import yaml

from lab.engine import Declared, Value

_LEFT_OUT = ("apiVersion", "kind", "metadata")


def manifest(resource: Declared) -> dict[str, Value] | None:
    """The object that this resource stands for, or None where it is no Kubernetes object."""
    inputs = resource.inputs
    if not resource.type.startswith("kubernetes:") or "apiVersion" not in inputs or "kind" not in inputs:
        return None
    head = {key: inputs[key] for key in _LEFT_OUT if key in inputs}
    return head | {key: value for key, value in inputs.items() if key not in _LEFT_OUT}


def manifest_name(body: dict[str, Value]) -> str:
    """A file name that sorts by kind and tells the object apart: `secret-podtato-head-dev-github-token.yaml`."""
    metadata = body["metadata"]
    assert isinstance(metadata, dict)  # noqa: S101 - every Kubernetes object has it
    parts = (str(body["kind"]), str(metadata.get("namespace", "")), str(metadata["name"]))
    return "-".join(part.lower() for part in parts if part) + ".yaml"


def to_yaml(body: dict[str, Value]) -> str:
    """The object as YAML: keys in Kubernetes' own order, source code as a block."""
    return yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks: the promotion task is meant to be read."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
