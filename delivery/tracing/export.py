"""Where the spans of promotion runs go: to an OTLP collector, and to a file of OTLP JSON lines.

The official exporter sends them, over HTTP, and reads its own `OTEL_` variables. Here are the file and the promise
that telemetry fails nothing and holds a process up for two seconds at most. Importing this module may fail, because
the SDK reads some of its variables while it is imported.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from opentelemetry import trace
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, SpanKind

from delivery.tracing.attributes import SCOPE, SERVICE
from delivery.tracing.otlp import SERVER, TRACE_FILE, Span, SpanId, SpanLink, append, to_line

BUDGET = 2.0
"""How many seconds all runs of a process together wait for the collector."""


class Export(SpanProcessor):
    """Hands on the spans of this project's scope, until a destination fails for the first time.

    Spans of other scopes are left alone: a provider that Pulumi's SDK has installed also sees the SDK's own, with
    stack traces in them.
    """

    def __init__(self, file: str, protocol: str, warn: Callable[[str], None]) -> None:
        self._file, self._file_failure = file, ""
        self._steps: dict[str, list[Span]] = defaultdict(list)
        self._collector = _Collector(protocol) if protocol else None
        # The processor's thread takes every span as soon as it has ended. Its queue has a race: a span that ends while
        # the thread falls asleep waits for the whole delay.
        self._queue = (
            BatchSpanProcessor(self._collector, schedule_delay_millis=100, max_export_batch_size=1)
            if self._collector
            else None
        )
        self._left = BUDGET
        self._warn = warn

    def on_end(self, span: ReadableSpan) -> None:
        """Write the span, and queue it for the collector."""
        scope, context = span.instrumentation_scope, span.get_span_context()
        if scope is None or scope.name != SCOPE or context is None or not context.trace_flags.sampled:
            return
        if self._file and not self._file_failure:
            self._write(_plain(span, context), _texts(span.resource.attributes))
        if self._collector and self._queue:
            self._collector.expected += 1
            self._queue.on_end(span)

    def _write(self, span: Span, resource: Mapping[str, str]) -> None:
        """Keep a step until its run ends, then append all of the run as one line."""
        if span.kind != SERVER:
            self._steps[span.parent].append(span)
            return
        try:
            append(self._file, to_line([span, *self._steps.pop(span.id.span, ())], SCOPE, resource))
        except OSError as error:
            self._file_failure = error.strerror or type(error).__name__  # without the file's name

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 - the budget is the limit
        """Wait for the collector, for what is left of the budget at most, and warn of failures."""
        if self._collector:
            started = time.monotonic()
            self._collector.wait(max(self._left, 0.0))
            self._left -= time.monotonic() - started
        failures = {
            f"the file in {TRACE_FILE}": self._file_failure,
            "the OTLP collector": self._collector.failure if self._collector else "",
        }
        if any(failures.values()):
            self._warn("; ".join(f"{name}: {failure}" for name, failure in failures.items() if failure))
        return True

    def shutdown(self) -> None:
        """At the end of the process: what `force_flush` does. The SDK's own shutdown would wait for 30 seconds."""
        self.force_flush()


class _Collector(SpanExporter):
    """The official exporter, imported by a thread of its own while the promotion waits for git.

    It is given all spans of a run at once, when the run has ended: one request costs less than five.
    """

    def __init__(self, protocol: str) -> None:
        self.failure = ""
        self.expected = 0
        self._exported = 0
        self._changed = threading.Condition()
        self._held: list[ReadableSpan] = []
        self._exporter: SpanExporter | None = None
        self._import = threading.Thread(target=self._load, name="delivery-telemetry", daemon=True)
        if protocol == "http/protobuf":
            self._import.start()
        else:
            self.failure = (
                f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}; set it to http/protobuf,"
                " and OTEL_EXPORTER_OTLP_ENDPOINT to where the collector takes HTTP (port 4318 as a rule)"
            )

    def _load(self) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            self._exporter = OTLPSpanExporter()
        except Exception as error:  # a variable may name a file or a component that is not there
            self.failure = type(error).__name__

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take spans, on the thread of the batch processor."""
        self._held += spans
        if not self.failure and any(span.kind is SpanKind.SERVER for span in spans):
            self._send()
        with self._changed:
            self._exported += len(spans)
            self._changed.notify_all()
        return SpanExportResult.FAILURE if self.failure else SpanExportResult.SUCCESS

    def _send(self) -> None:
        self._import.join()
        batch, self._held = self._held, []
        result = SpanExportResult.FAILURE
        try:
            if self._exporter:
                result = self._exporter.export(batch)
        except Exception as error:  # the exporter promises none; telemetry fails nothing
            self.failure = type(error).__name__
        if result is not SpanExportResult.SUCCESS:
            self.failure = self.failure or "it takes no spans by OTLP over HTTP at OTEL_EXPORTER_OTLP_ENDPOINT"

    def wait(self, seconds: float) -> None:
        """Wait until every span was sent or one has failed; a collector that takes too long has failed."""
        with self._changed:
            done = self._changed.wait_for(lambda: self._exported >= self.expected or self.failure, seconds)
        if not done:
            self.failure = f"no answer within {BUDGET:g} s"


@cache
def exporting(
    installed: trace.TracerProvider, file: str, protocol: str, warn: Callable[[str], None]
) -> tuple[TracerProvider, Export]:
    """The process's own provider with our export added to it, else one of ours; once for all runs of the process.

    `file` is the one to append to, `protocol` the collector's; both are empty for none. What Pulumi's SDK has installed
    exports to the engine, or nowhere, and goes on doing so.
    """
    export = Export(file, protocol, warn)
    if isinstance(installed, TracerProvider):
        provider = installed
    else:
        # A name in the environment wins over ours.
        named = Resource.create({SERVICE: "delivery"}).merge(OTELResourceDetector().detect())
        provider = TracerProvider(resource=named)
    provider.add_span_processor(export)
    return provider, export


def _id(context: SpanContext) -> SpanId:
    return SpanId(f"{context.trace_id:032x}", f"{context.span_id:016x}")


def _texts(attributes: Mapping[str, object] | None) -> dict[str, str]:
    return {key: str(value) for key, value in (attributes or {}).items()}


def _plain(span: ReadableSpan, context: SpanContext) -> Span:
    return Span(
        id=_id(context),
        parent=f"{span.parent.span_id:016x}" if span.parent else "",
        name=span.name,
        start=span.start_time or 0,
        end=span.end_time or 0,
        kind=span.kind.value + 1,  # the API counts from INTERNAL = 0, the protocol keeps 0 for "unspecified"
        attributes=_texts(span.attributes),
        links=tuple(SpanLink(_id(link.context), _texts(link.attributes)) for link in span.links),
        status=span.status.status_code.value,
        message=span.status.description or "",
        state=context.trace_state.to_header(),
    )
