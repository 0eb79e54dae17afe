"""From the texts that Pulumi hands over to values of the right types, as the table of keys has them.

Each key is looked at by itself here; what keys mean for each other is `delivery.config.reader`'s part. Where a value
is wrong, that is noted and the default or an empty value stands in, so that one run reports every mistake.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from delivery.config.errors import ErrorCollector, Json, Kind, Path, set_fix
from delivery.config.key import STRUCTURED, Key, Type

_DEEPEST = 10


@dataclass(frozen=True)
class Values:
    """The values of the map at `path`, by key: as configured where that is allowed, defaults elsewhere."""

    path: Path
    values: dict[str, Json]

    def optional_text(self, key: str) -> str | None:
        """A text; None where it is not set."""
        value = self.values[key]
        return value if isinstance(value, str) else None

    def text(self, key: str) -> str:
        """A text; empty where it is not set and has no default."""
        return self.optional_text(key) or ""

    def number(self, key: str) -> int:
        """A whole number."""
        value = self.values[key]
        return value if isinstance(value, int) else 0

    def flag(self, key: str) -> bool:
        """A flag."""
        return self.values[key] is True

    def optional_texts(self, key: str) -> tuple[str, ...] | None:
        """A list of texts; None where it is not set."""
        value = self.values[key]
        return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else None

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        return self.optional_texts(key) or ()

    def table(self, key: str) -> dict[str, str | None]:
        """A map of texts; None is null."""
        value = self.values[key]
        return (
            {name: item if isinstance(item, str) else None for name, item in value.items()}
            if isinstance(value, dict)
            else {}
        )

    def json_map(self, key: str) -> dict[str, Json]:
        """A map that its rule alone knows; empty where it is not set."""
        value = self.values[key]
        return value if isinstance(value, dict) else {}

    def json_maps(self, key: str) -> tuple[dict[str, Json], ...]:
        """A list of such maps."""
        value = self.values[key]
        return tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()

    def map(self, key: str) -> "Values":
        """A map with keys of its own."""
        value = self.values[key]
        return Values((*self.path, key), value if isinstance(value, dict) else {})

    def entries(self, key: str) -> tuple["Values", ...]:
        """A list of maps with keys of their own."""
        value = self.values[key]
        entries = enumerate(value) if isinstance(value, list) else ()
        return tuple(Values((*self.path, key, index), entry) for index, entry in entries if isinstance(entry, dict))


def decoded(key: Key, text: str, errors: ErrorCollector) -> Json:
    """The value that a text of the configuration stands for: JSON where the key holds a list or a map."""
    if key.type not in STRUCTURED:
        return text
    allowed = f"{key.allowed} (JSON on the command line)"
    try:
        value: Json = json.loads(text)
        # JSON can spell half a surrogate pair, which no file and no API takes.
        json.dumps(value, ensure_ascii=False).encode()
        if not _too_deep(value):
            return value
        allowed = f"at most {_DEEPEST} levels"
    except UnicodeEncodeError:
        allowed = "Unicode text"
    except (ValueError, RecursionError):
        pass
    errors.add(Kind.NOT_ALLOWED, (key.name,), text, allowed, key.form)
    errors.closed.add(key.name)
    return None


def refuse_encrypted(encrypted: Collection[str], errors: ErrorCollector, why: str) -> None:
    """Note each encrypted value of a key that is no secret; `why` says what its value is for. It is not shown."""
    project = errors.project
    for key in sorted((project.table.keys() - project.secrets).intersection(encrypted)):
        fix = set_fix(errors.stack, key, project.table[key].form, plaintext=True, project=project)
        errors.say(Kind.ENCRYPTED, (key,), "an encrypted value", f"plain text: {why}", fix)
        errors.closed.add(key)


def decoded_keys(raw: Mapping[str, str], encrypted: Collection[str], errors: ErrorCollector) -> dict[str, Json]:
    """The values of a project's keys; of secrets and of what is encrypted none. An unknown key is a mistake."""
    project, found = errors.project, dict[str, Json]()
    for key, text in raw.items():
        if key not in project.table:
            errors.add_unknown((), key, project.table)
        elif key not in project.secrets and key not in encrypted:
            found[key] = decoded(project.table[key], text, errors)
    return found


def read_root(found: Mapping[str, Json], errors: ErrorCollector) -> Values:
    """The values of all of a project's keys, secrets aside."""
    keys = tuple(key for key in errors.project.table.values() if key.name not in errors.project.secrets)
    return read_map(found, keys, (), errors)


def read_map(found: Mapping[str, Json], keys: Sequence[Key], path: Path, errors: ErrorCollector) -> Values:
    """The values of `keys` in the map at `path`. A key that the table does not have is a mistake."""
    known = [key.name for key in keys]
    for name in found:
        if name not in known:
            errors.add_unknown(path, name, known)
    return Values(path, {key.name: _value(key, found, path, errors) for key in keys})


def _value(key: Key, within: Mapping[str, Json], path: Path, errors: ErrorCollector) -> Json:
    path, found = (*path, key.name), within.get(key.name)
    if key.name not in within:
        if key.required:
            errors.add(Kind.MISSING, path, None, key.allowed, key.form)
        return _without(key, path, errors)
    value = _converted(key, found)
    match key.type:
        case Type.LIST if isinstance(value, list) and (value or not key.default):
            return _items(key, value, path, errors)
        case Type.ENTRIES if isinstance(value, list) and value:
            return [_entry(key, entry, (*path, index), errors) for index, entry in enumerate(value)]
        case Type.KEYS if isinstance(value, list) and value:
            return _texts_or_maps(key, value, path, errors)
        case Type.MAP if isinstance(value, dict):
            return read_map(value, key.keys, path, errors).values if key.keys else _table(key, value, path, errors)
        case _ if key.type not in STRUCTURED and key.rule.holds(value):
            return value
    allowed = key.allowed if key.type in STRUCTURED else key.rule.words_for(found)
    if key.type is Type.TEXT and isinstance(value, float):
        allowed += ", in quotes: without them 1.10 is the number 1.1"
    errors.add(Kind.NOT_ALLOWED, path, found, allowed, key.form)
    return _without(key, path, errors)


def _without(key: Key, path: Path, errors: ErrorCollector) -> Json:
    """What stands for a value that is missing, or wrong."""
    return read_map({}, key.keys, path, errors).values if key.type is Type.MAP and key.keys else key.default


def _converted(key: Key, found: Json) -> Json:
    """A number or a flag that the configuration spells as a text."""
    if key.type is Type.NUMBER and isinstance(found, str) and re.fullmatch(r"[0-9]{1,9}", found):
        return int(found)
    if key.type is Type.FLAG and found in ("true", "false"):
        return found == "true"
    return found


def _items(key: Key, found: list[Json], path: Path, errors: ErrorCollector) -> list[Json]:
    items: dict[str, Json] = {}
    for index, item in enumerate(found):
        if not (isinstance(item, str) and key.rule.holds(item)):
            errors.add(Kind.NOT_ALLOWED, (*path, index), item, key.rule.words_for(item), key.rule.form)
        elif items.setdefault(item, index) != index:
            errors.add(Kind.REPEATED, (*path, index), item, "each once", key.rule.form)
    return [*items]


def _entry(key: Key, found: Json, path: Path, errors: ErrorCollector) -> Json:
    if isinstance(found, dict):
        return read_map(found, key.keys, path, errors).values
    errors.add(Kind.NOT_ALLOWED, path, found, "a map", key.form.strip("[]"))
    return None


def _texts_or_maps(key: Key, found: list[Json], path: Path, errors: ErrorCollector) -> list[Json]:
    items: list[Json] = []
    for index, item in enumerate(found):
        if isinstance(item, str) and key.rule.holds(item):
            item = {"key": item}
        elif not isinstance(item, dict):
            errors.add(Kind.NOT_ALLOWED, (*path, index), item, key.rule.words_for(item), key.rule.form)
            continue
        elif "key" not in item:
            errors.add(Kind.MISSING, (*path, index, "key"), None, key.rule.words, key.rule.form)
        items.append(read_map(item, key.keys, (*path, index), errors).values)
        if items[-1] in items[:-1]:
            errors.add(Kind.REPEATED, (*path, index), found[index], "each once", key.rule.form)
    return items


def _table(key: Key, found: dict[str, Json], path: Path, errors: ErrorCollector) -> Json:
    for name, value in found.items():
        if not key.names.holds(name):
            errors.add(Kind.NOT_ALLOWED, path, name, f"as a key: {key.names.words}", key.form)
        elif not key.rule.holds(value):
            errors.add(Kind.NOT_ALLOWED, (*path, name), value, key.rule.words, key.rule.form)
    return found


def _too_deep(value: Json) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for node in level
            if isinstance(node, dict | list)
            for inner in (node.values() if isinstance(node, dict) else node)
        ]
    return bool(level)
