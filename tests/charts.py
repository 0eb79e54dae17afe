"""The charts of the platform, which are not in this repository: where tests find them, and what Helm makes of them."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from delivery.config.errors import Json
from tests.definitions import ROOT

Body = dict[str, Any]

KUBERNETES = "1.37.2"
"""What Helm takes the cluster for."""
POD_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
HELM_MISSING = "helm is not on PATH: run `make cluster-tools`"
_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@dataclass(frozen=True)
class Pod:
    """What a workload starts: of which object, how many, in which namespace, with which labels and specification."""

    owner: str
    replicas: int
    namespace: str
    labels: Mapping[str, str]
    spec: Body

    @property
    def containers(self) -> Sequence[Body]:
        """Those that prepare it and those that stay."""
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]

    def memory(self, kind: str) -> int:
        """What it requests, or is limited to, in MiB: its containers together, or the largest that prepares it."""
        first = (_mebibytes(each, kind) for each in self.spec.get("initContainers", ()))
        return max(sum(_mebibytes(each, kind) for each in self.spec["containers"]), *first, 0)


def find(environ: Mapping[str, str] = os.environ, root: Path = ROOT) -> Path | str:
    """The folder of charts that DELIVERY_CHARTS names, or .tools/charts; or the reason to skip what needs them."""
    named = environ.get("DELIVERY_CHARTS")
    folder = Path(named) if named else root / ".tools" / "charts"
    if not any(folder.glob("*/Chart.yaml")):
        where = f"DELIVERY_CHARTS names {folder}, which has none" if named else "DELIVERY_CHARTS is not set"
        return f"no charts of the platform: {where}. docs/reference/platform-charts.md says how to get them"
    return folder if shutil.which("helm") else HELM_MISSING


def metadata(folder: Path) -> Body:
    """What a chart says of itself."""
    found: Body = yaml.safe_load((folder / "Chart.yaml").read_text(encoding="utf-8"))
    return found


def render(folder: Path, release: str, namespace: str, values: Mapping[str, Json]) -> str:
    """The manifests of a chart, hooks aside. Raises `CalledProcessError` with what Helm says in `stderr`."""
    command = ["helm", "template", release, str(folder), f"--namespace={namespace}", "--values=-", "--include-crds"]
    command += ["--no-hooks", f"--kube-version={KUBERNETES}"]
    return subprocess.run(command, input=json.dumps(values), check=True, capture_output=True, text=True).stdout


def objects(manifests: str) -> list[Body]:
    """The objects of such manifests."""
    return [body for body in yaml.load_all(manifests, yaml.CSafeLoader) if body]


def pods(bodies: Sequence[Body], namespace: str) -> Iterator[Pod]:
    """The pods that these objects lead to; `namespace` is where one goes that names none."""
    for body in bodies:
        if body["kind"] in POD_KINDS:
            spec = body["spec"]
            template = (spec["jobTemplate"]["spec"] if body["kind"] == "CronJob" else spec)["template"]
            yield Pod(
                f"{body['kind']} {body['metadata']['name']}",
                spec.get("replicas", 1),
                body["metadata"].get("namespace", namespace),
                template["metadata"].get("labels", {}),
                template["spec"],
            )


def _mebibytes(container: Body, kind: str) -> int:
    text = str(container["resources"][kind]["memory"])
    return int(text[:-2]) * _UNITS[text[-2:]] // _UNITS["Mi"]
