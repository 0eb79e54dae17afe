"""`python -m delivery.doctor`: every check of one stack, in the order in which to fix what is wrong."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from delivery.doctor.check import Check
from delivery.doctor.inspection import Inspection, Look
from delivery.doctor.platform_inputs import PlatformInspection
from delivery.doctor.registry import GROUPS, PLATFORM, run_groups
from delivery.platform.pipeline import platform_stack

PROJECT_FOLDER = Path(__file__).resolve().parent.parent.parent


def main(arguments: list[str]) -> int:
    """The command. Exit status: 0 nothing is wrong, 1 something is, 2 the command itself was not understood."""
    parser = argparse.ArgumentParser(prog="python -m delivery.doctor", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--stack", required=True, help="the stack to check; platform, or platform/NAME, is the platform's"
    )
    parser.add_argument("--project", type=Path, default=PROJECT_FOLDER, help="the folder of Pulumi.yaml")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args(arguments)
    if not options.project.is_dir():
        parser.error(f"{options.project} is no folder")
    look, checks = _look(options.project, options.stack)
    found: list[Check] = []
    for check in checks:
        found.append(check.presentable(look.hidden))
        if not options.json:
            print(found[-1], flush=True)
    count = {status: sum(check.status == status for check in found) for status in ("ok", "wrong", "unknown")}
    if options.json:
        document = {"stack": options.stack, **count, "checks": [check.to_json() for check in found]}
        print(json.dumps(document, indent=2))
    else:
        print(f"{options.stack}: {count['ok']} ok, {count['wrong']} wrong, {count['unknown']} unknown")
    return 1 if count["wrong"] else 0


def _look(project: Path, stack: str) -> tuple[Look, Iterator[Check]]:
    """A look at a stage's stack and its checks, or at the platform's."""
    if name := platform_stack(project, stack):
        platform = PlatformInspection(project, name, os.environ)
        return platform, run_groups(PLATFORM, platform)
    stage = Inspection(project, stack, os.environ)
    return stage, run_groups(GROUPS, stage)


def _until_the_pipe_closes(arguments: list[str]) -> int:
    try:
        status = main(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # As with `| head`: Python must not fail once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(_until_the_pipe_closes(sys.argv[1:]))
