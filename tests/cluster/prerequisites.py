"""What the cluster tier needs of the machine that it runs on, and how to get what is not there."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.pulumi_cli import ON_PATH
from tests.definitions import MISSING, ROOT, definitions

SERVERS = ("kube-apiserver", "etcd")


@dataclass(frozen=True)
class Prerequisites:
    """The folder of the two servers' programs, and that of the custom resource definitions."""

    assets: Path
    definitions: Path


def find(environ: Mapping[str, str], root: Path = ROOT) -> Prerequisites | str:
    """Everything that the tier needs, or the reason to skip it: one line, with the fix."""
    assets = environ.get("KUBEBUILDER_ASSETS", "")
    if not assets:
        return "KUBEBUILDER_ASSETS is not set: run `make cluster-tools`, or take the folder from setup-envtest"
    lacking = [name for name in SERVERS if not os.access(Path(assets, name), os.X_OK)]
    if lacking:
        return f"KUBEBUILDER_ASSETS has no {' and no '.join(lacking)}: run `make cluster-tools`, or use setup-envtest"
    folder = definitions(environ, root)
    if folder is None:
        return MISSING
    absent = [name for name in ON_PATH if shutil.which(name, path=environ.get("PATH", "")) is None]
    if absent:
        return f"{', '.join(absent)} not on PATH: install the Pulumi CLI and its two providers"
    return Prerequisites(Path(assets), folder)
