"""`python -m ci.update --stack production`: is an update of the stack to the commit that is checked out due?

It is not where a newer commit is deployed, which contains this one: approvals come in any order, waiting jobs start in
any order, and an old run can be run again. What is deployed the state knows: the CLI notes the commit with every
update. Taking turns on a stack, and the update itself, are the workflow's matter.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ci.stacks import write_output
from delivery.model.identifiers import is_commit

_PAGE = "100"


class UpdateError(Exception):
    """Whether an update is due cannot be told, or none may be made; the text is one line that says why."""


@dataclass(frozen=True)
class Update:
    """An update that is over: the commit that it was made from, and whether it succeeded."""

    commit: str
    succeeded: bool


def last_update(history: str) -> Update | None:
    """The last update in what `pulumi stack history --json` printed, newest first. Raises `UpdateError`.

    One with targets has deployed a part of its commit, as a promotion does, and is none; nor is one from outside git.
    """
    try:
        for update in json.loads(history):
            noted = update.get("environment") or {}
            commit = noted.get("git.head", "")
            if update["kind"] == "update" and "pulumi.flag.target" not in noted and is_commit(commit):
                return Update(commit, update["result"] == "succeeded")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UpdateError(f"the stack's history cannot be read ({type(error).__name__})") from None
    return None


def is_newer(commit: str, head: str) -> bool:
    """Whether `commit` contains `head` and more. Raises `UpdateError` in a clone that cannot tell."""
    if _git("rev-parse", "--is-shallow-repository").stdout.strip() != "false":
        raise UpdateError("this clone lacks the history that commits are compared by: fetch all of it (fetch-depth: 0)")
    # A commit that was never pushed, or whose branch is gone, has nothing to do with what is on the default branch.
    return commit != head and _git("merge-base", "--is-ancestor", head, commit).returncode == 0


def is_due(history: str, head: str) -> bool:
    """Whether `head` is to be deployed. Raises `UpdateError` where a newer commit failed half-way."""
    last = last_update(history)
    if last is None or not is_newer(last.commit, head):
        return True
    if not last.succeeded:
        raise UpdateError(
            f"the last update failed at {last.commit[:12]}, which contains {head[:12]}; one would undo half of the "
            "other: run the newer one again, or push a fix"
        )
    # As an annotation it stands on the run's own page: nothing is left out in silence.
    print(f"::notice::{last.commit[:12]} is deployed, which contains {head[:12]}; to go back, revert on the branch")
    return False


def _git(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """The command, in a clone. Writes the step's output `due`; the exit status is 1 where no update may be made."""
    parser = argparse.ArgumentParser(prog="python -m ci.update", description=__doc__.split("\n")[0])
    parser.add_argument("--stack", required=True, help="the stack, as `pulumi --stack` takes it")
    stack = parser.parse_args(arguments).stack
    ask = ["pulumi", "stack", "history", "--json", "--page-size", _PAGE, "--stack", stack]
    try:
        history = subprocess.run(ask, env=dict(environ), stdout=subprocess.PIPE, text=True, check=True).stdout
        due = is_due(history, _git("rev-parse", "HEAD").stdout.strip())
    except (subprocess.CalledProcessError, UpdateError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_output(f"due={str(due).lower()}", environ)
    return 0


if __name__ == "__main__":
    sys.exit(main())
