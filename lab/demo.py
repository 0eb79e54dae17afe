"""`make demo`: the whole delivery on this machine, step by step. No cluster, no account, nothing left running.

It plays the shipped pipeline, or with `EXAMPLE=kustomize` one of those under `examples/`, and rolls that one back.

GitHub is a stand-in on loopback over real git repositories; GitHub Actions, Keptn, Argo CD and the cluster are
stand-ins too. The program, the promotion task and the promoter are the real ones.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

import yaml
from pulumi.automation import CommandError

from delivery.tracing.__main__ import main as draw
from lab.argocd import Synced, SyncError
from lab.cluster import Cluster
from lab.engine import PROGRAM, ProgramError
from lab.example import EXAMPLES, Example, example_names
from lab.forge import Forge, PullRequest
from lab.pulumi_cli import PulumiEngine, missing_programs
from lab.pulumi_install import offer
from lab.story import Story, raised
from lab.terminal import Terminal
from lab.updates import EmbeddedEngine, Engine

MARKER = "made-by-the-demo.txt"


class DemoError(Exception):
    """A step did not end as it must; the text says how it ended."""


def play(story: Story, engine: Engine, terminal: Terminal) -> None:
    """Go from empty stages to a new version in the last one. Raises `DemoError` where a step fails."""
    terminal.note("Stand-ins on this machine: GitHub, GitHub Actions, Argo CD, Keptn, the cluster.")
    terminal.note("Real: git, this Pulumi program, the promotion task, the promoter.")
    terminal.note("Links to 127.0.0.1 belong to the stand-in for GitHub: it has no pages, and it ends with the demo.")
    first, stages = story.stages[0], "both stages" if len(story.stages) == 2 else f"all {len(story.stages)} stages"
    terminal.chapter(f"pulumi up for {stages}, {engine.describes}")
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
    version = raised(before)
    of = f"{story.application.name} in " if story.example.pipeline.applications[1:] else ""
    with terminal.step(f"Argo CD (stand-in) syncs {of}{stages} at {before}, Keptn (stand-in) verifies them"):
        for stage in reversed(story.stages):
            story.sync(stage)
            story.verify(stage)

    terminal.chapter(f"A developer deploys {version} to {first}")
    where = story.example.values(story.application, first)
    lines = "one line changes" if len(where.keys) == 1 else f"{len(where.keys)} lines change"
    with terminal.step(f"git push: {lines} in {where}"):
        commits = {first: story.release(version)}
    terminal.quote(story.show(commits[first]))

    for stage in story.stages:
        if targets := story.targets(stage):
            promote(story, stage, commits[stage], version, terminal)
        shown = story.open_pull_requests()
        if len(shown) > len(targets):
            raise DemoError(f"expected a pull request for {' and one for '.join(targets)}, found {len(shown)}")
        for pull in shown:
            target = pull.head.rpartition("/")[2]
            terminal.chapter(f"The promoter has opened a pull request for {target}")
            show(story, pull, terminal, body=stage == first and pull == shown[0])
            terminal.chapter(f"Merging it deploys the verified version to {target}")
            with terminal.step(f"pull request #{pull.number} is merged"):
                commits[target] = story.merge(pull)
    deployed(story, version, terminal)

    terminal.chapter("The delivery timeline, from the exported spans")
    page = story.folder / "trace.html"
    which = ["--application", story.application.name, "--version", story.synced[first].version]
    which += ["--repository", str(story.git_folder)]
    if draw(["--file", str(story.trace_file), *which, "--html", str(page)]):
        raise DemoError("the timeline could not be drawn")


def promote(story: Story, stage: str, commit: str, version: str, terminal: Terminal) -> None:
    """Have a stage verify what was committed for it, and its promotion task start the workflow."""
    terminal.chapter(f"Keptn verifies {stage} and runs the promotion task")
    with terminal.step(f"Argo CD (stand-in) syncs commit {commit[:7]}, Keptn (stand-in) verifies {version}"):
        story.sync(stage)
        context = story.verify(stage)
    before = len(story.runs)
    with terminal.step(f"the promotion task checks {stage} and starts the workflow; the workflow runs the promoter"):
        done = story.promote(context, stage)
    for line in (done.stdout or done.stderr).splitlines():
        terminal.note(line)
    runs = story.runs[before:]
    if done.returncode or not runs or any(run.exit_code for run in runs):
        raise DemoError("".join((done.stderr, *(run.log for run in runs))).strip())
    if not story.open_pull_requests():
        terminal.note(runs[-1].log.rstrip().rpartition("\n")[2])


def show(story: Story, pull: PullRequest, terminal: Terminal, *, body: bool) -> None:
    """A pull request: its title, what it says, what it changes."""
    terminal.plain(f"    #{pull.number}  {pull.title}")
    if body:
        terminal.quote(pull.body or "")
        terminal.plain("")
    terminal.quote(story.diff(pull))


def deployed(story: Story, version: str, terminal: Terminal) -> None:
    """The last stage, with the new version merged: what Argo CD syncs, and what Keptn reads of it."""
    last = story.stages[-1]
    with terminal.step(f"Argo CD (stand-in) syncs {last}, Keptn (stand-in) verifies it"):
        synced = story.sync(last)
        story.verify(last)
    terminal.note("What Keptn reads of the synced chart:")
    terminal.quote(yaml.safe_dump(synced.context, sort_keys=False))
    if story.version(last) != version or not synced.context["spec"].get("spanLinks"):
        raise DemoError(f"{last} runs {story.version(last)} without a link to the promotion before it")
    runs(synced, terminal)
    source = " and ".join(story.example.pipeline.stages[-1].after)
    terminal.note(
        f"{story.application.name} {version} runs in {last}. spanLinks links its trace to {source}'s promotion."
    )


def runs(synced: Synced, terminal: Terminal) -> None:
    """The workloads that a stage has now."""
    terminal.note("What is deployed:")
    terminal.quote("\n".join(f"{found.name}  {found.version}  {found.image}" for found in synced.workloads))


def roll_back(story: Story, terminal: Terminal) -> None:
    """Roll the last stage back, by a pull request. Raises `DemoError` where none comes."""
    last, before = story.stages[-1], story.version(story.stages[-1])
    terminal.chapter(f"A person rolls {last} back")
    with terminal.step("the workflow is started with a reason; it runs the promoter"):
        story.roll_back(story.example.pipeline.stages[-1].after[0], last, "errors in checkout")
    shown = story.open_pull_requests()
    if len(shown) != 1:
        raise DemoError(f"expected one pull request, found {len(shown)}\n{story.runs[-1].log}".strip())
    show(story, shown[0], terminal, body=False)
    with terminal.step(f"pull request #{shown[0].number} is merged, Argo CD (stand-in) syncs {last}"):
        story.merge(shown[0])
        synced = story.sync(last)
    runs(synced, terminal)
    if story.version(last) == before:
        raise DemoError(f"{last} still runs {before}")


def main(arguments: list[str]) -> int:
    """The command. Returns its exit status: 0 when every step succeeded, else 1."""
    parser = argparse.ArgumentParser(prog="python -m lab.demo", description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="where the files are left (default: .demo)")
    parser.add_argument("--embedded", action="store_true", help="do not use the Pulumi CLI, even where it is on PATH")
    parser.add_argument("--example", choices=example_names(), help="what to play (default: the shipped pipeline)")
    options = parser.parse_args(arguments)
    terminal, example = Terminal(), Example(EXAMPLES / options.example) if options.example else Example()
    try:
        folder = own_folder(options.folder)
        missing = missing_programs()
        command = offer(terminal, missing) if missing and not options.embedded else None
        with tempfile.TemporaryDirectory() as scratch, Forge(folder / "forge") as forge, Cluster() as cluster:
            story, project = Story(forge, cluster, folder, example), example.project
            engine: Engine = (
                EmbeddedEngine(forge, story.repository, folder / "manifests", project)
                if options.embedded or (missing and command is None)
                else PulumiEngine(Path(scratch) / "pulumi", folder / "manifests", command=command, project=project)
            )
            play(story, engine, terminal)
            if options.example:
                roll_back(story, terminal)
    except CommandError as error:
        lines = [line.strip() for line in str(error).splitlines() if "error:" in line]
        return stopped(f"pulumi: {lines[-1] if lines else 'see pulumi up in the project'}; try again with --embedded")
    except (DemoError, ProgramError, SyncError, LookupError) as error:
        return stopped(str(error))
    except BrokenPipeError:
        # The reader closed the pipe (`make demo | head`). Python's own flush at exit must not fail on it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return stopped(f"{error.filename or 'this machine'}: {error.strerror}")
    closing(options.folder, story, terminal)
    return 0


def own_folder(folder: Path) -> Path:
    """`folder`, emptied, and marked as the demo's. Raises `DemoError` where it holds files of anybody else."""
    if shutil.which("git") is None:
        raise DemoError("git is not on PATH: install it (2.38 or later)")
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / MARKER).exists())):
        raise DemoError(f"{folder} exists and was not made by the demo: choose another folder with --folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).write_text("`make demo` deletes and makes this folder each time.\n", encoding="utf-8")
    return folder.resolve()


def stopped(why: str) -> int:
    """Say why the demo ended early; its exit status."""
    print(f"\nthe demo stopped: {why}", file=sys.stderr)
    return 1


def closing(folder: Path, story: Story, terminal: Terminal) -> None:
    """Where the files are, and the commands for a real cluster."""
    left = {
        "manifests/<stage>": "the Kubernetes objects that each stack declares",
        f"forge/{story.repository}.git": "the GitOps repository, with all commits",
        "traces.jsonl": "every span, as OTLP JSON",
        "trace.html": "the delivery timeline as a page: open it in a browser",
    }
    terminal.heading("Files that the demo leaves; no process is left running")
    width = max(map(len, left))
    for path, what in left.items():
        terminal.plain(f"    {folder}/{path:<{width}}  {what}")
    terminal.heading("The first commands for a cluster of your own")
    if story.example.project != PROGRAM:
        terminal.plain(f"    cd {story.example.project.relative_to(PROGRAM)}")
    terminal.plain(f"    pulumi stack init {story.stages[0]}")
    terminal.plain("    edit Pulumi.yaml: config: delivery:repositoryOwner: value: OWNER")
    terminal.plain("    pulumi config set --secret delivery:githubToken")
    terminal.plain("    pulumi config set --secret delivery:promotionToken")
    terminal.plain("    pulumi config set delivery:kubeContext CONTEXT")
    terminal.plain("    pulumi preview && pulumi up")
    terminal.plain("    docs/tutorial.md has the rest: prerequisites, tokens, the other stages")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
