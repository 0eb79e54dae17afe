"""What the generated chart reads of a stage's values: `gitops/chart/values.schema.json` is the one table of it.

Helm, editors and Argo CD check values against that file. Here it is asked whether a promoted key is read at all,
and what Helm would refuse of values that are there before the file is. At the top it is open: a stage's values may have
had keys of its own before there was a schema, and must sync as before.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from delivery.config.errors import nearest

FILE = Path(__file__).resolve().parents[2] / "gitops" / "chart" / "values.schema.json"
TITLE = "Values of one application in one stage"
"""By this the schema is told from one of a team's own."""
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


@dataclass(frozen=True)
class Violation:
    """What the schema refuses at a key of the values, the parts of its path with dots between them."""

    key: str
    found: str
    allowed: str


def violations(values: object, version_key: str) -> Iterator[Violation]:
    """What Helm would refuse in a stage's values, which are as a YAML loader made them."""
    schema = values_schema(version_key)
    yield from _violations({} if values is None else values, schema, schema, "")


def unread(values: object, version_key: str) -> tuple[str, ...]:
    """The keys at the top of a stage's values that the chart does not read."""
    known = values_schema(version_key)["properties"]
    return tuple(str(key) for key in values if key not in known) if isinstance(values, dict) else ()


def _violations(value: object, part: Schema, schema: Schema, key: str) -> Iterator[Violation]:
    part = resolved(part, schema)
    types = part.get("type", ())
    wanted = [types] if isinstance(types, str) else types
    kind = _kind(value)
    if wanted and kind not in wanted and not (kind == "integer" and "number" in wanted):
        yield Violation(key, kind, " or ".join(each for each in wanted if each != "null"))
    elif "enum" in part and value not in part["enum"]:
        yield Violation(key, str(value), " or ".join(str(each) for each in part["enum"] if each is not None))
    elif isinstance(value, str) and not re.search(part.get("pattern", "").replace("$", r"\Z"), value):
        yield Violation(key, value, part["pattern"])
    elif kind == "integer" and not part.get("minimum", value) <= value <= part.get("maximum", value):
        yield Violation(key, str(value), f"{part['minimum']} or more" + (", a port" if "maximum" in part else ""))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _violations(each, part.get("items", {}), schema, f"{key}[{index}]")
    elif isinstance(value, dict):
        known, others = part.get("properties", {}), part.get("additionalProperties", {})
        for name, each in value.items():
            below = known.get(name, others)
            at = f"{key}.{name}" if key else str(name)
            if below is False:
                near = nearest(str(name), known)
                yield Violation(at, "an unknown key", f"{near or ', '.join(known)}")
            else:
                yield from _violations(each, below, schema, at)
        for name in part.get("required", ()):
            if name not in value:
                yield Violation(f"{key}.{name}", "nothing", "a value")


def _kind(value: object) -> str:
    """What a value is for JSON; a date, which Helm reads as a text, is one."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) or value.is_integer() else "number"
    return "object" if isinstance(value, dict) else "array" if isinstance(value, list) else "string"
