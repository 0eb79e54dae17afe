"""What a source in a GitOps repository is: chart, overlay or plain manifests, what else it reads, what is in the way.

Files are looked at, never rendered. What Argo CD would find there is told as its repo server tells it: a Chart.yaml, a
kustomization, else plain manifests (argo-cd v3.5, `util/app/discovery`).
"""

import posixpath
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from delivery.adopt.given import Given, UnreadableError, read_yaml, table, text_of
from delivery.config.errors import Json
from delivery.model.promoted_keys import in_repository
from delivery.stack.manifests import SECRET_NAME

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_MOST_SCANNED = 3_000
_MOST_BYTES = 4 * 1024 * 1024
_NAMED = {"KeptnTaskDefinition": "promote", "ServiceAccount": "promote", "Role": "promote", "Secret": SECRET_NAME}
"""What this program declares in a stage's namespace, beside the context of the application."""
_YAML = (".yaml", ".yml", ".json", ".tpl")


@dataclass(frozen=True)
class Tree:
    """The files of a commit: all their paths, and how one is read (empty where it is no text)."""

    paths: frozenset[str]
    _read: Callable[[str], str]

    def read(self, path: str) -> str:
        """The text of a file; empty for one that is not there, is no text, or too long to be a manifest."""
        text = self._read(path) if path in self.paths else ""
        return text if len(text) <= _MOST_BYTES else ""

    def below(self, folder: str) -> tuple[str, ...]:
        """Every file in a folder and the folders in it."""
        prefix = "" if folder in ("", ".") else f"{folder}/"
        first = bisect_left(self._sorted, prefix)
        last = bisect_left(self._sorted, f"{prefix[:-1]}0") if prefix else len(self._sorted)
        return tuple(self._sorted[first:last])

    def __contains__(self, folder: str) -> bool:
        return bool(self.below(folder))

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.paths)


def documents(tree: Tree, path: str) -> list[Mapping[str, Json]]:
    """The maps in a YAML file; none where it cannot be read, as a chart's templates cannot."""
    try:
        return [table(document) for document in read_yaml(tree.read(path)) if isinstance(document, dict)]
    except UnreadableError:
        return []


def kustomization(tree: Tree, folder: str) -> str:
    """The path of a folder's kustomization; empty where it has none."""
    return next((path for name in KUSTOMIZATIONS if (path := f"{folder}/{name}") in tree.paths), "")


def unsupported(given: Given) -> str:
    """Why this program has no `source` for an Application, told without its files; empty where it may have one."""
    if len(given.sources) > 1:
        return "it has several sources; one beside the team's is the program's own"
    if "sourceHydrator" in given.spec:
        return "it has a sourceHydrator, whose branches Argo CD writes itself"
    if given.source.get("plugin") is not None:
        return "its manifests are made by a plugin: nobody can tell what a promotion would change"
    if given.source.get("chart"):
        why = "its chart is from a registry and its version stands in the Application"
        return f"{why}: put that into a file in git, and describe it with `chart` by hand"
    return ""


def source_kind(given: Given, tree: Tree, folder: str) -> tuple[str, str]:
    """The `source` that an Application has, or why this program has none for it."""
    source, why = given.source, ""
    chart = f"{folder}/Chart.yaml" in tree.paths
    if folder not in tree:
        why = f"the folder {folder} is not in the repository at {given.source.get('targetRevision') or 'HEAD'}"
    elif chart or (source.get("helm") and not kustomization(tree, folder)):
        return "helm", ""
    elif kustomization(tree, folder):
        return "kustomize", ""
    elif all(path.endswith((".jsonnet", ".libsonnet")) for path in tree.below(folder)):
        why = "its manifests are Jsonnet: no value in them can be promoted"
    return ("", why) if why else ("directory", "")


def in_the_way(tree: Tree, folders: tuple[str, ...]) -> str:
    """What of the team's would be made a second time by this program, with its file; empty where nothing is."""
    for path in scanned(tree, folders):
        for document in re.split(r"(?m)^---", tree.read(path)):
            kind = re.search(r"(?m)^kind:[ \t]*[\"']?(\w+)", document)
            name = re.search(r"(?m)^  name:[ \t]*[\"']?([\w.-]+)", document)
            if kind and kind[1] == "KeptnAppContext":
                return f"{path} has a KeptnAppContext, and the program brings its own: take it out of the file first"
            if kind and name and _NAMED.get(kind[1]) == name[1]:
                return f"{path} has the {kind[1]} {name[1]}, and the program brings its own: take it out first"
    return ""


def children(given: Given, tree: Tree) -> frozenset[str]:
    """The Applications that this one deploys itself (app of apps)."""
    folder = text_of(given.source.get("path")).strip("/")
    return frozenset(
        text_of(table(document.get("metadata")).get("name"))
        for path in scanned(tree, (folder or ".",))
        if re.search(r"(?m)^kind:[ \t]*[\"']?Application\b", tree.read(path))
        for document in documents(tree, path)
        if document.get("kind") == "Application"
    )


def scanned(tree: Tree, folders: tuple[str, ...]) -> Iterator[str]:
    """The files in these folders that manifests are made of, as many as can be read in a reasonable time."""
    found = dict.fromkeys(path for folder in folders for path in tree.below(folder) if path.endswith(_YAML))
    yield from list(found)[:_MOST_SCANNED]


def reads(tree: Tree, folder: str) -> tuple[str, ...]:
    """The paths outside of its folder that an overlay or a chart reads: bases, components, patches, libraries."""
    found, seen, waiting = set[str](), set[str](), [folder]
    while waiting and len(seen) < _MOST_SCANNED:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        about = [
            document for path in (kustomization(tree, here), f"{here}/Chart.yaml") for document in documents(tree, path)
        ]
        for text in (text for document in about for text in _texts(dict(document))):
            path = in_repository(here, text.removeprefix("file://").rpartition("=")[2] or ".")
            if not path.startswith(".") and (path in tree.paths or path in tree):
                found.add(path)
                waiting += [path] if path not in tree.paths else []
    outside = [path for path in sorted(found) if not _in(path, folder)]
    return tuple(path for path in outside if not any(_in(path, other) for other in outside if other != path))


def relative(path: str, folder: str) -> str:
    """A path in the repository as seen from a folder."""
    return posixpath.relpath(path, folder)


def _in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str) and 0 < len(value) < 300 and "\n" not in value and "://" not in value[5:]:
        yield value
    for each in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from _texts(each)
