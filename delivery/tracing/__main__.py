"""`python -m delivery.tracing`: the way of one version from commit to its last stage, out of exported spans."""

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from delivery.tracing.commits import CommitsError, commit_times
from delivery.tracing.deliveries import choose, deliveries
from delivery.tracing.html import page
from delivery.tracing.model import Delivery
from delivery.tracing.otlp import TRACE_FILE, Span, SpanId, read
from delivery.tracing.summary import summary
from delivery.tracing.timeline import timeline
from delivery.tracing.waterfall import Style, waterfall

_SHOWN = 5


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run the command; the exit status: 0 drawn, 1 nothing to draw, 2 a file or an option is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m delivery.tracing",
        description="Draw the way of one version from commit to its last stage, out of exported spans.",
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
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}", 2)
    found = deliveries(spans)
    chosen = choose(found, given.application, given.version)
    if chosen is None:
        return _complain(_nothing(found, len(spans)), 1)
    try:
        times = commit_times(Path(given.repository), chosen.commits) if given.repository else {}
    except CommitsError as error:
        return _complain(str(error), 2)
    line = timeline(chosen, times)
    if given.html:
        try:
            Path(given.html).write_text(page(line), encoding="utf-8")
        except OSError as error:
            return _complain(f"{given.html}: {error.strerror}", 2)
    sys.stdout.write(summary(line) if given.json else waterfall(line, _style(given.width, environ)))
    return 0


def _spans(files: Sequence[str]) -> tuple[Span, ...]:
    """The spans of all files, each once. What could not be read is named on stderr, five lines of it at most."""
    spans: dict[SpanId, Span] = {}
    problems: list[str] = []
    for name in files:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8", errors="replace")
        export = read(text.split("\n"), name)
        spans = {span.id: span for span in export.spans} | spans
        problems += export.problems
    for problem in problems[:_SHOWN]:
        print(problem, file=sys.stderr)
    if len(problems) > _SHOWN:
        print(f"and {len(problems) - _SHOWN} more like these", file=sys.stderr)
    return tuple(spans.values())


def _nothing(found: Sequence[Delivery], spans: int) -> str:
    if not found:
        return f"none of {spans} spans is Keptn's or a promotion's; is this the collector's file?"
    known = sorted({f"{one.application} {one.version}" for one in found})
    return f"no such delivery; there are: {', '.join(known)}"


def _style(width: int | None, environ: Mapping[str, str]) -> Style:
    """What stdout can show: colours only on a terminal and never with NO_COLOR (https://no-color.org)."""
    terminal = sys.stdout.isatty() and environ.get("TERM") != "dumb"
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    return Style(
        width=width or shutil.get_terminal_size((100, 24)).columns,
        colour=terminal and not environ.get("NO_COLOR"),
        unicode=encoding.startswith("utf"),
    )


def _complain(text: str, status: int) -> int:
    print(text, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
