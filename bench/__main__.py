"""`make bench`: measures what this project promises about its speed, and shows each figure beside its bound."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable

from bench import engine, promotion, render, requests, scale
from bench.figures import Report
from bench.timing import MeasurementError

PARTS: dict[str, tuple[str, Callable[[Report, int], None]]] = {
    "render": ("Rendering without the CLI", render.measure),
    "engine": ("The real engine, beside an empty program", engine.measure),
    "promotion": ("A promotion", promotion.measure),
    "requests": ("What promotions ask of GitHub, and how often git fetches or pushes", requests.measure),
    "scale": ("The real engine, with 1 to 50 applications", scale.measure),
}
LONG = frozenset({"scale"})
"""What takes long, and is measured only where it is asked for."""


def main(arguments: list[str]) -> int:
    """The command. Exit status: 0 measured, 1 a bound is broken (with `--check`), 2 something was not measurable."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=(__doc__ or "").partition(": ")[2],
        epilog="Medians of runs made in turns, then the smallest and the greatest. Parts: "
        + "; ".join(f"{name}: {title}" for name, (title, _) in PARTS.items()),
    )
    parser.add_argument(
        "--only", default="", metavar="PARTS", help=f"some of {','.join(PARTS)}; all but scale unless given"
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each thing is run (default: 3)")
    parser.add_argument("--json", action="store_true", help="print one JSON object; progress goes to standard error")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bound is broken")
    options = parser.parse_args(arguments)
    chosen = [name.strip() for name in options.only.split(",") if name.strip()] or [
        name for name in PARTS if name not in LONG
    ]
    unknown = [name for name in chosen if name not in PARTS]
    if unknown or options.rounds < 1:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}" if unknown else "--rounds is at least 1")
    started = time.monotonic()
    reports: dict[str, Report] = {}
    failed = False
    for name in chosen:
        title, measure = PARTS[name]
        report = reports[name] = Report(title, lambda line: print(f"… {line}", file=sys.stderr, flush=True))
        try:
            measure(report, options.rounds)
        except MeasurementError as error:
            failed = True
            report.skip(f"could not be measured: {error}")
        if not options.json:
            lines = [f"\n{title}", *(figure.line() for figure in report.figures)]
            print("\n".join([*lines, *(f"  {reason}" for reason in report.skipped)]), flush=True)
    processors, load = os.cpu_count() or 1, os.getloadavg()
    busy, seconds = load[1] > processors, round(time.monotonic() - started, 1)
    if options.json:
        parts = {
            name: {"figures": [figure.as_json() for figure in report.figures], "skipped": report.skipped}
            for name, report in reports.items()
        }
        machine = {"processors": processors, "load": load, "busy": busy, "seconds": seconds}
        print(json.dumps(machine | {"parts": parts}))
    else:
        averages = ", ".join(f"{value:.1f}" for value in load)
        print(f"\n{seconds:.0f} s on {processors} processors; load (1, 5, 15 minutes): {averages}")
        if busy:
            print("The machine is busy with other work: only the ratios mean something. Repeat it later.")
    broken = options.check and any(report.broken for report in reports.values())
    return 2 if failed else 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
