"""One application of a grid as an entry of `applications`, or why its manifests would not stay as they are.

Which folder, namespace and name it has in each stage is told for all applications together, elsewhere.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from delivery.adopt.candidates import candidates, is_labelled, readable
from delivery.adopt.given import Given, table, text_of
from delivery.adopt.patterns import same_for_stages
from delivery.adopt.sources import Tree, in_the_way, reads, relative, source_kind
from delivery.config import rules
from delivery.config.errors import Json
from delivery.model.promoted_keys import PromotedKey, in_repository, names
from delivery.stack.manifests import GENERATE_PATHS
from delivery.text import has_credentials

_OF_ITS_OWN = ("repoURL", "path", "targetRevision")
_SECRET = re.compile(r"(?i).*(password|passwd|passphrase|token|api_?key|private_?key|secret_?key|credentials?)")


class LeftOutError(Exception):
    """This application cannot be described; `str()` says why."""


@dataclass(frozen=True)
class Described:
    """What `applications` says of one, but for its names, and what a person has to decide."""

    entry: Mapping[str, Json]
    decisions: tuple[str, ...]


def describe(
    name: str, row: Mapping[str, Given], trees: Mapping[str, Tree], keys: tuple[PromotedKey, ...]
) -> Described:
    """The entry of the application called `name`, which is `row` by stage; `keys` are those that a person has named.

    Raises `LeftOutError`.
    """
    folders = {stage: folder_of(given) for stage, given in row.items()}
    found = {stage: source_kind(given, trees[stage], folders[stage]) for stage, given in row.items()}
    for stage, (_, why) in found.items():
        if why:
            raise LeftOutError(f"{row[stage].name}: {why}")
    if len({kind for kind, _ in found.values()}) > 1:
        kinds = ", ".join(f"{kind} in {stage}" for stage, (kind, _) in found.items())
        raise LeftOutError(f"its sources are of different kinds: {kinds}")
    source = next(iter(found.values()))[0]
    further = _reads(row, folders, trees)
    for stage, given in row.items():
        folders_read = (folders[stage], *(in_repository(folders[stage], path) for path in further))
        if why := in_the_way(trees[stage], folders_read):
            raise LeftOutError(f"{given.name}: {why}")
    entry: dict[str, Json] = {"name": name, "source": source}
    value_files = {stage: _value_files(given) for stage, given in row.items()}
    if files := _value_file_patterns(value_files):
        entry["valueFiles"] = files
    if options := _options(source, row):
        entry["sourceOptions"] = {**options}
    if further:
        entry["reads"] = list(further)
    read_by_chart = {stage: ["values.yaml", *files] for stage, files in value_files.items()}
    everywhere, some = candidates(source, folders, trees, read_by_chart)
    overridden = set(_overridden(options))
    chosen = keys or tuple(key for key in everywhere if key.key not in overridden)
    for key in keys:
        for stage, folder in folders.items():
            if not readable(trees[stage], folder, PromotedKey(key.key, key.file.replace("{stage}", stage), key.kind)):
                raise LeftOutError(f"--key: no single value at {key.name} in {stage}")
    if not chosen:
        raise LeftOutError(_without_version(source, some, sorted(overridden)))
    entry["promotedKeys"] = [_key(key) for key in chosen]
    decisions = [] if keys else [f"these values would travel, the first as its version: {', '.join(names(chosen))}"]
    if some and not keys:
        decisions.append(f"only some stages have {', '.join(names(some))}: it stays behind unless each has its own")
    if not is_labelled(source, folders, trees, chosen):
        decisions.append(
            "Keptn sees a new version by the pods' label app.kubernetes.io/version alone: have one in the files of "
            "each stage that is promoted too"
        )
    return Described(entry, tuple(decisions))


def folder_of(given: Given) -> str:
    """The folder of an Application's source in the repository."""
    return text_of(given.source.get("path")).removeprefix("./").strip("/")


def _without_version(source: str, some: tuple[PromotedKey, ...], overridden: list[str]) -> str:
    where = {
        "helm": "a value file that only its stage reads, with a key such as image.tag that a template reads",
        "kustomize": "`images` with newTag or digest in the kustomization of each stage",
        "directory": "a workload with an image and a tag in a folder of each stage's own",
    }[source]
    why = f"no version to promote was found; give each stage {where}, or name it: --key NAME=FILE:KEY"
    if overridden:
        why += f". The Application itself sets {', '.join(overridden)}; promotions change git alone"
    if some:
        why += f". Only some stages have {', '.join(names(some))}"
    return why


def _key(key: PromotedKey) -> Json:
    found = key.to_json()
    return found if isinstance(found, str) else {**found}


def _value_files(given: Given) -> list[str]:
    files = table(given.source.get("helm")).get("valueFiles")
    return [text_of(file) for file in files] if isinstance(files, list) else []


def _value_file_patterns(by_stage: Mapping[str, list[str]]) -> list[Json]:
    same, patterns = same_for_stages({stage: [*files] for stage, files in by_stage.items()})
    if not same:
        raise LeftOutError("its value files differ between stages in more than the stage's name")
    found = patterns if isinstance(patterns, list) else []
    for file in found:
        if not rules.FILE_PATTERN.holds(file) or "://" in str(file):
            raise LeftOutError(f"its value file {file} is no path in the repository")
    return found


def _options(source: str, row: Mapping[str, Given]) -> Mapping[str, Json]:
    """What else the sources say, as `sourceOptions` has it."""
    by_stage: dict[str, Json] = {}
    for stage, given in row.items():
        own: dict[str, Json] = {}
        for key, value in given.source.items():
            if key in _OF_ITS_OWN:
                continue
            options = {name: each for name, each in table(value).items() if (key, name) != ("helm", "valueFiles")}
            if options or not isinstance(value, dict | None):
                own[key] = options if isinstance(value, dict) else value
        by_stage[stage] = own
    same, common = same_for_stages(by_stage)
    if not same:
        raise LeftOutError("what its source says of helm, kustomize or directory differs in more than the stage's name")
    found = dict(table(common))
    if set(found) - {source} or not rules.SOURCE_OPTIONS.holds(found):
        raise LeftOutError(f"its source has options that the program cannot pass on: {', '.join(_paths(found))}")
    if "images" in table(found.get("kustomize")):
        raise LeftOutError("the Application sets its images itself (kustomize.images); promotions change git alone")
    if secret := next(_secrets(found), ""):
        raise LeftOutError(f"its source has {secret}, which would stand in Pulumi.yaml: put it into a Secret")
    return found


def _paths(options: Mapping[str, Json]) -> Iterator[str]:
    for tool, value in options.items():
        yield from (f"{tool}.{name}" for name in table(value))
        if not isinstance(value, dict):
            yield tool


def _secrets(value: Json) -> Iterator[str]:
    """The names of what looks like a secret."""
    if isinstance(value, dict):
        name = text_of(value.get("name"))
        if _SECRET.fullmatch(name) and value.get("value"):
            yield name
        for key, item in value.items():
            if _SECRET.fullmatch(key) and isinstance(item, str) and item:
                yield key
            yield from _secrets(item)
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item)
    elif isinstance(value, str) and any(has_credentials(word) for word in value.split() if "://" in word):
        yield "an address with a password"


def _overridden(options: Mapping[str, Json]) -> Iterator[str]:
    """The values of a chart that the Application itself sets."""
    helm = table(options.get("helm"))
    parameters = helm.get("parameters")
    for each in parameters if isinstance(parameters, list) else ():
        yield text_of(table(each).get("name"))
    yield from _leaves(helm.get("valuesObject"), ())


def _leaves(value: Json, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif path:
        yield ".".join(path)


def _reads(row: Mapping[str, Given], folders: Mapping[str, str], trees: Mapping[str, Tree]) -> tuple[str, ...]:
    """What the sources read outside of their folder, by the way that is shortest to write.

    What the Application is told to watch already is among it: the program writes that annotation itself.
    """
    found: dict[str, list[str]] = {}
    for stage, folder in folders.items():
        watched = row[stage].annotations.get(GENERATE_PATHS, "").split(";")
        paths = [in_repository(folder, path) for path in watched if path and "*" not in path]
        outside = (path for path in paths if path in trees[stage] and not f"{path}/".startswith(f"{folder}/"))
        found[stage] = [*dict.fromkeys((*reads(trees[stage], folder), *outside))]
    by_stage: dict[str, Json] = {stage: [relative(path, folders[stage]) for path in found[stage]] for stage in found}
    same, patterns = same_for_stages(by_stage)
    if same and isinstance(patterns, list):
        return tuple(map(str, patterns))
    return tuple(f"/{path}" for path in sorted({path for paths in found.values() for path in paths}))
