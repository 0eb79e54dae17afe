"""`make up` and `make down` as processes: the real engine and providers, a real API server, the forge as GitHub.

What a machine without Docker has not is a stand-in: the tools that make a cluster, and the controllers in one. The
platform is installed from its real charts.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lab.engine import PROGRAM
from lab.forge import Forge
from lab.project import set_keys
from tests import charts
from tests.cluster.api_server import CONTEXT, ApiServer, Body, Etcd, Refused
from tests.cluster.controllers import Controllers
from tests.cluster.prerequisites import Prerequisites
from tests.cluster.team import OWNER, TOKEN
from tests.delivery.laptop.machine import KIND

REPOSITORY = f"{OWNER}/laptop"
LINKED = ("__main__.py", "components", "delivery", "gitops", "platform", "program", "requirements.txt", ".venv")
MINUTES = 10
LONG_AGO = "2026-01-01T00:00:00Z"


class Everything(Controllers):
    """The controllers, and in their way Argo CD and Keptn: each Application is delivered as soon as it is there."""

    def look(self) -> None:
        """See `Controllers`."""
        super().look()
        # Nothing is defined before the platform is up, and nothing any more when it goes.
        with suppress(LookupError, Refused):
            self._admit()
            for body in self._server.items("Application"):
                if "health" not in body.get("status", {}):
                    self._deliver(body)

    def _admit(self) -> None:
        """Nobody is asked whether an object may be: Keptn's operator does not run."""
        for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
            for body in self._server.items(kind):
                if body.get("webhooks"):
                    self._server.merge(kind, body["metadata"]["name"], {"webhooks": []})

    def _deliver(self, body: Body) -> None:
        namespace = body["spec"]["destination"]["namespace"]
        version = {"name": "first", "namespace": namespace}
        spec = {"appName": "podtato-head", "version": "v0.3.0"}
        kind = {"apiVersion": "lifecycle.keptn.sh/v1", "kind": "KeptnAppVersion"}
        with suppress(Refused):  # it is there since the last look, which went no further
            self._server.create({**kind, "metadata": version, "spec": spec})
        done = {"status": {"status": "Completed", "currentPhase": "Completed"}}
        self._server.merge("KeptnAppVersion", "first", done, namespace, "status")
        status: Body = {"health": {"status": "Healthy"}, "reconciledAt": LONG_AGO}
        status["sync"] = {"status": "Synced", "comparedTo": {"destination": {}, "source": {"repoURL": "here"}}}
        operation = {"phase": "Succeeded", "finishedAt": LONG_AGO, "startedAt": LONG_AGO, "operation": {}}
        status["operationState"] = operation
        metadata = body["metadata"]
        self._server.merge("Application", metadata["name"], {"status": status}, metadata["namespace"])


@dataclass
class Laptop:
    """A checkout, and an empty cluster that a stand-in for kind gives away."""

    checkout: Path
    environ: dict[str, str]
    server: ApiServer

    def run(self, *arguments: str) -> str:
        """Run the command for a script that agrees; gives what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "delivery.laptop", *arguments, "--yes", f"--program={self.checkout}"],
            cwd=PROGRAM,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=MINUTES * 60,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def folder_of_charts() -> Path:
    found = charts.find()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(scope="module")
def laptop(
    prerequisites: Prerequisites,
    folder_of_charts: Path,
    etcd: Etcd,
    forge: Forge,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Laptop]:
    folder = tmp_path_factory.mktemp("laptop")
    checkout, programs = folder / "checkout", folder / "bin"
    for made in (checkout, programs, folder / "clusters"):
        made.mkdir()
    for name in LINKED:
        (checkout / name).symlink_to(PROGRAM / name)
    for path in PROGRAM.glob("Pulumi*.yaml"):
        shutil.copy(path, checkout)
    set_keys(checkout, "dev", {"githubApiUrl": forge.api_url})
    forge.create_repository(REPOSITORY, files={"README.md": "# GitOps\n"}, organization=True)
    with ApiServer(prerequisites.assets, etcd, folder / "server") as server, Everything(server):
        kubeconfig = server.kubeconfig().replace(CONTEXT, "kind-delivery")
        (folder / "kubeconfig").write_text(kubeconfig)
        kind = KIND.replace("CLUSTERS", str(folder / "clusters")).replace("KUBECONFIG", str(folder / "kubeconfig"))
        for name, script in {"kind": kind, "docker": "", "kubectl": ""}.items():
            (programs / name).write_text(f"#!/bin/sh\n{script}\n")
            (programs / name).chmod(0o755)
        environ = os.environ | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PULUMI_HOME": str(folder / "home"),
            "GITHUB_TOKEN": TOKEN,
            "DELIVERY_CHARTS": str(folder_of_charts),
        }
        yield Laptop(checkout, environ, server)


def test_a_whole_delivery_comes_up_and_goes_again(laptop: Laptop, forge: Forge) -> None:
    printed = laptop.run("up", "--repository", REPOSITORY)

    assert "8443:443" in printed
    assert laptop.server.names("Application") == ["podtato-head-dev", "podtato-head-prod"]
    assert TOKEN not in printed
    for stage in ("dev", "production"):
        values = yaml.safe_load(forge.read(REPOSITORY, f"{stage}/values.yaml") or b"")
        assert values["serviceVersion"] == "v0.3.0"

    again = laptop.run("up")
    changes = re.findall(r"^ +[-+~]+ +(\d+ \w+)$", again, re.MULTILINE)
    assert changes == []

    laptop.run("down")
    assert laptop.server.names("CustomResourceDefinition") == []
    assert sorted(laptop.server.names("Namespace")) == ["default", "kube-node-lease", "kube-public", "kube-system"]
    assert forge.read(REPOSITORY, ".github/workflows/promote.yaml") is None
    assert forge.read(REPOSITORY, "dev/values.yaml") is not None
    assert not (laptop.checkout / ".laptop").exists()
