"""What the promoter's telemetry writes is what the trace reads: one file, both ends."""

import time
from pathlib import Path

import pytest

from delivery.model.edges import Edge, PromotionSettings
from delivery.tracing.deliveries import deliveries
from delivery.tracing.otlp import read
from delivery.tracing.run import start_run
from delivery.tracing.timeline import timeline
from tests.delivery.tracing.builder import DAY, Story, hexed

EDGE = Edge("podtato-head", "dev", "production", "dev", "production", ("serviceVersion",))
SETTINGS = PromotionSettings(
    owner="acme",
    repository="gitops",
    default_branch="main",
    api_url="https://api.github.com",
    web_url="https://github.com/acme/gitops",
    stages={"dev": (), "production": ("dev",)},
    edges=(EDGE,),
)


def test_a_real_run_lies_between_dev_and_production(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    now = time.time() - DAY
    story = Story()
    trace, span = story.rollout("dev", "v0.3.1", now - 64).split("/")
    story.rollout("production", "v0.3.1", now + 60, follows=f"{trace}/{span}", promotes=False)
    file.write_text("".join(story.lines))
    phase = f"00-{hexed(trace, 32)}-{hexed(span, 16)}-01"
    with (
        pytest.raises(TimeoutError),
        start_run(EDGE, SETTINGS, traceparent=phase, environ={"DELIVERY_TRACE_FILE": str(file)}) as run,
        run.step("read"),
    ):
        raise TimeoutError("the forge did not answer")
    with start_run(EDGE, SETTINGS, traceparent=phase, environ={"DELIVERY_TRACE_FILE": str(file)}) as run:
        with run.step("read"):
            pass
        with run.step("open"):
            run.set_pull_request(7, "https://github.com/acme/gitops/pull/7", "Promote v0.3.1 🥔")
    export = read(file.read_text().splitlines(), "x")
    line = timeline(deliveries(export.spans)[0])
    assert export.problems == ()
    assert line.delivery.complete
    assert [row.name for row in line.rows if row.follows] == [
        "promote podtato-head/dev-to-production",
        "promote podtato-head/dev-to-production",
        "production, all phases",
    ]
    assert [(row.name, row.failed) for row in line.rows if row.kind == "promotion" and row.depth == 1][1:] == [
        ("read", True),
        ("read", False),
        ("open", False),
    ]
    assert [(change.number, change.title) for change in line.changes] == [("7", "Promote v0.3.1 🥔")]
