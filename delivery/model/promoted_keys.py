"""The values that promotions bring along, and where each stage has them in the GitOps repository.

A promoted key has one name in all stages, by which pull requests, commits and `platform.yaml` call it; the file that it
is in may be another one in each stage.
"""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from delivery.values.path import FieldPath

VALUES = "values.yaml"
_TAG = re.compile(r"(^|\.|[a-z])[tT]ag$")
DELIVERY_FOLDER = ".delivery"
"""The folder of what this program commits for applications with files of the team's own."""


@dataclass(frozen=True)
class PromotedKey:
    """A value that travels along edges: the field path `key` in `file`, a path from the application's folder.

    One that begins with `/` is from the repository's root. `{stage}` in it stands for the stage's name. `kind` and
    `document` (its `metadata.name`) tell which document of the file, where it has several.
    """

    key: str
    file: str = VALUES
    kind: str = ""
    document: str = ""

    @property
    def name(self) -> str:
        """What it is called wherever people or machines read of it, the same in all stages."""
        document = "/".join(filter(None, (self.kind, self.document)))
        return ":".join(filter(None, (self.file if self.file != VALUES else "", document, self.key)))

    @property
    def path(self) -> FieldPath:
        """The field in its file."""
        return FieldPath(self.key, self.kind, self.document)

    @property
    def is_tag(self) -> bool:
        """Whether it is called as the tag of an image is: `tag`, `image.tag`, `newTag`."""
        return _TAG.search(self.key) is not None

    @property
    def digest(self) -> "PromotedKey":
        """The key of an image's digest, where this is the key of its tag: the one called `digest` beside it."""
        return replace(self, key="".join((*self.key.rpartition(".")[:2], "digest")))

    def to_json(self) -> str | dict[str, str]:
        """The key in `settings.json`: only its field path where that says all."""
        if not (self.kind or self.document) and self.file == VALUES:
            return self.key
        found = {"file": self.file, "key": self.key, "kind": self.kind, "name": self.document}
        return {name: value for name, value in found.items() if value}

    @classmethod
    def from_json(cls, raw: str | dict[str, Any]) -> "PromotedKey":
        """What `to_json` made. Raises `KeyError` or `TypeError`."""
        if isinstance(raw, str):
            return cls(raw)
        return cls(str(raw["key"]), str(raw.get("file", VALUES)), str(raw.get("kind", "")), str(raw.get("name", "")))


def in_values(*keys: str) -> tuple[PromotedKey, ...]:
    """Keys of `values.yaml`."""
    return tuple(map(PromotedKey, keys))


@dataclass(frozen=True)
class StageValues:
    """Where one stage has the promoted values of an application.

    `folder` is the application's in the repository; with `shared` other stages read the same one. `trace` is the file
    with `traceParent`. `branch` is the stage's own one, empty for the default branch. Of several applications together
    it is made of `parts`, by their names, which stand before the names of their keys.
    """

    stage: str
    folder: str
    keys: tuple[PromotedKey, ...]
    trace: str
    shared: bool = False
    branch: str = ""
    parts: tuple[tuple[str, "StageValues"], ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all keys, in their order."""
        own = tuple(key.name for key in self.keys)
        return own + tuple(f"{part}/{name}" for part, where in self.parts for name in where.names)

    @cached_property
    def by_file(self) -> dict[str, dict[str, FieldPath]]:
        """The fields, by the path of their file and the name of their key."""
        found: dict[str, dict[str, FieldPath]] = {}
        for key in self.keys:
            file = in_repository(self.folder, key.file.replace("{stage}", self.stage))
            found.setdefault(file, {})[key.name] = key.path
        for part, where in self.parts:
            for file, fields in where.by_file.items():
                found.setdefault(file, {}).update({f"{part}/{name}": path for name, path in fields.items()})
        return found

    @property
    def files(self) -> tuple[str, ...]:
        """The files that have them."""
        return tuple(self.by_file)

    @property
    def written(self) -> tuple[str, ...]:
        """The files that a promotion into this stage changes, that with the trace among them."""
        # A trace without the version that it belongs to is harmless, so it comes first where each is a commit.
        return tuple(dict.fromkeys((*self.traces, *self.files)))

    @property
    def traces(self) -> tuple[str, ...]:
        """The files with the trace of each application."""
        return tuple(where.trace for _, where in self.parts) or (self.trace,)

    def trace_of(self, name: str) -> str:
        """The file with the trace that belongs to the key called `name`."""
        return next((where.trace for part, where in self.parts if name.startswith(f"{part}/")), self.trace)

    @property
    def touched(self) -> tuple[str, ...]:
        """The paths by which a commit concerns this stage: its folder, or its files where that is not its own."""
        if self.parts:
            return tuple(dict.fromkeys(path for _, where in self.parts for path in where.touched))
        return self.files if self.shared else tuple(dict.fromkeys((self.folder, *self.files)))

    def file_of(self, name: str) -> str:
        """The path of the file that has the key called `name`; empty when none has."""
        return next((file for file, fields in self.by_file.items() if name in fields), "")

    def __str__(self) -> str:
        return " and ".join(self.files)


def in_repository(folder: str, file: str) -> str:
    """The path in the repository of `file`, from `folder` or, with a `/` before it, from the root, as Argo CD has it.

    One that leads out of the repository begins with `..`.
    """
    return posixpath.normpath(file.lstrip("/") if file.startswith("/") else f"{folder}/{file}")


def program_folder(application: str, stage: str, folder: str, *, own_files: bool) -> str:
    """Where this program has its files for an application in a stage: in its folder, unless the team owns that."""
    return f"{DELIVERY_FOLDER}/{application}/{stage}" if own_files else folder


def together(stage: str, parts: Iterable[tuple[str, StageValues]], branch: str) -> StageValues:
    """Where one stage has the promoted values of several applications."""
    return StageValues(stage, "", (), "", branch=branch, parts=tuple(parts))


def names(keys: Iterable[PromotedKey]) -> tuple[str, ...]:
    """The names of these keys."""
    return tuple(key.name for key in keys)
