"""One span for each promotion run, with its steps, linked to the source stage's promotion phase.

Names follow OpenTelemetry's CI/CD and VCS conventions (1.43). Where the spans go is the concern of
`delivery.tracing.export`. Nothing here raises or changes what a promotion does, and all runs of a process
together wait for a collector two seconds at most.
"""

import atexit
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, get_current
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from delivery.model.edges import Edge, PromotionSettings
from delivery.model.identifiers import is_traceparent
from delivery.text import without_credentials
from delivery.tracing.export import Destinations
from delivery.tracing.queue import SCOPE, RunProcessor, processor
from delivery.tracing.span import PromotionSpan, Result, Step, span_context

__all__ = ["Action", "PromotionSpan", "Result", "Step", "begin", "promotion"]

Action = Literal["promote", "rollback"]

_own: dict[RunProcessor, TracerProvider] = {}
_joined: WeakKeyDictionary[TracerProvider, set[RunProcessor]] = WeakKeyDictionary()


@contextmanager
def promotion(
    edge: Edge,
    settings: PromotionSettings,
    *,
    version: str | None = None,
    commit: str | None = None,
    traceparent: str | None = None,
    run_id: str | None = None,
    environ: Mapping[str, str] = os.environ,
    action: Action = "promote",
) -> Iterator[PromotionSpan]:
    """The span of a promotion run that lasts as long as the block; exporting it is waited for at the end of it."""
    span = begin(
        edge,
        settings,
        version=version,
        commit=commit,
        traceparent=traceparent,
        run_id=run_id,
        environ=environ,
        action=action,
    )
    try:
        yield span
    except BaseException as error:
        span.fail(error)
        raise
    finally:
        span.end()
        processor(Destinations.from_environ(environ)).force_flush()


def begin(
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
    """Start a promotion run's span, for a caller that ends it elsewhere (`end`, at the latest when the process exits).

    `traceparent` is the source stage's promotion phase: always a link and never the parent, because a pull
    request may wait for days behind it. The parent is the trace this process is in: Pulumi's engine under
    `--otel-traces`, or the CI system's `TRACEPARENT`. `run_id` is the CI system's, made up when None.
    """
    run_id = run_id or uuid.uuid4().hex
    link = span_context(traceparent)
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
