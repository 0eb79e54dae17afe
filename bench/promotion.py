"""The runner's own time from dispatch to pull request, step by step, and what telemetry adds to it.

As in the workflow, the locked requirements are installed, and the promoter runs on them as a process of its own. Each
promotion opens a pull request in a new repository on the lab's forge, so that all of them have the same to do. What is
GitHub's, the queue for a runner and the network, is not in the figures.
"""

import itertools
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.figures import Report
from bench.timing import PROJECT, MeasurementError, Samples, command, side_by_side, timed
from delivery.model.edges import Edge
from delivery.model.promoted_keys import in_values
from delivery.model.settings import PromotionSettings
from delivery.stack.repository_files import promoter
from delivery.tracing.otlp import SERVER, TRACE_FILE, read
from lab.forge import Forge

SECONDS, TELEMETRY_MILLISECONDS = 5.0, 100.0
STEPS = ("read", "plan", "push", "open")
TOKEN = "token-of-the-bench"  # noqa: S105 - good for the lab's forge alone
TRACEPARENT = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"
EDGE = Edge("podtato-head", "dev", "production", "dev", "production", in_values("serviceVersion"))
PLATFORM = "versionKey: serviceVersion\napplication:\n  name: podtato-head\n  stage: production\n"
INSTALL = ("--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps", "--only-binary=:all:")


class Runner:
    """Makes promotions, one after another, each in a repository of its own."""

    def __init__(self, forge: Forge, folder: Path) -> None:
        self._forge, self._folder = forge, folder
        self._numbers = itertools.count(1)
        self._python, self._packages = sys.executable, Path(PROJECT)
        forge.add_token(TOKEN, {"contents": "write", "pull_requests": "write", "issues": "write"}, actions=True)
        (folder / "promoter.py").write_text(promoter(), encoding="utf-8")

    def install(self) -> float:
        """The seconds that pip takes. Promotions then run on what it has installed, and on nothing else."""
        packages = self._folder / f"packages-{next(self._numbers)}"
        lock = PROJECT / "gitops" / "promoter" / "requirements.txt"
        pip = [sys.executable, "-m", "pip", "install", *INSTALL, "--target", str(packages), "-r", str(lock)]
        seconds = timed(lambda: command(pip))
        self._python, self._packages = getattr(sys, "_base_executable", sys.executable), packages
        return seconds

    def promote(self, environ: Mapping[str, str]) -> float:
        """The seconds of the workflow's step, from the start of the interpreter to its end."""
        name = f"acme/gitops-{next(self._numbers)}"
        files: dict[str, str | bytes] = {
            "dev/values.yaml": "serviceVersion: v0.3.0\n",
            "production/values.yaml": 'serviceVersion: v0.3.0\ntraceParent: ""\n',
            "production/platform.yaml": PLATFORM,
        }
        self._forge.create_repository(name, files=files)
        self._forge.settings(name).actions_may_open_pull_requests = True
        commit = self._forge.commit(name, {"dev/values.yaml": "serviceVersion: v0.3.1\n"}, "Release v0.3.1")
        settings = PromotionSettings(
            owner="acme",
            repository=name.removeprefix("acme/"),
            default_branch="main",
            api_url=self._forge.api_url,
            web_url=f"{self._forge.url}/{name}",
            stages={"dev": (), "production": ("dev",)},
            edges=(EDGE,),
        )
        (self._folder / "settings.json").write_text(settings.to_json(), encoding="utf-8")
        given = {
            "APPLICATION": EDGE.application,
            "FROM": EDGE.source,
            "TO": EDGE.target,
            "VERSION": "v0.3.1",
            "COMMIT_ID": commit,
            "TRACEPARENT": TRACEPARENT,
            "GITHUB_TOKEN": TOKEN,
            "DELIVERY_SETTINGS": "settings.json",
            "PYTHONPATH": str(self._packages),
            "PATH": os.environ.get("PATH", os.defpath),
            **environ,
        }
        seconds = timed(lambda: command([self._python, "promoter.py"], environ=given, folder=self._folder))
        if len(self._forge.pull_requests(name)) != 1:
            raise MeasurementError("a promotion opened no pull request")
        return seconds


def measure(report: Report, rounds: int) -> None:
    """Take this part's figures."""
    with tempfile.TemporaryDirectory() as folder, Forge(Path(folder) / "forge") as forge, collector() as url:
        runner = Runner(forge, Path(folder))
        try:
            runner.install()  # fills pip's cache
            report.say(f"installing what the promoter needs, from pip's cache, {rounds} times")
            installs = Samples(tuple(runner.install() for _ in range(rounds)))
            report.add("install, from pip's cache", installs, "s")
        except MeasurementError as error:
            report.skip(f"install was not measured: {error}")
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, TRACE_FILE: str(Path(folder) / "traces.jsonl")}
        runner.promote(traced)  # compiles
        Path(traced[TRACE_FILE]).unlink()
        report.say(f"a promotion without and with telemetry, {4 * rounds} times each")
        ways = {"without": lambda: runner.promote({}), "with": lambda: runner.promote(traced)}
        taken = side_by_side(ways, 4 * rounds)
        spans = read(Path(traced[TRACE_FILE]).read_text(encoding="utf-8").splitlines(), TRACE_FILE).spans
        runs = [(span.end - span.start) / 1e9 for span in spans if span.kind == SERVER]
        report.add("start, imports and end of Python", taken["with"].less(Samples(tuple(runs))), "s")
        for step in STEPS:
            report.add(step, Samples(tuple((span.end - span.start) / 1e9 for span in spans if span.name == step)), "s")
        report.add("all of these, from the start to the pull request", taken["with"], "s", SECONDS)
        added = taken["with"].less(taken["without"]).scaled(1000)
        report.add("of that, what telemetry adds with a healthy collector", added, "ms", TELEMETRY_MILLISECONDS)


@contextmanager
def collector() -> Iterator[str]:
    """A healthy OTLP collector that keeps nothing: its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")  # an empty body is a complete answer in OTLP
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
