"""A delivery's timeline as JSON, for scripts: the same numbers that the drawings show."""

import json
from datetime import UTC, datetime

from delivery.tracing.timeline import Row, Timeline


def summary(line: Timeline) -> str:
    """One JSON object, a newline at the end: times in ISO 8601 (UTC), lengths in seconds."""
    delivery = line.delivery
    document = {
        "application": delivery.application,
        "version": delivery.version,
        "stages": delivery.stages,
        "complete": delivery.complete,
        "commit": line.commit,
        "commitTime": _time(line.commit_time) if line.commit_time else None,
        "leadTimeSeconds": line.lead_time / 1e9,
        "sections": [
            {
                "name": section.name,
                "kind": section.kind,
                "start": _time(section.start),
                "end": _time(section.end),
                "seconds": section.length / 1e9,
            }
            for section in line.sections
        ],
        "pullRequests": [
            {
                "number": change.number,
                "title": change.title,
                "url": change.url,
                "merged": _time(change.merged) if change.merged else None,
            }
            for change in line.changes
        ],
        "rows": [_row(row) for row in line.rows],
        "traces": [{"of": name, "traceId": trace} for name, trace in line.traces],
        "notes": line.notes,
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _row(row: Row) -> dict[str, object]:
    return {
        "name": row.name,
        "kind": row.kind,
        "depth": row.depth,
        "start": _time(row.start),
        "end": _time(row.end),
        "traceId": row.span.id.trace if row.span else None,
        "spanId": row.span.id.span if row.span else None,
        "follows": {"traceId": row.follows.trace, "spanId": row.follows.span} if row.follows else None,
        "failed": row.failed,
    }


def _time(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="milliseconds")
