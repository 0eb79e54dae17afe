"""`python -m ci.promotion`: brings up the promotion into the stage TO, and nothing else of its stack.

For a workflow without a cluster. The promotion that was dispatched reaches the program by itself, as
`DELIVERY_PROMOTE`. A stack that is locked by another update is waited for: a promotion must not be lost to one.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ci.stacks import PROJECT, qualified
from delivery.model.identifiers import is_dns_label

TARGETS = (
    # The provider is a target too: its token is another one in every run, and the state holds the last run's.
    "**::pulumi:providers:github::github",
    "**::delivery:components:Promotion**",
)
"""Every promotion of the stack, those that are over too, and the provider that they go through."""

LOCKED = ("the stack is currently locked by", "another update is currently in progress")
"""What the CLI says on a backend of one's own, and on Pulumi Cloud."""

PATIENCE = 15 * 60.0
"""Seconds: longer than an update of a stage takes, well within the workflow's own limit."""

_PAUSE = 20.0


def command(stack: str) -> list[str]:
    """The update of the promotions into `stack`, and of nothing else."""
    targets = [part for target in TARGETS for part in ("--target", target)]
    return ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", stack, *targets]


def promote(
    environ: Mapping[str, str],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    project: Path = PROJECT,
) -> int:
    """Run the update until it is no longer kept off by a lock. Returns an exit status: the CLI's, 2 for wrong input."""
    stage = environ.get("TO", "")
    if not is_dns_label(stage):
        print(f"error: TO={stage[:80]!r} is no stage: dispatch the workflow with its input `to`", file=sys.stderr)
        return 2
    until = clock() + PATIENCE
    while True:
        done = subprocess.run(
            command(qualified(stage, environ)),
            cwd=project,
            env=dict(environ),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        print(done.stdout, end="", flush=True)
        print(done.stderr, end="", file=sys.stderr, flush=True)
        said = f"{done.stdout}{done.stderr}".lower()
        if done.returncode == 0 or not any(words in said for words in LOCKED):
            return done.returncode
        if clock() + _PAUSE > until:
            print("error: another update holds the stack: run this workflow again when it is over", file=sys.stderr)
            return done.returncode
        print(f"another update holds the stack; asking again in {_PAUSE:.0f} seconds", flush=True)
        sleep(_PAUSE)


if __name__ == "__main__":
    sys.exit(promote(os.environ))
