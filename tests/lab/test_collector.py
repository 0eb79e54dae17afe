"""The stand-in for a collector: a line for each request, which the reader of traces takes."""

import json
from pathlib import Path

import requests

from delivery.tracing.otlp import read
from gitops.tasks.trace import otlp_request, send_spans
from lab.collector import Collector
from tests.gitops.test_trace_task import DEPLOYMENT, FAILED


def test_what_is_sent_is_a_line_of_the_file_and_another_path_is_none(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    with Collector(file) as collector:
        assert send_spans(collector.url, DEPLOYMENT) == send_spans(collector.url, FAILED) == ""
        assert requests.post(f"{collector.url}/v1/metrics", json={}, timeout=5).status_code == 404
    lines = file.read_text().splitlines()
    assert lines == [json.dumps(otlp_request(sent)) for sent in (DEPLOYMENT, FAILED)]
    assert read(lines, "file").problems == ()
