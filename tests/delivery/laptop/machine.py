"""A laptop without Docker: a checkout, the forge as GitHub, a stand-in for the API server, and tools that only record.

The tools are shell scripts on a PATH of their own. They write down their calls, and what a call has made is a file that
the next one sees: a cluster, a stack.
"""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copy, copytree, which

import yaml

from delivery.laptop.programs import Programs
from delivery.laptop.session import Session
from delivery.laptop.workspace import Workspace
from lab.engine import PROGRAM
from lab.forge import Forge
from lab.project import set_keys
from tests.delivery.cluster.kubernetes_api import ARGOCD, TOKEN, Body, KubernetesApi

REPOSITORY = "acme/podtato-head-gitops"
GITHUB_TOKEN = "token-of-the-person"
OUTPUTS = (
    '{"argocd": "kubectl …", "argocdPassword": "kubectl get secret …", "jaeger": "kubectl …",'
    ' "otlpEndpoint": "http://collector:4318"}'
)

PULUMI = """
[ "$1" = version ] && { echo v3.300.1; exit; }
where=STACKS/$(basename "$2"); mkdir -p "$where"; shift 2
for last; do :; done
case "$*" in
  "stack ls"*) printf '[{"name": "another"}'
    for stack in "$where"/*; do [ -e "$stack" ] && printf ', {"name": "%s"}' "$(basename "$stack")"; done; echo ']';;
  "stack init"*) touch "$where/$3";;
  "stack rm"*) rm "$where/$last";;
  "stack output"*) echo 'OUTPUTS';;
  "config set"*) echo "$last=$(cat)" >> SECRETS;;
  up*|destroy*) echo "$last $1 ${GITHUB_TOKEN:-none} ${PULUMI_K8S_DELETE_UNREACHABLE:-}" >> UPDATES
    [ ! -e "FAILING-$last" ];;
esac
"""
KIND = """
case "$*" in
  "get clusters") ls CLUSTERS;;
  "create cluster"*) [ ! -e FAILING-cluster ] && touch "CLUSTERS/$4" && cp KUBECONFIG "$6";;
  "get kubeconfig"*) cat KUBECONFIG;;
  "delete cluster"*) rm "CLUSTERS/$4";;
esac
"""
K3D = """
case "$*" in
  "cluster list"*) for it in CLUSTERS/*; do [ -e "$it" ] && echo "$(basename "$it")   1/1   0/0   true"; done; true;;
  "cluster create"*) touch "CLUSTERS/$3";;
  "kubeconfig get"*) cat KUBECONFIG;;
  "cluster delete"*) rm "CLUSTERS/$3";;
esac
"""


@dataclass
class Laptop:
    """One laptop, in `folder`. `typed` is what the person answers; `slept` is called at each pause, with its number."""

    folder: Path
    forge: Forge
    api: KubernetesApi
    typed: str = "y"
    terminal: bool = True
    slept: Callable[[int], None] = lambda _: None
    tools: tuple[str, ...] = ("kind",)
    environ: dict[str, str] = field(default_factory=lambda: {"GITHUB_TOKEN": GITHUB_TOKEN})

    def __post_init__(self) -> None:
        self.program, self.bin = self.folder / "checkout", self.folder / "bin"
        for folder in (self.program, self.bin, self.folder / "clusters"):
            folder.mkdir()
        for path in PROGRAM.glob("Pulumi*.yaml"):
            copy(path, self.program)
        if (PROGRAM / "platform").exists():
            copytree(PROGRAM / "platform", self.program / "platform")
        set_keys(self.program, "dev", {"githubApiUrl": self.forge.api_url})
        self.forge.add_token(GITHUB_TOKEN, login="person")
        self.workspace = Workspace(self.program, self.program / ".laptop")
        self._sleeps = 0
        self.install("pulumi", PULUMI)
        for name in ("pulumi-language-python", "git"):
            self.install(name)
        self.install("kubectl", "exec tail -f /dev/null")
        self.install("docker", "[ ! -e FAILING-docker ]")
        for name in self.tools:
            self.install(name, {"kind": KIND, "k3d": K3D}[name])
        for tool in ("kind", "k3d"):
            self.write_kubeconfig(f"{tool}-delivery")
        for name in ("basename", "cat", "cp", "ls", "mkdir", "rm", "tail", "touch"):
            (self.bin / name).symlink_to(which(name) or name)
        self.environ |= {"PATH": str(self.bin)}

    def write_kubeconfig(self, context: str) -> None:
        """What the tools say of the cluster, added to what they have said so far."""
        path = self.folder / "kubeconfig"
        before = yaml.safe_load(path.read_text()) if path.exists() else {"contexts": []}
        contexts = [*before["contexts"], {"name": context, "context": {"cluster": "it", "user": "me"}}]
        clusters = [{"name": "it", "cluster": {"server": self.api.url}}]
        document = {"apiVersion": "v1", "kind": "Config", "contexts": contexts, "clusters": clusters}
        path.write_text(yaml.safe_dump(document | {"users": [{"name": "me", "user": {"token": TOKEN}}]}))

    def install(self, name: str, script: str = "") -> None:
        """Put a tool on PATH."""
        places = {"STACKS": "stacks", "CLUSTERS": "clusters", "KUBECONFIG": "kubeconfig", "FAILING": "failing"}
        places |= {"SECRETS": "secrets", "UPDATES": "updates"}
        script = script.replace("OUTPUTS", OUTPUTS)
        for word, place in places.items():
            script = script.replace(word, str(self.folder / place))
        (self.bin / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {self.folder}/calls\n{script}\n')
        (self.bin / name).chmod(0o755)

    def fail(self, what: str) -> Path:
        """Let something fail until the file that is given back is removed."""
        path = self.folder / f"failing-{what}"
        path.touch()
        return path

    def lines(self, name: str) -> list[str]:
        """What the tools have written into one of their files."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def calls(self, *beginnings: str) -> list[str]:
        """The calls that begin like one of these, in their order, without this machine's folders."""
        found = (line.replace(str(self.program), "…") for line in self.lines("calls"))
        return [line for line in found if line.startswith(beginnings)]

    @property
    def clusters(self) -> list[str]:
        """The clusters that there are."""
        return sorted(path.name for path in (self.folder / "clusters").iterdir())

    @property
    def stacks(self) -> list[str]:
        """The stacks that there are, by the folder of their project."""
        return sorted(f"{path.parent.name}/{path.name}" for path in (self.folder / "stacks").glob("*/*"))

    def ending(self) -> str:
        """What the last run has printed at its end, behind an empty line."""
        return self.out.getvalue().strip().rpartition("\n\n")[2]

    def session(self, command: str, *, yes: bool = False) -> Session:
        """A run of a command, with a person who answers as `typed`."""
        self.out = io.StringIO()
        return Session(
            command,
            self.workspace,
            Programs(self.environ),
            self.out,
            terminal=self.terminal,
            yes=yes,
            read=lambda: self.typed,
            clock=lambda: 0.0,
            sleep=self._sleep,
        )

    def _sleep(self, _: float) -> None:
        self._sleeps += 1
        self.slept(self._sleeps)
        if self._sleeps > 1000:
            raise AssertionError("nothing comes of waiting")

    def wait_for(self, ready: Callable[[], bool]) -> None:
        """Ask until it is so: a process that was started announces nothing to wait for."""
        deadline = time.monotonic() + 30
        while not ready():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def heal(self, *stages: str) -> None:
        """Let Argo CD and Keptn be done with these stages."""
        for stage in stages:
            application = "podtato-head-prod" if stage == "production" else f"podtato-head-{stage}"
            self.api.objects |= {
                f"{ARGOCD}/applications/{application}": synced(),
                f"/apis/lifecycle.keptn.sh/v1/namespaces/podtato-head-{stage}/keptnappversions": {
                    "items": [version("Completed")]
                },
            }


def synced(sync: str = "Synced", health: str = "Healthy", phase: str = "Succeeded") -> Body:
    """An Application as Argo CD leaves it."""
    operation = {"phase": phase, "finishedAt": "2026-01-01T00:00:00Z"}
    status = {"sync": {"status": sync}, "health": {"status": health}, "reconciledAt": "2026-01-01T00:00:00Z"}
    return {"metadata": {"name": "it"}, "spec": {}, "status": status | {"operationState": operation}}


def version(state: str, **status: object) -> Body:
    """A version as Keptn verifies it."""
    spec = {"appName": "podtato-head", "version": "v0.3.0"}
    return {"metadata": {"name": "it"}, "spec": spec, "status": {"status": state, **status}}
