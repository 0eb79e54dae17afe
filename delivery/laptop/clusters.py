"""The two tools that make a cluster out of containers, as commands. Neither is given the person's own kubeconfig.

Read in kind's `pkg/cmd/kind` and k3d's `cmd/cluster`: both list one cluster a line, its name first, and print a
kubeconfig whose context is named by the tool and the cluster.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from delivery.laptop.programs import Programs
from delivery.laptop.workspace import Workspace, write_private

LONGEST_NAME = 32
"""What k3d takes."""


@dataclass(frozen=True)
class ClusterTool:
    """One of the tools. Commands have `{name}`, `{kubeconfig}` and `{engine}` to fill in; `install` gets the tool.

    `engine_variable` is the tool's own, for another container engine than docker.
    """

    name: str
    install: str
    listing: tuple[str, ...]
    create: tuple[str, ...]
    start: tuple[str, ...]
    kubeconfig: tuple[str, ...]
    delete: tuple[str, ...]
    engine_variable: str = ""

    def engine(self, environ: Mapping[str, str]) -> str:
        """The program that runs the containers."""
        return environ.get(self.engine_variable) or "docker"

    def context(self, cluster: str) -> str:
        """How the kubeconfig calls the cluster."""
        return f"{self.name}-{cluster}"


KIND = ClusterTool(
    "kind",
    "brew install kind, or https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
    ("kind", "get", "clusters"),
    ("kind", "create", "cluster", "--name", "{name}", "--kubeconfig", "{kubeconfig}", "--wait", "120s"),
    # A node that the machine's restart has stopped; one that runs stays as it is.
    ("{engine}", "start", "{name}-control-plane"),
    ("kind", "get", "kubeconfig", "--name", "{name}"),
    ("kind", "delete", "cluster", "--name", "{name}", "--kubeconfig", "{kubeconfig}"),
    "KIND_EXPERIMENTAL_PROVIDER",
)
K3D = ClusterTool(
    "k3d",
    "brew install k3d, or https://k3d.io/stable/#installation",
    ("k3d", "cluster", "list", "--no-headers"),
    (
        "k3d",
        "cluster",
        "create",
        "{name}",
        "--wait",
        "--timeout=300s",
        "--kubeconfig-update-default=false",
        "--kubeconfig-switch-context=false",
        # Nothing here has an ingress, and its load balancer would take ports of the machine.
        "--k3s-arg=--disable=traefik@server:*",
    ),
    ("k3d", "cluster", "start", "{name}"),
    ("k3d", "kubeconfig", "get", "{name}"),
    ("k3d", "cluster", "delete", "{name}"),
)
TOOLS: Mapping[str, ClusterTool] = {tool.name: tool for tool in (KIND, K3D)}
"""By name, the one that is taken first where both are there."""


class LocalCluster:
    """The cluster `name` of one tool. Every method raises `LaptopError`."""

    def __init__(self, tool: ClusterTool, name: str, workspace: Workspace, programs: Programs) -> None:
        self.tool, self.name = tool, name
        self._workspace, self._programs = workspace, programs

    @property
    def context(self) -> str:
        """How the kubeconfig calls it."""
        return self.tool.context(self.name)

    def exists(self) -> bool:
        """Whether the tool lists it, running or not."""
        lines = self._programs.ask(*self.tool.listing).splitlines()
        return self.name in (line.split()[0] for line in lines if line.strip())

    def create(self) -> None:
        """Make it. Takes a minute or two, and longer where images are pulled."""
        self._programs.run(f"{self.tool.name} create", *self._filled(self.tool.create))

    def start(self) -> None:
        """Start what a restart of the machine has stopped."""
        self._programs.ask(*self._filled(self.tool.start))

    def write_kubeconfig(self) -> None:
        """Write the kubeconfig that the stacks use: the cluster's port may be another one after a restart."""
        write_private(self._workspace.kubeconfig, self._programs.ask(*self._filled(self.tool.kubeconfig)))

    @property
    def delete_command(self) -> str:
        """What deletes it, for a person."""
        return shlex.join(self._filled(self.tool.delete))

    def delete(self) -> None:
        """Delete it with everything in it."""
        self._programs.run(f"{self.tool.name} delete", *self._filled(self.tool.delete))

    def _filled(self, command: tuple[str, ...]) -> tuple[str, ...]:
        kubeconfig, engine = str(self._workspace.kubeconfig), self.tool.engine(self._programs.environ)
        return tuple(part.format(name=self.name, kubeconfig=kubeconfig, engine=engine) for part in command)
