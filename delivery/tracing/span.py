"""The span of one promotion run while it lasts, and the attributes it gets.

They are those of OpenTelemetry's CI/CD and VCS conventions (1.43); where these have none, the name begins with
`delivery.`. How the span is started and exported is `delivery.tracing.run`'s matter.
"""

import atexit
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from delivery.model.identifiers import is_traceparent
from delivery.text import redacted, without_credentials

Step = Literal["read", "plan", "push", "open"]
Result = Literal["success", "failure", "error", "timeout", "cancellation", "skip"]


class PromotionSpan:
    """A promotion run's own span while the run lasts. All methods are safe after `end` and without any exporter."""

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
        if context := span_context(traceparent):
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


def span_context(traceparent: str | None) -> SpanContext | None:
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
