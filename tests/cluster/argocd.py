"""A real Argo CD: its application controller and its repo server, over redis and the tier's API server."""

import os
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from tests.cluster.api_server import CONTEXT, ApiServer, Body
from tests.cluster.node_agent import NodeAgent
from tests.cluster.programs import Program, started

NAMESPACE = "argocd"
# The first two and `argocd`, which git asks for the credential, are one program of Argo CD's under three names; the
# script is in its repository's hack/.
NEEDED = (
    "argocd-application-controller",
    "argocd-repo-server",
    "argocd",
    "git-verify-wrapper.sh",
    "redis-server",
    "helm",
)
_REFRESH = "argocd.argoproj.io/refresh"


def missing_programs() -> list[str]:
    """Those programs that are not on PATH."""
    return [name for name in NEEDED if shutil.which(name) is None]


class ArgoCd:
    """One Argo CD that delivers into the cluster that it runs in, for a `with` block.

    It asks no repository by itself for what is new: see `Delivery`.
    """

    def __init__(self, server: ApiServer, folder: Path) -> None:
        self.server, self._folder = server, folder
        self._running: list[Program] = []

    def __enter__(self) -> "ArgoCd":
        self._folder.mkdir(parents=True)
        kubeconfig = yaml.safe_load(self.server.kubeconfig()) | {"current-context": CONTEXT}
        (self._folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig), encoding="utf-8")
        self.server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        for body in _settings():
            self.server.create(body)
        try:
            (redis,) = self._start(["redis-server", "--bind", "127.0.0.1", "--save", ""], "--port")
            repo_server, _ = self._start(
                [
                    "argocd-repo-server",
                    "--address=127.0.0.1",
                    "--metrics-address=127.0.0.1",
                    "--disable-tls",
                    "--client-ca-path=",
                    f"--redis=127.0.0.1:{redis}",
                ],
                "--port",
                "--metrics-port",
            )
            self._start(
                [
                    "argocd-application-controller",
                    f"--kubeconfig={self._folder / 'kubeconfig'}",
                    f"--namespace={NAMESPACE}",
                    f"--redis=127.0.0.1:{redis}",
                    f"--repo-server=127.0.0.1:{repo_server}",
                    "--repo-server-plaintext",
                    "--app-resync=0",
                    "--app-resync-jitter=0",
                ],
                "--metrics-port",
            )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for program in reversed(self._running):
            program.stop()

    def wait_for(self, ready: Callable[[], bool]) -> None:
        """Ask until it is so."""
        self._running[-1].wait_for(ready)

    def give_access(self, url: str, token: str) -> None:
        """Let it read a repository."""
        metadata = {"generateName": "repository-", "namespace": NAMESPACE}
        labels = {"argocd.argoproj.io/secret-type": "repository"}
        login = {"type": "git", "url": url, "username": "argocd", "password": token}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata | {"labels": labels}, "stringData": login}
        self.server.create(body)

    def _start(self, command: Sequence[str], *ports: str) -> Sequence[int]:
        """Start a program with these options for its ports, and wait until it listens on all of them."""
        environ = os.environ | {
            # The cluster that it runs in is that of the kubeconfig.
            "ARGOCD_FAKE_IN_CLUSTER": "true",
            "KUBECONFIG": str(self._folder / "kubeconfig"),
            # Between waves it waits two seconds for what is changed to be seen. Here it sees that at once.
            "ARGOCD_SYNC_WAVE_DELAY": "0",
            "ARGOCD_CLUSTER_CACHE_BATCH_EVENTS_PROCESSING": "false",
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_ASK_PASS_SOCK": str(self._folder / "ask-pass"),
            "HOME": str(self._folder),
            "TMPDIR": str(self._folder),
        }

        def start(chosen: Sequence[int]) -> Program:
            options = [text for name, port in zip(ports, chosen, strict=True) for text in (name, str(port))]
            log = self._folder / f"{command[0]}.log"
            return Program([*command, *options], log, environ)

        program, chosen = started(start, lambda chosen: all(map(_listens, chosen)), len(ports))
        self._running.append(program)
        return chosen


class Delivery:
    """An Application, and the nodes on which its workloads and hooks run.

    What has Argo CD do something waits until it is done, and gives the names of what ended on the nodes meanwhile.
    """

    def __init__(self, argo_cd: ArgoCd, name: str, namespace: str) -> None:
        self._argo_cd, self._name = argo_cd, name
        self.nodes = NodeAgent(argo_cd.server, namespace)

    def first_sync(self) -> list[str]:
        """Argo CD finds the Application by itself."""
        return self._until(lambda body: _is_over(body))

    def deliver(self, commit: str) -> list[str]:
        """Have Argo CD sync the newest commit of the repository, which is that one."""
        self._refresh()
        return self._until(lambda body: _is_over(body) and commit in _revisions(_operation(body).get("syncResult", {})))

    def look(self, commit: str) -> list[str]:
        """Have Argo CD look at it, where nothing is being synced. A sync that comes of it is waited for."""
        self._refresh()
        # That sync is there before the annotation goes.
        return self._until(lambda body: _has_looked(body, commit) and _is_over(body))

    def look_until_it_waits(self, commit: str) -> list[str]:
        """The same, until it waits for a workload to be healthy."""
        self._refresh()
        return self._until(
            lambda body: (
                _has_looked(body, commit) and "waiting for healthy state" in _operation(body).get("message", "")
            )
        )

    def sync(self, *resources: Body) -> list[str]:
        """Sync as a person does (`argocd app sync`): everything, or some objects."""
        operation = {"sync": {"syncStrategy": {"hook": {}}, **({"resources": resources} if resources else {})}}
        self._merge({"operation": operation, "status": {"operationState": None}})
        return self._until(_is_over)

    def heal(self, healed: Callable[[], bool]) -> list[str]:
        """Argo CD undoes by itself what somebody changed in the cluster."""
        return self._until(lambda body: healed() and _is_over(body))

    @property
    def status(self) -> Body:
        """The Application's status."""
        return dict(self._body()["status"])

    @property
    def operation(self) -> Body:
        """How the last sync went."""
        return _operation(self._body())

    def result(self, name: str, kind: str) -> Body:
        """What the last sync says of an object."""
        listed = self.operation["syncResult"]["resources"]
        return next(each for each in listed if (each["name"], each["kind"]) == (name, kind))

    def _until(self, ready: Callable[[Body], bool]) -> list[str]:
        before = len(self.nodes.ended)

        def done() -> bool:
            self.nodes.work()
            return ready(self._body())

        self._argo_cd.wait_for(done)
        return self.nodes.ended[before:]

    def _refresh(self) -> None:
        self._merge({"metadata": {"annotations": {_REFRESH: "normal"}}})

    def _body(self) -> Body:
        found = self._argo_cd.server.get("Application", self._name, NAMESPACE)
        assert found is not None
        return found

    def _merge(self, body: Body) -> None:
        self._argo_cd.server.merge("Application", self._name, body, NAMESPACE)


def _operation(body: Body) -> Body:
    return dict(body.get("status", {}).get("operationState") or {})


def _is_over(body: Body) -> bool:
    return "operation" not in body and "finishedAt" in _operation(body)


def _has_looked(body: Body, commit: str) -> bool:
    return _REFRESH not in body["metadata"].get("annotations", {}) and commit in _revisions(body["status"]["sync"])


def _revisions(body: Body) -> list[str]:
    """One source has a revision, several have a list."""
    return [body.get("revision", ""), *body.get("revisions", ())]


def _settings() -> list[Body]:
    metadata = {"namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "argocd"}}
    project = {
        "sourceRepos": ["*"],
        "destinations": [{"server": "*", "namespace": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    }
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata | {"name": "argocd-cm"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata | {"name": "argocd-secret"}},
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": metadata | {"name": "default"},
            "spec": project,
        },
    ]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
