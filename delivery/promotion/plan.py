"""What a promotion changes: the target stage's values with the source stage's promoted keys, nothing else.

Pure functions of texts and values. `plan` is behind every promotion and `plan_values` behind every rollback too,
whose values come from the target's own past. Where texts come from and what becomes of the result is left to others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from delivery.model.identifiers import is_traceparent
from delivery.values.document import ValuesError, shown
from delivery.values.editor import promoted, read_keys, set_keys, unpromotable
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
    """The changes in the order of the promoted keys, and the target's values after them.

    Without changes `text` is the target's values, byte for byte. `values` are what the promoted keys are to be.
    """

    changes: tuple[Change, ...]
    text: bytes
    values: Mapping[str, Scalar] = field(default_factory=dict, compare=False)


def plan(
    source: bytes,
    target: bytes,
    promoted_keys: tuple[str, ...],
    traceparent: str | None,
    *,
    source_name: str = "source values",
    target_name: str = "target values",
) -> Plan:
    """Plan the promotion of `promoted_keys` from the values `source` to the values `target`.

    See `plan_values` for what is changed and `promoted` for what may be promoted; both raise `ValuesError`, which
    names the file by `…_name`.
    """
    return plan_values(promoted(source, promoted_keys, source_name), target, traceparent, target_name=target_name)


def plan_values(
    values: Mapping[str, Scalar], target: bytes, traceparent: str | None, *, target_name: str = "target values"
) -> Plan:
    """Plan to set `values` in `target`.

    Where any of them differs, `traceParent` is set too: to `traceparent` (several have commas between them), or to an
    empty string when that is not one that can be linked to, so that the target never links to what a former promotion
    came from.
    A new `traceparent` alone is no promotion.
    """
    for key, value in values.items():
        problem = unpromotable(value)
        if problem or key == TRACE_PARENT:
            what = f"{shown(key)} may not be promoted" + (f", it contains {problem}" if problem else "")
            raise ValuesError(f"{target_name}:1:1: {what} — promote other keys")
    present = read_keys(target, values, where=target_name)
    changes = tuple(
        Change(key, was.text, value.text, was.kind) if was else Change(key, None, value.text)
        for key, value in values.items()
        if (was := present[key]) != value
    )
    if not changes:
        return Plan((), target, values)
    link = traceparent if traceparent and all(map(is_traceparent, traceparent.split(","))) else ""
    wanted = {change.key: values[change.key] for change in changes} | {TRACE_PARENT: Scalar(link)}
    return Plan(changes, set_keys(target, wanted, where=target_name, double_quoted=(TRACE_PARENT,)), values)


def words(changes: tuple[Change, ...]) -> str:
    """The changes on one line, for people."""
    return ", ".join(f"{change.key}: {shown_before(change)} → {change.becomes}" for change in changes)


def shown_before(change: Change) -> str:
    """What a promoted key was, on one line, for people."""
    return "not set" if change.was is None else escape(change.was) or "empty"
