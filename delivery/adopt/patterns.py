"""Patterns with `{application}` and `{stage}` for names that are given: one for all, and the exceptions.

The narrowest one counts, as in `delivery.config.naming`: a stage's, else an application's, else the pipeline's.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from delivery.config.errors import Json

Cell = tuple[str, str]
"""An application in a stage."""


@dataclass(frozen=True)
class Patterns:
    """What gives the names: `shared`, then by application, then by stage. `failed` are applications with others."""

    shared: str
    by_application: Mapping[str, str]
    by_stage: Mapping[str, str]
    failed: frozenset[str]


def solve(names: Mapping[Cell, str], default: str) -> Patterns:
    """The fewest patterns for these names of applications in stages, the pipeline's own `default` before others."""
    applications, stages = (tuple(dict.fromkeys(cell[place] for cell in names)) for place in (0, 1))
    counts = Counter(pattern for cell, name in names.items() for pattern in generalized(name, *cell))
    # Of two that fit as many, the one of more words fits an application or stage that is added later.
    shared = max(counts, key=lambda each: (counts[each], each == default, each.count("{")), default=default)
    if counts[shared] < min(2, len(names)):
        shared = default
    by_application: dict[str, str] = {}
    for application in applications:
        row = {cell: name for cell, name in names.items() if cell[0] == application}
        best = _best(row, shared)
        if best != shared and (_fits(best, row) or _covered(best, row) > max(1, _covered(shared, row))):
            by_application[application] = best
    by_stage, failed = {}, set[str]()
    for stage in stages:
        column = {cell: name for cell, name in names.items() if cell[1] == stage}
        missed = [cell for cell, name in column.items() if fill(by_application.get(cell[0], shared), *cell) != name]
        best = _best(column, shared)
        if missed and _fits(best, column):
            by_stage[stage] = best
        elif missed:
            failed |= {application for application, _ in missed}
    return Patterns(shared, by_application, by_stage, frozenset(failed))


def generalized(name: str, application: str, stage: str) -> tuple[str, ...]:
    """The patterns that give `name` for this application and stage, the ones with most placeholders first."""
    both = _put(_put(name, application, "{application}"), stage, "{stage}")
    found = (both, _put(name, stage, "{stage}"), _put(name, application, "{application}"), name)
    return tuple(dict.fromkeys(each for each in found if fill(each, application, stage) == name))


def fill(pattern: str, application: str, stage: str) -> str:
    """A pattern with the names filled in."""
    return pattern.replace("{application}", application).replace("{stage}", stage)


def same_for_stages(values: Mapping[str, Json]) -> tuple[bool, Json]:
    """One value with `{stage}` in its texts that gives each stage its own, and whether there is one."""
    (first, value), *others = values.items()
    patterned = _replaced(value, first, "{stage}")
    return all(_replaced(patterned, "{stage}", stage, bounded=False) == other for stage, other in others), patterned


def _replaced(value: Json, old: str, new: str, *, bounded: bool = True) -> Json:
    if isinstance(value, str):
        return _put(value, old, new) if bounded else value.replace(old, new)
    if isinstance(value, list):
        return [_replaced(each, old, new, bounded=bounded) for each in value]
    if isinstance(value, dict):
        return {key: _replaced(each, old, new, bounded=bounded) for key, each in value.items()}
    return value


def _put(text: str, word: str, placeholder: str) -> str:
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", lambda _: placeholder, text)


def _best(names: Mapping[Cell, str], first: str) -> str:
    counts = Counter(pattern for cell, name in names.items() for pattern in generalized(name, *cell))
    return max(counts, key=lambda each: (counts[each], each == first, each.count("{")))


def _fits(pattern: str, names: Mapping[Cell, str]) -> bool:
    return _covered(pattern, names) == len(names)


def _covered(pattern: str, names: Mapping[Cell, str]) -> int:
    return sum(fill(pattern, *cell) == name for cell, name in names.items())
