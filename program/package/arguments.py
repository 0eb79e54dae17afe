"""From the inputs of a component to what a stage was given, as if Pulumi's configuration had handed it over.

Nothing is checked here that `delivery.config.reader` checks: inputs become the texts that it reads. By the time a
component is constructed, its inputs are known, secrets too; in a preview some are not, because another resource has yet
to make them.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.output import Unknown

from delivery.config.errors import ConfigError, Kind, Problem, nearest, spell
from delivery.config.keys import OWN_NAMES, SECRETS, STACK_KEYS, TABLE
from delivery.model.secret import SecretText
from program.inputs import PROMOTE_VARIABLE, Given

SETTINGS, FOLDER = "stageSettings", "renderManifestsTo"
_OWN = frozenset(key.name for key in STACK_KEYS)


@dataclass(frozen=True)
class Argument:
    """A value as it is by now. None where it is not known yet, and in it for each part that is not."""

    value: Any
    known: bool = True
    secret: bool = False


def argument(value: Any) -> Argument:
    """What an input is by now, however deep outputs are in it."""
    if isinstance(value, Unknown):
        return Argument(None, known=False)
    if isinstance(value, pulumi.Output):
        found = argument(_now(value.future(with_unknowns=True)))
        return Argument(found.value, found.known, found.secret or _now(value.is_secret()) is True)
    if isinstance(value, Mapping):
        entries = {str(name): argument(each) for name, each in value.items()}
        # What a language sends for a value that is not set is none.
        values: Any = {name: each.value for name, each in entries.items() if each.value is not None or not each.known}
        parts = [*entries.values()]
    elif isinstance(value, list):
        parts = [argument(each) for each in value]
        values = [each.value for each in parts]
    else:
        # All numbers travel as floats.
        whole = isinstance(value, float) and value.is_integer()
        return Argument(int(value) if whole else value)
    return Argument(values, all(each.known for each in parts), any(each.secret for each in parts))


def of_stage(stage: str, inputs: Mapping[str, Any], *, has_cluster: bool) -> Given:
    """What a component `Stage` was given."""
    return _given(stage, inputs, {}, has_cluster)


def of_pipeline(inputs: Mapping[str, Any], *, has_cluster: bool) -> list[tuple[Given, Mapping[str, Any]]]:
    """What each stage of a component `Pipeline` was given, and its inputs; each after those that promote into it.

    Raises `ConfigError` where settings are of nothing that is a stage, or none.
    """
    settings, problems = _settings(inputs.get(SETTINGS))
    shared = {key: value for key, value in inputs.items() if key != SETTINGS}
    # A pipeline without a stage is refused by the reader, in its words.
    names = _in_order(argument(inputs.get("stages")).value) or ["dev"]
    problems += [_unknown((SETTINGS, name), name, names) for name in sorted(settings.keys() - set(names))]
    problems += [
        _unknown((SETTINGS, name, key), key, _OWN) for name, own in settings.items() for key in own if key not in _OWN
    ]
    if problems:
        raise ConfigError(problems)
    folder = argument(inputs.get(FOLDER)).value or TABLE[FOLDER].default
    # Who applies one folder to one cluster must not find the other's objects in it.
    each = {name: {**shared, FOLDER: f"{folder}/{name}", **settings.get(name, {})} for name in names}
    taken = {
        name: {key: text for key in OWN_NAMES & own.keys() if isinstance(text := argument(own[key]).value, str)}
        for name, own in each.items()
    }
    return [
        (_given(name, own, {other: of for other, of in taken.items() if other != name and of}, has_cluster), own)
        for name, own in each.items()
    ]


def _settings(value: Any) -> tuple[dict[str, Mapping[str, Any]], list[Problem]]:
    """The settings of each stage, and what is none. With a secret in it, all of it may arrive as one."""
    found = argument(value).value if isinstance(value, pulumi.Output) else value
    if found is None:
        return {}, []
    if not isinstance(found, Mapping):
        return {}, [Problem(spell((SETTINGS,)), "no map", "a map of maps, by stage", "", Kind.NOT_ALLOWED)]
    settings, problems = {}, []
    for name, own in found.items():
        inner = argument(own).value if isinstance(own, pulumi.Output) else own
        if isinstance(inner, Mapping):
            settings[str(name)] = inner
        else:
            problems.append(Problem(spell((SETTINGS, str(name))), "no map", "a map", "", Kind.NOT_ALLOWED))
    return settings, problems


def _in_order(stages: Any) -> list[str]:
    """The names of the stages, those before a stage first; in the given order where that cannot be told."""
    entries = [each for each in stages if isinstance(each, dict)] if isinstance(stages, list) else []
    after = {name: each.get("after") for each in entries if isinstance(name := each.get("name"), str)}
    ordered: list[str] = []
    while len(ordered) < len(after):
        waiting = [name for name in after if name not in ordered]
        ready = [name for name in waiting if not set(waiting).intersection(_texts(after[name]))]
        ordered += ready or waiting
    return ordered


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _given(stage: str, inputs: Mapping[str, Any], other_names: Mapping[str, Mapping[str, str]], own: bool) -> Given:
    values: dict[str, str] = {}
    secrets: dict[str, SecretText] = {}
    encrypted: set[str] = set()
    problems: list[Problem] = []
    for key, value in inputs.items():
        found = argument(value)
        if key in SECRETS and (found.value or not found.known):
            encrypted.add(key)
            if found.known:
                secrets[key] = SecretText(str(found.value))
        elif not found.known:
            allowed = "a value that is known in a preview: what is declared depends on it"
            problems.append(Problem(spell((key,)), "a value that is not known yet", allowed, "", Kind.NOT_ALLOWED))
        elif found.value is not None and key not in SECRETS:
            plain = found.value
            if key == "tasks" and isinstance(plain, dict):
                # No language sends a null within a map.
                plain = {name: source or None for name, source in plain.items()}
            values[key] = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
            if found.secret:
                encrypted.add(key)
    if promote := _promote(stage):
        values["promote"] = promote
    if problems:
        raise ConfigError(problems)
    return Given(stage, values, secrets, encrypted, other_names=other_names, has_cluster=own)


def _promote(stage: str) -> str:
    """What the environment asks to promote into this stage; it asks it of one of the program's stages."""
    asked = os.environ.get(PROMOTE_VARIABLE, "")
    try:
        to = json.loads(asked).get("to") if asked else ""
    except (ValueError, AttributeError):
        return asked
    return asked if to in (None, "", stage) else ""


def _unknown(path: tuple[str, ...], name: str, known: Any) -> Problem:
    near = nearest(name, known)
    allowed = f"did you mean {near}?" if near else f"one of {', '.join(sorted(known)) or 'none'}"
    return Problem(spell(path), "an unknown key", allowed, "", Kind.UNKNOWN_KEY)


def _now(future: Any) -> Any:
    """What a coroutine returns that has nothing to wait for: the outputs of a request have their values by then."""
    try:
        future.send(None)
    except StopIteration as done:
        return done.value
    future.close()
    return pulumi.UNKNOWN
