"""Typed reads of raw configuration values. Each returns a value of its type whatever it finds, and notes
what was wrong, so that reading goes on and one run reports every mistake.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from delivery.configuration.problems import Edit, Json, Path, Problems, renamed

LONGEST_TEXT = 1_000_000
MOST_ENTRIES = 1000
DEEPEST = 10
"""Bounds of one key, generous for a pipeline, so that no configuration takes long to refuse."""


@dataclass(frozen=True)
class Rule:
    """What a text has to be: the test, the rule in words, and a value that keeps it.

    `corrected` makes of a text that breaks the rule the one that was probably meant.
    """

    holds: Callable[[str], bool]
    words: str
    example: str
    corrected: Callable[[str], str] = str

    def instead(self, found: Json) -> str:
        """What to propose where `found` is no value: itself, corrected, or the example."""
        near = self.corrected(found) if isinstance(found, str) else self.example
        return near if self.holds(near) else self.example


@dataclass(frozen=True)
class Fields:
    """The keys of one map: the whole configuration, or one application in it."""

    problems: Problems
    values: dict[str, Json]
    at: Path = ()

    def text(self, key: str, rule: Rule, default: str | None = None) -> str:
        """A text that keeps `rule`. Without `default` it has to be there."""
        found = self.values.get(key, default)
        if isinstance(found, str) and (rule.holds(found) or (found == default and key not in self.values)):
            return found
        self.problems.add((*self.at, key), found, rule.words, rule.instead(found))
        return rule.example

    def number(self, key: str, low: int, high: int, default: int | None = None, *, why: str = "") -> int:
        """A whole number from `low` to `high`; configuration may spell it as a text."""
        found = self.values.get(key, default)
        number = int(found) if isinstance(found, str) and re.fullmatch(r"[0-9]{1,9}", found) else found
        if isinstance(number, int) and not isinstance(number, bool) and low <= number <= high:
            return number
        instead = default if default is not None and low <= default <= high else low
        self.problems.add((*self.at, key), found, f"a whole number from {low} to {high}{why}", instead)
        return instead

    def flag(self, key: str, default: bool) -> bool:
        """`true` or `false`."""
        found = self.values.get(key, default)
        if found in ("true", "false"):
            return found == "true"
        if isinstance(found, bool):
            return found
        self.problems.add((*self.at, key), found, "true or false", default)
        return default

    def choice(self, key: str, options: tuple[str, ...]) -> str:
        """One of `options`; the first is the default."""
        return self.text(key, Rule(options.__contains__, " or ".join(options), options[0]), options[0])

    def texts(self, key: str, rule: Rule, default: tuple[str, ...] = (), *, required: bool = False) -> tuple[str, ...]:
        """A list of different texts, each keeping `rule`."""
        found = self.values.get(key, list(default))
        words = f"a list{' that is not empty' if required else ''}, of: {rule.words}"
        if not isinstance(found, list) or (required and not found):
            alone: list[Json] = [found] if isinstance(found, str) and rule.holds(found) else []
            self.problems.add((*self.at, key), found, words, alone or ([rule.example] if required else []))
            return (rule.example,) if required else ()
        seen: set[str] = set()
        for index, item in enumerate(found):
            if not (isinstance(item, str) and rule.holds(item)):
                self.problems.add((*self.at, key, index), item, rule.words, rule.instead(item))
            elif item in seen:
                self.problems.add((*self.at, key), found, "each name once", _each_once)
            else:
                seen.add(item)
        return tuple(item for item in found if isinstance(item, str) and item in seen)

    def table(self, key: str, rule: Rule) -> dict[str, Json]:
        """A map whose keys keep `rule`; its values are the caller's to read."""
        found = self.values.get(key, {})
        if not isinstance(found, dict):
            self.problems.add((*self.at, key), found, f"a map; its keys: {rule.words}", {})
            return {}
        for name in found:
            if not rule.holds(name):
                self.problems.add((*self.at, key), name, f"as a key: {rule.words}", _free(name, rule.example))
        return {name: value for name, value in found.items() if rule.holds(name)}

    def items(self, key: str, example: dict[str, Json]) -> tuple["Fields", ...]:
        """A list of maps, none missing, each as fields of its own."""
        found = self.values.get(key)
        if not isinstance(found, list) or not found:
            self.problems.add((*self.at, key), found, "a list of maps that is not empty", [dict(example)])
            return ()
        for index, item in enumerate(found):
            if not isinstance(item, dict):
                self.problems.add((*self.at, key, index), item, "a map", dict(example))
        return tuple(
            Fields(self.problems, item, (*self.at, key, index))
            for index, item in enumerate(found)
            if isinstance(item, dict)
        )

    def only(self, known: frozenset[str]) -> None:
        """Refuse keys that nothing reads: a misspelt key would silently be a default."""
        for key in self.values:
            if key not in known:
                self.problems.add_unknown(self.at, key, sorted(known), given=list(self.values))


def _each_once(node: Json) -> Json:
    return [each for index, each in enumerate(node) if each not in node[:index]] if isinstance(node, list) else node


def _free(name: str, example: str) -> Edit:
    def edit(node: Json) -> Json:
        new, number = example, 2
        while isinstance(node, dict) and new in node:
            new, number = f"{example}-{number}", number + 1
        return renamed(name, new)(node)

    return edit


def decode(raw: Mapping[str, str], examples: Mapping[str, Json], problems: Problems) -> None:
    """Fill `problems.roots` from configuration texts.

    The keys of `examples` are structured: they hold JSON, of the shape that the example has.
    """
    for key, text in raw.items():
        if key not in examples:
            problems.roots[key] = text
            continue
        example = examples[key]
        try:
            value: Json = json.loads(text) if len(text) <= LONGEST_TEXT else None
            refused = _excess(value) if len(text) <= LONGEST_TEXT else f"at most {LONGEST_TEXT} characters"
        except (ValueError, RecursionError):
            refused = f"a {'list' if isinstance(example, list) else 'map'} (JSON on the command line)"
            # `key: name` where `key: [name]` was meant.
            if example == [] and re.fullmatch(r"[\w. -]{1,63}", text):
                example = [text]
        if refused:
            problems.add((key,), text, refused, example)
            problems.unreadable.add(key)
        else:
            problems.roots[key] = value


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
