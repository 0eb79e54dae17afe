"""One span for each promotion run, with its steps, linked to the source stage's promotion phase.

Attributes are those of OpenTelemetry's CI/CD and VCS conventions (1.43); where these have none, the name begins with
`delivery.`. Where the spans go is the concern of `delivery.tracing.export`. Nothing here raises or changes what a
promotion does, and all runs of a process together wait for a collector two seconds at most.
"""

import atexit
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, Self
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, get_current
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from delivery.model.edges import Edge, PromotionSettings
from delivery.model.identifiers import is_traceparent
from delivery.text import redacted, without_credentials
from delivery.tracing.export import Destinations
from delivery.tracing.queue import SCOPE, RunProcessor, processor

Action = Literal["promote", "rollback"]
Step = Literal["read", "plan", "push", "open"]
Result = Literal["success", "failure", "error", "timeout", "cancellation", "skip"]

_own: dict[RunProcessor, TracerProvider] = {}
_joined: WeakKeyDictionary[TracerProvider, set[RunProcessor]] = WeakKeyDictionary()


class PromotionSpan:
    """A promotion run's own span while the run lasts. All methods are safe after `end` and without any exporter.

    As a context manager it ends the run with the block, notes the exception that ended it, and waits for the export.
    """

    def __init__(
        self, span: Span, tracer: trace.Tracer, run_id: str, change: dict[str, str], environ: Mapping[str, str]
    ) -> None:
        self._span = span
        self._traceparent = _traceparent(span.get_span_context()) if span.is_recording() else None
        self._tracer = tracer
        self._run_id = run_id
        self._change = change
        self._environ = environ
        self._result: Result | None = None
        self._step: Span | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            self.fail(error)
        self.end()
        processor(Destinations.from_environ(self._environ)).force_flush()

    @property
    def traceparent(self) -> str | None:
        """The span's W3C id for the pull request's hidden block; None when nothing is recorded."""
        return self._traceparent

    @contextmanager
    def step(self, name: Step) -> Iterator[None]:
        """The INTERNAL child span of one step, for as long as the block. An exception is noted on it and goes on."""
        attributes = {"cicd.pipeline.task.name": name, "cicd.pipeline.task.run.id": f"{self._run_id}/{name}"}
        if name in ("push", "open"):
            attributes |= self._change
        span = self._tracer.start_span(name, trace.set_span_in_context(self._span, Context()), attributes=attributes)
        outer, self._step = self._step, span
        try:
            yield
        except BaseException as error:
            self._fail(span, error)
            span.set_attribute("cicd.pipeline.task.run.result", _result_of(error))
            raise
        else:
            span.set_attribute("cicd.pipeline.task.run.result", "success")
        finally:
            self._step = outer
            span.end()

    def set_result(self, result: Result, outcome: str = "") -> None:
        """How the run ended, in the conventions' words, and what it did, in the promoter's (`created`, …)."""
        self._result = result
        if outcome:
            self._span.set_attribute("delivery.promotion.outcome", outcome)

    def set_version(self, version: str) -> None:
        """The version that is promoted, for a caller that did not know it at the start."""
        self._span.set_attributes({"service.version": version, "keptn.deployment.app.version": version})

    def set_commit(self, commit: str, time: datetime | None = None) -> None:
        """The verified revision, and when it was committed: where the lead time starts."""
        self._span.set_attribute("vcs.ref.head.revision", commit)
        if time is not None:
            self._span.set_attribute("delivery.commit.time", time.astimezone(UTC).isoformat())

    def set_pull_request(self, number: int, url: str, title: str, state: str = "open") -> None:
        """The pull request this run created, updated, closed or found; `state` is open, closed or merged."""
        attributes = {
            "vcs.change.id": str(number),
            "vcs.change.title": title[:256],
            "vcs.change.state": state,
            "delivery.change.url": without_credentials(url),
        }
        for span in (self._span, self._step):
            if span is not None:
                span.set_attributes(attributes)

    def add_link(self, traceparent: str | None, relation: str) -> None:
        """Add a link, such as to the trace that a rollback undoes; a traceparent that is not valid is left out."""
        if context := _span_context(traceparent):
            self._span.add_link(context, {"delivery.link": relation})

    def fail(self, error: BaseException) -> None:
        """Note that `error` ended the run: status ERROR, `error.type`, a description without secrets and paths."""
        self._fail(self._span, error)
        self._result = _result_of(error)

    def end(self) -> None:
        """End the span and hand the run over for export, without waiting. A second call does nothing.

        A run without `set_result` or `fail` was cut off, so its span has no result.
        """
        atexit.unregister(self.end)
        if self._span.is_recording():
            if self._result is not None:
                self._span.set_attribute("cicd.pipeline.result", self._result)
            self._span.end()

    def _fail(self, span: Span, error: BaseException) -> None:
        span.set_attribute("error.type", _error_type(error))
        span.set_status(StatusCode.ERROR, redacted(str(error), self._environ))


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
    `--otel-traces`, or the CI system's `TRACEPARENT`. `run_id` is the CI system's, made up when None.
    """
    run_id = run_id or uuid.uuid4().hex
    link = _span_context(traceparent)
    tracer = _tracer(environ)
    pipeline = f"{edge.application}/{edge.source}-to-{edge.target}"
    attributes = {
        "cicd.pipeline.name": pipeline,
        "cicd.pipeline.action.name": action,
        "cicd.pipeline.run.id": run_id,
        "vcs.provider.name": "github",
        "vcs.owner.name": settings.owner,
        "vcs.repository.name": settings.repository,
        "vcs.repository.url.full": without_credentials(settings.web_url),
        "vcs.ref.head.name": settings.default_branch,
        "vcs.ref.head.type": "branch",
        "deployment.environment.name": edge.target,
        "delivery.source.environment.name": edge.source,
        "service.name": edge.application,
        "keptn.deployment.app.name": edge.application,
    }
    run_url = _run_url(environ)
    if run_url:
        attributes["cicd.pipeline.run.url.full"] = run_url
    span = tracer.start_span(
        f"{action} {pipeline}",
        _parent(environ, link),
        SpanKind.SERVER,
        attributes,
        [Link(link, {"delivery.link": "verified"})] if link else [],
    )
    change = {"vcs.ref.head.name": edge.branch, "vcs.ref.base.name": settings.default_branch}
    run = PromotionSpan(span, tracer, run_id, change, environ)
    if version:
        run.set_version(version)
    if commit:
        run.set_commit(commit)
    atexit.register(run.end)  # before the provider's own shutdown, which was registered earlier
    return run


def _tracer(environ: Mapping[str, str]) -> trace.Tracer:
    """A tracer of the process's provider where there is one (Pulumi's SDK installs it), else of our own.

    Our export is added to Pulumi's provider and replaces nothing: that one exports to the engine, or nowhere.
    """
    to = Destinations.from_environ(environ)
    installed = trace.get_tracer_provider()
    if isinstance(installed, TracerProvider):
        if to and processor(to) not in (ours := _joined.setdefault(installed, set())):
            installed.add_span_processor(processor(to))
            ours.add(processor(to))
        return installed.get_tracer(SCOPE)
    if not to:
        return trace.NoOpTracer()
    if processor(to) not in _own:
        named = "OTEL_SERVICE_NAME" in environ or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
        provider = TracerProvider(resource=Resource.create({} if named else {"service.name": "delivery"}))
        provider.add_span_processor(processor(to))
        _own[processor(to)] = provider
    return _own[processor(to)].get_tracer(SCOPE)


def _parent(environ: Mapping[str, str], link: SpanContext | None) -> Context:
    """The trace this process is in: the current span's, else the environment's, else none.

    A span of the linked trace is never the parent: a workflow may hand the source stage's traceparent on in a
    variable called `TRACEPARENT`, which Pulumi's SDK makes the current span.
    """
    names = ("traceparent", "tracestate", "baggage")
    carrier = {name: environ[name.upper()] for name in names if name.upper() in environ}
    surroundings = [get_current()]
    if is_traceparent(carrier.get("traceparent", "")):
        extracted = TraceContextTextMapPropagator().extract(carrier, Context())
        surroundings.append(W3CBaggagePropagator().extract(carrier, extracted))
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


def _result_of(error: BaseException) -> Result:
    if isinstance(error, KeyboardInterrupt):
        return "cancellation"
    return "timeout" if isinstance(error, TimeoutError) else "failure"


def _error_type(error: BaseException) -> str:
    """An HTTP status where the error has one, else its class: few different values, as the conventions ask."""
    status = getattr(error, "status", None)
    return str(status) if isinstance(status, int) and status else type(error).__qualname__
