"""What a promotion changes: the target stage's values with the source stage's promoted keys, nothing else.

Pure functions of texts and values. `plan` is behind every promotion and `plan_values` behind every rollback too,
whose values come from the target's own past. Where texts come from and what becomes of the result is left to others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from delivery.model.identifiers import is_traceparent
from delivery.model.promoted_keys import StageValues
from delivery.values.document import ValuesError, shown
from delivery.values.editor import may_have, promoted, read_keys, set_keys, unpromotable
from delivery.values.path import FieldPath
from delivery.values.scalar import Kind, Scalar, escape

TRACE_PARENT = "traceParent"


@dataclass(frozen=True)
class Change:
    """One promoted key: what it was in the target (None when it was missing), and what it becomes.

    Both are the values' own text, whatever is in it: who shows them makes them fit to be shown. `kind` is what `was`
    is for Helm, without which `false` could not be told from the string `"false"`.
    """

    key: str
    was: str | None
    becomes: str
    kind: Kind = "string"


@dataclass(frozen=True)
class Plan:
    """The changes in the order of the promoted keys, and the target's files that have them, by their path.

    Without changes `texts` is empty. `values` are what the promoted keys are to be, by name.
    """

    changes: tuple[Change, ...]
    texts: Mapping[str, bytes]
    values: Mapping[str, Scalar] = field(default_factory=dict, compare=False)


def read_values(
    texts: Mapping[str, bytes], where: StageValues, names: Iterable[str] | None = None, at: str = ""
) -> dict[str, Scalar | None]:
    """The promoted values of a stage by the names of their keys, None where there is no such key.

    `texts` are its files by path, every one with a key among `names` (None: all keys), `at` tells where they are from.
    Raises `ValuesError`, which names the file.
    """
    wanted = None if names is None else set(names)
    found: dict[str, Scalar | None] = {}
    for file, fields in where.by_file.items():
        asked = {name: path for name, path in fields.items() if wanted is None or name in wanted}
        if asked:
            read = read_keys(texts[file], asked.values(), where=f"{file}{at}")
            found |= {name: read[path] for name, path in asked.items()}
    return {name: found[name] for name in where.names if name in found}


def read_promoted(texts: Mapping[str, bytes], where: StageValues, at: str = "") -> dict[str, Scalar]:
    """The same of a source stage: all values have to be there, and fit to be promoted. Raises `ValuesError`."""
    found: dict[str, Scalar] = {}
    for file, fields in where.by_file.items():
        read = promoted(texts[file], fields.values(), f"{file}{at}")
        found |= {name: read[path] for name, path in fields.items()}
    return {name: found[name] for name in where.names}


def may_be(texts: Mapping[str, bytes], where: StageValues, values: Mapping[str, str | None]) -> bool:
    """Whether the files may have these values: False is certain, and takes no parsing."""
    return all(
        may_have(texts[file], {name: values[name] for name in fields if name in values})
        for file, fields in where.by_file.items()
    )


def plan(
    source: Mapping[str, bytes],
    target: Mapping[str, bytes],
    at_source: StageValues,
    at_target: StageValues,
    links: Mapping[str, str],
    *,
    at: str = "",
) -> Plan:
    """Plan the promotion of the values in the files `source`, which are from `at`, to the files `target`.

    See `plan_values` for what is changed and `promoted` for what may be promoted; both raise `ValuesError`.
    """
    return plan_values(read_promoted(source, at_source, at), target, at_target, links)


def plan_values(
    values: Mapping[str, Scalar], target: Mapping[str, bytes], where: StageValues, links: Mapping[str, str]
) -> Plan:
    """Plan to set `values` in the files `target`.

    Where any of them differs, `traceParent` is set too: to what `links` have for its file (several have commas between
    them), or to an empty string when that is not one that can be linked to, so that the target never links to what a
    former promotion came from. A new trace alone is no promotion.
    """
    for name, value in values.items():
        problem = unpromotable(value)
        file = where.file_of(name)
        if problem or (file == where.trace_of(name) and where.by_file[file][name] == FieldPath(TRACE_PARENT)):
            what = f"{shown(name)} may not be promoted" + (f", it contains {problem}" if problem else "")
            raise ValuesError(f"{file}:1:1: {what} — promote other keys")
    present = read_values(target, where, values)
    changes = tuple(
        Change(key, was.text, value.text, was.kind) if was else Change(key, None, value.text)
        for key, value in values.items()
        if (was := present[key]) != value
    )
    if not changes:
        return Plan((), {}, values)
    trace = FieldPath(TRACE_PARENT)
    wanted: dict[str, dict[FieldPath, Scalar]] = {where.trace_of(change.key): {} for change in changes}
    for change in changes:
        file = where.file_of(change.key)
        wanted.setdefault(file, {})[where.by_file[file][change.key]] = values[change.key]
    for file in dict.fromkeys(where.trace_of(change.key) for change in changes):
        link = links.get(file, "")
        wanted[file][trace] = Scalar(link if all(map(is_traceparent, link.split(","))) else "")
    texts = {
        file: set_keys(target[file], fields, where=file, double_quoted=(trace,) if trace in fields else ())
        for file, fields in wanted.items()
    }
    return Plan(changes, {file: text for file, text in texts.items() if text != target[file]}, values)


def words(changes: tuple[Change, ...]) -> str:
    """The changes on one line, for people."""
    return ", ".join(f"{change.key}: {shown_before(change)} → {change.becomes}" for change in changes)


def shown_before(change: Change) -> str:
    """What a promoted key was, on one line, for people."""
    return "not set" if change.was is None else escape(change.was) or "empty"
