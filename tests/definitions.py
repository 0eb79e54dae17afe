"""The custom resource definitions of Argo CD and Keptn, which are not in this repository: where tests find them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

MISSING = (
    "no custom resource definitions: run `make cluster-tools`, or set DELIVERY_CRDS to a folder with those of Keptn "
    "and Argo CD"
)
WITHOUT_KEPTN = "no custom resource definitions of Keptn: set DELIVERY_CRDS to a folder with them and those of Argo CD"
WITHOUT_OPERATOR = (
    "no custom resource definitions of the Pulumi Kubernetes Operator: copy its deploy/crds into the folder that "
    "DELIVERY_CRDS names"
)


def definitions(environ: Mapping[str, str] = os.environ, root: Path = ROOT) -> Path | None:
    """The folder of definitions, or None: the one that DELIVERY_CRDS names, if it names one.

    Otherwise what `make cluster-tools` got, or what lies beside the checkout; one that has Keptn's goes first.
    """
    named = environ.get("DELIVERY_CRDS")
    folders = [Path(named)] if named else [root / ".tools" / "crds", root.parent / "shared" / "crds"]
    found = [folder for folder in folders if any(folder.glob("*.yaml"))]
    return next(iter(sorted(found, key=has_keptn, reverse=True)), None)


def has_keptn(folder: Path) -> bool:
    """Whether Keptn's definitions are among them."""
    return any(folder.glob("lifecycle.keptn.sh_*.yaml"))


def operator_definitions() -> Path | None:
    """The folder of definitions where those of the Pulumi Kubernetes Operator are among them, else None."""
    folder = definitions()
    return folder if folder and (folder / "pulumi.com_stacks.yaml").exists() else None


def closed(schema: Any) -> Any:
    """The same schema, refusing what it does not name; the API server knows metadata itself."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if isinstance(result.get("properties"), dict) and not result.get("x-kubernetes-preserve-unknown-fields"):
        result.setdefault("additionalProperties", False)
        if result["properties"].get("metadata") == {"type": "object"}:
            result["properties"]["metadata"] = {"type": "object", "required": ["name"]}
    if result.pop("x-kubernetes-int-or-string", False):
        result = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    return result
