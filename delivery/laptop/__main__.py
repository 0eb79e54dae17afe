"""`python -m delivery.laptop up` and `down`: a whole delivery in a cluster on this machine, and away with it.

Exit status: 0 done, 1 something is wrong or the answer was no, 2 the command was not understood or nobody could be
asked, 130 interrupted.
"""

import argparse
import os
import sys
from pathlib import Path

from delivery.laptop.down import down
from delivery.laptop.programs import Programs
from delivery.laptop.session import Session
from delivery.laptop.survey import CLUSTER, Wanted
from delivery.laptop.up import up
from delivery.laptop.workspace import Workspace

PROGRAM_FOLDER = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """The command. Returns its exit status."""
    paragraphs = (__doc__ or "").split("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m delivery.laptop", description=paragraphs[0], epilog=" ".join(paragraphs[1].split())
    )
    parser.add_argument("command", choices=("up", "down"), help="what to do")
    parser.add_argument("--repository", default="", help="the GitOps repository on GitHub, OWNER/NAME; it has to exist")
    parser.add_argument("--cluster", default="", help=f"the name of the cluster (default: {CLUSTER})")
    parser.add_argument("--yes", action="store_true", help="agree to what is listed, for scripts")
    parser.add_argument("--program", type=Path, default=PROGRAM_FOLDER, help="the checkout (default: this one)")
    parser.add_argument("--folder", type=Path, help="where its files are kept (default: .laptop in the checkout)")
    options = parser.parse_args(arguments)
    workspace = Workspace(options.program, options.folder or options.program / ".laptop")
    named = f" REPOSITORY={options.repository}" if options.repository else ""
    named += f" CLUSTER={options.cluster}" if options.cluster else ""
    session = Session(
        f"make {options.command}{named}",
        workspace,
        Programs(os.environ),
        sys.stdout,
        terminal=sys.stdin.isatty() and sys.stdout.isatty(),
        yes=options.yes,
    )
    if options.command == "down":
        return session.told(down)
    return session.told(lambda it: up(it, Wanted(options.repository, options.cluster)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
