"""What rules read of declared resources: committed files, Argo CD Applications, and the YAML in both.

A rule goes by a resource's type and properties, never by its name or parent: whoever declares it, and below which
component, it is the same. YAML may be anybody's: its depth is bounded, and what an alias stands for is read once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import yaml

try:
    from yaml import CBaseLoader as BaseLoader
except ImportError:
    from yaml import BaseLoader  # type: ignore[assignment]

from delivery.model.settings import SETTINGS_PATH, PromotionSettings, SettingsError

UNKNOWN = "\N{REPLACEMENT CHARACTER}unknown"
"""What stands for a property that is known after an update only."""
NOTHING = ("", "~", "null")
"""How YAML spells a missing value; scalars are read as the texts that they are written as."""
_DEEPEST = 60
_PROMOTION_BRANCHES = ("promote/", "rollback/")
Key = str | int


@dataclass(frozen=True)
class Declared:
    """A resource as a program declares it; `urn` is for reports alone."""

    type: str
    properties: Mapping[str, object]
    urn: str = ""


@dataclass(frozen=True)
class Finding:
    """What is wrong. `subject` is what an exception names; `message` says what and why, without any secret."""

    subject: str
    message: str
    urn: str = ""


@dataclass(frozen=True)
class CommittedFile:
    """A file that a program commits to `branch` of `repository` (its name)."""

    repository: str
    branch: str
    path: str
    content: str
    urn: str

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def is_yaml(self) -> bool:
        return self.path.endswith((".yaml", ".yml", ".json"))

    @property
    def documents(self) -> tuple[object, ...] | None:
        """Its YAML documents; None where it is no YAML, such as a chart's template."""
        return documents(self.content) if self.is_yaml else None


def committed_files(resources: Iterable[Declared]) -> Iterator[CommittedFile]:
    """The files that the resources commit; a binary file is none, whoever reads it."""
    for found in resources:
        if found.type.startswith("github:") and found.type.endswith(":RepositoryFile"):
            texts = [text(found.properties.get(key)) for key in ("repository", "branch", "file", "content")]
            yield CommittedFile(texts[0], texts[1], texts[2].lstrip("/"), texts[3], found.urn)


def is_promotion(file: CommittedFile) -> bool:
    """Whether a file is proposed on a branch of its own, and not committed to a stage's."""
    return file.branch.startswith(_PROMOTION_BRANCHES) or file.branch == UNKNOWN


def objects(resources: Sequence[Declared]) -> Iterator[tuple[Mapping[str, object], str]]:
    """Every Kubernetes object with its URN: those that are declared, and those in files that are committed."""
    for found in resources:
        if found.type.startswith("kubernetes:"):
            yield found.properties, found.urn
    for file in committed_files(resources):
        for document in file.documents or ():
            if isinstance(document, dict) and "kind" in document and "apiVersion" in document:
                yield document, file.urn


@cache
def documents(content: str) -> tuple[object, ...] | None:
    """The documents of a YAML text, every scalar as the text that it is; None where it is no YAML."""
    try:
        depth = 0
        # The C parser makes no end of deep nesting but by a crash.
        for event in yaml.parse(content, Loader=BaseLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                return None
        return tuple(yaml.load_all(content, Loader=BaseLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def walk(value: object) -> Iterator[tuple[tuple[Key, ...], object]]:
    """Every value in `value` with its path, itself first; what several aliases stand for comes once."""
    seen: set[int] = set()
    waiting: list[tuple[tuple[Key, ...], object]] = [((), value)]
    while waiting:
        path, found = waiting.pop()
        yield path, found
        if isinstance(found, Mapping | list | tuple):
            if id(found) in seen:
                continue
            seen.add(id(found))
            parts = found.items() if isinstance(found, Mapping) else enumerate(found)
            waiting += reversed([((*path, key), part) for key, part in parts])


def text(value: object) -> str:
    """`value` where it is a text, else nothing."""
    return value if isinstance(value, str) else ""


def mapping(value: object, *keys: str) -> Mapping[str, object]:
    """The map at `keys` of `value`; an empty one where there is none."""
    for key in (*keys, None):
        if not isinstance(value, Mapping):
            return {}
        if key is not None:
            value = value.get(key)
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[object]:
    """The items of `value` where it is a list, else none."""
    return value if isinstance(value, list | tuple) else ()


def settings(resources: Iterable[Declared]) -> dict[str, tuple[PromotionSettings | None, CommittedFile]]:
    """What the promoter is told of the pipeline of each repository, and its file; None: an unreadable one."""
    found: dict[str, tuple[PromotionSettings | None, CommittedFile]] = {}
    for file in committed_files(resources):
        if file.path == SETTINGS_PATH:
            try:
                found[file.repository] = PromotionSettings.from_json(file.content), file
            except SettingsError:
                found[file.repository] = None, file
    return found
