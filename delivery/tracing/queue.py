"""Hands a promotion's spans to their destinations, and waits two seconds at most for a collector, per process.

The file is written at once; the collector has a daemon thread. After the first failure, or at the end of the two
seconds, a destination gets nothing more in this process, and one line on stderr says so. The destinations
themselves are in `delivery.tracing.export`.
"""

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context, attach, set_value
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import SpanKind

from delivery.tracing.export import (
    BUDGET,
    TRACE_FILE,
    Destinations,
    Export,
    ExportError,
    load_exporter,
    to_collector,
    to_file,
)

SCOPE = "delivery.telemetry"
_THREAD = "delivery-telemetry"


class _Destination:
    """A place to export to, until that fails for the first time."""

    def __init__(self, label: str, export: Export) -> None:
        self.label = label
        self.failure = ""
        self._export = export

    def put(self, spans: Sequence[ReadableSpan]) -> None:
        """Export now; a failure is kept and not raised."""
        if self.failure:
            return
        try:
            self._export(spans)
        except ExportError as error:
            self.failure = str(error)
        except OSError as error:
            self.failure = error.strerror or type(error).__name__  # without the file's name
        except Exception as error:  # whatever an exporter raises: telemetry fails nothing
            self.failure = type(error).__name__


class _Collector(_Destination):
    """A destination behind a network: exported to by a daemon thread, batch after batch.

    The thread begins with `prepare`, while the promotion waits for git and the forge.
    """

    def __init__(self, label: str, export: Export, prepare: Callable[[], None]) -> None:
        super().__init__(label, export)
        self._prepare = prepare
        self._left = BUDGET
        self._batches: queue.SimpleQueue[Sequence[ReadableSpan]] = queue.SimpleQueue()
        self._pending = 0
        self._idle = threading.Condition()
        threading.Thread(target=self._run, name=_THREAD, daemon=True).start()

    def put(self, spans: Sequence[ReadableSpan]) -> None:
        """Queue a batch, without waiting."""
        if self.failure:
            return
        with self._idle:
            self._pending += 1
        self._batches.put(spans)

    def wait(self) -> None:
        """Wait until every queued batch was exported or has failed, for what is left of the budget at most."""
        started = time.monotonic()
        with self._idle:
            done = self._idle.wait_for(lambda: self._pending == 0 or self.failure, timeout=max(self._left, 0.0))
        self._left -= time.monotonic() - started
        if not done:
            self.failure = f"no answer within {BUDGET:g} s"

    def _run(self) -> None:
        # Under `pulumi up --otel-traces` every gRPC call of the process is traced, with stack traces; ours is not.
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True, Context()))
        with contextlib.suppress(Exception):  # what goes wrong here fails the first export too
            self._prepare()
        while True:
            spans = self._batches.get()
            super().put(spans)
            with self._idle:
                self._pending -= 1
                self._idle.notify_all()


class Exports:
    """All destinations of this process."""

    def __init__(self, to: Destinations, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._warned = False
        self._file = _Destination("the file in " + TRACE_FILE, to_file(to.file)) if to.file else None
        self._collector = (
            _Collector("the OTLP collector", to_collector(to), partial(load_exporter, to)) if to.endpoint else None
        )

    def put(self, spans: Sequence[ReadableSpan]) -> None:
        """Hand the finished spans of one run to every destination."""
        for destination in (self._file, self._collector):
            if destination:
                destination.put(spans)

    def flush(self) -> None:
        """Wait for the collector, `BUDGET` seconds at most for all calls together; warn once, in one line."""
        if self._collector:
            self._collector.wait()
        failed = [one for one in (self._file, self._collector) if one and one.failure]
        if failed and not self._warned:
            self._warned = True
            what = "; ".join(f"{one.label}: {one.failure}" for one in failed)
            self._warn(
                f"telemetry: this promotion's trace is not recorded everywhere ({what}); nothing else is affected"
            )


class RunProcessor(SpanProcessor):
    """Hands a promotion run's spans over when the run's own span, the SERVER one, has ended.

    Spans of other scopes are left alone: a provider that is shared with Pulumi's SDK also sees spans with
    stack traces in them.
    """

    def __init__(self, exports: Exports) -> None:
        self._exports = exports
        self._steps: dict[int, list[ReadableSpan]] = {}

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a step until its run ends, then hand all of them over."""
        context = span.get_span_context()
        if span.instrumentation_scope is None or span.instrumentation_scope.name != SCOPE or context is None:
            return
        if not context.trace_flags.sampled:
            return
        if span.kind is SpanKind.SERVER:
            self._exports.put([span, *self._steps.pop(context.span_id, [])])
        elif span.parent is not None:
            self._steps.setdefault(span.parent.span_id, []).append(span)

    def shutdown(self) -> None:
        """At the end of the process: wait for what is left of the budget."""
        self._exports.flush()

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002  the budget is the limit
        """As `shutdown`; always true, because nobody can do anything about it."""
        self._exports.flush()
        return True


_processors: dict[Destinations, RunProcessor] = {}


def processor(to: Destinations) -> RunProcessor:
    """The one processor of this process for these destinations, so that all runs share its budget."""
    if to not in _processors:
        _processors[to] = RunProcessor(Exports(to, warn=lambda line: print(line, file=sys.stderr)))
    return _processors[to]
