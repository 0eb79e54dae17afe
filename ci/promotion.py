"""`python -m ci.promotion`: deploys the promotion into the stage TO, and nothing else of its stack.

For a workflow without a cluster. The promotion that was dispatched reaches the program by itself, as
`DELIVERY_PROMOTE`. A stack that is locked by another update is waited for: a promotion must not be lost to one.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ci.stacks import PROJECT
from delivery.model.identifiers import is_dns_label

TARGETS = (
    # The provider is a target too: its token is another one in every run, and the state holds the last run's.
    "**::pulumi:providers:github::github",
    # A stack that an earlier release has deployed does not have it yet; it has nothing to update by itself.
    "**::delivery:index:Stage::*",
    "**delivery:components:Promotion::*",
    "**delivery:components:Promotion$**",
)
"""Every promotion of the stack, those that are over too, what they belong to, and the provider that they go through."""

LOCKED = ("the stack is currently locked by", "another update is currently in progress")
"""What the CLI says of a lock, on a backend of one's own and on Pulumi Cloud: it has no exit status for it."""

PATIENCE = 15 * 60.0
"""Seconds: longer than an update of a stage takes, well within the workflow's own limit."""

_PAUSE = 20.0


def command(environ: Mapping[str, str]) -> list[str]:
    """The update of the promotions into the stage TO. Raises `ValueError` where that is no stage.

    On Pulumi Cloud, the stack is the organization's that `PULUMI_ORGANIZATION` names.
    """
    stage, organization = environ.get("TO", ""), environ.get("PULUMI_ORGANIZATION", "")
    if not is_dns_label(stage):
        raise ValueError(f"TO={stage[:80]!r} is no stage: dispatch the workflow with its input `to`")
    stack = f"{organization}/{stage}" if organization else stage
    targets = [f"--target={target}" for target in TARGETS]
    return ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", f"--stack={stack}", *targets]


def promote(
    environ: Mapping[str, str],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    project: Path = PROJECT,
) -> int:
    """Run the update until no lock keeps it off. Returns an exit status: the CLI's, or 2 for wrong input."""
    try:
        update = command(environ)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    until = clock() + PATIENCE
    while True:
        done = subprocess.run(
            update, cwd=project, env=dict(environ), capture_output=True, text=True, errors="replace", check=False
        )
        print(done.stdout, end="", flush=True)
        print(done.stderr, end="", file=sys.stderr, flush=True)
        output = f"{done.stdout}{done.stderr}".lower()
        if done.returncode == 0 or not any(words in output for words in LOCKED):
            return done.returncode
        if clock() + _PAUSE > until:
            print("error: another update holds the stack: run this workflow again when it is over", file=sys.stderr)
            return done.returncode
        print(f"another update holds the stack; trying again in {_PAUSE:.0f} seconds", flush=True)
        sleep(_PAUSE)


if __name__ == "__main__":
    sys.exit(promote(os.environ))
