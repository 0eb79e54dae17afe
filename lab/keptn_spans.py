"""The spans of Keptn's operator, as a collector's file exporter writes them: one OTLP JSON request a line.

Names, kinds, attributes and links are the real operator's; the caller says when each span begins and ends.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from delivery.model.identifiers import is_traceparent
from delivery.tracing.attributes import APP_NAME, APP_NAMESPACE, APP_VERSION, KEPTN, LINK_TYPE, SERVICE
from delivery.tracing.otlp import CONSUMER, ERROR, OK, Span, SpanId, SpanLink, append, to_line

_RESOURCE = {SERVICE: "lifecycle-operator", "telemetry.sdk.language": "go"}


@dataclass(frozen=True)
class AppVersion:
    """A KeptnAppVersion: one rollout of one version of an application in a stage, and its trace."""

    name: str
    application: str
    namespace: str
    version: str
    metadata: Mapping[str, str]
    span_links: tuple[str, ...]
    trace_id: str
    root_id: str
    promotion_id: str

    @property
    def traceparent(self) -> str:
        """The W3C id of its promotion phase's span."""
        return f"00-{self.trace_id}-{self.promotion_id}-01"

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of the root span and of every phase's span; the metadata's keys have no prefix."""
        return {
            APP_NAME: self.application,
            APP_VERSION: self.version,
            APP_NAMESPACE: self.namespace,
            **self.metadata,
        }


@dataclass(frozen=True)
class Interval:
    """When a span began and ended, in nanoseconds of the Unix epoch, and whether what it covers succeeded."""

    began: int
    ended: int
    succeeded: bool = True


@dataclass(frozen=True)
class SpanFile:
    """The file that spans are appended to."""

    path: Path

    def root(self, app: AppVersion, interval: Interval, *, trace_id: str = "", span_id: str = "") -> None:
        """The span of a whole rollout, the only one with links. For a repetition it is given new ids."""
        follows = {LINK_TYPE: "follows-from"}
        links = tuple(SpanLink(_linked(entry), follows) for entry in app.span_links)
        own = SpanId(trace_id or app.trace_id, span_id or app.root_id)
        self._append(own, "", app.name, interval, app.attributes, links)

    def phase(self, app: AppVersion, phase: str, interval: Interval, *, span_id: str) -> None:
        """The span of one phase, a child of the root."""
        self._append(SpanId(app.trace_id, span_id), app.root_id, phase, interval, app.attributes)

    def task(self, app: AppVersion, task: str, kind: str, interval: Interval, *, parent_id: str) -> None:
        """The span of one task below its phase; `kind` is Keptn's check type (`post`, `promotion`)."""
        attributes = {
            APP_NAME: app.application,
            APP_VERSION: app.version,
            **{f"{KEPTN}{name}": "" for name in ("workload.name", "workload.version")},
            f"{KEPTN}task.name": task,
            f"{KEPTN}task.type": kind,
            **app.metadata,
        }
        self._append(SpanId(app.trace_id, secrets.token_hex(8)), parent_id, task, interval, attributes)

    def _append(
        self,
        own: SpanId,
        parent: str,
        name: str,
        interval: Interval,
        attributes: Mapping[str, str],
        links: tuple[SpanLink, ...] = (),
    ) -> None:
        status = OK if interval.succeeded else ERROR
        times = (interval.began, interval.ended)
        span = Span(own, parent, name, *times, kind=CONSUMER, attributes=attributes, links=links, status=status)
        append(self.path, to_line([span], "keptn/lifecycle-operator", _RESOURCE))


def _linked(entry: str) -> SpanId:
    """What an entry of `spanLinks` links to; of a text that is no traceparent the operator makes all-zero ids."""
    trace, span = entry.split("-")[1:3] if is_traceparent(entry) else ("0" * 32, "0" * 16)
    return SpanId(trace, span)
