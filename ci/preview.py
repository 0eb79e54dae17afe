"""`python -m ci.preview --stack dev --out reports`: a preview by the real engine, as a report for another job.

With `--refresh` it asks cluster and forge what is there now, by the credentials that the stack has now: what then
changes is drift. Showing the report to people is `ci.preview_comment`'s and `ci.drift_issue`'s matter; they run
without this job's secrets.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ci.report import Report, read_preview
from ci.stacks import PROJECT, qualified
from delivery.text import is_secret_variable


def preview(stack: str, environ: Mapping[str, str], *, refresh: bool, project: Path = PROJECT) -> Report:
    """Preview `stack` with the CLI on PATH. What goes wrong is in the report's `failures`."""
    command = ["pulumi", "preview", "--json", "--non-interactive", "--stack", qualified(stack, environ)]
    if refresh:
        # By itself a refresh asks with what the last update stored, and a token that was replaced since has ended.
        command += ["--refresh", "--run-program"]
    try:
        done = subprocess.run(
            command, cwd=project, env=dict(environ), capture_output=True, text=True, errors="replace", check=False
        )
    except FileNotFoundError:
        return Report(stack, failures=("pulumi is not on PATH: run the set-up before this",))
    return read_preview(stack, done.returncode, done.stdout, done.stderr, secrets_of(environ))


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """The values in the environment that must not be shown, told by their names."""
    return [value for name, value in environ.items() if value and is_secret_variable(name)]


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """The command. Returns its exit status: 0 previewed, 1 failed; the report is written both times."""
    parser = argparse.ArgumentParser(prog="python -m ci.preview", description=__doc__.split("\n")[0])
    parser.add_argument("--stack", required=True, help="the stack to preview")
    parser.add_argument("--out", type=Path, required=True, help="the folder for STACK.json")
    parser.add_argument("--refresh", action="store_true", help="ask cluster and forge what is there now")
    options = parser.parse_args(arguments)
    report = preview(options.stack, environ, refresh=options.refresh)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"{options.stack}.json").write_text(report.to_json(), encoding="utf-8")
    for change in report.changes:
        print(f"{change.operation} {change.type} {change.name} {' '.join(change.keys)}".rstrip())
    # Most of them are the engine's own words, which begin like that already.
    for line in (*report.notes, *(f"error: {failure.removeprefix('error: ')}" for failure in report.failures)):
        print(line, file=sys.stderr)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
