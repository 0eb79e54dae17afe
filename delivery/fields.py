"""Typed reads of raw configuration values. Each returns a value of its type whatever it finds, and notes
what was wrong, so that reading goes on and one run reports every mistake.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from delivery.problems import Json, Path, Problem, Problems, spell


@dataclass(frozen=True)
class Rule:
    """What a text has to be: the test, the rule in words, and a value that keeps it."""

    holds: Callable[[str], bool]
    words: str
    example: str


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
        self.problems.add((*self.at, key), found, rule.words, rule.example)
        return rule.example

    def number(self, key: str, low: int, high: int, default: int | None = None, *, why: str = "") -> int:
        """A whole number from `low` to `high`; configuration may spell it as a text."""
        found = self.values.get(key, default)
        number = int(found) if isinstance(found, str) and found.isascii() and found.isdigit() else found
        if isinstance(number, int) and not isinstance(number, bool) and low <= number <= high:
            return number
        instead = default if default is not None else low
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
        words = " or ".join(options)
        return self.text(key, Rule(lambda text: text in options, words, options[0]), options[0])

    def texts(self, key: str, rule: Rule, default: tuple[str, ...] = (), *, required: bool = False) -> tuple[str, ...]:
        """A list of different texts, each keeping `rule`."""
        found = self.values.get(key, list(default))
        words = f"a list{' that is not empty' if required else ''}, of: {rule.words}"
        if not isinstance(found, list) or (required and not found):
            self.problems.add((*self.at, key), found, words, [rule.example])
            return (rule.example,)
        for index, item in enumerate(found):
            if not (isinstance(item, str) and rule.holds(item)):
                self.problems.add((*self.at, key, index), item, rule.words, rule.example)
            elif item in found[:index]:
                unique: list[Json] = list(dict.fromkeys(str(each) for each in found))
                self.problems.add((*self.at, key), found, "each name once", unique)
        return tuple(item for item in found if isinstance(item, str))

    def table(self, key: str, rule: Rule) -> dict[str, Json]:
        """A map whose keys keep `rule`; its values are the caller's to read."""
        found = self.values.get(key, {})
        if not isinstance(found, dict):
            self.problems.add((*self.at, key), found, f"a map; its keys: {rule.words}", {})
            return {}
        for name in found:
            if not rule.holds(name):
                fixed: Json = {rule.example if each == name else each: value for each, value in found.items()}
                self.problems.add((*self.at, key), name, f"as a key: {rule.words}", fixed)
        return dict(found)

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
                near = get_close_matches(key, sorted(known), n=1, cutoff=0.6)
                allowed = f"did you mean {near[0]}?" if near else "one of " + ", ".join(sorted(known))
                if self.at:
                    rest: Json = {name: value for name, value in self.values.items() if name in known}
                    self.problems.add(self.at, key, f"in this map: {allowed}", rest)
                else:
                    where = spell((key,))
                    self.problems.found.append(
                        Problem(where, "a key that nothing reads", allowed, f"pulumi config rm {where}")
                    )


def decode(raw: dict[str, str], structured: frozenset[str], problems: Problems) -> None:
    """Fill `problems.roots` from configuration texts; structured keys hold JSON."""
    for key, text in raw.items():
        if key not in structured:
            problems.roots[key] = text
            continue
        try:
            problems.roots[key] = json.loads(text)
        except (ValueError, RecursionError):
            problems.add((key,), text, "a list or a map (JSON on the command line)", [])
