"""The custom resource definitions of Argo CD and Keptn, which are not in this repository: where tests find them."""

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

MISSING = (
    "no custom resource definitions: run `make cluster-tools`, or set DELIVERY_CRDS to a folder with those of Keptn "
    "and Argo CD"
)
WITHOUT_KEPTN = "no custom resource definitions of Keptn: set DELIVERY_CRDS to a folder with them and those of Argo CD"


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
