"""What telemetry adds to a promotion: the same promotion with a healthy collector and without one, in turns.

Each promotion opens a pull request in a new repository on the lab's forge, so that all of them have the same
to do. Measured in process, where nothing is imported, and as the workflow's step, a Python process of its own.
"""

import contextlib
import io
import itertools
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.collector import Collector
from bench.figures import Report
from bench.timing import MeasurementError, command, side_by_side, timed
from delivery.model.edges import Edge, PromotionSettings
from delivery.promotion import cli as promote
from delivery.stack.repository_files import promoter
from lab.forge import Forge

PERCENT = 5.0
TOKEN = "token-of-the-bench"  # noqa: S105 - good for the lab's forge alone
TRACEPARENT = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"
EDGE = Edge("podtato-head", "dev", "production", "dev", "production", ("serviceVersion",))


class Promotions:
    """Promotions to be made, one after another, each in a repository of its own."""

    def __init__(self, forge: Forge, folder: Path) -> None:
        self._forge, self._folder = forge, folder
        self._numbers = itertools.count(1)
        forge.add_token(TOKEN, {"contents": "write", "pull_requests": "write", "issues": "write"}, actions=True)
        self._promoter = folder / "promoter"
        self._promoter.mkdir(parents=True)
        (self._promoter / "promoter.py").write_text(promoter(), encoding="utf-8")

    def in_process(self, environ: Mapping[str, str]) -> float:
        """The seconds of a promotion in this process."""
        given = self._prepare(environ)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            status: list[int] = []
            seconds = timed(lambda: status.append(promote.main([], given)))
        if status != [0]:
            raise MeasurementError("a promotion in process failed")
        return seconds

    def as_step(self, environ: Mapping[str, str]) -> float:
        """The seconds of a promotion as the workflow's step runs it, interpreter and imports included."""
        given = self._prepare(environ)
        run = [sys.executable, "promoter.py"]
        return timed(lambda: command(run, environ=given, folder=self._promoter))

    def _prepare(self, environ: Mapping[str, str]) -> dict[str, str]:
        name = f"acme/gitops-{next(self._numbers)}"
        files: dict[str, str | bytes] = {
            "dev/values.yaml": "serviceVersion: v0.3.0\n",
            "production/values.yaml": 'serviceVersion: v0.3.0\ntraceParent: ""\n',
        }
        self._forge.create_repository(name, files=files)
        self._forge.settings(name).actions_may_open_pull_requests = True
        commit = self._forge.commit(name, {"dev/values.yaml": "serviceVersion: v0.3.1\n"}, "Release v0.3.1")
        settings = self._folder / "settings.json"
        settings.write_text(self._settings(name).to_json(), encoding="utf-8")
        return {
            "APPLICATION": EDGE.application,
            "FROM": EDGE.source,
            "TO": EDGE.target,
            "VERSION": "v0.3.1",
            "COMMIT_ID": commit,
            "TRACEPARENT": TRACEPARENT,
            "GITHUB_TOKEN": TOKEN,
            "DELIVERY_SETTINGS": str(settings),
            # GitHub asks for a second between writes; without it the telemetry's part is at its greatest.
            "DELIVERY_WRITE_INTERVAL": "0",
            "PATH": os.environ.get("PATH", os.defpath),
            **environ,
        }

    def _settings(self, name: str) -> PromotionSettings:
        owner, _, repository = name.partition("/")
        return PromotionSettings(
            owner=owner,
            repository=repository,
            default_branch="main",
            api_url=self._forge.api_url,
            web_url=f"{self._forge.url}/{name}",
            stages={"dev": (), "production": ("dev",)},
            edges=(EDGE,),
        )


def measure(report: Report, rounds: int) -> None:
    """Take this part's figures."""
    with tempfile.TemporaryDirectory() as folder, Forge(Path(folder) / "forge") as forge, Collector() as collector:
        promotions = Promotions(forge, Path(folder))
        ways = {
            "in process": (promotions.in_process, 8 * rounds),
            "the workflow's step": (promotions.as_step, 4 * rounds),
        }
        for way, (promotion, pairs) in ways.items():
            for environ in ({}, collector.environ):  # warm: imports here, bytecode there
                promotion(environ)
            before = collector.batches
            report.say(f"a promotion, {way}, without and with telemetry, {pairs} times each")
            taken = side_by_side(
                {
                    "without": lambda promotion=promotion: promotion({}),  # type: ignore[misc]
                    "with": lambda promotion=promotion: promotion(collector.environ),  # type: ignore[misc]
                },
                pairs,
            )
            if collector.batches - before != pairs:
                raise MeasurementError(f"{collector.batches - before} of {pairs} traces reached the collector")
            report.add(f"{way}: without telemetry", taken["without"].scaled(1000), "ms")
            report.add(f"{way}: with a healthy collector", taken["with"].scaled(1000), "ms")
            added = taken["with"].less(taken["without"]).over(taken["without"]).scaled(100)
            report.add(f"{way}: what telemetry adds, pair by pair", added, "%", PERCENT)
