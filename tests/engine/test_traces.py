"""The promotion's span under the real engine: in the engine's own trace where there is one, alone where not."""

import json
from pathlib import Path
from typing import Any

from lab.forge import EVERYTHING
from tests.engine.team import TOKEN, Team

SOURCE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def spans(file: Path) -> list[dict[str, Any]]:
    """Every span of a file of OTLP JSON lines."""
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            found += [span for scope in resource["scopeSpans"] for span in scope["spans"]]
    return found


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {attribute["key"]: next(iter(attribute["value"].values())) for attribute in span["attributes"]}


def promotion(found: list[dict[str, Any]]) -> dict[str, Any]:
    (span,) = [span for span in found if span["name"] == "promote podtato-head/dev-to-production"]
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
    by_id = {span["spanId"]: span for span in found}
    ancestors = [run]
    while ancestors[-1].get("parentSpanId"):
        ancestors.append(by_id[ancestors[-1]["parentSpanId"]])
    assert len(ancestors) > 1
    assert len({span["traceId"] for span in ancestors}) == 1
    assert run["traceId"] != SOURCE.split("-")[1]
    assert [link["traceId"] for link in run["links"]] == [SOURCE.split("-")[1]]
    values = attributes(run)
    assert values["vcs.change.id"] == "1"
    assert values["delivery.change.url"].endswith("/pull/1")


def test_without_engine_traces_it_is_a_trace_of_its_own_and_a_preview_is_no_promotion(team: Team) -> None:
    team.settings |= {"promotionLabels": '["promotion"]', "promotionReviewers": '["nobody-knows-them"]'}
    team.promoting()
    team.release("v0.3.1")
    file = team.folder / "traces.jsonl"
    team.environment |= {"DELIVERY_TRACE_FILE": str(file), "GITHUB_RUN_ID": "4711"}
    team.environment["DELIVERY_PROMOTE"] = json.dumps({"traceParent": SOURCE})
    assert team.preview("production").status == 0
    assert not file.exists()
    team.forge.fail_next("POST", r"/requested_reviewers$", status=422, body={"message": "nobody-knows-them may not"})

    opened = team.up("production")

    assert opened.status == 0, opened.text
    assert team.pulls()[0].labels == ["promotion"]
    run = promotion(spans(file))
    values = attributes(run)
    assert values["cicd.pipeline.result"] == "success"
    assert values["cicd.pipeline.run.id"] == "4711"
    assert values["delivery.promotion.outcome"] == "created"
    assert values["service.version"] == "v0.3.1"
    assert values["vcs.change.id"] == "1"
    children = [span["name"] for span in spans(file) if span.get("parentSpanId") == run["spanId"]]
    assert children == ["read", "plan", "push", "open"]

    del team.environment["DELIVERY_PROMOTE"]
    outcomes = []
    for version in (None, "v0.3.2"):
        file.unlink()
        if version:
            team.release(version)
        again = team.up("production")
        assert again.status == 0, again.text
        run = promotion(spans(file))
        outcomes.append(attributes(run)["delivery.promotion.outcome"])
    assert outcomes == ["unchanged", "updated"]


def test_a_promotion_that_the_forge_refuses_is_a_failure_with_its_answer(team: Team) -> None:
    team.promoting()
    team.release("v0.3.1")
    file = team.folder / "traces.jsonl"
    team.environment["DELIVERY_TRACE_FILE"] = str(file)
    team.forge.add_token(TOKEN, {**EVERYTHING, "pull_requests": "read"})

    refused = team.up("production")

    assert refused.status != 0
    assert team.states() == []
    found = spans(file)
    run = promotion(found)
    values = attributes(run)
    assert (values["error.type"], values["cicd.pipeline.result"]) == ("403", "failure")
    assert "vcs.change.id" not in values
    assert run["status"]["message"].startswith("POST ")
    assert ": 403 Resource not accessible" in run["status"]["message"]
    (step,) = [span for span in found if span["name"] == "open"]
    assert attributes(step)["error.type"] == "403"
