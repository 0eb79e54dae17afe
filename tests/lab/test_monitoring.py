"""The stand-ins for a collector and for Prometheus: what the project's own tasks send to them and ask of them."""

import json
from pathlib import Path

import pytest
import requests

from delivery.tracing.otlp import read
from gitops.tasks import check
from gitops.tasks.trace import otlp_request, send_spans
from lab.monitoring import Monitoring
from tests.gitops.test_trace_task import DEPLOYMENT, FAILED


def test_what_is_sent_is_a_line_of_the_file_and_another_path_is_none(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    with Monitoring(file) as monitoring:
        assert send_spans(monitoring.url, DEPLOYMENT) == send_spans(monitoring.url, FAILED) == ""
        assert requests.post(f"{monitoring.url}/v1/metrics", json={}, timeout=5).status_code == 404
    lines = file.read_text().splitlines()
    assert lines == [json.dumps(otlp_request(sent)) for sent in (DEPLOYMENT, FAILED)]
    assert read(lines, "file").problems == ()


def test_a_query_is_answered_with_what_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Monitoring(tmp_path / "none", {"errors": 0.3}.__getitem__) as monitoring:
        data = {"prometheus": monitoring.url, "query": "errors"}
        codes = [check.main({"DATA": json.dumps({**data, "max": most})}) for most in ("0.5", "0.1")]
    assert codes == [0, 1]
    assert "found 0.3" in capsys.readouterr().err
