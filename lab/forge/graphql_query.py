"""Reads a GraphQL query as far as `lab.forge.graphql` answers it: aliases, arguments, variables, inline fragments.

It knows no schema, no named fragments, no directives and no mutations.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\.\.\.|\$?\w+|-?\d+|[{}()\[\]:!=]')
_COMMENT = re.compile(r"#[^\n]*")


class QueryError(Exception):
    """The query is not one that the forge answers."""


@dataclass
class Selection:
    """A field with its arguments and what is selected of it, under the name that the answer has."""

    name: str
    alias: str
    arguments: dict[str, object] = field(default_factory=dict)
    below: list["Selection"] = field(default_factory=list)


def parsed(query: str, variables: Mapping[str, object]) -> list[Selection]:
    """What a query selects, its variables filled in. Raises `QueryError`."""
    text = _COMMENT.sub("", query)
    if left := _TOKEN.sub("", text).replace(",", "").strip():
        raise QueryError(f"Expected one of the query language's own words, not {left[0]!r}")
    reader = _Reader(_TOKEN.findall(text), variables)
    try:
        return reader.operation()
    except IndexError:
        raise QueryError("Unexpected end of document") from None


class _Reader:
    """Reads a query's words one after another."""

    def __init__(self, words: list[str], variables: Mapping[str, object]) -> None:
        self._words, self._at, self._variables = words, 0, variables

    def operation(self) -> list[Selection]:
        if self._next() == "query":
            while self._words[self._at] != "{":
                self._at += 1
        else:
            self._at -= 1
        found = self._selections()
        if self._at < len(self._words):
            raise QueryError("The forge answers one operation, without fragments beside it")
        return found

    def _next(self) -> str:
        self._at += 1
        return self._words[self._at - 1]

    def _take(self, word: str) -> bool:
        taken = self._at < len(self._words) and self._words[self._at] == word
        self._at += taken
        return taken

    def _expect(self, word: str) -> None:
        if (found := self._next()) != word:
            raise QueryError(f"Expected {word!r}, not {found!r}")

    def _selections(self) -> list[Selection]:
        self._expect("{")
        found: list[Selection] = []
        while not self._take("}"):
            if self._take("..."):
                self._expect("on")
                self._next()
                found += self._selections()
            else:
                found.append(self._field())
        return found

    def _field(self) -> Selection:
        name = alias = self._next()
        if self._take(":"):
            name = self._next()
        selection = Selection(name, alias)
        if self._take("("):
            while not self._take(")"):
                key = self._next()
                self._expect(":")
                selection.arguments[key] = self._value()
        if self._at < len(self._words) and self._words[self._at] == "{":
            selection.below = self._selections()
        return selection

    def _value(self) -> object:
        word = self._next()
        if word == "[":
            items = []
            while not self._take("]"):
                items.append(self._value())
            return items
        if word == "{":
            values = {}
            while not self._take("}"):
                key = self._next()
                self._expect(":")
                values[key] = self._value()
            return values
        if word.startswith("$"):
            if word[1:] not in self._variables:
                raise QueryError(f"Variable {word} was not provided")
            return self._variables[word[1:]]
        return json.loads(word) if word[0] in '"-0123456789' or word in ("true", "false", "null") else word
