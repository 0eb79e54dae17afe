"""When commits were made, from a local clone.

A span tells of the verified commit at most; when a pull request was merged, none of them tells.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from delivery.model.identifiers import is_commit


class CommitsError(Exception):
    """The folder is no git repository; the text is one line that says so."""


def commit_times(repository: Path, commits: Iterable[str]) -> dict[str, int]:
    """When each of `commits` was committed, in nanoseconds since 1970; those not in `repository` are left out.

    A pull request that is merged on the forge gets its commit at that moment, so this is the merge's time too.
    """
    wanted = {commit for commit in commits if is_commit(commit)}
    git = ["git", "-C", str(repository)]
    try:
        subprocess.run([*git, "rev-parse", "--git-dir"], capture_output=True, check=True)
        shown = [
            subprocess.run(
                [*git, "show", "--no-patch", "--no-show-signature", "--format=%H %ct", commit],
                capture_output=True,
                text=True,
                check=False,
            )
            for commit in sorted(wanted)
        ]
    except (OSError, subprocess.CalledProcessError):
        raise CommitsError(f"{repository} is no git repository; give a clone of the GitOps repository") from None
    pairs = [each.stdout.split() for each in shown if each.returncode == 0]
    return {pair[0]: int(pair[1]) * 1_000_000_000 for pair in pairs if len(pair) == 2}
