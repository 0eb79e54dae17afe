"""`python -m ci.preview_comment FOLDER`: shows what a pull request's preview found, as one comment that is updated.

Runs with a token that may comment, and therefore none of the pull request's code. FOLDER holds what the
preview's jobs left behind; it is data of unknown origin, and which pull request it is about is asked of GitHub.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ci.comment import MARKER, Preview, comment
from ci.conversation import Conversation, connect
from ci.rendered import differences
from ci.report import Report, ReportError
from delivery.github.client import GitHubError

_LARGEST = 5_000_000


def read_preview(folder: Path, commit: str, run_url: str, *, own: bool) -> Preview:
    """What lies in `folder`: `rendered/base` and `rendered/head`, and `reports/STACK.json`.

    Reports only where the head is this repository's `own`: the engine previews no fork, and what there is of a fork's
    it has written itself.
    """
    reports = {report.stack: report for report in _reports(folder / "reports")} if own else {}
    return Preview(commit, run_url, reports, differences(folder / "rendered"))


def say(conversation: Conversation, number: int, body: str) -> str:
    """Make `body` the one comment of a pull request. Says what that took: `commented`, `updated`, `unchanged`."""
    # Only a bot's: anybody may write a comment that begins with the marker.
    ours = [each for each in conversation.comments(number) if each.by_bot and each.body.startswith(MARKER)]
    if not ours:
        conversation.comment(number, body)
        return "commented"
    if ours[0].body.replace("\r\n", "\n") == body:
        return "unchanged"
    conversation.update_comment(ours[0].identifier, body)
    return "updated"


def _reports(folder: Path) -> Iterator[Report]:
    if folder.is_symlink():
        return
    for path in sorted(folder.glob("*.json"))[:200]:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
            continue
        try:
            yield Report.from_json(path.read_text(encoding="utf-8", errors="replace"))
        except ReportError as error:
            yield Report(path.stem[:63], failures=(str(error),))


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """The command. Returns its exit status: 0 said or nobody to say it to, 1 failed, 2 wrong input."""
    parser = argparse.ArgumentParser(
        prog="python -m ci.preview_comment",
        description=__doc__.split("\n")[0],
        epilog="Environment: HEAD_REPOSITORY, HEAD_BRANCH and HEAD_SHA of the pull request, RUN_URL, "
        "GITHUB_REPOSITORY, GITHUB_API_URL, GITHUB_TOKEN (Pull requests: write).",
    )
    parser.add_argument("folder", type=Path, help="what the preview's jobs left behind")
    options = parser.parse_args(arguments)
    repository, branch, commit, run_url = (
        environ.get(key, "") for key in ("HEAD_REPOSITORY", "HEAD_BRANCH", "HEAD_SHA", "RUN_URL")
    )
    if not (repository and branch and commit):
        print(
            "error: HEAD_REPOSITORY, HEAD_BRANCH and HEAD_SHA have to be set: run this in the workflow", file=sys.stderr
        )
        return 2
    try:
        conversation = connect(environ)
        numbers = conversation.pull_requests_at(repository.partition("/")[0], branch, commit)
        own = repository == environ.get("GITHUB_REPOSITORY")
        body = comment(read_preview(options.folder, commit, run_url, own=own))
        for number in numbers:
            print(f"#{number}: {say(conversation, number, body)}")
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except GitHubError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not numbers:
        print(f"no open pull request has {commit[:12]} as its head any more: nothing to say")
    return 0


if __name__ == "__main__":
    sys.exit(main())
