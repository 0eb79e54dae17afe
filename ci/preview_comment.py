"""`python -m ci.preview_comment FOLDER`: shows what a pull request renders differently, as one comment.

Runs with a token that may comment, and therefore none of the pull request's code. FOLDER holds what `ci.render` wrote;
it is data of unknown origin, and which pull request it is about is asked of GitHub.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ci.comment import MARKER, comment
from ci.rendered import differences
from delivery.github.client import GitHub, GitHubError

VARIABLES = ("GITHUB_REPOSITORY", "GITHUB_TOKEN", "HEAD_REPOSITORY", "HEAD_BRANCH", "HEAD_SHA")


def pull_requests_at(github: GitHub, repository: str, branch: str, commit: str) -> tuple[int, ...]:
    """The open pull requests from `branch` of `repository`, a fork's too, whose head is `commit` now."""
    found = github.pages("/pulls", {"state": "open", "head": f"{repository.partition('/')[0]}:{branch}"})
    # A server that ignores the filter must not make strangers' pull requests ours.
    return tuple(
        int(pull["number"]) for pull in found if (pull["head"]["ref"], pull["head"]["sha"]) == (branch, commit)
    )


def publish(github: GitHub, number: int, body: str) -> str:
    """Make `body` the one comment of a pull request. Returns what that took: `created`, `updated` or `unchanged`."""
    for found in github.pages(f"/issues/{number}/comments", {}):
        text = str(found["body"] or "")
        # Only a bot's: anybody may write a comment that begins with the marker.
        if (found["user"] or {}).get("type") == "Bot" and text.startswith(MARKER):
            if text.replace("\r\n", "\n") == body:
                return "unchanged"
            github.request("PATCH", f"/issues/comments/{found['id']}", {"body": body})
            return "updated"
    github.comment(number, body)
    return "created"


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """The command. Returns its exit status: 0 published, or no pull request left; 1 failed; 2 wrong input."""
    parser = argparse.ArgumentParser(
        prog="python -m ci.preview_comment",
        description=__doc__.split("\n")[0],
        epilog=f"Environment: {', '.join(VARIABLES)} (Pull requests: write), RUN_URL, GITHUB_API_URL.",
    )
    parser.add_argument("folder", type=Path, help="what `ci.render` wrote")
    folder = parser.parse_args(arguments).folder
    missing = [name for name in VARIABLES if not environ.get(name)]
    if missing:
        print(f"error: not set: {', '.join(missing)}; run this in the workflow", file=sys.stderr)
        return 2
    owner, _, name = environ["GITHUB_REPOSITORY"].partition("/")
    github = GitHub(
        environ.get("GITHUB_API_URL", "https://api.github.com"),
        owner,
        name,
        environ["GITHUB_TOKEN"],
        write_interval=float(environ.get("DELIVERY_WRITE_INTERVAL", "1")),
    )
    commit = environ["HEAD_SHA"]
    try:
        numbers = pull_requests_at(github, environ["HEAD_REPOSITORY"], environ["HEAD_BRANCH"], commit)
        body = comment(commit, environ.get("RUN_URL", ""), differences(folder))
        for number in numbers:
            print(f"#{number}: {publish(github, number, body)}")
    except GitHubError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not numbers:
        print(f"no open pull request has {commit[:12]} as its head any more: nothing to do")
    return 0


if __name__ == "__main__":
    sys.exit(main())
