"""`python -m ci.update --stack production`: brings a stage up at the commit that is checked out, never back to it.

Approvals come in any order, waiting jobs start in any order, and an old run can be run again. What is up the state
knows: the CLI notes the commit with every update. Taking turns on a stack is the workflow's matter.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ci.stacks import qualified
from delivery.model.identifiers import is_commit

_PAGE = "100"
_SUCCEEDED = "succeeded"


@dataclass(frozen=True)
class Update:
    """An update that is over: the commit that it was made from, and how it ended, in the CLI's word."""

    commit: str
    result: str


def last_update(history: str) -> Update | None:
    """The last update in what `pulumi stack history --json` printed, newest first. Raises `ValueError`.

    One with targets has brought up a part of its commit, as a promotion does, and is none; nor is one from outside git.
    """
    try:
        for each in json.loads(history):
            noted = each.get("environment") or {}
            commit = noted.get("git.head", "")
            if each["kind"] == "update" and "pulumi.flag.target" not in noted and is_commit(commit):
                return Update(commit, str(each["result"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the stack's history cannot be read ({type(error).__name__})") from None
    return None


def is_newer(commit: str, head: str) -> bool:
    """Whether `commit` contains `head` and more. Raises `ValueError` in a clone that cannot tell."""
    if _git("rev-parse", "--is-shallow-repository").stdout.strip() != "false":
        raise ValueError("this clone lacks the history that commits are compared by: fetch all of it (fetch-depth: 0)")
    found = _git("merge-base", "--is-ancestor", head, commit).returncode
    if found not in (0, 1):
        # Never pushed, or its branch is gone: with what is on the default branch it has nothing to do.
        print(f"the stack was brought up at {commit}, which is nowhere in this repository: not compared", flush=True)
    return found == 0 and commit != head


def _git(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)


def _superseded(update: Update, head: str, stack: str, environ: Mapping[str, str]) -> int:
    newer = f"{update.commit[:12]}, which is newer than {head[:12]} and contains it"
    if update.result != _SUCCEEDED:
        print(
            f"error: the last update of {stack} ended as {update.result!r} at {newer}: nothing was done, for that "
            "would mix the two; run the newer one again, or push what mends it",
            file=sys.stderr,
        )
        return 1
    # As an annotation it stands on the run's own page: nothing is left out in silence.
    mark = "::notice::" if environ.get("GITHUB_ACTIONS") == "true" else ""
    print(f"{mark}{stack} is up at {newer}: nothing to do; to go back, revert on the default branch")
    return 0


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """The command, in the project's folder. Becomes `pulumi up`, or returns an exit status: 0 a newer commit is up."""
    parser = argparse.ArgumentParser(prog="python -m ci.update", description=__doc__.split("\n")[0])
    parser.add_argument("--stack", required=True, help="the stack to bring up")
    stack = parser.parse_args(arguments).stack
    name = qualified(stack, environ)
    head = _git("rev-parse", "--verify", "HEAD").stdout.strip()
    try:
        if not is_commit(head):
            raise ValueError("there is no commit checked out here: run this in a clone")
        ask = ["pulumi", "stack", "history", "--json", "--page-size", _PAGE, "--stack", name]
        done = subprocess.run(ask, env=dict(environ), stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            return done.returncode
        last = last_update(done.stdout)
        if last is not None and is_newer(last.commit, head):
            return _superseded(last, head, stack, environ)
        # In this process's place: the CLI has to see for itself when a run is cancelled, to end the update in order.
        update = ["pulumi", "up", "--yes", "--non-interactive", "--stack", name]
        os.execvpe(update[0], update, dict(environ))  # noqa: S606 - no shell is what is wanted
    except FileNotFoundError:
        print("error: pulumi is not on PATH: run the set-up before this", file=sys.stderr)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
