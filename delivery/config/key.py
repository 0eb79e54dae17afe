"""What a key of the configuration is: its type, its rule, its default, and what the reference says of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from delivery.config import rules
from delivery.config.rules import Json, Rule


class Type(Enum):
    """What a value is."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"
    LIST = "list of texts"
    ENTRIES = "list of maps"
    MAP = "map"
    KEYS = "list of texts or maps"
    SECRET = "secret"  # noqa: S105 - the name of a type
    JSON = "as Argo CD has it"


STRUCTURED = (Type.LIST, Type.ENTRIES, Type.MAP, Type.KEYS)
"""The types that travel as JSON."""
TEXT, NUMBER, LIST, MAP = Type.TEXT, Type.NUMBER, Type.LIST, Type.MAP


@dataclass(frozen=True)
class Key:
    """One key, of the whole configuration or of a map in it.

    `rule` is for the value: of a list for each text in it, of a map without `keys` for each value, whose names have to
    keep `names`. `default` is the value that stands for a missing one; where there is none, `otherwise` says in words
    what happens, and a `required` key has to be there. `for_stage` is the key of an entry of `stages` that replaces
    this one for that stage.
    """

    name: str
    type: Type
    rule: Rule
    default: Json
    about: str
    otherwise: str = ""
    required: bool = False
    names: Rule = rules.RESOURCE
    keys: tuple["Key", ...] = ()
    for_stage: str = ""

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        if self.type not in STRUCTURED:
            return self.rule.words
        return f"a {self.type.value}{', at least one' if self.default or self.type is Type.ENTRIES else ''}"

    @property
    def form(self) -> str:
        """A placeholder for an allowed value; JSON for a list or a map."""
        if self.type in (Type.LIST, Type.KEYS):
            return f'["{self.rule.form}"]'
        if self.keys:
            required = (key for key in self.keys if key.required)
            inner = ", ".join(f'"{key.name}": "{key.rule.form}"' for key in required)
            return f"[{{{inner}}}]" if self.type is Type.ENTRIES else f'{{"{self.keys[0].name}": …}}'
        return f'{{"{self.names.form}": "{self.rule.form}"}}' if self.type is Type.MAP else self.rule.form


@dataclass(frozen=True)
class Project:
    """A Pulumi project: its name, which stands before the colon of every key, its keys, and how the CLI is told of it.

    The keys of the `pipeline` are set in its `Pulumi.yaml` alone.
    """

    name: str
    command: str
    table: Mapping[str, Key]
    pipeline: frozenset[str] = frozenset()

    @cached_property
    def secrets(self) -> frozenset[str]:
        """Its keys whose values a reader never sees: the program reads them as Pulumi's secrets."""
        return frozenset(key.name for key in self.table.values() if key.type is Type.SECRET)


def pattern(name: str, about: str, otherwise: str = "", default: str | None = None, for_stage: str = "") -> Key:
    return Key(name, TEXT, rules.NAME_PATTERN, default, about, otherwise, for_stage=for_stage)


def secret(name: str, about: str, otherwise: str) -> Key:
    return Key(name, Type.SECRET, rules.TEXT, None, about, otherwise)


def flag(name: str, about: str) -> Key:
    return Key(name, Type.FLAG, rules.FLAG, False, about)


def required(name: str, about: str, rule: Rule = rules.TEXT, type_: Type = TEXT, keys: tuple[Key, ...] = ()) -> Key:
    return Key(name, type_, rule, None, about, required=True, keys=keys)
