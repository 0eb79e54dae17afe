"""Whether what promotions bring along is deployed, in its own stage alone, where the files are the team's own.

A promotion changes files in git. A value in a file that two stages have reaches both at once; one that the source does
not read, or that `sourceOptions` set as well, is promised by a pull request and deployed nowhere.
"""

from collections.abc import Iterator, Sequence

from delivery.config.errors import ErrorCollector, Json, Kind
from delivery.model.pipeline import Pipeline, StageApplication
from delivery.model.promoted_keys import VALUES, PromotedKey, in_repository
from delivery.values.path import Element, levels

_NOT_THE_TEAMS = ("..", ".git", ".github", ".delivery")
_FORM = '{"file": "FILE", "key": "KEY"}'
_Place = tuple[str, str]


def refuse_undeployed(pipeline: Pipeline, errors: ErrorCollector) -> None:
    """Add an error for each promoted value that is not deployed in its own stage alone, and each file that is none."""
    entries = {application.name: index for index, application in enumerate(pipeline.applications)}
    if errors.about("applications", "stages", "pathPattern"):
        return
    owners: dict[tuple[int, int, str, str], str] = {}
    applications: dict[tuple[object, ...], str] = {}
    said: set[tuple[int, int]] = set()
    for placed in pipeline.stage_applications:
        number = entries[placed.application.name]
        if not placed.application.own_files:
            continue
        for index, key in enumerate(placed.application.promoted_keys):
            file = placed.in_repository(key.file)
            owner = owners.setdefault((number, index, placed.stage.branch, file), placed.stage.name)
            value = (placed.stage.branch, *_position(placed, key))
            other = applications.setdefault(value, placed.application.name)
            if owner != placed.stage.name:
                allowed = f"a file of each stage's own, by {{stage}}: {owner} and {placed.stage.name} both have {file}"
            elif other != placed.application.name and placed.stage.after and not placed.stage.grouped:
                allowed = f"a value of one application; {other} has it too, and would be promoted unverified"
            else:
                allowed = _allowed(placed, index, file)
            if allowed and (number, index) not in said:
                said.add((number, index))
                errors.add(Kind.NOT_ALLOWED, ("applications", number, "promotedKeys", index), key.name, allowed, _FORM)
        for name, files in (("valueFiles", placed.value_files), ("reads", placed.application.reads)):
            for index, file in enumerate(files):
                if placed.in_repository(file).partition("/")[0] == "..":
                    where = ("applications", number, name, index)
                    errors.add(Kind.NOT_ALLOWED, where, file, "a path in the repository", "FILE")


def _allowed(placed: StageApplication, index: int, file: str) -> str:
    """What a promoted value has to be, where it is not; else empty."""
    keys = placed.application.promoted_keys
    key, earlier = keys[index], keys[:index]
    if file.partition("/")[0] in _NOT_THE_TEAMS:
        return f"a file in the repository, not in .github or .delivery; it is {file}"
    if any(key.name == other.name or _position(placed, key) == _position(placed, other) for other in earlier):
        return "each value once"
    if any(_is_above(placed, key, other) for other in keys):
        return "a key that is not above another one"
    return _unread(placed, key, file) or _set_otherwise(placed, key)


def _position(placed: StageApplication, key: PromotedKey) -> tuple[str, str, str, tuple[object, ...]]:
    return placed.in_repository(key.file), key.kind, key.document, levels(key.key)


def _is_above(placed: StageApplication, key: PromotedKey, other: PromotedKey) -> bool:
    *document, upper = _position(placed, key)
    *other_document, lower = _position(placed, other)
    assert isinstance(upper, tuple)  # noqa: S101 - the last of `_position`
    assert isinstance(lower, tuple)  # noqa: S101
    return document == other_document and len(upper) < len(lower) and lower[: len(upper)] == upper


def _unread(placed: StageApplication, key: PromotedKey, file: str) -> str:
    """What the file has to be for its source to read it; empty where it may be read."""
    application = placed.application
    value_files = {placed.in_repository(one) for one in placed.value_files}
    read = [placed.in_repository(one) for one in application.reads]
    if chart := application.chart:
        if file in value_files or (file == placed.in_repository(chart.version.file) and key.key == chart.version.key):
            return ""
        return f"a value that Argo CD reads: in one of valueFiles, or chart.version; it is in {file}"
    if any(_is_in(file, folder) for folder in read):
        return ""
    if application.source == "helm":
        parts = (f"{placed.path}/{name}" for name in (VALUES, "Chart.yaml", "charts", "templates", "crds"))
        if file in value_files or any(_is_in(file, part) for part in parts) or file in _parameter_files(placed):
            return ""
        return (
            f"a file that the chart reads: {VALUES}, Chart.yaml, one in templates or charts, one of valueFiles, or in "
            f"a folder of reads; it is {file}"
        )
    if not _is_in(file, placed.path):
        return f"a file in {placed.path}, or in a folder of reads; it is {file}"
    directory = placed.source_options.get("directory")
    recurse = isinstance(directory, dict) and directory.get("recurse")
    if application.source == "directory" and not recurse and file.rpartition("/")[0] != placed.path:
        return "a file right in the folder; those below it are read with sourceOptions: {directory: {recurse: true}}"
    return ""


def _is_in(file: str, folder: str) -> bool:
    return file == folder or file.startswith(f"{folder}/")


def _parameter_files(placed: StageApplication) -> set[str]:
    entries = _entries(placed.source_options.get("helm"), "fileParameters")
    return {in_repository(placed.path, str(entry.get("path", ""))) for entry in entries}


def _set_otherwise(placed: StageApplication, key: PromotedKey) -> str:
    """That `sourceOptions` set the value, which go before the files; empty where they do not."""
    path = levels(key.key)
    helm, kustomize = (placed.source_options.get(tool) for tool in ("helm", "kustomize"))
    named = {str(entry.get("name")) for kind in ("parameters", "fileParameters") for entry in _entries(helm, kind)}
    by = ""
    if key.key in named:
        by = "helm.parameters"
    elif isinstance(helm, dict) and _has(helm.get("valuesObject"), path):
        by = "helm.valuesObject"
    elif len(path) > 1 and path[0] == "images" and isinstance(path[1], Element) and isinstance(kustomize, dict):
        images = kustomize.get("images")
        # Argo CD has them as Kustomize's command: NAME=NEW:TAG, NAME:TAG or NAME@DIGEST.
        if any(_image(str(one)) == path[1].value for one in (images if isinstance(images, list) else ())):
            by = "kustomize.images"
    return f"a value that sourceOptions do not set as well: {by} goes before the files" if by else ""


def _image(text: str) -> str:
    name = text.partition("=")[0].partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


def _entries(options: Json, name: str) -> Iterator[dict[str, Json]]:
    found = options.get(name) if isinstance(options, dict) else None
    yield from (entry for entry in (found if isinstance(found, list) else ()) if isinstance(entry, dict))


def _has(values: Json, path: Sequence[object]) -> bool:
    for level in path:
        if not isinstance(values, dict) or level not in values:
            return False
        values = values[str(level)]
    return True
