"""Rule: what is deployed is named by a tag that nobody moves, or by its digest.

Two deployments of one commit have to be the same. A tag is taken for one that moves when it is missing (it is `latest`
then), when it has no digit (`latest`, `main`, `stable`: a version and a commit have one), when a part of it is `latest`
or `snapshot`, or when it begins like a branch (`feature-`, `pr-12`). A version such as `3.13` may be pushed again too;
that it is not is the registry's matter, or a digest's. For a chart the same goes for `*` and ranges of versions.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from delivery.policy.branches import applications, stage_of
from delivery.policy.resources import (
    NOTHING,
    UNKNOWN,
    CommittedFile,
    Declared,
    Finding,
    committed_files,
    documents,
    items,
    mapping,
    text,
    walk,
)
from delivery.text import one_line

_REFERENCE = re.compile(
    r"(?:docker://)?(?P<name>(?:[\w.-]+(?::\d+)?/)?[a-z0-9._/-]+)(?::(?P<tag>[\w.-]+))?(?P<digest>@sha\d+:[0-9a-f]{32,})?"
)
_PICTURE = re.compile(r".*\.(?:png|jpe?g|svg|gif|webp|ico|iso|img|qcow2)", re.IGNORECASE)
_MOVES = re.compile(
    r"[^0-9]*|(?:.*[-_.])?(?:latest|snapshot)(?:[-_.].*)?|(?:feat|feature|fix|bugfix|hotfix|pr|mr|pull|renovate|dependabot)[-_.].*",
    re.IGNORECASE,
)
_RANGE = re.compile(r"|latest|.*[*^~<>|, ].*|.*\.x(?:\..*)?|x", re.IGNORECASE)
_LINE = re.compile(r"\s*(?:- )?image:\s*[\"']?([^\s\"'{}]+)[\"']?\s*(?:#.*)?")
_TAG_KEYS = ("tag", "imageTag", "newTag")
_DIGEST_KEYS = ("digest", "sha")


def moves(reference: str) -> bool:
    """Whether the image that a reference names may be another one tomorrow; False where it is no reference."""
    found = _REFERENCE.fullmatch(reference)
    if found is None or found["digest"] or _PICTURE.fullmatch(reference):
        return False
    return moves_tag(found["tag"] or "")


def moves_tag(tag: str) -> bool:
    """Whether a tag is one that is moved; a template's is not known."""
    return "{{" not in tag and "@" not in tag and _MOVES.fullmatch(tag) is not None


def check(resources: Sequence[Declared]) -> Iterator[Finding]:
    """Every image, and chart of a registry, that is named by what may move."""
    for declared in resources:
        if declared.type.startswith("kubernetes:"):
            yield from _all((reference, declared.urn) for reference in _references(declared.properties))
    files = list(committed_files(resources))
    overlaid = set(_overlaid(files))
    for file in files:
        found = _in_file(file, files)
        yield from _all((one, file.urn) for one in found if (file.repository, one) not in overlaid)
    for spec, name, urn in applications(resources):
        for part in (spec.get("source"), *items(spec.get("sources"))):
            source = mapping(part)
            chart, version = text(source.get("chart")), text(source.get("targetRevision"))
            if chart and version != UNKNOWN and "{{" not in version and _RANGE.fullmatch(version):
                shown = f"{chart}:{version}"
                yield Finding(
                    shown,
                    f"the Application {name} deploys the chart {chart} by {version or 'no version'!r}, which moves",
                    urn,
                )
            yield from _all((reference, urn) for reference in _told(source))


def _all(found: Iterator[tuple[str, str]]) -> Iterator[Finding]:
    for reference, urn in dict.fromkeys(found):
        shown = one_line(reference)
        yield Finding(shown, f"the image {shown} moves: name a version, or its digest", urn)


def _in_file(file: CommittedFile, files: Sequence[CommittedFile]) -> Iterator[str]:
    if not file.is_yaml:
        return
    parsed = file.documents
    if parsed is None:
        # A chart's template: what is written out in it.
        for line in file.content.splitlines():
            if (found := _LINE.fullmatch(line)) and moves(found[1]):
                yield found[1]
        return
    if stage_of(file):
        yield from _deployed(mapping(parsed[0]), file, files)
    for document in parsed:
        yield from _references(document, without=("application",) if stage_of(file) else ())


def _overlaid(files: Sequence[CommittedFile]) -> Iterator[tuple[str, str]]:
    """By repository, the images of bases that a Kustomization gives a tag; whether that moves is looked at there."""
    for file in files:
        for document in file.documents or ():
            for entry in items(mapping(document).get("images")):
                if {*_TAG_KEYS, *_DIGEST_KEYS} & mapping(entry).keys():
                    yield file.repository, text(mapping(entry).get("name"))


def _deployed(platform: Mapping[str, object], file: CommittedFile, files: Sequence[CommittedFile]) -> Iterator[str]:
    """What a generated chart deploys: the image of platform.yaml by the version of the values beside it."""
    image = text(mapping(platform, "application").get("image"))
    for other in files if image else ():
        if (other.repository, other.branch, other.path) != (file.repository, file.branch, f"{file.folder}/values.yaml"):
            continue
        values: object = (other.documents or (None,))[0]
        beside: Mapping[str, object] = {}
        for key in text(platform.get("versionKey")).split("."):
            beside, values = mapping(values), mapping(values).get(key)
        if text(values) and not text(beside.get("digest")) and moves_tag(text(values)):
            yield f"{image}:{text(values)}"


def _references(value: object, without: Sequence[str] = ()) -> Iterator[str]:
    """The images of a structure that move: a text at `image`, and a map with a repository and its tag."""
    for path, found in walk(value):
        if path and path[0] in without:
            continue
        if not isinstance(found, Mapping):
            continue
        image = found.get("image")
        tag = next((text(found[key]) for key in _TAG_KEYS if key in found), None)
        pinned = any(text(found.get(key)) not in NOTHING for key in _DIGEST_KEYS)
        if isinstance(image, str) and image not in NOTHING and image != UNKNOWN and not pinned:
            # Charts may have the tag beside the image; without a value it is the chart's own version.
            reference = image if tag is None else f"{image}:{tag}"
            if moves(reference) and tag not in NOTHING:
                yield reference
        name = next((text(found[key]) for key in ("repository", "newName", "name") if text(found.get(key))), "")
        if (
            not isinstance(image, str)
            and name
            and tag is not None
            and tag not in NOTHING
            and not pinned
            and moves_tag(tag)
        ):
            yield f"{name}:{tag}"


def _told(source: Mapping[str, object]) -> Iterator[str]:
    """The images that an Application sets itself: parameters and values of Helm's, images of Kustomize's."""
    for one in items(mapping(source, "helm").get("parameters")):
        name, value = text(mapping(one).get("name")), text(mapping(one).get("value"))
        if name.rpartition(".")[2] in _TAG_KEYS and value and not value.startswith("$") and moves_tag(value):
            yield f"{name}:{value}"
        elif name.rpartition(".")[2] == "image" and moves(value):
            yield value
    for document in documents(text(mapping(source, "helm").get("values"))) or ():
        yield from _references(document)
    for one in items(mapping(source, "kustomize").get("images")):
        image = text(one).rpartition("=")[2]
        if moves(image):
            yield image
