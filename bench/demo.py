"""`make demo` as a person runs it a second time: the whole story, without the CLI and, where it is there, with it."""

import tempfile
from pathlib import Path

from bench.figures import Report
from bench.timing import python, side_by_side, timed
from lab.pulumi_cli import missing_programs

SECONDS = 10.0


def measure(report: Report, rounds: int) -> None:
    """Take this part's figures."""
    with tempfile.TemporaryDirectory() as folder:

        def run(*options: str) -> float:
            return timed(lambda: python("-m", "lab.demo", "--folder", str(Path(folder) / "demo"), *options))

        missing = missing_programs()
        ways = {"without the CLI": ("--embedded",)} | ({} if missing else {"with the real CLI and providers": ()})
        run("--embedded")  # warm
        taken = side_by_side(
            {way: lambda options=options: run(*options) for way, options in ways.items()},  # type: ignore[misc]
            min(rounds, 2),
            lambda line: report.say(f"make demo: {line}"),
        )
        for way, samples in taken.items():
            report.add(f"make demo, warm, {way}", samples, "s", SECONDS)
        if missing:
            report.skip(f"with the CLI: not measured, not on PATH: {', '.join(missing)}")
