"""One span for each promotion run, with its steps, linked to the source stage's promotion phase.

Where the spans go is the concern of `delivery.tracing.export`. Nothing here raises or changes what a promotion does,
whatever the environment holds, and all runs of a process together wait for a collector two seconds at most.
"""

import atexit
import os
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from types import TracebackType
from typing import Literal, Self

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace import INVALID_SPAN, Link, NoOpTracer, Span, SpanContext, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from delivery.model.edges import Edge
from delivery.model.identifiers import is_traceparent
from delivery.model.settings import PromotionSettings
from delivery.text import redacted, without_credentials
from delivery.tracing import attributes as names
from delivery.tracing.otlp import TRACE_FILE

Action = Literal["promote", "rollback"]
Step = Literal["read", "plan", "push", "open"]
Result = Literal["success", "failure", "error", "timeout", "cancellation", "skip"]


class PromotionSpan:
    """A promotion run's own span while the run lasts. All methods are safe after `end` and without any exporter.

    As a context manager it ends the run with the block, notes the exception that ended it, and waits for the export.
    """

    def __init__(
        self,
        span: Span,
        tracer: Tracer,
        run_id: str,
        change: dict[str, str],
        environ: Mapping[str, str],
        flush: Callable[[], object],
    ) -> None:
        self._span = span
        self._traceparent = _traceparent(span.get_span_context()) if span.is_recording() else None
        self._tracer = tracer
        self._run_id = run_id
        self._change = change
        self._environ = environ
        self._flush = flush
        self._result: Result | None = None
        self._step: Span | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            self.fail(error)
        self.end()
        self._flush()

    @property
    def traceparent(self) -> str | None:
        """The span's W3C id for the pull request's hidden block; None when nothing is recorded."""
        return self._traceparent

    @contextmanager
    def step(self, name: Step) -> Iterator[None]:
        """The INTERNAL child span of one step, for as long as the block. An exception is noted on it and goes on."""
        attributes = {names.TASK: name, names.TASK_RUN_ID: f"{self._run_id}/{name}"}
        if name in ("push", "open"):
            attributes |= self._change
        span = self._tracer.start_span(name, trace.set_span_in_context(self._span, Context()), attributes=attributes)
        outer, self._step = self._step, span
        result: Result = "success"
        try:
            yield
        except BaseException as error:
            result = self._fail(span, error)
            raise
        finally:
            span.set_attribute(names.TASK_RESULT, result)
            self._step = outer
            span.end()

    def set_result(self, result: Result, outcome: str = "") -> None:
        """How the run ended, in the conventions' words, and what it did, in the promoter's (`created`, …)."""
        self._result = result
        if outcome:
            self._span.set_attribute(names.OUTCOME, outcome)

    def set_version(self, version: str) -> None:
        """The version that is promoted, for a caller that did not know it at the start."""
        self._span.set_attributes({names.SERVICE_VERSION: version, names.APP_VERSION: version})

    def set_commit(self, commit: str, time: datetime | None = None) -> None:
        """The verified revision, and when it was committed: where the lead time starts."""
        self._span.set_attribute(names.HEAD_REVISION, commit)
        if time is not None:
            self._span.set_attribute(names.COMMIT_TIME, time.astimezone(UTC).isoformat())

    def set_pull_request(self, number: int, url: str, title: str, state: str = "open") -> None:
        """The pull request this run created, updated, closed or found; `state` is open, closed or merged."""
        attributes = {
            names.CHANGE_ID: str(number),
            names.CHANGE_TITLE: title[:256],
            names.CHANGE_STATE: state,
            names.CHANGE_URL: without_credentials(url),
        }
        for span in (self._span, self._step):
            if span is not None:
                span.set_attributes(attributes)

    def add_link(self, traceparent: str | None, relation: str) -> None:
        """Add a link, such as to the trace that a rollback undoes; a traceparent that is not valid is left out."""
        if context := _span_context(traceparent):
            self._span.add_link(context, {names.LINK: relation})

    def fail(self, error: BaseException) -> None:
        """Note that `error` ended the run: status ERROR, `error.type`, a description without secrets and paths."""
        self._result = self._fail(self._span, error)

    def end(self) -> None:
        """End the span and hand the run over for export, without waiting. A second call does nothing.

        A run without `set_result` or `fail` was cut off, so its span has no result.
        """
        atexit.unregister(self.end)
        if self._span.is_recording():
            if self._result is not None:
                self._span.set_attribute(names.RESULT, self._result)
            self._span.end()

    def _fail(self, span: Span, error: BaseException) -> Result:
        # An HTTP status where the error has one, else its class: few different values, as the conventions ask.
        status = getattr(error, "status", None)
        kind = str(status) if isinstance(status, int) and status else type(error).__qualname__
        span.set_attribute(names.ERROR_TYPE, kind)
        span.set_status(StatusCode.ERROR, redacted(str(error), self._environ))
        if isinstance(error, KeyboardInterrupt):
            return "cancellation"
        return "timeout" if isinstance(error, TimeoutError) else "failure"


def start_run(
    edge: Edge,
    settings: PromotionSettings,
    *,
    version: str | None = None,
    commit: str | None = None,
    traceparent: str | None = None,
    run_id: str | None = None,
    environ: Mapping[str, str] = os.environ,
    action: Action = "promote",
) -> PromotionSpan:
    """Start a promotion run's span: a context manager, or ended elsewhere, at the latest when the process exits.

    `traceparent` is the source stage's promotion phase: always a link and never the parent, because a pull
    request may wait for days behind it. The parent is the trace this process is in: Pulumi's engine under
    `--otel-traces`, or the CI system's `TRACEPARENT`. `run_id` is the CI system's, made up when None. `environ` says
    whether spans are exported; the exporter itself reads the process's own environment.
    """
    run_id = run_id or uuid.uuid4().hex
    link = _span_context(traceparent)
    pipeline = f"{edge.application}/{edge.source}-to-{edge.target}"
    attributes = {
        names.PIPELINE: pipeline,
        names.ACTION: action,
        names.RUN_ID: run_id,
        names.PROVIDER: "github",
        names.OWNER: settings.owner,
        names.REPOSITORY: settings.repository,
        names.REPOSITORY_URL: without_credentials(settings.web_url),
        names.HEAD: edge.source_branch or settings.default_branch,
        names.HEAD_TYPE: "branch",
        names.ENVIRONMENT: edge.target,
        names.SOURCE_ENVIRONMENT: edge.source,
        names.SERVICE: edge.application,
        names.APP_NAME: edge.application,
    }
    if url := _run_url(environ):
        attributes[names.RUN_URL] = url
    links = [Link(link, {names.LINK: "verified"})] if link else []
    try:
        tracer, flush = _tracer(environ)
        span = tracer.start_span(f"{action} {pipeline}", _parent(environ, link), SpanKind.SERVER, attributes, links)
    except Exception as error:  # the SDK raises for variables that it cannot read, some even while it is imported
        tracer, flush, span = NoOpTracer(), _nothing, INVALID_SPAN
        _warn(f"{type(error).__name__}: {redacted(str(error), environ)}")
    change = {names.HEAD: edge.branch, names.BASE: settings.base(edge)}
    run = PromotionSpan(span, tracer, run_id, change, environ, flush)
    if version:
        run.set_version(version)
    if commit:
        run.set_commit(commit)
    atexit.register(run.end)  # before the provider's own shutdown, which was registered earlier
    return run


def _tracer(environ: Mapping[str, str]) -> tuple[Tracer, Callable[[], object]]:
    """A tracer, of the process's own provider or of ours, and what waits for the export.

    The SDK is imported only where spans go somewhere: that takes longer than all the rest.
    """
    installed = trace.get_tracer_provider()
    file, protocol = environ.get(TRACE_FILE, "").strip(), _protocol(environ)
    if not file and not protocol:
        return installed.get_tracer(names.SCOPE), _nothing
    from delivery.tracing.export import exporting

    provider, export = exporting(installed, file, protocol, _warn)
    return provider.get_tracer(names.SCOPE), export.force_flush


def _protocol(environ: Mapping[str, str]) -> str:
    """The OTLP protocol that the variables ask for; empty where they name no collector to send spans to."""

    def option(name: str) -> str:
        general = environ.get(f"OTEL_EXPORTER_OTLP_{name}", "")
        return (environ.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}", "") or general).strip()

    exporters = [name.strip() for name in environ.get("OTEL_TRACES_EXPORTER", "").split(",") if name.strip()]
    wanted = "otlp" in exporters if exporters else option("ENDPOINT")
    return (option("PROTOCOL") or "http/protobuf") if wanted else ""


def _parent(environ: Mapping[str, str], link: SpanContext | None) -> Context:
    """The trace this process is in: the current span's, else the environment's, else none.

    A span of the linked trace is never the parent: a workflow may hand the source stage's traceparent on in a
    variable called `TRACEPARENT`, which Pulumi's SDK makes the current span.
    """
    surroundings = [get_current()]
    if is_traceparent(environ.get("TRACEPARENT", "")):
        carrier = {"traceparent": environ["TRACEPARENT"], "tracestate": environ.get("TRACESTATE", "")}
        surroundings.append(TraceContextTextMapPropagator().extract(carrier, Context()))
    for context in surroundings:
        span = trace.get_current_span(context).get_span_context()
        if span.is_valid and (link is None or span.trace_id != link.trace_id):
            return context
    return Context()


def _run_url(environ: Mapping[str, str]) -> str:
    parts = [environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    return f"{without_credentials(parts[0])}/{parts[1]}/actions/runs/{parts[2]}" if all(parts) else ""


def _span_context(traceparent: str | None) -> SpanContext | None:
    """The span that `traceparent` names, to link to; None when it is missing or not valid."""
    if traceparent is None or not is_traceparent(traceparent):
        return None
    context = TraceContextTextMapPropagator().extract({"traceparent": traceparent}, Context())
    return trace.get_current_span(context).get_span_context()


def _traceparent(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


@cache
def _warn(reason: str) -> None:
    """Say in one line on standard error, and once, that a trace is not recorded, or not everywhere."""
    print(
        f"telemetry: this promotion's trace is not recorded everywhere ({reason}); nothing else is affected",
        file=sys.stderr,
    )


def _nothing() -> None:
    """There is no export to wait for."""
