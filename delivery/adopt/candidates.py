"""Which values of a stage's own files are versions that promotions could bring along.

A tag or a digest of a Kustomize image, a value of a chart that is called like a version and read by a template, and
the image of a workload in plain manifests: where every stage has it in a file of its own that a promotion can read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from delivery.adopt.given import table, text_of
from delivery.adopt.patterns import same_for_stages
from delivery.adopt.sources import Tree, documents, kustomization
from delivery.config.errors import Json
from delivery.model.promoted_keys import PromotedKey, in_repository
from delivery.values.editor import ValuesError, promoted

_VERSION = re.compile(r"(?i)(?!(api|kube|schema|chart|min|max)_?version$)(.*[a-z_-])?(tag|digest|version|image)")
_IMAGE = re.compile(r"\S+(:[\w.-]+|@sha256:[0-9a-f]{64})")
_WORKLOADS = {"CronJob": ("spec", "jobTemplate", "spec", "template", "spec")}
_MOST_KEYS = 200
_VERSION_LABEL = "app.kubernetes.io/version"
"""The label by which Keptn tells one version of a workload from the next."""
LABEL_KEY = _VERSION_LABEL.replace(".", "\\.")


def candidates(
    source: str, folders: Mapping[str, str], trees: Mapping[str, Tree], value_files: Mapping[str, Sequence[str]]
) -> tuple[tuple[PromotedKey, ...], tuple[PromotedKey, ...]]:
    """The keys that every stage has, and those that only some have; a digest stands behind its tag.

    `folders` has the folder of the application by stage, `trees` the files, and `value_files` a chart's, by stage.
    """
    found: dict[PromotedKey, dict[str, None]] = {}
    for stage, folder in folders.items():
        tree = trees[stage]
        match source:
            case "kustomize":
                # Without `images`, an overlay has the image in a patch.
                keys = [*_of_kustomization(tree, folder)] or [*_of_manifests(tree, folder)]
            case "helm":
                own = [file for file in value_files[stage] if not _shared(file, stage, folders, trees)]
                keys = [*_of_values(tree, folder, own), *_of_dependencies(tree, folder)]
            case _:
                keys = [*_of_manifests(tree, folder)]
        for key in keys:
            if readable(tree, folder, key) and not _shared(key.file, stage, folders, trees):
                travelling = PromotedKey(key.key, _travelling(key.file, stage), key.kind, key.document)
                found.setdefault(travelling, {})[stage] = None
    everywhere = [key for key, stages in found.items() if len(stages) == len(folders)]
    last = {key: place for place, key in enumerate(everywhere)}
    everywhere.sort(key=lambda key: (key.key.lower().endswith("digest"), last[key]))
    some = [key for key, stages in found.items() if len(stages) < len(folders)]
    return tuple(everywhere[:_MOST_KEYS]), tuple(some[:_MOST_KEYS])


def is_labelled(
    source: str, folders: Mapping[str, str], trees: Mapping[str, Tree], keys: Sequence[PromotedKey]
) -> bool:
    """Whether a promotion of these keys changes the label by which Keptn tells versions, as far as files tell."""
    if source != "helm":
        return any(key.key.endswith(LABEL_KEY) for key in keys)
    templates = (trees[stage].read(path) for stage, folder in folders.items() for path in trees[stage].below(folder))
    return any(_VERSION_LABEL in text for text in templates)


def readable(tree: Tree, folder: str, key: PromotedKey) -> bool:
    """Whether a promotion could read the key."""
    path = in_repository(folder, key.file)
    try:
        return bool(promoted(tree.read(path), [key.path], path))
    except ValuesError:
        return False


def _shared(file: str, stage: str, folders: Mapping[str, str], trees: Mapping[str, Tree]) -> bool:
    """Whether another stage has its values in this very file: one of the same branch."""
    return any(
        trees[other] is trees[stage]
        and in_repository(folders[other], _travelling(file, stage).replace("{stage}", other))
        == in_repository(folders[stage], file)
        for other in folders
        if other != stage
    )


def _travelling(file: str, stage: str) -> str:
    """The file as one for all stages."""
    return str(same_for_stages({stage: file})[1])


def _of_kustomization(tree: Tree, folder: str) -> Iterator[PromotedKey]:
    path = kustomization(tree, folder)
    file = path.rpartition("/")[2]
    for document in documents(tree, path):
        for entry in _maps(document.get("images")):
            name = text_of(entry.get("name"))
            for field in ("newTag", "digest"):
                if name and entry.get(field) is not None:
                    yield PromotedKey(f"images.[name={name}].{field}", file)
        for place, entry in enumerate(_maps(document.get("labels"))):
            if _VERSION_LABEL in table(entry.get("pairs")):
                yield PromotedKey(f"labels.{place}.pairs.{LABEL_KEY}", file)
        if _VERSION_LABEL in table(document.get("commonLabels")):
            yield PromotedKey(f"commonLabels.{LABEL_KEY}", file)
        for entry in _maps(document.get("helmCharts")):
            if entry.get("version") is not None:
                yield PromotedKey(f"helmCharts.[name={text_of(entry.get('name'))}].version", file)


def _of_values(tree: Tree, folder: str, files: Sequence[str]) -> Iterator[PromotedKey]:
    templates = "\n".join(tree.read(path) for path in tree.below(f"{folder}/templates"))
    chart = documents(tree, f"{folder}/Chart.yaml")
    within = {
        text_of(each.get(key))
        for found in chart
        for each in _maps(found.get("dependencies"))
        for key in ("alias", "name")
    }
    seen: set[str] = set()
    # The last file that has a key decides.
    for file in reversed(files):
        for document in documents(tree, in_repository(folder, file)):
            for path, value in _scalars(dict(document), ()):
                key, name = ".".join(path), path[-1]
                plain = ".".join(part for part in path if not part.startswith("["))
                if not _VERSION.fullmatch(name) or key in seen or not _is_version(name, value):
                    continue
                # A template may also hand the map above on, to a range or a helper.
                above = plain.rpartition(".")[0]
                read = any(re.search(rf"\.Values\.{re.escape(each)}\b", templates) for each in (plain, above) if each)
                if read or path[0] in within:
                    seen.add(key)
                    yield PromotedKey(key, file)


def _of_dependencies(tree: Tree, folder: str) -> Iterator[PromotedKey]:
    """The charts that a stage's own chart is made of; with a lock, a version that changes alone is not deployed."""
    for document in documents(tree, f"{folder}/Chart.yaml"):
        for entry in _maps(document.get("dependencies")):
            remote = not text_of(entry.get("repository")).startswith("file:")
            if entry.get("version") is not None and remote and f"{folder}/Chart.lock" not in tree.paths:
                yield PromotedKey(f"dependencies.[name={text_of(entry.get('name'))}].version", "Chart.yaml")


def _of_manifests(tree: Tree, folder: str) -> Iterator[PromotedKey]:
    for path in tree.below(folder):
        found = documents(tree, path) if path.endswith((".yaml", ".yml")) else []
        for document in found:
            kind, name = text_of(document.get("kind")), text_of(table(document.get("metadata")).get("name"))
            levels = _WORKLOADS.get(kind, ("spec", "template", "spec"))
            template: Json = dict(document)
            for level in levels[:-1]:
                template = table(template).get(level)
            file, which = path.removeprefix(f"{folder}/"), (kind, name) if len(found) > 1 else ("", "")
            # First, because it is the version alone.
            if _VERSION_LABEL in table(table(table(template).get("metadata")).get("labels")):
                yield PromotedKey(".".join((*levels[:-1], "metadata", "labels", LABEL_KEY)), file, *which)
            for containers in ("containers", "initContainers"):
                for entry in _maps(table(table(template).get("spec")).get(containers)):
                    if _IMAGE.fullmatch(text_of(entry.get("image"))):
                        key = ".".join((*levels, containers, f"[name={text_of(entry.get('name'))}]", "image"))
                        yield PromotedKey(key, file, *which)


def _is_version(name: str, value: Json) -> bool:
    if name.lower().endswith("image"):
        return isinstance(value, str) and _IMAGE.fullmatch(value) is not None
    return isinstance(value, str | int | float) and not isinstance(value, bool) and str(value) not in ("", "latest")


def _scalars(value: Json, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Json]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _scalars(item, (*path, str(name).replace(".", "\\.")))
    elif isinstance(value, list) and path:
        for entry in _maps(value):
            if name := text_of(entry.get("name")):
                yield from _scalars(dict(entry), (*path, f"[name={name}]"))
    elif path:
        yield path, value


def _maps(value: Json) -> list[Mapping[str, Json]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
