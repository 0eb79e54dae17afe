"""`make down`: the stages, the platform, the cluster and the folder, in that order. The repository's history stays."""

from collections.abc import Mapping

from delivery.laptop.clusters import TOOLS, LocalCluster
from delivery.laptop.errors import LaptopError
from delivery.laptop.programs import Programs
from delivery.laptop.projects import last_stages
from delivery.laptop.session import DONE, WRONG, Session
from delivery.laptop.stacks import UNREACHABLE, LocalStack, stage_stack
from delivery.laptop.survey import survey, what_goes
from delivery.laptop.tools import tool_checks
from delivery.platform.keys import STACK


def down(session: Session) -> int:
    """The command. Returns the exit status; raises `LaptopError`, `RefusedError`, `StackFilesError`."""
    workspace, answers = session.workspace, session.workspace.answers()
    if answers is None:
        session.say(f"nothing to take away: {workspace.folder} has nothing of make up")
        return DONE
    tool = TOOLS[answers.tool]
    session.check(tool_checks(workspace, session.programs, tool))
    ground = survey(session, answers, tool)
    stages = last_stages(workspace)
    session.say("", *what_goes(ground, stages), "")
    if not session.agree("Go on?"):
        session.say("nothing was done")
        return WRONG
    cluster, has_repository = ground.cluster, ground.repository.exists
    if ground.cluster_exists:
        cluster.start()
        cluster.write_kubeconfig()
    programs = Programs(workspace.surroundings(session.programs.environ))
    for stage in reversed(stages):
        stack = stage_stack(workspace, stage, programs, ground.token)
        if stack.exists():
            with session.step(stage):
                if has_repository:
                    _destroy(stack, cluster, {} if ground.cluster_exists else UNREACHABLE)
                else:
                    stack.forget()
    platform = LocalStack(workspace.platform, STACK, programs)
    if platform.exists():
        with session.step("platform"):
            # What a forgotten stage has left in the cluster would rightly stop it, and goes with the cluster.
            if ground.cluster_exists and has_repository:
                _destroy(platform, cluster, {})
            else:
                platform.forget()
    if ground.cluster_exists:
        with session.step(f"cluster {cluster.name}"):
            cluster.delete()
            if cluster.exists():
                raise LaptopError(f"{tool.name} still lists the cluster {cluster.name}", "see its own lines above")
    workspace.remove()
    session.say("", "all of it is gone, except for what stays in the repository")
    return DONE


def _destroy(stack: LocalStack, cluster: LocalCluster, more: Mapping[str, str]) -> None:
    try:
        stack.destroy(more)
    except LaptopError as error:
        instead = f"where it is the cluster that stops it: {cluster.delete_command}"
        raise LaptopError(str(error), f"{error.fix}; {instead}") from None
