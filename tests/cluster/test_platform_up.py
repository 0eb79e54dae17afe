"""`pulumi -C platform up` and `destroy` of the whole platform, from the charts, against a real API server."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lab.engine import PROGRAM
from tests.charts import find
from tests.cluster.api_server import CONTEXT, ApiServer, Body, Etcd
from tests.cluster.controllers import Controllers
from tests.cluster.platforms import Platform, platform
from tests.cluster.prerequisites import Prerequisites
from tests.cluster.team import Done

FOUND = find(os.environ)
pytestmark = pytest.mark.skipif(isinstance(FOUND, str), reason=str(FOUND))
STACK = "laptop"
SECONDS = 400


class PlatformStack:
    """The platform's stack of a cluster, run by the real engine, as a person does. Commands are what they type."""

    def __init__(self, server: ApiServer, folder: Path, charts: Path) -> None:
        self._project = folder / "project" / "platform"
        self._project.mkdir(parents=True)
        (folder / "state").mkdir()
        for name in (".venv", "components", "delivery", "program"):
            (folder / "project" / name).symlink_to(PROGRAM / name)
        (self._project / "__main__.py").symlink_to(PROGRAM / "platform" / "__main__.py")
        shutil.copy(PROGRAM / "platform" / "Pulumi.yaml", self._project)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        self._environ = kept | {
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "nothing here is worth one",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "DELIVERY_CHARTS": str(charts),
        }
        for command in (
            ("stack", "init"),
            ("config", "set", "platform:kubeContext", CONTEXT),
            ("config", "set", "platform:kubeconfig", "--secret", server.kubeconfig()),
        ):
            done = self.run(*command)
            assert done.status == 0, done.text

    def run(self, *arguments: str) -> Done:
        """What `pulumi -C platform` says to these arguments."""
        done = subprocess.run(
            ["pulumi", "--non-interactive", "--color=never", *arguments, f"--stack={STACK}"],
            cwd=self._project,
            env=self._environ,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        )
        return Done(done.returncode, done.stdout)


@dataclass(frozen=True)
class Life:
    """A platform's life in an empty cluster: how each command ended, and what was there then."""

    declared: Platform
    up: Done
    there: Mapping[str, list[str]]
    config: Body
    outputs: Mapping[str, str]
    passwords: Sequence[str]
    again: Done
    refused: Mapping[str, Done]
    there_after_refusal: Mapping[str, list[str]]
    destroyed: Done
    left: Mapping[str, list[str]]


@pytest.fixture(scope="module")
def life(prerequisites: Prerequisites, etcd: Etcd, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """Everything that happens to it, once: an update reads a hundred objects, one of them of 1.4 MB."""
    assert isinstance(FOUND, Path)
    with (
        ApiServer(prerequisites.assets, etcd, tmp_path_factory.mktemp("servers") / "platform") as server,
        Controllers(server),
    ):
        stack = PlatformStack(server, tmp_path_factory.mktemp("platform"), FOUND)
        up = stack.run("up", "--yes", "--skip-preview")
        assert up.status == 0, up.text
        there, passwords = names(server), [password(server)]
        config = server.get("KeptnConfig", "keptn-config", "keptn-system")
        assert config is not None
        outputs: dict[str, str] = json.loads(stack.run("stack", "output", "--json").text)
        write_as_what_runs(server)
        again = stack.run("up", "--yes", "--skip-preview", "--refresh", "--run-program", "--expect-no-changes")
        passwords.append(password(server))
        server.create(APPLICATION)
        refused = {
            "with its preview": stack.run("destroy", "--yes", "--run-program"),
            "without a preview": stack.run("destroy", "--yes", "--skip-preview", "--run-program"),
            "without the program": stack.run("destroy", "--yes", "--skip-preview"),
        }
        stack.run("config", "set", "platform:argocd", "false")
        refused["by an update without Argo CD"] = stack.run("up", "--yes", "--skip-preview")
        stack.run("config", "rm", "platform:argocd")
        there_after_refusal = names(server)
        server.delete("Application", "podtato-head-dev", "argocd")
        destroyed = stack.run("destroy", "--yes", "--skip-preview", "--run-program")
        return Life(
            platform(FOUND, "laptop"),
            up,
            there,
            config,
            outputs,
            passwords,
            again,
            refused,
            there_after_refusal,
            destroyed,
            names(server),
        )


APPLICATION: Body = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "podtato-head-dev", "namespace": "argocd"},
    "spec": {
        "project": "default",
        "source": {"repoURL": "https://github.com/podtato-team/podtato-head", "path": "dev"},
        "destination": {"name": "in-cluster", "namespace": "podtato-head-dev"},
    },
}
KINDS = (
    *("Namespace", "Deployment", "StatefulSet", "Service", "ConfigMap", "NetworkPolicy", "Role", "ClusterRole"),
    *("CustomResourceDefinition", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
)


def test_everything_is_there_as_the_charts_have_it(life: Life) -> None:
    for kind in KINDS:
        declared = {body["metadata"]["name"] for body in life.declared.objects(kind)}
        assert declared <= {*life.there[kind]}, kind
    assert life.config["spec"]["OTelCollectorUrl"] == "otel-collector.observability.svc:4317"


def test_a_second_update_changes_nothing(life: Life) -> None:
    assert life.again.status == 0, life.again.text
    first, second = life.passwords
    assert first
    assert first == second


def test_no_password_is_said(life: Life) -> None:
    assert life.passwords[0] not in life.up.text + life.again.text + json.dumps(life.outputs)
    assert "argocd-initial-admin-secret" in life.outputs["argocdPassword"]


@pytest.mark.parametrize(
    "how", ["with its preview", "without a preview", "without the program", "by an update without Argo CD"]
)
def test_everything_stays_while_somebody_has_an_application(life: Life, how: str) -> None:
    assert life.refused[how].status != 0, life.refused[how].text
    for kind in KINDS:
        assert life.there_after_refusal[kind] == life.there[kind], kind


@pytest.mark.parametrize("how", ["with its preview", "without a preview", "by an update without Argo CD"])
def test_the_refusal_names_the_application_and_the_fix(life: Life, how: str) -> None:
    assert "applications argocd/podtato-head-dev" in life.refused[how].text
    assert "pulumi destroy --run-program -s production" in life.refused[how].text


def test_destroy_leaves_nothing_behind(life: Life) -> None:
    assert life.destroyed.status == 0, life.destroyed.text
    for kind in KINDS:
        declared = {body["metadata"]["name"] for body in life.declared.objects(kind)}
        assert declared & {*life.left[kind]} == set(), kind
    assert life.left["CustomResourceDefinition"] == []


def write_as_what_runs(server: ApiServer) -> None:
    """Write what Argo CD and Keptn write into objects of the platform, and beside them, once they run."""
    argocd = {"namespace": "argocd"}
    server.merge(
        "Secret", "argocd-secret", {"data": {"server.secretkey": "a2V5", "admin.password": "aGFzaA=="}}, "argocd"
    )
    initial = {"name": "argocd-initial-admin-secret", **argocd}
    server.create({"apiVersion": "v1", "kind": "Secret", "metadata": initial, "data": {"password": "cGFzcw=="}})
    project = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "default", **argocd}}
    server.create(project | {"spec": {"sourceRepos": ["*"]}})
    [cluster] = yaml.safe_load(server.kubeconfig())["clusters"]
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for body in server.items(kind):
            for webhook in body["webhooks"]:
                # Some certificate.
                webhook["clientConfig"]["caBundle"] = cluster["cluster"]["certificate-authority-data"]
            server.merge(kind, body["metadata"]["name"], {"webhooks": body["webhooks"]})


def names(server: ApiServer) -> dict[str, list[str]]:
    return {kind: sorted(each["name"] for each in server.metadata(kind)) for kind in KINDS}


AUTHORITY = "Q0E="


def password(server: ApiServer) -> str:
    """Redis' password, decoded."""
    secret = server.get("Secret", "argocd-redis", "argocd")
    assert secret is not None
    return base64.b64decode(secret.get("data", {}).get("auth", "")).decode()
