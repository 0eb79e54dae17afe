"""The promotions that are measured: each opens a pull request, and tells how long its steps took."""

from pathlib import Path

from bench.promotion import STEPS, Runner, collector
from delivery.tracing.otlp import TRACE_FILE, read
from lab.forge import Forge


def test_a_promotion_is_made_and_tells_of_its_steps(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    with Forge(tmp_path / "forge") as forge, collector() as url:
        runner = Runner(forge, tmp_path)
        assert runner.promote({"OTEL_EXPORTER_OTLP_ENDPOINT": url, TRACE_FILE: str(file)}) > 0
    spans = read(file.read_text(encoding="utf-8").splitlines(), file.name).spans
    assert [span.name for span in spans[1:]] == list(STEPS)
