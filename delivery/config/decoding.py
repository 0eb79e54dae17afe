"""From the texts that Pulumi hands over to values: JSON where a key holds a list or a map, within bounds."""

import json
import re
from collections.abc import Mapping

from delivery.config.collector import Problems
from delivery.config.errors import Json

LONGEST_TEXT = 1_000_000
MOST_ENTRIES = 1000
DEEPEST = 10
"""Bounds of one key, generous for a pipeline, so that no configuration takes long to refuse."""


def decode(raw: Mapping[str, str], examples: Mapping[str, Json], problems: Problems) -> None:
    """Fill `problems.roots` from configuration texts.

    The keys of `examples` are structured: they hold JSON, of the shape that the example has.
    """
    for key, text in raw.items():
        if key not in examples:
            problems.roots[key] = text
            continue
        instead = examples[key]
        kept = False
        try:
            value: Json = json.loads(text) if len(text) <= LONGEST_TEXT else None
            refused = _excess(value) if len(text) <= LONGEST_TEXT else f"at most {LONGEST_TEXT} characters"
        except (ValueError, RecursionError):
            refused = f"a {'list' if isinstance(instead, list) else 'map'} (JSON on the command line)"
            if isinstance(instead, list) and (names := _names(text)):
                # Where the entries are maps, their names are all that there is of them.
                kept = not instead
                instead = [_entry(name, instead) for name in names]
        if refused:
            problems.add((key,), text, refused, instead, kept=kept)
            problems.unreadable.add(key)
        else:
            problems.roots[key] = value


def _names(text: str) -> list[str]:
    """The names in what was meant as a list of them: `name`, `one,other`, or as YAML takes it, `[one, "other"]`."""
    names = [part.strip("[](){}\"' ") for part in text[:200].split(",")]
    readable = len(text) <= 200 and all(re.fullmatch(r"[\w.@/ -]*", name) for name in names)
    return [name for name in names if name] if readable else []


def _entry(name: str, example: list[Json]) -> Json:
    """`name` as an entry like those of the example."""
    entry = example[0] if example else None
    return entry | {"name": name} if isinstance(entry, dict) else name


def _excess(value: Json) -> str | None:
    """What there is too much of in `value`, as what would be allowed."""
    level: list[Json] = [value]
    for _ in range(DEEPEST):
        below: list[Json] = []
        for node in level:
            if isinstance(node, str) and not _is_unicode(node):
                return "Unicode text"
            if isinstance(node, dict | list):
                if len(node) > MOST_ENTRIES:
                    return f"at most {MOST_ENTRIES} entries"
                below += node.values() if isinstance(node, dict) else node
                below += node if isinstance(node, dict) else ()
        level = below
    return f"at most {DEEPEST} levels" if any(isinstance(node, dict | list) for node in level) else None


def _is_unicode(text: str) -> bool:
    # JSON can spell half a surrogate pair, which no file and no API takes.
    return not any("\ud800" <= each <= "\udfff" for each in text) if not text.isascii() else True
