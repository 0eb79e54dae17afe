"""Where a value stands in a YAML file: a field path as Kustomize writes it, in one document of several.

The syntax is that of Kustomize's replacements (kyaml, `SmarterPathSplitter` and `PathGetter`). Finding the value is
left to `find.py`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

MAX_LEVELS = 100
_DOT = re.compile(r"(?<!\\)\.")


@dataclass(frozen=True)
class FieldPath:
    r"""A value of a YAML file.

    `path`: names of keys with dots between the levels, `\\.` for a dot in a key, `[name=value]` for the element of a
    list that has this value there, a number from 0 or `-` for an element by its place, `[a.b]` for a key with dots.
    `kind` and `name` choose one of several documents by its `kind` and `metadata.name`, both optional.
    """

    path: str
    kind: str = ""
    name: str = ""


@dataclass(frozen=True)
class Element:
    """A level `[field=value]`: the element of a list whose `field` has the text `value`."""

    field: str
    value: str


Level = str | Element


def path_problem(text: str) -> str:
    """Why `text` is no path to a single value, with the fix, whatever the file; empty when it is one."""
    try:
        levels(text)
    except ValueError as error:
        return str(error)
    return ""


@lru_cache(maxsize=256)
def levels(text: str) -> tuple[Level, ...]:
    """The levels of a path; `ValueError` says what is wrong with it and how to fix it."""
    parts = [part.replace("\\.", ".") for part in _DOT.split(text)]
    if len(parts) > MAX_LEVELS:
        raise ValueError(f"more than {MAX_LEVELS} levels — name a value that is less deep")
    found: list[Level] = []
    while parts:
        part = parts.pop(0)
        if part.startswith("["):
            while not part.endswith("]"):
                if not parts:
                    raise ValueError("a `[` without its `]` — write an element of a list as `[name=value]`")
                part += "." + parts.pop(0)
            found.append(_bracketed(part[1:-1]))
        elif not part:
            raise ValueError("a level without a name — write the names of the levels with a dot between")
        elif "[" in part:
            raise ValueError("a `[` inside a level — write a dot before it, as in `containers.[name=web].image`")
        else:
            found.append(part)
    if isinstance(found[-1], Element):
        raise ValueError("an element of a list at the end — name a key of it")
    return tuple(found)


def _bracketed(text: str) -> Level:
    field, equals, value = text.partition("=")
    if equals and value and not field:
        raise ValueError("an element named by its own value, which a promotion would change — use its number from 0")
    if not field or (equals and not value):
        raise ValueError("an element without a name or value — write it as `[name=value]`")
    return Element(field, value) if equals else text
