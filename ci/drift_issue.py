"""`python -m ci.drift_issue FOLDER`: what runs is not what is declared, as one issue: opened, updated, closed.

FOLDER holds a report for each stack, by `ci.preview --refresh`. A stack without one was not checked, and an issue
is never closed on a guess.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ci.comment import LIMIT, changes_table, fenced
from ci.conversation import Conversation, connect
from ci.report import Report, ReportError
from delivery.github.client import GitHubError
from delivery.promotion.markdown import code

MARKER = "<!-- delivery: drift -->"
LABEL = "drift"
TITLE = "What runs is not what is declared"

_HOW = (
    "`pulumi preview --refresh --run-program -s STACK` shows it with values. Either declare it, or take it back with "
    "`pulumi up --refresh --run-program -s STACK`. This issue is updated every night and closed when nothing differs "
    "any more."
)


def read_reports(folder: Path, stacks: Sequence[str]) -> tuple[Report, ...]:
    """A report for each of `stacks`; one that is not there says so as a failure."""
    reports: list[Report] = []
    for stack in stacks:
        found = sorted(folder.glob(f"**/{stack}.json"))
        try:
            report = Report.from_json(found[0].read_text(encoding="utf-8")) if found else None
        except ReportError as error:
            report = Report(stack, failures=(str(error),))
        reports.append(report or Report(stack, failures=("not checked: its job left no report",)))
    return tuple(reports)


def issue_body(reports: Sequence[Report]) -> str:
    """The issue's text, empty when no stack differs and every one was checked."""
    parts = []
    for report in reports:
        if report.failures:
            failed = fenced("\n".join(each[:500] for each in report.failures[:5]))
            parts.append(f"#### {code(report.stack, 63)}\n\nCould not be checked:\n\n{failed}")
        elif report.drift:
            drift = replace(report, changes=report.drift)
            parts.append(f"#### {code(report.stack, 63)}\n\n{changes_table(drift)}")
    if not parts:
        return ""
    body = "\n\n".join([MARKER, *parts, _HOW])
    if len(body.encode()) <= LIMIT:
        return body
    names = ", ".join(code(report.stack, 63) for report in reports if report.failures or report.drift)
    return f"{MARKER}\n\nMore than fits here differs in {names[:50_000]}.\n\n{_HOW}"


def settle(conversation: Conversation, body: str, run_url: str) -> str:
    """Make the one open issue say `body`, or close it when that is empty. Says what that took."""
    ours = [each for each in conversation.open_issues(LABEL) if each.by_bot and each.body.startswith(MARKER)]
    if not body:
        for issue in ours:
            conversation.comment(issue.number, f"Nothing differs any more: {run_url}".rstrip(": "))
            conversation.update_issue(issue.number, close=True)
        return f"closed {ours[0].url}" if ours else "no drift, no issue"
    if not ours:
        return f"opened {conversation.create_issue(TITLE, body, LABEL).url}"
    if ours[0].body.replace("\r\n", "\n") == body:
        return f"unchanged {ours[0].url}"
    conversation.update_issue(ours[0].number, body=body)
    return f"updated {ours[0].url}"


def _stacks(text: str) -> list[str]:
    try:
        stacks = json.loads(text)
    except (ValueError, RecursionError):
        stacks = None
    if not isinstance(stacks, list) or not stacks or not all(stack and isinstance(stack, str) for stack in stacks):
        raise ValueError(
            'STAGES has to be set, to the stacks as a JSON list (["dev", "production"]), which python -m ci.stacks '
            "prints: run this in the workflow"
        )
    return stacks


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """The command. Returns its exit status: 0 settled, whatever was found; 1 failed; 2 wrong input."""
    parser = argparse.ArgumentParser(
        prog="python -m ci.drift_issue",
        description=__doc__.split("\n")[0],
        epilog="Environment: STAGES (a JSON list of the stacks), RUN_URL, GITHUB_REPOSITORY, GITHUB_API_URL, "
        "GITHUB_TOKEN (Issues: write).",
    )
    parser.add_argument("folder", type=Path, help="the reports")
    options = parser.parse_args(arguments)
    try:
        body = issue_body(read_reports(options.folder, _stacks(environ.get("STAGES", ""))))
        print(settle(connect(environ), body, environ.get("RUN_URL", "")))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except GitHubError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
