"""`make up`: cluster, platform, every stage, and a look at all of it. Each step begins with what is there already."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from delivery.cluster import connect
from delivery.laptop.clusters import TOOLS
from delivery.laptop.errors import LaptopError
from delivery.laptop.forwards import Forwards, Target
from delivery.laptop.health import unanswered, unhealthy
from delivery.laptop.programs import Programs
from delivery.laptop.progress import wait_until_nothing
from delivery.laptop.projects import (
    configuration,
    last_stages,
    stage_names,
    write_pipeline,
    write_platform,
)
from delivery.laptop.session import DONE, WRONG, Session
from delivery.laptop.stacks import UNREACHABLE, LocalStack, stage_stack
from delivery.laptop.survey import PROMOTION_TOKEN, Ground, Wanted, chosen, survey, what_comes
from delivery.laptop.tools import found_tool, tool_checks
from delivery.laptop.workspace import Answers
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration
from delivery.platform.keys import STACK

ANSWER_SECONDS, HEALTHY_SECONDS = 180.0, 1200.0
"""How long the API server and the stages may take: images come from far away the first time."""


def up(session: Session, wanted: Wanted) -> int:
    """The command. Returns the exit status; raises `LaptopError`, `RefusedError`, `ConfigError`, `StackFilesError`."""
    workspace = session.workspace
    before = workspace.answers()
    repository, cluster = chosen(wanted, before)
    tool = TOOLS[before.tool] if before else found_tool(session.programs)
    session.check(tool_checks(workspace, session.programs, tool))
    if tool is None:
        return WRONG
    stages = stage_names(workspace.program)
    removed = tuple(stage for stage in last_stages(workspace) if stage not in stages)
    ground = survey(session, Answers(repository, cluster, tool.name), tool)
    session.check(ground.repository.checks(ours=before is not None))
    if ground.cluster_exists and before is None:
        found = f"a {tool.name} cluster {cluster} is there, and was not made by make up"
        raise LaptopError(found, f"{session.command} CLUSTER=ANOTHER-NAME")
    session.say("", *what_comes(ground, session, stages, removed), "")
    if not session.agree("Go on?"):
        session.say("nothing was done")
        return WRONG
    workspace.prepare(ground.answers)
    programs = Programs(workspace.surroundings(session.programs.environ))
    make_cluster(session, ground)
    remove_stages(session, ground, programs, removed)
    outputs = bring_up_platform(session, ground, programs)
    up_now = bring_up_stages(session, ground, programs, str(outputs.get("otlpEndpoint") or ""))
    wait_until_healthy(session, ground, up_now)
    return show(session, ground, programs, up_now, outputs)


def make_cluster(session: Session, ground: Ground) -> None:
    """Create the cluster, or start it, and wait until its API server answers."""
    cluster = ground.cluster
    with session.step(f"cluster {cluster.name}"):
        if ground.cluster_exists:
            session.say("it is there")
            cluster.start()
        else:
            cluster.create()
        cluster.write_kubeconfig()
        kubeconfig = SecretText(str(session.workspace.kubeconfig))
        connection = connect(cluster.context, kubeconfig)
        deadline, fix = session.deadline(ANSWER_SECONDS), "make down removes what is left of it"
        wait_until_nothing(lambda: unanswered(connection), session.progress(), deadline, fix)


def remove_stages(session: Session, ground: Ground, programs: Programs, removed: tuple[str, ...]) -> None:
    """Destroy the stages that the checkout no longer has: before the pipeline that knows them is written anew."""
    for stage in reversed(removed):
        stack = stage_stack(session.workspace, stage, programs, ground.token)
        if stack.exists():
            with session.step(f"remove {stage}"):
                stack.destroy({} if ground.cluster_exists else UNREACHABLE)


def bring_up_platform(session: Session, ground: Ground, programs: Programs) -> dict[str, object]:
    """Update the platform's stack; gives its outputs."""
    workspace = session.workspace
    with session.step("platform"):
        write_pipeline(workspace, ground.place)
        write_platform(workspace, ground.place)
        stack = LocalStack(workspace.platform, STACK, programs)
        stack.create()
        if ground.repository.is_private:
            stack.set_secret("platform:githubToken", ground.token.secret)
        stack.up()
        return stack.outputs()


def bring_up_stages(
    session: Session, ground: Ground, programs: Programs, otlp_endpoint: str
) -> tuple[StackConfiguration, ...]:
    """Update every stage's stack, in the pipeline's order; gives their configurations."""
    write_pipeline(session.workspace, ground.place, otlp_endpoint)
    names = stage_names(session.workspace.folder)
    stages = tuple(configuration(session.workspace, name) for name in names)
    task_token = SecretText(programs.environ.get(PROMOTION_TOKEN) or ground.token.secret.reveal())
    for stage in stages:
        with session.step(stage.stage.name):
            stack = stage_stack(session.workspace, stage.stage.name, programs, ground.token)
            stack.create()
            stack.set_secret("delivery:promotionToken", task_token)
            stack.up()
    return stages


def wait_until_healthy(session: Session, ground: Ground, stages: tuple[StackConfiguration, ...]) -> None:
    """Wait until every application of every stage is healthy."""
    with session.step("healthy"):
        connection = connect(ground.cluster.context, SecretText(str(session.workspace.kubeconfig)))
        deadline = session.deadline(HEALTHY_SECONDS)
        try:
            wait_until_nothing(lambda: unhealthy(connection, stages), session.progress(), deadline, "")
        except LaptopError as error:
            waits = next((stage for stage in stages if unhealthy(connection, [stage])), stages[0]).stage.name
            folder = session.workspace.folder.name
            doctor = f".venv/bin/python -m delivery.doctor --project {folder} --stack {waits}"
            raise LaptopError(str(error), f"see what it waits for: . {folder}/environment; {doctor}") from None


def targets(stages: tuple[StackConfiguration, ...], outputs: Mapping[str, object]) -> Iterator[Target]:
    """What a person may want to open: Argo CD, Jaeger, and of each stage what its generated charts serve.

    `outputs` are the platform's, which may have left a part out.
    """
    if "argocd" in outputs:
        yield Target("Argo CD", "argocd", "argocd-server", 443, 8443, "https")
    if "jaeger" in outputs:
        # Where the pipeline's own links to traces lead by default.
        yield Target("Jaeger", "observability", "jaeger", 16686, 16686)
    for number, stage in enumerate(stages):
        for placed in stage.stage_applications:
            application = placed.application
            if not application.own_files:
                title = (
                    stage.stage.name if len(stage.stage_applications) == 1 else f"{stage.stage.name} {application.name}"
                )
                port = application.service_port
                yield Target(title, placed.namespace, application.workload, port, 9080 + number)


def show(
    session: Session,
    ground: Ground,
    programs: Programs,
    stages: tuple[StackConfiguration, ...],
    outputs: dict[str, object],
) -> int:
    """Print the addresses, and keep the port-forwards for as long as there is a person who looks."""
    opened, context = tuple(targets(stages, outputs)), ground.cluster.context
    first = stages[0].stage_applications[0].program_path
    if not session.terminal:
        kubectl = {target.title: " ".join(target.command(context, target.local)) for target in opened}
        session.say("", "these open it, with KUBECONFIG as in environment:", *_table(kubectl))
        return DONE
    # Ctrl-C leaves from the first address on that is shown.
    with Forwards(opened, context, session.workspace, programs) as forwards, suppress(KeyboardInterrupt):
        session.say("", "open until Ctrl-C:", *_table(forwards.addresses))
        session.say(f"  Argo CD's user is admin; its password: {outputs.get('argocdPassword', '')}")
        session.say(f"  a promotion begins with another version in {first}/values.yaml of {ground.answers.repository}")
        forwards.keep(session.sleep)
    session.say("", "everything goes on running; make up opens it again, make down takes it away")
    return DONE


def _table(rows: dict[str, str]) -> Iterator[str]:
    width = max(map(len, rows), default=0)
    return (f"  {title:<{width}}  {text}" for title, text in rows.items())
