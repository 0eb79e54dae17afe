"""Configurations of tests: the shipped one with changes, and what is wrong with it."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from delivery.config.errors import ConfigError, Json, Kind, Problem
from delivery.config.files import read_stack_config
from delivery.config.reader import parse

ROOT = Path(__file__).resolve().parents[3]
APPLICATION: dict[str, Json] = {"name": "podtato-head", "image": "ghcr.io/podtato-head/podtato-server"}
FIVE: list[Json] = [
    {"name": "dev"},
    {"name": "load", "after": ["dev"]},
    {"name": "acceptance", "after": ["dev"]},
    {"name": "staging", "after": ["load", "acceptance"]},
    {"name": "production", "after": ["staging"]},
]
SHIPPED = {
    stack: {key.removeprefix("delivery:"): value for key, value in read_stack_config(ROOT, stack).values.items()}
    for stack in ("dev", "production")
}


def applications(*changes: Mapping[str, Json]) -> list[Json]:
    """Applications with these keys on top of the example's."""
    return [APPLICATION | dict(change) for change in changes]


def raw(stack: str = "dev", **changes: Json) -> dict[str, str]:
    """The shipped configuration of a stack with these keys set, or taken away where they are None."""
    found = dict(SHIPPED[stack])
    for key, value in changes.items():
        found.pop(key, None)
        if value is not None:
            found[key] = value if isinstance(value, str) else json.dumps(value)
    return found


def refused(
    changes: Mapping[str, Json],
    stack: str = "dev",
    *,
    encrypted: Collection[str] = (),
    misplaced: Collection[str] = (),
    other_names: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[Problem, ...]:
    """What is wrong with the shipped configuration with these changes; each is one line that can be printed."""
    given = raw("production" if stack == "production" else "dev", **changes)
    with pytest.raises(ConfigError) as caught:
        parse(given, stack, encrypted, misplaced, other_names)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems) + bool(caught.value.more)
    assert all(line.isprintable() and len(line) < 1000 for line in lines)
    return caught.value.problems


def kinds(problems: Collection[Problem]) -> list[tuple[str, Kind]]:
    """Where each problem is, and of what kind."""
    return [(problem.where, problem.kind) for problem in problems]
