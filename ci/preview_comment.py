"""`python -m ci.preview_comment FOLDER`: shows what a pull request renders differently, as one comment.

Runs with a token that may comment, and therefore none of the pull request's code. FOLDER holds what `ci.render` wrote:
text of unknown origin, which can neither mention people nor end its code block. Which pull request it is about is asked
of GitHub.
"""

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ci import DIFFERENCE
from delivery.github.client import GitHub, GitHubError
from delivery.github.shapes import nothing, number
from delivery.text import printable

MARKER = "<!-- delivery: preview -->"
"""The first line of the one comment, by which the next run finds it."""
LIMIT = 65_536
"""GitHub's limit for a comment, in characters; kept here in bytes, which are never fewer."""
VARIABLES = ("GITHUB_REPOSITORY", "GITHUB_TOKEN", "HEAD_REPOSITORY", "HEAD_BRANCH", "HEAD_SHA")
_RESERVE = 2_000
_LONGEST = 1_000


def comment(commit: str, run_url: str, folder: Path) -> str:
    """The comment's text, `MARKER` first, at most `LIMIT` bytes: as much of the difference in `folder` as fits."""
    file = folder / DIFFERENCE
    if not file.is_file() or file.is_symlink():
        shown = "Nothing was rendered: the run says why."
    else:
        with file.open(encoding="utf-8", errors="replace") as text:
            shown = fenced(text.read(4 * LIMIT), LIMIT - _RESERVE) or "No difference."
    title = f"{MARKER}\n### What {commit[:12]} renders differently"
    return (
        f"{title}\n\n{shown}\n\n<sub>[The run]({run_url}) has everything. This comment is updated with each push.</sub>"
    )


def fenced(text: str, limit: int) -> str:
    """`text` as a code block that it cannot end, in at most `limit` bytes; empty where there is none."""
    # Line by line: a direction override would show a reviewer something else than what is there.
    lines = [printable(line[:_LONGEST]) for line in text.splitlines()]
    fence = "`" * max([3, *(len(run) + 1 for line in lines for run in re.findall("`+", line))])
    left = limit - 2 * len(fence)
    for index, line in enumerate(lines):
        left -= len(line.encode()) + 1
        if left < 0:
            lines[index:] = ["… more than fits here"]
            break
    return "\n".join([f"{fence}diff", *lines, fence]) if any(lines) else ""


def pull_requests_at(github: GitHub, repository: str, branch: str, commit: str) -> tuple[int, ...]:
    """The open pull requests from `branch` of `repository`, a fork's too, whose head is `commit` now."""
    query = {"state": "open", "head": f"{repository.partition('/')[0]}:{branch}"}
    found = github.pages(
        "/pulls", query, lambda pull: (number(pull["number"]), pull["head"]["ref"], pull["head"]["sha"])
    )
    # A server that ignores the filter must not make strangers' pull requests ours.
    return tuple(pull for pull, ref, head in found if (ref, head) == (branch, commit))


def publish(github: GitHub, pull: int, body: str) -> str:
    """Make `body` the one comment of a pull request. Returns what that took: `created`, `updated` or `unchanged`."""

    def read(item: Any) -> tuple[int, str, bool]:
        return number(item["id"]), str(item["body"] or ""), (item["user"] or {}).get("type") == "Bot"

    for comment_id, text, by_bot in github.pages(f"/issues/{pull}/comments", {}, read):
        # Only a bot's: anybody may write a comment that begins with the marker.
        if by_bot and text.startswith(MARKER):
            if text.replace("\r\n", "\n") == body:
                return "unchanged"
            github.request("PATCH", f"/issues/comments/{comment_id}", {"body": body}, read=nothing)
            return "updated"
    github.comment(pull, body)
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
    api_url = environ.get("GITHUB_API_URL", "https://api.github.com")
    interval = float(environ.get("DELIVERY_WRITE_INTERVAL", "1"))
    owner, _, name = environ["GITHUB_REPOSITORY"].partition("/")
    github = GitHub(api_url, owner, name, environ["GITHUB_TOKEN"], write_interval=interval)
    commit = environ["HEAD_SHA"]
    try:
        numbers = pull_requests_at(github, environ["HEAD_REPOSITORY"], environ["HEAD_BRANCH"], commit)
        body = comment(commit, environ.get("RUN_URL", ""), folder)
        for pull in numbers:
            print(f"#{pull}: {publish(github, pull, body)}")
    except GitHubError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not numbers:
        print(f"no open pull request has {commit[:12]} as its head any more: nothing to do")
    return 0


if __name__ == "__main__":
    sys.exit(main())
