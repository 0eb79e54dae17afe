"""`python -m delivery.tracing`: the delivery timeline of one version, from its commit to the last stage.

Reads files of spans, and draws them as text (`delivery.tracing.waterfall`), as a page (`delivery.tracing.html`), or
prints the same numbers as JSON.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from delivery.model.identifiers import is_commit
from delivery.tracing.deliveries import choose, deliveries
from delivery.tracing.html import page
from delivery.tracing.otlp import TRACE_FILE, Span, once, read
from delivery.tracing.timeline import Timeline, timeline
from delivery.tracing.waterfall import Style, waterfall

_SHOWN = 5


class InputError(Exception):
    """A file or an option is wrong; the text is one line."""


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run the command; the exit status: 0 drawn, 1 nothing to draw, 2 a file or an option is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m delivery.tracing",
        description="Draw the delivery timeline of one version, from commit to the last stage, out of exported spans.",
        epilog="Exit status: 0 drawn; 1 no such delivery in the files; 2 a file or an option is wrong.",
    )
    file = environ.get(TRACE_FILE)
    parser.add_argument(
        "--file",
        action="append",
        metavar="FILE",
        help=f"OTLP JSON lines as a collector writes them, - for standard input; repeatable (default: ${TRACE_FILE})",
    )
    parser.add_argument("--application", default="", help="only this application (default: any)")
    parser.add_argument("--version", default="", help="only this version (default: the newest that arrived)")
    parser.add_argument("--repository", metavar="DIR", help="a clone of the GitOps repository, for times of commits")
    parser.add_argument("--html", metavar="FILE", help="also write one self-contained HTML page")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a drawing")
    parser.add_argument("--width", type=int, help="columns of the drawing, 80 to 120 (default: the terminal's)")
    given = parser.parse_args(arguments)
    files = given.file or ([file] if file else [])
    if not files:
        parser.error(f"no file; give --file, or set {TRACE_FILE}")
    try:
        spans = _spans(files)
        found = deliveries(spans)
        chosen = choose(found, given.application, given.version)
        if chosen is None:
            known = ", ".join(sorted({f"{one.application} {one.version}" for one in found}))
            nothing = f"none of {len(spans)} spans is a deployment's or a promotion's; is this the collector's file?"
            print(f"no such delivery; there are: {known}" if found else nothing, file=sys.stderr)
            return 1
        line = timeline(chosen, commit_times(given.repository, chosen.commits) if given.repository else {})
        if given.html:
            Path(given.html).write_text(page(line), encoding="utf-8")
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    sys.stdout.write(as_json(line) if given.json else waterfall(line, _style(given.width, environ)))
    return 0


def commit_times(repository: str, commits: Iterable[str]) -> dict[str, int]:
    """When each of `commits` was committed, in nanoseconds since 1970; those not in `repository` are left out.

    `repository` is a clone. A pull request that is merged on the forge gets its commit at that moment, so this is the
    time of the merge too, of which no span tells. Raises InputError.
    """
    wanted = sorted(filter(is_commit, commits))
    if not wanted:
        return {}
    log = ["log", "--no-walk", "--ignore-missing", "--no-show-signature", "--format=%H %ct"]
    done = subprocess.run(["git", "-C", repository, *log, *wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"{repository} is no git repository; give a clone of the GitOps repository")
    pairs = (shown.split() for shown in done.stdout.splitlines())
    return {commit: int(seconds) * 1_000_000_000 for commit, seconds in pairs}


def as_json(line: Timeline) -> str:
    """The timeline for scripts: one JSON object, times in ISO 8601 (UTC), lengths in seconds, a newline at the end."""
    delivery = line.delivery
    document = {
        "application": delivery.application,
        "version": delivery.version,
        "stages": delivery.stages,
        "complete": delivery.complete,
        "failed": delivery.failed,
        "commit": line.commit,
        "commitTime": _time(line.commit_time),
        "leadTimeSeconds": line.lead_time / 1e9,
        "sections": [
            {
                "name": section.name,
                "kind": section.kind,
                "start": _time(section.start),
                "end": _time(section.end),
                "seconds": section.length / 1e9,
            }
            for section in line.sections
        ],
        "pullRequests": [
            {"number": change.number, "title": change.title, "url": change.url, "merged": _time(change.merged)}
            for change in line.changes
        ],
        "rows": [
            {
                "name": row.name,
                "kind": row.kind,
                "depth": row.depth,
                "start": _time(row.start),
                "end": _time(row.end),
                "traceId": row.span.id.trace if row.span else None,
                "spanId": row.span.id.span if row.span else None,
                "follows": {"traceId": row.follows.trace, "spanId": row.follows.span} if row.follows else None,
                "failed": row.failed,
            }
            for row in line.rows
        ],
        "traces": [{"of": name, "traceId": trace} for name, trace in line.traces],
        "notes": line.notes,
    }
    return json.dumps(document, indent=2) + "\n"


def _time(nanoseconds: int) -> str | None:
    """A point in time for scripts; None for 0, which stands for "not known"."""
    known = datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="milliseconds")
    return known if nanoseconds else None


def _spans(files: Sequence[str]) -> tuple[Span, ...]:
    """The spans of all files, each once. What could not be read is named on stderr, five lines of it at most."""
    spans: list[Span] = []
    problems: list[str] = []
    for name in files:
        if name == "-":
            export = read(sys.stdin, name)
        else:
            with Path(name).open(encoding="utf-8", errors="replace") as lines:
                export = read(lines, name)
        spans += export.spans
        problems += export.problems
    for problem in problems[:_SHOWN]:
        print(problem, file=sys.stderr)
    if len(problems) > _SHOWN:
        print(f"and {len(problems) - _SHOWN} more like these", file=sys.stderr)
    return once(spans)


def _style(width: int | None, environ: Mapping[str, str]) -> Style:
    """What stdout can show: colours only on a terminal and never with NO_COLOR (https://no-color.org)."""
    terminal = sys.stdout.isatty() and environ.get("TERM") != "dumb"
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    return Style(
        width=width or shutil.get_terminal_size((100, 24)).columns,
        colour=terminal and not environ.get("NO_COLOR"),
        unicode=encoding.startswith("utf"),
    )


if __name__ == "__main__":
    sys.exit(main())
