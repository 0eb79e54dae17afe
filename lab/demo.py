"""`make demo`: the whole delivery on this machine, step by step. No cluster, no account, nothing left running.

It plays the shipped pipeline, or with `EXAMPLE=kustomize` one of those under `examples/`, and rolls that one back. With
`VERIFICATION=argocd` hooks of Argo CD verify every stage in Keptn's place; then also a dispatch is lost, and a version
fails its check.

GitHub is a stand-in on loopback over real git repositories; GitHub Actions, Keptn, Argo CD and the cluster are
stand-ins too. The program, the promotion task and the promoter are the real ones.
"""

import argparse
import os
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from pulumi.automation import CommandError

from delivery.model.settings import VERIFICATIONS
from lab.argocd import SyncError
from lab.chapters import DemoError, play, roll_back
from lab.cluster import Cluster
from lab.engine import PROGRAM, ProgramError
from lab.example import EXAMPLES, Example, example_names
from lab.forge import Forge
from lab.monitoring import Monitoring
from lab.pulumi_cli import PulumiEngine, missing_programs
from lab.pulumi_install import offer
from lab.story import TRACES, Story
from lab.terminal import Terminal
from lab.updates import EmbeddedEngine, Engine

MARKER = "made-by-the-demo.txt"


def main(arguments: list[str]) -> int:
    """The command. Returns its exit status: 0 when every step succeeded, else 1."""
    parser = argparse.ArgumentParser(prog="python -m lab.demo", description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="where the files are left (default: .demo)")
    parser.add_argument("--embedded", action="store_true", help="do not use the Pulumi CLI, even where it is on PATH")
    parser.add_argument("--example", choices=example_names(), help="what to play (default: the shipped pipeline)")
    parser.add_argument("--verification", choices=VERIFICATIONS, help="what verifies every stage (default: Keptn)")
    options = parser.parse_args(arguments)
    terminal = Terminal()
    example = Example(EXAMPLES / options.example if options.example else PROGRAM)
    if options.verification:
        example = replace(example, verification=dict.fromkeys(example.stages, options.verification))
    by_hooks = not all(stage.with_keptn for stage in example.pipeline.stages)
    try:
        folder = own_folder(options.folder)
        missing = missing_programs()
        command = offer(terminal, missing) if missing and not options.embedded else None
        with (
            tempfile.TemporaryDirectory() as scratch,
            Forge(folder / "forge") as forge,
            Cluster() as cluster,
            Monitoring(folder / TRACES) as monitoring,
        ):
            story = Story(forge, cluster, folder, example, monitoring if by_hooks else None)
            project = example.project
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
    if story.example.project == PROGRAM:
        terminal.plain(
            "    make up REPOSITORY=OWNER/NAME        all of it on this machine, with kind or k3d; or one by one:"
        )
        terminal.plain("    pulumi -C platform up -s laptop      where Argo CD and Keptn are not installed yet")
    else:
        terminal.plain(f"    cd {story.example.project.relative_to(PROGRAM)}")
    terminal.plain(f"    pulumi stack init {story.stages[0]}")
    terminal.plain("    edit Pulumi.yaml: config: delivery:repositoryOwner: value: OWNER")
    terminal.plain("    pulumi config set --secret delivery:githubToken")
    terminal.plain("    pulumi config set --secret delivery:promotionToken")
    terminal.plain("    pulumi config set delivery:kubeContext CONTEXT")
    terminal.plain("    pulumi preview && pulumi up")
    terminal.plain("    docs/tutorial.md has the rest: the platform, tokens, the other stages")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
