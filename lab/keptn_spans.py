"""The spans of Keptn's operator, as a collector's file exporter writes them: one OTLP JSON request a line.

Names, kinds, attributes and links are the real operator's; the caller says when each span begins and ends.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from delivery.model.identifiers import is_traceparent

_CONSUMER, _OK, _ERROR = 5, 1, 2
_PREFIX = "keptn.deployment"


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
        named = {"name": self.application, "version": self.version, "namespace": self.namespace}
        return {f"{_PREFIX}.app.{key}": value for key, value in named.items()} | dict(self.metadata)


@dataclass(frozen=True)
class Interval:
    """When a span began and ended, in nanoseconds of the Unix epoch, and whether what it covers succeeded."""

    began: int
    ended: int
    succeeded: bool = True


@dataclass(frozen=True)
class SpanFile:
    """The file that spans are appended to, or None for an operator without a collector."""

    path: Path | None

    def root(self, app: AppVersion, interval: Interval, *, trace_id: str = "", span_id: str = "") -> None:
        """The span of a whole rollout, the only one with links. For a repetition it is given new ids."""
        links: list[dict[str, object]] = []
        for entry in app.span_links:
            # The operator validates nothing: of a text that is no traceparent it makes a link to all-zero ids.
            trace, span = entry.split("-")[1:3] if is_traceparent(entry) else ("0" * 32, "0" * 16)
            follows = _attributes({"opentracing.ref_type": "follows-from"})
            links.append({"traceId": trace, "spanId": span, "attributes": follows})
        ids = (trace_id or app.trace_id, span_id or app.root_id, "")
        self._append(ids, app.name, interval, app.attributes, links)

    def phase(self, app: AppVersion, phase: str, interval: Interval, *, span_id: str) -> None:
        """The span of one phase, a child of the root."""
        self._append((app.trace_id, span_id, app.root_id), phase, interval, app.attributes)

    def task(self, app: AppVersion, task: str, kind: str, interval: Interval, *, parent_id: str) -> None:
        """The span of one task below its phase; `kind` is Keptn's check type (`post`, `promotion`)."""
        named = {"app.name": app.application, "app.version": app.version, "workload.name": "", "workload.version": ""}
        named |= {"task.name": task, "task.type": kind}
        attributes = {f"{_PREFIX}.{key}": value for key, value in named.items()} | dict(app.metadata)
        self._append((app.trace_id, secrets.token_hex(8), parent_id), task, interval, attributes)

    def _append(
        self,
        ids: tuple[str, str, str],
        name: str,
        interval: Interval,
        attributes: Mapping[str, str],
        links: list[dict[str, object]] | None = None,
    ) -> None:
        if self.path is None:
            return
        span = {
            **dict(zip(("traceId", "spanId", "parentSpanId"), ids, strict=True)),
            "name": name,
            "kind": _CONSUMER,
            "startTimeUnixNano": str(interval.began),
            "endTimeUnixNano": str(interval.ended),
            "attributes": _attributes(attributes),
            **({"links": links} if links else {}),
            "status": {"code": _OK if interval.succeeded else _ERROR},
        }
        scopes = [{"scope": {"name": "keptn/lifecycle-operator"}, "spans": [span]}]
        resource = {"attributes": _attributes({"service.name": "lifecycle-operator", "telemetry.sdk.language": "go"})}
        line = json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}, separators=(",", ":"))
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _attributes(values: Mapping[str, str]) -> list[dict[str, object]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]
