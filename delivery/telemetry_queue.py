"""The queue between a promotion's spans and their destinations, and the two seconds that they may cost in all.

Every destination has a daemon thread of its own; its first failure, or the end of the budget, ends it for this
process, and one line on stderr says so. What a destination is, is `delivery.telemetry_export`'s matter.
"""

import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context, attach, set_value
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import SpanKind

from delivery.telemetry_export import BUDGET, TRACE_FILE, Destinations, Export, ExportError, to_collector, to_file

SCOPE = "delivery.telemetry"
_THREAD = "delivery-telemetry"


class _Worker:
    """One destination: a daemon thread that exports batch after batch until the first failure."""

    def __init__(self, label: str, export: Export) -> None:
        self.label = label
        self.failure = ""
        self._export = export
        self._batches: queue.SimpleQueue[Sequence[ReadableSpan]] = queue.SimpleQueue()
        self._pending = 0
        self._idle = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, spans: Sequence[ReadableSpan]) -> None:
        """Queue a batch; costs nothing, and drops it when the destination has failed before."""
        with self._idle:
            if self.failure:
                return
            self._pending += 1
        self._batches.put(spans)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=_THREAD, daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether everything queued has been dealt with, within `seconds`."""
        with self._idle:
            return self._idle.wait_for(lambda: self._pending == 0, timeout=max(seconds, 0.0))

    def _run(self) -> None:
        # Under `pulumi up --otel-traces` every gRPC call of the process is traced, with stack traces; ours is not.
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True, Context()))
        while True:
            spans = self._batches.get()
            failure = self.failure
            if not failure:
                try:
                    self._export(spans)
                except ExportError as error:
                    failure = str(error)
                except OSError as error:
                    failure = error.strerror or type(error).__name__  # without the file's name
                except Exception as error:  # whatever an exporter raises: telemetry fails nothing
                    failure = type(error).__name__
            with self._idle:
                self.failure = self.failure or failure
                self._pending -= 1
                self._idle.notify_all()


class Exports:
    """All destinations of this process, and the seconds that may still be waited for them."""

    def __init__(self, to: Destinations, warn: Callable[[str], None]) -> None:
        self._left = BUDGET
        self._warn = warn
        self._warned = False
        self._workers = []
        if to.file:
            self._workers.append(_Worker("the file in " + TRACE_FILE, to_file(to.file)))
        if to.endpoint:
            self._workers.append(_Worker("the OTLP collector", to_collector(to)))

    def put(self, spans: Sequence[ReadableSpan]) -> None:
        """Queue the finished spans of one run for every destination."""
        for worker in self._workers:
            worker.put(spans)

    def flush(self) -> None:
        """Wait for the destinations, `BUDGET` seconds in all over the process's life; warn once, in one line."""
        for worker in self._workers:
            started = time.monotonic()
            done = worker.wait(self._left)
            self._left -= time.monotonic() - started
            if not done:
                worker.failure = worker.failure or f"no answer within {BUDGET:g} s"
        failed = [worker for worker in self._workers if worker.failure]
        if failed and not self._warned:
            self._warned = True
            what = "; ".join(f"{worker.label}: {worker.failure}" for worker in failed)
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
        """The process ends: wait for what is left of the budget."""
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
