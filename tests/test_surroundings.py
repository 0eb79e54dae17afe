"""What a test inherits: the machine it runs on, and nothing that a workflow's runner says of its own repository."""

import subprocess
import sys

from tests.workflow_files import ROOT

RUNNERS = {
    "CI": "true",
    "GITHUB_REPOSITORY": "acme/another",
    "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_TOKEN": "a-real-one",
    "RUNNER_TEMP": "/tmp",
    "ACTIONS_RUNTIME_TOKEN": "a-real-one",
    "TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "OTEL_TRACES_EXPORTER": "otlp",
    "DELIVERY_TRACE_FILE": "traces.jsonl",
    "PULUMI_BACKEND_URL": "s3://the-real-one",
}


def test_nothing_of_a_runners_own_reaches_a_test() -> None:
    stays = {"DELIVERY_CRDS": "crds", "DELIVERY_CHARTS": "charts", "CITY": "Vienna", "PATH": "/usr/bin"}
    script = "import os, tests.conftest; print(*sorted(os.environ))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=RUNNERS | stays, capture_output=True, text=True, check=True)
    left = set(done.stdout.split())
    assert left >= stays.keys()
    assert not left & RUNNERS.keys()
