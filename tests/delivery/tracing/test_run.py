"""What a promotion run says of itself: names, attributes, the link, errors, and whose child it is."""

import os
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest

from delivery.model.edges import Edge
from delivery.model.promoted_keys import in_values
from delivery.model.settings import PromotionSettings
from delivery.tracing.otlp import TRACE_FILE, Span, SpanId, read
from delivery.tracing.run import start_run

PHASE = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"
PHASE_ID = SpanId("23679963727bf63245f9b55983c73104", "b427a6fcfc56cd6a")
OUTER = "00-" + "c" * 32 + "-" + "d" * 16 + "-01"
COMMIT = "d1" * 20
EDGE = Edge("podtato-head", "dev", "production", "dev", "production", in_values("serviceVersion"))
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


def exported(file: Path) -> list[Span]:
    """The spans of a file, of each run its own before those of its steps."""
    export = read(file.read_text().splitlines(), file.name)
    assert export.problems == ()
    return list(export.spans)


def run_program(body: str, file: Path | None, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run `body` with EDGE, SETTINGS and PHASE in a process of its own: a provider is global to its process."""
    program = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}]\n"
        "from delivery.model.edges import Edge\n"
        "from delivery.model.settings import PromotionSettings\n"
        "from delivery.model.promoted_keys import PromotedKey\n"
        "from delivery.tracing.run import start_run\n"
        f"EDGE = {EDGE!r}\nSETTINGS = {SETTINGS!r}\nPHASE = {PHASE!r}\n" + textwrap.dedent(body)
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PULUMI_", "TRACE"))}
    return subprocess.run(
        [sys.executable, "-c", program],
        env=clean | ({TRACE_FILE: str(file)} if file else {}) | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "traces.jsonl"


@pytest.fixture
def environ(file: Path) -> dict[str, str]:
    return {TRACE_FILE: str(file)}


def test_a_run_is_a_server_span_named_action_and_pipeline_with_its_steps_below(
    file: Path, environ: dict[str, str]
) -> None:
    with start_run(EDGE, SETTINGS, run_id="7", environ=environ) as run:
        for step in ("read", "plan", "push", "open"):
            with run.step(step):
                pass
    server, *steps = exported(file)
    assert (server.name, server.kind, server.parent) == ("promote podtato-head/dev-to-production", 2, "")
    assert [(step.name, step.kind) for step in steps] == [("read", 1), ("plan", 1), ("push", 1), ("open", 1)]
    assert {(step.id.trace, step.parent) for step in steps} == {server.id}
    assert [step.get("cicd.pipeline.task.run.id") for step in steps] == ["7/read", "7/plan", "7/push", "7/open"]
    assert run.traceparent
    assert run.traceparent.startswith(f"00-{server.id.trace}-{server.id.span}-")


def test_a_run_says_what_went_where_in_the_conventions_words(file: Path, environ: dict[str, str]) -> None:
    environ |= {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/gitops", "GITHUB_RUN_ID": "7"}
    with start_run(
        EDGE, SETTINGS, version="v0.3.1", commit=COMMIT, traceparent=PHASE, run_id="7", environ=environ
    ) as run:
        run.set_commit(COMMIT, datetime(2026, 8, 1, 12, tzinfo=UTC))
        run.set_result("success", "created")
    assert exported(file)[0].attributes == {
        "cicd.pipeline.name": "podtato-head/dev-to-production",
        "cicd.pipeline.action.name": "promote",
        "cicd.pipeline.run.id": "7",
        "cicd.pipeline.run.url.full": "https://github.com/acme/gitops/actions/runs/7",
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
    # A workflow may hand the phase on in a variable that names the parent elsewhere.
    with start_run(EDGE, SETTINGS, traceparent=PHASE, environ=environ | {"TRACEPARENT": PHASE}):
        pass
    (span,) = exported(file)
    assert [(link.to, link.relation) for link in span.links] == [(PHASE_ID, "verified")]
    assert span.id.trace != PHASE_ID.trace
    assert span.parent == ""


@pytest.mark.parametrize("junk", ["", PHASE.upper(), PHASE + "\n", "00-" + "0" * 32 + "-b427a6fcfc56cd6a-01", "x"])
def test_a_traceparent_that_is_not_valid_is_left_out(file: Path, environ: dict[str, str], junk: str) -> None:
    with start_run(EDGE, SETTINGS, traceparent=junk, environ=environ | {"TRACEPARENT": junk}) as run:
        run.add_link(junk, "undoes")
    (span,) = exported(file)
    assert (span.links, span.parent) == ((), "")


def test_the_ci_systems_traceparent_is_the_parent(file: Path, environ: dict[str, str]) -> None:
    environ |= {"TRACEPARENT": OUTER, "TRACESTATE": "ci=1"}
    with start_run(EDGE, SETTINGS, traceparent=PHASE, environ=environ):
        pass
    (span,) = exported(file)
    assert (span.id.trace, span.parent, span.links[0].to) == ("c" * 32, "d" * 16, PHASE_ID)
    assert '"traceState":"ci=1"' in file.read_text()


def test_a_rollback_is_an_action_of_its_own_and_links_to_what_it_undoes(file: Path, environ: dict[str, str]) -> None:
    with start_run(EDGE, SETTINGS, environ=environ, action="rollback") as run:
        run.add_link(PHASE, "undoes")
    (span,) = exported(file)
    assert span.name == "rollback podtato-head/dev-to-production"
    assert [(link.to, link.relation) for link in span.links] == [(PHASE_ID, "undoes")]


def test_the_pull_request_is_on_the_run_and_on_the_step_that_opened_it(file: Path, environ: dict[str, str]) -> None:
    with start_run(EDGE, SETTINGS, environ=environ) as run, run.step("open"):
        run.set_pull_request(3, "https://x:y@github.com/acme/gitops/pull/3", "Promote", "open")
    server, step = exported(file)
    for span in (server, step):
        assert span.get("vcs.change.id") == "3"
        assert span.get("vcs.change.state") == "open"
        assert span.get("delivery.change.url") == "https://github.com/acme/gitops/pull/3"
    assert step.get("vcs.ref.head.name") == "promote/podtato-head/dev/production"
    assert step.get("vcs.ref.base.name") == "main"


class ServerError(Exception):
    status = 503


def test_a_failure_is_on_run_and_step_without_secret_path_or_stack_trace(file: Path, environ: dict[str, str]) -> None:
    environ["GITHUB_TOKEN"] = "correct-horse-battery"
    message = "push with correct-horse-battery from /home/runner/work/gitops failed\nTraceback: line 3"
    with pytest.raises(ServerError), start_run(EDGE, SETTINGS, environ=environ) as run, run.step("push"):
        raise ServerError(message)
    server, step = exported(file)
    for span in (server, step):
        assert (span.failed, span.message) == (True, "push with [secret] from …/gitops failed")
        assert span.get("error.type") == "503"
    assert "Traceback" not in file.read_text()
    assert server.get("cicd.pipeline.result") == step.get("cicd.pipeline.task.run.result") == "failure"


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
    (span,) = exported(file)
    assert (span.get("error.type"), span.get("cicd.pipeline.result")) == (kind, result)


def test_a_run_that_nobody_gave_a_result_claims_neither_result_nor_error(file: Path, environ: dict[str, str]) -> None:
    with start_run(EDGE, SETTINGS, environ=environ):
        pass
    (span,) = exported(file)
    assert not {"cicd.pipeline.result", "error.type"} & span.attributes.keys()
    assert span.status == 0


def test_a_span_takes_the_pull_request_after_its_start_and_ends_once(file: Path, environ: dict[str, str]) -> None:
    run = start_run(EDGE, SETTINGS, environ=environ)
    run.set_pull_request(9, "https://github.com/acme/gitops/pull/9", "Promote")
    run.end()
    run.end()
    run.set_pull_request(10, "https://github.com/acme/gitops/pull/10", "too late")
    assert [span.get("vcs.change.id") for span in exported(file)] == ["9"]


def test_a_span_that_nobody_ends_is_exported_when_the_process_exits(file: Path) -> None:
    assert run_program("start_run(EDGE, SETTINGS, run_id='1')", file).stderr == ""
    assert [span.get("cicd.pipeline.run.id") for span in exported(file)] == ["1"]


def test_without_a_destination_nothing_is_recorded_and_no_sdk_is_imported() -> None:
    done = run_program(
        """
        with start_run(EDGE, SETTINGS, traceparent=PHASE) as run, run.step("read"):
            run.set_pull_request(3, "https://github.com/acme/gitops/pull/3", "Promote")
            run.add_link(PHASE, "undoes")
        print(run.traceparent, "opentelemetry.sdk" in sys.modules)
        """,
        None,
        OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="-5",
    )
    assert (done.stdout, done.stderr) == ("None False\n", "")


def test_a_promotion_that_exports_to_a_file_imports_no_exporter(file: Path) -> None:
    done = run_program(
        """
        with start_run(EDGE, SETTINGS):
            pass
        print([name for name in ("google.protobuf", "requests") if name in sys.modules])
        """,
        file,
    )
    assert done.stdout == "[]\n"


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
    spans = exported(file)
    assert [span.name for span in spans] == ["promote podtato-head/dev-to-production"] * 2
    assert all(span.parent for span in spans)


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


@pytest.mark.parametrize(("current", "parent"), [(OUTER, "d" * 16), (PHASE, "")])
def test_what_pulumis_sdk_made_the_current_span_is_the_parent_unless_it_is_the_source_stages_phase(
    file: Path, current: str, parent: str
) -> None:
    body = """
        import pulumi
        with start_run(EDGE, SETTINGS, traceparent=PHASE):
            pass
    """
    run_program(body, file, TRACEPARENT=current)
    (span,) = exported(file)
    assert (span.parent, span.id.trace == PHASE_ID.trace) == (parent, False)
