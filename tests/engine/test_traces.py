"""The promotion's span under the real engine: in the engine's own trace where there is one, alone where not."""

import json
from pathlib import Path
from typing import Any

from tests.engine.team import Team

SOURCE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def spans(file: Path) -> list[dict[str, Any]]:
    """Every span of a file of OTLP JSON lines."""
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            found += [span for scope in resource["scopeSpans"] for span in scope["spans"]]
    return found


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}


def promotion(found: list[dict[str, Any]]) -> dict[str, Any]:
    (span,) = [each for each in found if each["name"] == "promote podtato-head/dev-to-production"]
    return span


def test_the_promotion_joins_the_engines_trace_with_its_pull_request_and_links_to_what_was_verified(team: Team) -> None:
    team.promoting()
    team.release("v0.3.1")
    team.environment["DELIVERY_PROMOTE"] = json.dumps({"traceParent": SOURCE})
    file = team.folder / "engine.json"

    done = team.up("production", f"--otel-traces=file://{file}")

    assert done.status == 0, done.text
    found = spans(file)
    run = promotion(found)
    by_id = {each["spanId"]: each for each in found}
    ancestors = [run]
    while ancestors[-1].get("parentSpanId"):
        ancestors.append(by_id[ancestors[-1]["parentSpanId"]])
    assert len(ancestors) > 1
    assert len({each["traceId"] for each in ancestors}) == 1
    assert run["traceId"] != SOURCE.split("-")[1]
    assert [each["traceId"] for each in run["links"]] == [SOURCE.split("-")[1]]
    said = attributes(run)
    assert said["vcs.change.id"] == "1"
    assert said["delivery.change.url"].endswith("/pull/1")


def test_without_engine_traces_it_works_alone_and_a_preview_is_no_promotion(team: Team) -> None:
    team.promoting()
    team.release("v0.3.1")
    file = team.folder / "traces.jsonl"
    team.environment["DELIVERY_TRACE_FILE"] = str(file)

    assert team.preview("production").status == 0
    assert not file.exists()
    assert team.up("production").status == 0

    run = promotion(spans(file))
    assert attributes(run)["vcs.change.id"] == "1"
    assert attributes(run)["cicd.pipeline.result"] == "success"
    children = {each["name"] for each in spans(file) if each.get("parentSpanId") == run["spanId"]}
    assert {"read", "plan"} <= children
