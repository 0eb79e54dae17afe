"""What the generated chart reads of a stage's values: `gitops/chart/values.schema.json` is the one table of it.

Helm, editors and Argo CD check values against that file. Here it is asked whether a promoted key is read at all. At the
top it is open: a stage's values may have had keys of its own before there was a schema, and must sync as before.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "gitops" / "chart" / "values.schema.json"
_VERSION = "serviceVersion"
_DIGEST = "digest"

Schema = dict[str, Any]
"""A part of a JSON Schema (draft 7)."""


@cache
def _table() -> Schema:
    found: Schema = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def values_schema(version_key: str) -> Schema:
    """The schema of the values of an application whose version is at `version_key`, the digest beside it."""
    table = _table()
    chart = _without_version(table)
    *levels, last = version_key.split(".")
    own: Schema = {last: table["properties"][_VERSION], _DIGEST: table["properties"][_DIGEST]}
    for level in reversed(levels):
        own = {level: {"type": ["object", "null"], "properties": own}}
    for name in own.keys() & chart.keys():
        # The version stands below a key of the chart: service.version.
        below = resolved(chart.pop(name), table)
        own[name] = below | {"properties": below.get("properties", {}) | own[name].get("properties", {})}
    return table | {"properties": own | chart}


def is_free(version_key: str) -> bool:
    """Whether the chart has no other use for that key, so that the version may stand there."""
    key, schema = version_key.split("."), _table() | {"properties": _without_version(_table())}
    return key[-1] != _DIGEST and _part(key, schema) is None


def is_read(key: str, version_key: str) -> bool:
    """Whether the chart reads a single value there, dots between levels; what is Kubernetes' own counts as read."""
    schema = values_schema(version_key)
    part = _part(key.split("."), schema)
    types = part.get("type", "string") if part is not None else "null"
    return not {"object", "array", "null"}.issuperset([types] if isinstance(types, str) else types)


def known_keys(version_key: str) -> tuple[str, ...]:
    """The names at the top that the chart reads."""
    return tuple(values_schema(version_key)["properties"])


def _without_version(table: Schema) -> Schema:
    return {name: part for name, part in table["properties"].items() if name not in (_VERSION, _DIGEST)}


def _part(key: Sequence[str], schema: Schema) -> Schema | None:
    """What the schema says of that key; None where the chart does not read it, nothing where Kubernetes reads it."""
    part = schema
    for name in key:
        part = resolved(part, schema)
        further = part.get("additionalProperties")
        if name in part.get("properties", {}):
            part = part["properties"][name]
        elif isinstance(further, dict):
            part = further
        else:
            passed_on = part is not schema and "properties" not in part and "object" in part.get("type", ())
            return {} if passed_on else None
    return resolved(part, schema)


def resolved(part: Schema, schema: Schema) -> Schema:
    """What the schema refers to, where `part` is such a reference."""
    while "$ref" in part:
        path, part = part["$ref"], schema
        for name in path.removeprefix("#/").split("/"):
            part = part[name]
    return part
