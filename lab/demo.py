"""`make demo`: the whole delivery on this machine, step by step. No cluster, no account, nothing left running.

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
from lab.argocd import SyncError
from lab.cluster import Cluster
from lab.engine import ProgramError
from lab.forge import Forge
from lab.pulumi_cli import PulumiEngine, missing_programs
from lab.pulumi_install import offer
from lab.story import APPLICATION, REPOSITORY, STAGES, Story
from lab.terminal import Terminal
from lab.updates import EmbeddedEngine, Engine

FROM, TO = "v0.3.0", "v0.3.1"
MARKER = "made-by-the-demo.txt"


class DemoError(Exception):
    """A step did not end as it must; the text says how it ended."""


def play(story: Story, engine: Engine, terminal: Terminal) -> None:
    """Go from two empty stages to a new version in production. Raises `DemoError` where a step fails."""
    terminal.note("Stand-ins on this machine: GitHub, GitHub Actions, Argo CD, Keptn, the cluster.")
    terminal.note("Real: git, this Pulumi program, the promotion task, the promoter.")
    terminal.note("Links to 127.0.0.1 belong to the stand-in for GitHub: it has no pages, and it ends with the demo.")
    terminal.heading(f"1. pulumi up for both stages, {engine.describes}")
    for stage in STAGES:
        with terminal.step(f"pulumi up --stack {stage}"):
            update = story.update(engine, stage)
        kinds = sorted({str(body["kind"]) for body in update.manifests})
        terminal.note(f"{len(update.manifests)} Kubernetes objects: {', '.join(kinds)}")
    with terminal.step(f"Argo CD (stand-in) syncs both stages at {FROM}, Keptn (stand-in) verifies them"):
        for stage in reversed(STAGES):
            story.sync(stage)
            story.verify(stage)

    terminal.heading(f"2. A developer deploys {TO} to dev")
    with terminal.step("git push: one line changes in dev/values.yaml"):
        commit = story.release(TO)
    terminal.quote(story.show(commit))

    terminal.heading("3. Keptn verifies dev and runs the promotion task")
    with terminal.step(f"Argo CD (stand-in) syncs commit {commit[:7]}, Keptn (stand-in) verifies {TO}"):
        story.sync("dev")
        context = story.verify("dev")
    with terminal.step("the promotion task checks dev and starts the workflow; the workflow runs the promoter"):
        done = story.promote(context)
    terminal.note((done.stdout or done.stderr).strip())
    if done.returncode or not story.runs or story.runs[-1].exit_code:
        raise DemoError((done.stderr + (story.runs[-1].log if story.runs else "")).strip())

    terminal.heading("4. The promoter has opened a pull request for production")
    waiting = story.open_pull_requests()
    if len(waiting) != 1:
        raise DemoError(f"expected one pull request, found {len(waiting)}")
    terminal.plain(f"    #{waiting[0].number}  {waiting[0].title}")
    terminal.quote(waiting[0].body or "")
    terminal.plain("")
    terminal.quote(story.diff(waiting[0]))

    terminal.heading("5. Merging it deploys the verified version to production")
    with terminal.step(f"pull request #{waiting[0].number} is merged"):
        story.merge(waiting[0])
    with terminal.step("Argo CD (stand-in) syncs production, Keptn (stand-in) verifies it"):
        production = story.sync("production")
        story.verify("production")
    terminal.note("What Keptn reads of the synced chart:")
    terminal.quote(yaml.safe_dump(production.context, sort_keys=False))
    if production.version != TO or not production.context["spec"].get("spanLinks"):
        raise DemoError(f"production runs {production.version} without a link to dev's promotion")
    terminal.note(f"{APPLICATION} {TO} runs in production. spanLinks links its trace to dev's promotion.")

    terminal.heading("6. The delivery timeline, from the exported spans")
    page = story.folder / "trace.html"
    which = ["--application", APPLICATION, "--version", TO, "--repository", str(story.git_folder)]
    if draw(["--file", str(story.trace_file), *which, "--html", str(page)]):
        raise DemoError("the timeline could not be drawn")


def main(arguments: list[str]) -> int:
    """The command. Returns its exit status: 0 when every step succeeded, else 1."""
    parser = argparse.ArgumentParser(prog="python -m lab.demo", description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="where the files are left (default: .demo)")
    parser.add_argument("--embedded", action="store_true", help="do not use the Pulumi CLI, even where it is on PATH")
    options = parser.parse_args(arguments)
    terminal = Terminal()
    try:
        folder = own_folder(options.folder)
        missing = missing_programs()
        command = offer(terminal, missing) if missing and not options.embedded else None
        with tempfile.TemporaryDirectory() as scratch, Forge(folder / "forge") as forge, Cluster() as cluster:
            engine: Engine = (
                EmbeddedEngine(forge, REPOSITORY, folder / "manifests")
                if options.embedded or (missing and command is None)
                else PulumiEngine(Path(scratch) / "pulumi", folder / "manifests", command=command)
            )
            play(Story(forge, cluster, folder), engine, terminal)
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
    closing(options.folder, terminal)
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


def closing(folder: Path, terminal: Terminal) -> None:
    """Where the files are, and the commands for a real cluster."""
    left = {
        "manifests/<stage>": "the Kubernetes objects that each stack declares",
        f"forge/{REPOSITORY}.git": "the GitOps repository, with all commits",
        "traces.jsonl": "every span, as OTLP JSON",
        "trace.html": "the delivery timeline as a page: open it in a browser",
    }
    terminal.heading("Files that the demo leaves; no process is left running")
    width = max(map(len, left))
    for path, what in left.items():
        terminal.plain(f"    {folder}/{path:<{width}}  {what}")
    terminal.heading("The first commands for a cluster of your own")
    terminal.plain("    pulumi stack init dev")
    terminal.plain("    edit Pulumi.yaml: config: delivery:repositoryOwner: value: OWNER")
    terminal.plain("    pulumi config set --secret delivery:githubToken")
    terminal.plain("    pulumi config set --secret delivery:promotionToken")
    terminal.plain("    pulumi config set delivery:kubeContext CONTEXT")
    terminal.plain("    pulumi preview && pulumi up")
    terminal.plain("    docs/tutorial.md has the rest: prerequisites, tokens, production")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
