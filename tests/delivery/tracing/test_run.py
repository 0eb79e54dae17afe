"""What a promotion run says of itself: names, attributes, the link, errors, and whose child it is."""

import json
import os
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from delivery.model.edges import Edge, PromotionSettings
from delivery.tracing.run import start_run

PHASE = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"
COMMIT = "d1" * 20
EDGE = Edge("podtato-head", "dev", "production", "dev", "production", ("serviceVersion",))
SETTINGS = PromotionSettings(
    owner="acme",
    repository="gitops",
    default_branch="main",
    api_url="https://api.github.com",
    web_url="https://bot:hunter22@github.com/acme/gitops",
    stages={"dev": (), "production": ("dev",)},
    edges=(EDGE,),
)
ROOT = Path(__file__).resolve().parents[3]

Span = dict[str, Any]


def exported(file: Path) -> list[Span]:
    spans: list[Span] = []
    for line in file.read_text().splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                spans += scope["spans"]
    return spans


def attributes(span: Span) -> dict[str, str]:
    return {item["key"]: item["value"].get("stringValue", item["value"]) for item in span["attributes"]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "traces.jsonl"


@pytest.fixture
def environ(file: Path) -> dict[str, str]:
    return {"DELIVERY_TRACE_FILE": str(file)}


def test_a_run_is_a_server_span_named_action_and_pipeline_with_its_steps_below(
    file: Path, environ: dict[str, str]
) -> None:
    with start_run(EDGE, SETTINGS, run_id="7", environ=environ) as run:
        for step in ("read", "plan", "push", "open"):
            with run.step(step):
                pass
    server, *steps = exported(file)
    assert (server["name"], server["kind"]) == ("promote podtato-head/dev-to-production", 2)
    assert [(step["name"], step["kind"]) for step in steps] == [("read", 1), ("plan", 1), ("push", 1), ("open", 1)]
    assert {step["parentSpanId"] for step in steps} == {server["spanId"]}
    assert {step["traceId"] for step in steps} == {server["traceId"]}
    assert [attributes(step)["cicd.pipeline.task.run.id"] for step in steps] == ["7/read", "7/plan", "7/push", "7/open"]
    assert "parentSpanId" not in server


def test_a_run_says_what_went_where_in_the_conventions_words(file: Path, environ: dict[str, str]) -> None:
    with start_run(
        EDGE, SETTINGS, version="v0.3.1", commit=COMMIT, traceparent=PHASE, run_id="7", environ=environ
    ) as run:
        run.set_commit(COMMIT, datetime(2026, 8, 1, 12, tzinfo=UTC))
        run.set_result("success", "created")
    assert attributes(exported(file)[0]) == {
        "cicd.pipeline.name": "podtato-head/dev-to-production",
        "cicd.pipeline.action.name": "promote",
        "cicd.pipeline.run.id": "7",
        "cicd.pipeline.result": "success",
        "vcs.provider.name": "github",
        "vcs.owner.name": "acme",
        "vcs.repository.name": "gitops",
        "vcs.repository.url.full": "https://github.com/acme/gitops",
        "vcs.ref.head.name": "main",
        "vcs.ref.head.type": "branch",
        "vcs.ref.head.revision": COMMIT,
        "deployment.environment.name": "production",
        "service.name": "podtato-head",
        "service.version": "v0.3.1",
        "keptn.deployment.app.name": "podtato-head",
        "keptn.deployment.app.version": "v0.3.1",
        "delivery.source.environment.name": "dev",
        "delivery.commit.time": "2026-08-01T12:00:00+00:00",
        "delivery.promotion.outcome": "created",
    }


def test_a_run_links_to_the_source_stages_phase_and_is_not_its_child(file: Path, environ: dict[str, str]) -> None:
    with start_run(EDGE, SETTINGS, traceparent=PHASE, environ=environ):
        pass
    (span,) = exported(file)
    (link,) = span["links"]
    assert (link["traceId"], link["spanId"]) == ("23679963727bf63245f9b55983c73104", "b427a6fcfc56cd6a")
    assert span["traceId"] != link["traceId"]
    assert "parentSpanId" not in span


@pytest.mark.parametrize("junk", ["", PHASE.upper(), PHASE + "\n", "00-" + "0" * 32 + "-b427a6fcfc56cd6a-01", "x"])
def test_a_traceparent_that_is_not_valid_is_left_out(file: Path, environ: dict[str, str], junk: str) -> None:
    with start_run(EDGE, SETTINGS, traceparent=junk, environ=environ) as run:
        run.add_link(junk, "undoes")
    assert "links" not in exported(file)[0]


def test_a_rollback_is_an_action_of_its_own_and_links_to_what_it_undoes(file: Path, environ: dict[str, str]) -> None:
    with start_run(EDGE, SETTINGS, environ=environ, action="rollback") as run:
        run.add_link(PHASE, "undoes")
    (span,) = exported(file)
    assert span["name"] == "rollback podtato-head/dev-to-production"
    assert attributes(span["links"][0]) == {"delivery.link": "undoes"}


def test_the_pull_request_is_on_the_run_and_on_the_step_that_opened_it(file: Path, environ: dict[str, str]) -> None:
    with start_run(EDGE, SETTINGS, environ=environ) as run, run.step("open"):
        run.set_pull_request(3, "https://x:y@github.com/acme/gitops/pull/3", "Promote", "open")
    server, step = exported(file)
    for span in (server, step):
        assert attributes(span)["vcs.change.id"] == "3"
        assert attributes(span)["vcs.change.state"] == "open"
        assert attributes(span)["delivery.change.url"] == "https://github.com/acme/gitops/pull/3"
    assert attributes(step)["vcs.ref.head.name"] == "promote/podtato-head/dev/production"
    assert attributes(step)["vcs.ref.base.name"] == "main"


class ServerError(Exception):
    status = 503


def test_a_failure_has_error_type_on_run_and_step_and_no_secret_path_or_stack_trace(
    file: Path, environ: dict[str, str]
) -> None:
    environ["GITHUB_TOKEN"] = "correct-horse-battery"
    message = "push with correct-horse-battery from /home/runner/work/gitops failed\nTraceback: line 3"
    with pytest.raises(ServerError), start_run(EDGE, SETTINGS, environ=environ) as run, run.step("push"):
        raise ServerError(message)
    for span in exported(file):
        assert span["status"] == {"code": 2, "message": "push with [secret] from …/gitops failed"}
        assert attributes(span)["error.type"] == "503"
        assert "events" not in span
    server, step = exported(file)
    assert attributes(server)["cicd.pipeline.result"] == "failure"
    assert attributes(step)["cicd.pipeline.task.run.result"] == "failure"


@pytest.mark.parametrize(
    ("error", "kind", "result"),
    [
        (ValueError("no"), "ValueError", "failure"),
        (TimeoutError("late"), "TimeoutError", "timeout"),
        (KeyboardInterrupt(), "KeyboardInterrupt", "cancellation"),
    ],
)
def test_an_error_without_a_status_is_named_by_its_class(
    file: Path, environ: dict[str, str], error: BaseException, kind: str, result: str
) -> None:
    with pytest.raises(type(error)), start_run(EDGE, SETTINGS, environ=environ):
        raise error
    found = attributes(exported(file)[0])
    assert (found["error.type"], found["cicd.pipeline.result"]) == (kind, result)


def test_a_run_that_nobody_gave_a_result_claims_none(file: Path, environ: dict[str, str]) -> None:
    run = start_run(EDGE, SETTINGS, environ=environ)
    run.end()
    with start_run(EDGE, SETTINGS, environ=environ):
        pass
    assert ["cicd.pipeline.result" in attributes(each) for each in exported(file)] == [False, False]


def test_a_success_has_no_error_type(file: Path, environ: dict[str, str]) -> None:
    with start_run(EDGE, SETTINGS, environ=environ):
        pass
    assert "error.type" not in attributes(exported(file)[0])
    assert exported(file)[0]["status"] == {"code": 0}


def test_the_traceparent_for_the_pull_request_is_the_runs_own(file: Path, environ: dict[str, str]) -> None:
    with start_run(EDGE, SETTINGS, environ=environ) as run:
        assert run.traceparent is not None
        version, trace_id, span_id, _ = run.traceparent.split("-")
    (span,) = exported(file)
    assert (version, trace_id, span_id) == ("00", span["traceId"], span["spanId"])


def test_without_a_destination_nothing_is_recorded_and_nothing_breaks() -> None:
    with start_run(EDGE, SETTINGS, traceparent=PHASE, environ={}) as run, run.step("read"):
        run.set_pull_request(3, "https://github.com/acme/gitops/pull/3", "Promote")
        run.add_link(PHASE, "undoes")
    assert run.traceparent is None


def test_a_disabled_sdk_writes_no_file(file: Path, environ: dict[str, str]) -> None:
    with start_run(EDGE, SETTINGS, environ=environ | {"OTEL_SDK_DISABLED": "true"}) as run:
        assert run.traceparent is None
    assert not file.exists()


def test_the_ci_systems_traceparent_is_the_parent(file: Path, environ: dict[str, str]) -> None:
    environ |= {"TRACEPARENT": "00-" + "c" * 32 + "-" + "d" * 16 + "-01", "TRACESTATE": "ci=1"}
    with start_run(EDGE, SETTINGS, traceparent=PHASE, environ=environ):
        pass
    (span,) = exported(file)
    assert (span["traceId"], span["parentSpanId"], span["traceState"]) == ("c" * 32, "d" * 16, "ci=1")
    assert span["links"][0]["spanId"] == "b427a6fcfc56cd6a"


def test_a_variable_that_holds_the_source_stages_traceparent_is_a_link_and_not_the_parent(
    file: Path, environ: dict[str, str]
) -> None:
    with start_run(EDGE, SETTINGS, traceparent=PHASE, environ=environ | {"TRACEPARENT": PHASE}):
        pass
    (span,) = exported(file)
    assert "parentSpanId" not in span
    assert span["traceId"] != PHASE.split("-")[1]


def test_the_workflow_runs_address_is_on_the_span(file: Path, environ: dict[str, str]) -> None:
    environ |= {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/gitops", "GITHUB_RUN_ID": "42"}
    with start_run(EDGE, SETTINGS, run_id="42", environ=environ):
        pass
    expected = "https://github.com/acme/gitops/actions/runs/42"
    assert attributes(exported(file)[0])["cicd.pipeline.run.url.full"] == expected


def test_a_span_that_was_begun_takes_the_pull_request_later_and_ends_once(file: Path, environ: dict[str, str]) -> None:
    run = start_run(EDGE, SETTINGS, environ=environ)
    run.set_pull_request(9, "https://github.com/acme/gitops/pull/9", "Promote")
    run.end()
    run.end()
    run.set_pull_request(10, "https://github.com/acme/gitops/pull/10", "too late")
    with start_run(EDGE, SETTINGS, environ=environ):
        pass  # its end waits for the file
    assert [attributes(span).get("vcs.change.id") for span in exported(file)] == ["9", None]


def run_program(body: str, file: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run `body` with EDGE, SETTINGS and PHASE in a process of its own: a provider is global to its process."""
    program = (
        "import sys; sys.path[:0] = [ROOT]\n"
        "from delivery.model.edges import Edge, PromotionSettings\n"
        "from delivery.tracing.run import start_run\n"
        f"EDGE = {EDGE!r}\nSETTINGS = {SETTINGS!r}\nPHASE = {PHASE!r}\n" + textwrap.dedent(body)
    ).replace("[ROOT]", f"[{str(ROOT)!r}]")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PULUMI_", "TRACE"))}
    return subprocess.run(
        [sys.executable, "-c", program],
        env=clean | {"DELIVERY_TRACE_FILE": str(file)} | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_a_span_that_nobody_ends_is_exported_when_the_process_exits(file: Path) -> None:
    done = run_program("start_run(EDGE, SETTINGS, run_id='1')", file)
    assert [attributes(span)["cicd.pipeline.run.id"] for span in exported(file)] == ["1"]
    assert done.stderr == ""


def test_an_installed_provider_is_joined_and_only_our_spans_go_to_our_file(file: Path) -> None:
    run_program(
        """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        installed = TracerProvider()
        trace.set_tracer_provider(installed)
        with trace.get_tracer("engine").start_as_current_span("pulumi up", kind=trace.SpanKind.SERVER) as engine:
            for _ in range(2):
                with start_run(EDGE, SETTINGS, traceparent=PHASE) as run:
                    pass
        assert trace.get_tracer_provider() is installed
        assert run.traceparent.split("-")[1] == format(engine.get_span_context().trace_id, "032x")
        """,
        file,
    )
    assert [span["name"] for span in exported(file)] == ["promote podtato-head/dev-to-production"] * 2
    assert all("parentSpanId" in span for span in exported(file))


def test_our_own_provider_is_not_installed_for_the_whole_process(file: Path) -> None:
    run_program(
        """
        from opentelemetry import trace
        with start_run(EDGE, SETTINGS):
            pass
        assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
        """,
        file,
    )
    assert len(exported(file)) == 1


def test_a_traceparent_without_otel_traces_leaves_pulumis_provider_without_exporter_and_ours_is_added(
    file: Path,
) -> None:
    run_program(
        """
        import pulumi
        with start_run(EDGE, SETTINGS, traceparent=PHASE):
            pass
        """,
        file,
        TRACEPARENT="00-" + "c" * 32 + "-" + "d" * 16 + "-01",
    )
    (span,) = exported(file)
    assert (span["traceId"], span["parentSpanId"]) == ("c" * 32, "d" * 16)


def test_the_source_stages_traceparent_is_no_parent_even_when_pulumis_sdk_has_made_it_the_current_span(
    file: Path,
) -> None:
    run_program(
        """
        import pulumi
        with start_run(EDGE, SETTINGS, traceparent=PHASE):
            pass
        """,
        file,
        TRACEPARENT=PHASE,
    )
    (span,) = exported(file)
    assert "parentSpanId" not in span
    assert span["traceId"] != PHASE.split("-")[1]


def test_a_promotion_that_exports_to_a_file_imports_no_exporter(file: Path) -> None:
    done = run_program(
        """
        with start_run(EDGE, SETTINGS):
            pass
        print([name for name in ("grpc", "google.protobuf", "requests") if name in sys.modules])
        """,
        file,
    )
    assert done.stdout == "[]\n"
