"""The Argo CD Applications that somebody has, from YAML or an API server, and everything that is said about them.

Their YAML is anybody's: aliases, depth and size are bounded before anything is made of it. A text that is shown has
no password of an address in it. What an Application means for a pipeline is decided elsewhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

import yaml

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

from delivery.config.errors import Json
from delivery.text import one_line, without_secrets

MOST_BYTES = 32 * 1024 * 1024
_DEEPEST = 60
_MOST_EVENTS = 4_000_000
_TRACKING = "argocd.argoproj.io/tracking-id"
_INSTANCE = ("app.kubernetes.io/instance", "argocd.argoproj.io/instance")


class Kind(Enum):
    """What is said about an Application."""

    LEFT_OUT = "left out"
    """It is not in the configuration, and why."""
    DECIDE = "decide"
    """What only a person can tell."""
    DIFFERS = "differs"
    """What the first update would change beyond what it is for."""
    EXPECTED = "expected"
    """What the first update adds: what Keptn needs."""


@dataclass(frozen=True)
class Finding:
    """One line about `about`: an Argo CD Application, an application, a stage or a file."""

    kind: Kind
    about: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind.value}: {one_line(self.about)}: {self.text}"


def finding(kind: Kind, about: str, text: str) -> Finding:
    """A finding, fit to be shown."""
    return Finding(kind, one_line(without_secrets(about)), one_line(without_secrets(text), 600))


@dataclass(frozen=True)
class Given:
    """An Argo CD Application.

    `owner` is what made it or keeps it as it is in Argo CD, `kind/name`, or empty; `instance` is what its label says,
    which other tools set too.
    """

    name: str
    namespace: str
    where: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    finalizers: tuple[str, ...]
    owner: str
    instance: str
    spec: Mapping[str, Json]

    @property
    def sources(self) -> tuple[Mapping[str, Json], ...]:
        """Its sources; with `sources`, Argo CD does not read `source`."""
        several = [each for each in _list(self.spec.get("sources")) if isinstance(each, dict)]
        return tuple(several) or (table(self.spec.get("source")),)

    @property
    def source(self) -> Mapping[str, Json]:
        """The only source, or the first of several."""
        return self.sources[0]

    @property
    def destination(self) -> Mapping[str, Json]:
        """The cluster and the namespace."""
        return table(self.spec.get("destination"))


def table(value: Json) -> Mapping[str, Json]:
    """A map; empty for anything else."""
    return value if isinstance(value, dict) else {}


def text_of(value: Json) -> str:
    """A text; empty for anything else."""
    return value if isinstance(value, str) else ""


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


class UnreadableError(Exception):
    """A file is no YAML that this can read; `str()` says why."""


def read_yaml(text: str) -> list[Json]:
    """The documents of a file. Raises `UnreadableError`, for aliases too: a few of them can stand for any number."""
    if len(text) > MOST_BYTES:
        raise UnreadableError(f"longer than {MOST_BYTES // 1024 // 1024} MiB")
    depth = 0
    try:
        for number, event in enumerate(yaml.parse(text, Loader=SafeLoader)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent):
                raise UnreadableError(f"an alias (*{event.anchor}): write out what it stands for")
            if depth > _DEEPEST or number > _MOST_EVENTS:
                raise UnreadableError("nested too deep" if depth > _DEEPEST else "too much in it")
        return [document for document in yaml.load_all(text, Loader=_Loader) if document is not None]
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UnreadableError(f"not valid YAML{line}: {one_line(without_secrets(str(error.problem)))}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableError(f"not valid YAML: {type(error).__name__}") from None


class _Loader(SafeLoader):
    """Reads dates as texts, as Kubernetes does."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":merge", ":value"))]
    for first, resolvers in SafeLoader.yaml_implicit_resolvers.items()
}


def read_given(files: Iterable[tuple[str, str]]) -> tuple[tuple[Given, ...], tuple[Finding, ...]]:
    """The Applications in these files, by name and text, and what is in them that cannot be described."""
    given: list[Given] = []
    findings: list[Finding] = []
    for where, text in files:
        try:
            documents = read_yaml(text)
        except UnreadableError as error:
            findings.append(finding(Kind.LEFT_OUT, where, str(error)))
            continue
        for document in documents:
            found, said = _objects(document, where)
            given += found
            findings += said
    return tuple(given), tuple(findings)


def _objects(document: Json, where: str) -> tuple[list[Given], list[Finding]]:
    given, findings = [], []
    objects = table(document)
    is_list = text_of(objects.get("kind")).endswith("List")
    for each in _list(objects.get("items")) if is_list else [document]:
        kind, metadata = text_of(table(each).get("kind")), table(table(each).get("metadata"))
        name = text_of(metadata.get("name"))
        if not text_of(table(each).get("apiVersion")).startswith("argoproj.io/"):
            continue
        if kind == "ApplicationSet":
            why = (
                "makes its Applications by a generator: give these themselves, with `kubectl get applications -o yaml`"
            )
            findings.append(finding(Kind.LEFT_OUT, f"ApplicationSet {name}", why))
        elif kind == "Application" and name and isinstance(table(each).get("spec"), dict):
            given.append(_given(table(each), name, where))
        elif kind == "Application":
            findings.append(finding(Kind.LEFT_OUT, where, "an Application without a name or a spec"))
    return given, findings


def _given(found: Mapping[str, Json], name: str, where: str) -> Given:
    metadata = table(found.get("metadata"))
    labels, annotations = (_texts(metadata.get(key)) for key in ("labels", "annotations"))
    owners = [table(each) for each in _list(metadata.get("ownerReferences"))]
    owner = next((f"{text_of(each.get('kind'))}/{text_of(each.get('name'))}" for each in owners), "")
    # An Application that is an object of another one has that one's name there, by whichever way Argo CD tracks.
    parent = annotations.get(_TRACKING, "").partition(":")[0]
    return Given(
        name=name,
        namespace=text_of(metadata.get("namespace")) or "argocd",
        where=where,
        labels=labels,
        annotations=annotations,
        finalizers=tuple(map(str, _list(metadata.get("finalizers")))),
        owner=owner or (f"Application/{parent}" if parent not in ("", name) else ""),
        instance=next((labels[key] for key in _INSTANCE if key in labels), ""),
        spec=table(found.get("spec")),
    )


def _texts(value: Json) -> dict[str, str]:
    return {name: text for name, text in table(value).items() if isinstance(text, str)}


def given_objects(objects: Iterable[Mapping[str, Json]], where: str) -> tuple[Given, ...]:
    """The Applications that an API server lists; there they have no kind of their own."""
    named = (each for each in objects if text_of(table(each.get("metadata")).get("name")))
    return tuple(_given(each, text_of(table(each.get("metadata"))["name"]), where) for each in named)
