"""The chapters of the demo: each tells a part of a `Story` on a terminal, and raises `DemoError` if it goes wrong."""

import json

import yaml

from delivery.config.errors import Json
from delivery.stack.yaml_text import to_yaml
from delivery.tracing.__main__ import main as draw
from lab.argocd import Synced
from lab.argocd_hooks import Operation
from lab.forge import PullRequest
from lab.forge.model import Deployment as Recorded
from lab.story import HIGHEST_RATE, Story, raised
from lab.terminal import Terminal
from lab.updates import Engine


class DemoError(Exception):
    """A step did not end as it must; the text says how it ended."""


def play(story: Story, engine: Engine, terminal: Terminal) -> None:
    """Go from empty stages to a new version in the last one, and what may go wrong on the way."""
    by_hooks = not any(map(story.with_keptn, story.stages))
    introduce(story, terminal)
    deploy(story, engine, terminal)
    first = story.stages[0]
    version = raised(story.version(first))
    terminal.chapter(f"A developer deploys {version} to {first}")
    commits = {first: release(story, version, terminal)}
    terminal.quote(story.show(commits[first]))
    for stage in story.stages[:-1]:
        terminal.chapter(
            f"Keptn verifies {stage} and runs the promotion task"
            if story.with_keptn(stage)
            else f"Argo CD's hooks verify {stage}; the last one is the promotion task"
        )
        verify(story, stage, commits[stage], version, terminal)
        targets, proposed = story.targets(stage), {target_of(pull): pull for pull in story.open_pull_requests()}
        if not proposed.keys() <= set(targets):
            raise DemoError(f"expected pull requests for {' and '.join(targets)}, found {', '.join(proposed)}")
        shown = [proposed[target] for target in targets if target in proposed]
        for pull in shown:
            target = target_of(pull)
            terminal.chapter(f"The promoter has opened a pull request for {target}")
            show(story, pull, terminal, body=stage == first and pull == shown[0])
            terminal.chapter(f"Merging it deploys the verified version to {target}")
            with terminal.step(f"pull request #{pull.number} is merged"):
                commits[target] = story.merge(pull)
    deployed(story, commits[story.stages[-1]], version, terminal)
    board(story, terminal)
    # Keptn makes a version of several workloads; without it there is none, and the newest delivery is drawn.
    drawn = story.synced[first].version if story.with_keptn(first) or len(story.synced[first].workloads) == 1 else ""
    if by_hooks:
        lose_a_dispatch(story, terminal)
        fail_verification(story, terminal)
    timeline(story, drawn, terminal)


def introduce(story: Story, terminal: Terminal) -> None:
    """What is real here and what is not, and the configuration where it is not the project's own."""
    keptn = "Keptn, " if any(map(story.with_keptn, story.stages)) else ""
    watching = "an OpenTelemetry collector, Prometheus, " if story.monitoring else ""
    terminal.note(f"Stand-ins on this machine: GitHub, GitHub Actions, Argo CD, {keptn}{watching}the cluster.")
    hooks = "the tasks and checks, " if story.monitoring else ""
    terminal.note(f"Real: git, this Pulumi program, {hooks}the promotion task, the promoter.")
    terminal.note("Links to 127.0.0.1 belong to the stand-in for GitHub: it has no pages, and it ends with the demo.")
    if story.monitoring:
        terminal.note(
            "No Argo CD runs: its stand-in runs each hook's source text as a process, with its Job's environment"
        )
        terminal.note("and in Argo CD's order. No Job, no pod and no image is made.")


def deploy(story: Story, engine: Engine, terminal: Terminal) -> None:
    """`pulumi up` for every stage, and the version that they begin with."""
    first, stages = story.stages[0], "both stages" if len(story.stages) == 2 else f"all {len(story.stages)} stages"
    terminal.chapter(f"pulumi up for {stages}, {engine.describes}")
    if added := story.verification(first):
        terminal.note(f"The configuration that {first} has here in place of the project's:")
        keys = story.example.settings | added
        terminal.quote(to_yaml({key: decoded(text) for key, text in keys.items()}))
    for stage in story.stages:
        with terminal.step(f"pulumi up --stack {stage}"):
            update = story.update(engine, stage)
        kinds = sorted({str(body["kind"]) for body in update.manifests})
        terminal.note(f"{len(update.manifests)} Kubernetes objects: {', '.join(kinds)}")
        if (update.folder / "argocd").is_dir():
            terminal.note(
                f"in manifests/{stage}/argocd those for Argo CD's cluster, in manifests/{stage}/cluster all others"
            )
    before = story.version(first)
    of = f"{story.application.name} in " if story.example.pipeline.applications[1:] else ""
    told = "Keptn (stand-in) verifies" if all(map(story.with_keptn, story.stages)) else "runs the hooks that verify"
    link = ", " if told.startswith("Keptn") else " and "
    with terminal.step(f"Argo CD (stand-in) syncs {of}{stages} at {before}{link}{told} them"):
        for stage in reversed(story.stages):
            story.sync(stage)
            if story.with_keptn(stage):
                story.verify(stage)
            elif not (done := story.carry_out(stage)).succeeded:
                raise DemoError("".join(run.output for run in done.runs))


def decoded(text: str) -> Json:
    """The value of a key: JSON, or the text itself."""
    try:
        found: Json = json.loads(text)
    except ValueError:
        return text
    return found


def release(story: Story, version: str, terminal: Terminal) -> str:
    """A developer pushes a version to the first stage; the commit."""
    where = story.example.values(story.application, story.stages[0])
    lines = "one line changes" if len(where.keys) == 1 else f"{len(where.keys)} lines change"
    with terminal.step(f"git push: {lines} in {where}"):
        return story.release(version)


def verify(story: Story, stage: str, commit: str, version: str, terminal: Terminal) -> None:
    """Have a stage verify what was committed for it; its promotion task records that, and starts the workflow."""
    before, targets = len(story.runs), story.targets(stage)
    onward = ", then starts the workflow; the workflow runs the promoter" if targets else ""
    if story.with_keptn(stage):
        with terminal.step(f"Argo CD (stand-in) syncs commit {commit[:7]}, Keptn (stand-in) verifies {version}"):
            story.sync(stage)
            context = story.verify(stage)
        with terminal.step(f"the promotion task checks {stage} and records that{onward}"):
            task = story.promote(context, stage)
        for line in (task.stdout or task.stderr).splitlines():
            terminal.note(line)
        failure = task.stderr if task.returncode else ""
    else:
        with terminal.step(f"Argo CD (stand-in) syncs commit {commit[:7]} and runs the hooks around the deployment"):
            story.sync(stage)
            done = story.carry_out(stage)
        hooks(story.synced[stage], done, terminal)
        failure = "" if done.succeeded else done.runs[-1].output
    runs = story.runs[before:]
    if failure or len(runs) < len(targets) or any(run.exit_code for run in runs):
        raise DemoError("".join((failure, *(run.log for run in runs))).strip())
    if runs and not story.open_pull_requests():
        terminal.note(runs[-1].log.rstrip().rpartition("\n")[2])


def hooks(synced: Synced, done: Operation, terminal: Terminal) -> None:
    """What ran in a sync, in its order: phase, wave and name of each hook, and what it printed."""
    rows: list[tuple[str, str, str, str]] = []
    deployment = [("Sync", "", found.name, f"{found.version} is available") for found in synced.workloads]
    for run in done.runs:
        if run.hook.phase == "PostSync" and deployment:
            rows, deployment = rows + deployment, []
        mark = "" if run.exit_code == 0 else "failed: "
        for number, line in enumerate(run.output.splitlines() or [""]):
            shown = (run.hook.phase, f"wave {run.hook.wave}", run.hook.name) if number == 0 else ("", "", "")
            rows.append((*shown, (mark if number == 0 else "") + line))
    terminal.table(rows)


def target_of(pull: PullRequest) -> str:
    """The stage that a pull request promotes into."""
    return pull.head.rpartition("/")[2]


def heads(story: Story) -> dict[int, str]:
    """The commits of the open pull requests, by their numbers."""
    return {pull.number: pull.head_sha for pull in story.open_pull_requests()}


def show(story: Story, pull: PullRequest, terminal: Terminal, *, body: bool) -> None:
    """A pull request: its title, what it says, what it changes."""
    terminal.plain(f"    #{pull.number}  {pull.title}")
    if body:
        terminal.quote(pull.body or "")
        terminal.plain("")
    terminal.quote(story.diff(pull))


def deployed(story: Story, commit: str, version: str, terminal: Terminal) -> None:
    """The last stage, with the new version merged: what Argo CD syncs, and what links its trace to the one before."""
    last = story.stages[-1]
    verify(story, last, commit, version, terminal)
    synced = story.synced[last]
    if story.with_keptn(last):
        terminal.note("What Keptn reads of the synced chart:")
        terminal.quote(yaml.safe_dump(synced.context, sort_keys=False))
    if story.version(last) != version or not synced.links:
        raise DemoError(f"{last} runs {story.version(last)} without a link to the promotion before it")
    runs(synced, terminal)
    source, link = (
        " and ".join(story.example.pipeline.stages[-1].after),
        "spanLinks" if synced.context else "traceParent",
    )
    terminal.note(f"{story.application.name} {version} runs in {last}. {link} links its trace to {source}'s promotion.")


def runs(synced: Synced, terminal: Terminal) -> None:
    """The workloads that a stage has now."""
    terminal.note("What is deployed:")
    terminal.quote("\n".join(f"{found.name}  {found.version}  {found.image}" for found in synced.workloads))


def board(story: Story, terminal: Terminal) -> None:
    """What runs where, as the stages have recorded it."""
    terminal.note("What the stages have recorded as GitHub Deployments, which its Environments page lists:")
    head = ("environment", "version", "commit", "state", "verified by", "")
    rows = [head, *(recorded(found) for stage in story.stages for found in story.records(stage)[:1])]
    terminal.table(rows)


def recorded(found: Recorded) -> tuple[str, ...]:
    """A row of the board: where, what, how it went and who says so, and why it failed."""
    said = found.payload if isinstance(found.payload, dict) else {}
    why = found.statuses[-1].description if found.state == "failure" else ""
    return (
        found.environment,
        str(said["version"] or "several"),
        found.sha[:7],
        found.state,
        str(said["verifiedBy"]),
        why,
    )


def lose_a_dispatch(story: Story, terminal: Terminal) -> None:
    """Have GitHub Actions away when a version is verified: it is recorded, and the sweep promotes it."""
    first = story.stages[0]
    version = raised(story.version(first))
    terminal.chapter(f"{version} is verified while GitHub Actions is away: the dispatch is lost, the record is not")
    commit = release(story, version, terminal)
    before = len(story.runs)
    with terminal.step(
        f"Argo CD (stand-in) syncs commit {commit[:7]}; Actions (stand-in) answers 503 to the promotion task"
    ):
        story.sync(first)
        with story.without_actions():
            done = story.carry_out(first)
    hooks(story.synced[first], done, terminal)
    if not done.succeeded or len(story.runs) > before or story.open_pull_requests():
        raise DemoError(f"a lost dispatch did not end as it must: {done.runs[-1].output}")
    terminal.chapter("The sweep finds the record that nobody has promoted")
    with terminal.step("Actions (stand-in) runs the workflow by its schedule, with no input: it reads the records"):
        swept = story.sweep()
    terminal.quote(swept.log)
    shown, targets = story.open_pull_requests(), story.targets(first)
    if swept.exit_code or len(shown) != len(targets):
        raise DemoError(f"the sweep opened {len(shown)} pull requests: {swept.log}")
    for pull in shown:
        terminal.plain(f"    #{pull.number}  {pull.title}")
        with terminal.step(f"pull request #{pull.number} is merged"):
            merged = story.merge(pull)
        verify(story, target_of(pull), merged, version, terminal)
    asked, proposed = len(story.forge.requests), heads(story)
    with terminal.step("the next sweep finds nothing to do"):
        again = story.sweep()
    terminal.quote(again.log)
    terminal.note(f"{len(story.forge.requests) - asked} requests to GitHub, git's among them")
    if again.exit_code or heads(story) != proposed:
        raise DemoError(f"the next sweep found something to do: {again.log}")


def fail_verification(story: Story, terminal: Terminal) -> None:
    """Have a version that does not keep the bound of the check: its failure is recorded, and nothing is promoted."""
    first, before, proposed = story.stages[0], len(story.runs), heads(story)
    version = raised(story.version(first))
    terminal.chapter(f"{version} answers with errors, more than {HIGHEST_RATE} a second: verification fails")
    story.broken.add(version)
    commit = release(story, version, terminal)
    with terminal.step(f"Argo CD (stand-in) syncs commit {commit[:7]} and runs the hooks, SyncFail the last"):
        story.sync(first)
        done = story.carry_out(first)
    hooks(story.synced[first], done, terminal)
    if done.succeeded or len(story.runs) > before or heads(story) != proposed:
        raise DemoError(f"a failed verification did not end as it must: {done.runs[-1].output}")
    board(story, terminal)
    others = " and ".join(f"{stage} keeps {story.version(stage)}" for stage in story.targets(first))
    terminal.note(f"Nothing was dispatched: {others}.")


def timeline(story: Story, version: str, terminal: Terminal) -> None:
    """The trace of a version, from its commit to the last stage."""
    terminal.chapter("The delivery timeline, from the exported spans")
    page = story.folder / "trace.html"
    which = ["--application", story.application.name, "--version", version]
    which += ["--repository", str(story.git_folder)]
    if story.monitoring:
        terminal.note("Hooks and rollouts are as long as Kubernetes says, in whole seconds.")
    if draw(["--file", str(story.trace_file), *which, "--html", str(page)]):
        raise DemoError("the timeline could not be drawn")


def roll_back(story: Story, terminal: Terminal) -> None:
    """Roll the last stage back, by a pull request. Raises `DemoError` where none comes."""
    last, before, proposed = story.stages[-1], story.version(story.stages[-1]), heads(story)
    terminal.chapter(f"A person rolls {last} back")
    with terminal.step("the workflow is started with a reason; it runs the promoter"):
        story.roll_back(story.example.pipeline.stages[-1].after[0], last, "errors in checkout")
    shown = [pull for pull in story.open_pull_requests() if pull.number not in proposed]
    if len(shown) != 1:
        raise DemoError(f"expected one pull request, found {len(shown)}\n{story.runs[-1].log}".strip())
    show(story, shown[0], terminal, body=False)
    with terminal.step(f"pull request #{shown[0].number} is merged, Argo CD (stand-in) syncs {last}"):
        story.merge(shown[0])
        synced = story.sync(last)
    runs(synced, terminal)
    if story.version(last) == before:
        raise DemoError(f"{last} still runs {before}")
