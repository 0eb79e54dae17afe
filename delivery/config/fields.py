"""Typed reads of raw configuration values. Each returns a value of its type whatever it finds, and notes
what was wrong, so that reading goes on and one run reports every mistake.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from delivery.config.collector import Problems
from delivery.config.errors import Edit, Json, Path, nearest, renamed


@dataclass(frozen=True)
class Rule:
    """What a text has to be: the test, the rule in words, and a value that keeps it.

    `corrected` makes of a text that breaks the rule the one that was probably meant.
    """

    holds: Callable[[str], bool]
    words: str
    example: str
    corrected: Callable[[str], str] = str

    def near(self, found: Json) -> str | None:
        """The text that `found` was probably meant to be; None where nothing in it keeps the rule."""
        if found is None or isinstance(found, list | dict):
            return None
        near = self.corrected(found if isinstance(found, str) else json.dumps(found))
        return near if self.holds(near) else None

    def instead(self, found: Json) -> str:
        """What to propose where `found` is no value: itself, corrected, or the example."""
        near = self.near(found)
        return self.example if near is None else near


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
        words = rule.words
        if isinstance(found, float):
            words += ", in quotes: without them 1.10 is the number 1.1"
        self.problems.add((*self.at, key), found, words, rule.instead(found))
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
        said = str(found).strip().lower()
        said = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}.get(said, said)
        near = nearest(said, ("true", "false"))
        self.problems.add((*self.at, key), found, "true or false", near == "true" if near else default)
        return default

    def choice(self, key: str, options: tuple[str, ...]) -> str:
        """One of `options`; the first is the default."""
        return self.text(
            key, Rule(options.__contains__, " or ".join(options), options[0], closest(options)), options[0]
        )

    def texts(self, key: str, rule: Rule, default: tuple[str, ...] = (), *, required: bool = False) -> tuple[str, ...]:
        """A list of different texts, each keeping `rule`."""
        found = self.values.get(key, list(default))
        words = f"a list{' that is not empty' if required else ''}, of: {rule.words}"
        if not isinstance(found, list) or (required and not found):
            meant = _texts_meant(rule, required)
            self.problems.add((*self.at, key), found, words, meant, kept=bool(self.at or meant(found)))
            return (rule.example,) if required else ()
        seen: set[str] = set()
        for index, item in enumerate(found):
            if not (isinstance(item, str) and rule.holds(item)):
                # What was meant may be two texts or none, so the list is corrected and not the item.
                meant = _texts_meant(rule, required)
                self.problems.add((*self.at, key, index), item, rule.words, meant, at=(*self.at, key))
            elif item in seen:
                self.problems.add((*self.at, key), found, "each name once", _texts_meant(rule, required))
            else:
                seen.add(item)
        return tuple(item for item in found if isinstance(item, str) and item in seen)

    def table(self, key: str, rule: Rule) -> dict[str, Json]:
        """A map whose keys keep `rule`; its values are the caller's to read."""
        found = self.values.get(key, {})
        if not isinstance(found, dict):
            self.problems.add((*self.at, key), found, f"a map; its keys: {rule.words}", {}, kept=False)
            return {}
        for name in found:
            if not rule.holds(name):
                self.problems.add((*self.at, key), name, f"as a key: {rule.words}", _free(name, rule.instead(name)))
        return {name: value for name, value in found.items() if rule.holds(name)}

    def items(self, key: str, example: dict[str, Json], name: Rule) -> tuple["Fields", ...]:
        """A list of maps, none missing, each as fields of its own; each has a `name` that keeps the rule."""
        found = self.values.get(key)
        if not isinstance(found, list) or not found:
            meant = _maps_meant(found)
            words = "a list of maps that is not empty"
            self.problems.add((*self.at, key), found, words, meant or [dict(example)], kept=bool(meant))
            return ()
        kept = any(isinstance(item, dict) for item in found)
        for index, item in enumerate(found):
            if not isinstance(item, dict):
                called = name.near(item) or _numbered(str(example["name"]), index)
                self.problems.add((*self.at, key, index), item, "a map", example | {"name": called}, kept=kept)
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


def closest(options: Sequence[str]) -> Callable[[str], str]:
    """Corrects a slip, or a capital, to the option that was meant."""
    return lambda text: nearest(text.strip().lower(), options) or text


def _texts_meant(rule: Rule, required: bool) -> Edit:
    """Makes the list that was probably meant: corrected, each once, without what no text can be made of.

    An example in its place would be a reviewer or a task that nobody named.
    """

    def edit(node: Json) -> Json:
        parts: list[Json] = []
        for item in _entries(node):
            item = item.get("name") if isinstance(item, dict) else item
            apart = isinstance(item, str) and "," in item and not rule.holds(item)
            parts += map(str.strip, item.split(",")) if isinstance(item, str) and apart else [item]
        meant = dict.fromkeys(near for part in parts if (near := rule.near(part)) is not None)
        return [*meant] or ([rule.example] if required else [])

    return edit


def _entries(node: Json) -> list[Json]:
    """What a list of texts would have as its entries: of a map the keys."""
    return list(node) if isinstance(node, list | dict) else [node]


def _maps_meant(found: Json) -> list[Json]:
    """The list for which a map stands: the one entry of it, or its entries by their names."""
    if not isinstance(found, dict):
        return []
    if "name" in found:
        return [found]
    if not all(each is None or isinstance(each, dict) for each in found.values()):
        return []
    return [{"name": name, **(each if isinstance(each, dict) else {})} for name, each in found.items()]


def _numbered(name: str, index: int) -> str:
    return f"{name}-{index + 1}" if index else name


def _free(name: str, example: str) -> Edit:
    def edit(node: Json) -> Json:
        new, number = example, 2
        while isinstance(node, dict) and new in node:
            new, number = f"{example}-{number}", number + 1
        return renamed(name, new)(node)

    return edit
