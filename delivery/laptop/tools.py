"""The tools that have to be on this machine, each with the command that installs it."""

from collections.abc import Iterator

from delivery.doctor.check import Check, ok, wrong
from delivery.doctor.inspection import Inspection
from delivery.doctor.toolchain import cli, language_host
from delivery.laptop.clusters import TOOLS, ClusterTool
from delivery.laptop.errors import LaptopError
from delivery.laptop.programs import Programs
from delivery.laptop.workspace import Workspace

_OTHERS = {
    "kubectl": "brew install kubectl, or https://kubernetes.io/docs/tasks/tools/",
    "git": "brew install git, or apt install git",
}


def tool_checks(workspace: Workspace, programs: Programs, tool: ClusterTool | None) -> Iterator[Check]:
    """Every tool, as the doctor would say it. `tool` is the one that has made the cluster, None before."""
    inspection = Inspection(workspace.program, "laptop", programs.environ)
    yield cli("pulumi CLI", inspection)
    yield language_host("language host", inspection)
    yield _cluster_tool(programs, tool)
    yield _containers(programs, tool)
    for name, install in _OTHERS.items():
        yield ok(name, "on PATH") if programs.has(name) else wrong(name, "not on PATH", install)


def found_tool(programs: Programs) -> ClusterTool | None:
    """The tool that is there, kind where both are; None where none is."""
    return next((tool for tool in TOOLS.values() if programs.has(tool.name)), None)


def _cluster_tool(programs: Programs, tool: ClusterTool | None) -> Check:
    if tool is not None and not programs.has(tool.name):
        return wrong(tool.name, "not on PATH, and the cluster was made with it", tool.install)
    found = tool or found_tool(programs)
    if found is None:
        fixes = "; or ".join(each.install for each in TOOLS.values())
        return wrong(" or ".join(TOOLS), "neither is on PATH", fixes)
    return ok(found.name, "on PATH")


def _containers(programs: Programs, tool: ClusterTool | None) -> Check:
    """What runs the containers has to run itself: it is asked for a list, which its daemon makes."""
    found = tool or found_tool(programs)
    engine = found.engine(programs.environ) if found else "docker"
    if not programs.has(engine):
        return wrong(engine, "not on PATH", "https://docs.docker.com/get-docker/")
    try:
        programs.ask(engine, "ps", "--quiet")
    except LaptopError as error:
        return wrong(engine, str(error), f"start it, until this works: {engine} ps")
    return ok(engine, "runs")
