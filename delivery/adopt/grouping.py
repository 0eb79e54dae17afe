"""Which application, in which stage, each Argo CD Application is: read from its names, its path and its value files.

Words that stages are commonly called by are known, also with a region (`prod-eu`). Where that says nothing, or the same
of two, a person has to say it.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from delivery.adopt.given import Finding, Given, Kind, finding, table, text_of
from delivery.model.identifiers import is_dns_label

_ALIASES = (
    ("sandbox", "playground"),
    ("dev", "develop", "development"),
    ("test", "testing", "tst"),
    ("int", "integration"),
    ("qa", "quality"),
    ("uat", "acceptance", "acc"),
    ("staging", "stage", "stg"),
    ("preprod", "preproduction", "preprd"),
    ("prod", "production", "prd", "live"),
)
"""What stages are called, in the order in which they commonly follow each other; one tuple has names of one stage."""
_RANKS = {name: rank for rank, names in enumerate(_ALIASES) for name in names}
_REGION = re.compile(
    r"(eu|us|uk|de|fr|ca|sa|ap|apac|emea|na|asia|au|jp|cn|in|west|east|north|south|central)\d*|\d{1,2}"
)
_GENERIC = re.compile(
    r"apps?|applications|overlays?|env|envs|environments?|clusters?|charts?|helm|kustomize|deploy|deployment|k8s|"
    r"kubernetes|manifests|base|values"
)
_SEPARATOR = re.compile(r"[-_.]")


@dataclass(frozen=True)
class Hints:
    """What a person has said: the `stages`, and for an application the names of its Argo CD Applications.

    An application with none of them is the only one to be described, or one of these.
    """

    stages: tuple[str, ...] = ()
    applications: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Grid:
    """The Argo CD Application of each application in each stage; every application is in every stage."""

    applications: tuple[str, ...]
    stages: tuple[str, ...]
    cells: Mapping[tuple[str, str], Given]

    def without(self, application: str) -> "Grid":
        """The grid without one of its applications."""
        cells = {key: given for key, given in self.cells.items() if key[0] != application}
        return Grid(tuple(name for name in self.applications if name != application), self.stages, cells)

    @property
    def after(self) -> Mapping[str, tuple[str, ...]]:
        """The stages that promote into each, by their order; those of one meaning (`prod-eu`, `prod-us`) are beside
        each other."""
        found: dict[str, tuple[str, ...]] = {}
        before: tuple[str, ...] = ()
        level: list[str] = []
        for stage in self.stages:
            if level and not (rank(stage) == rank(level[-1]) < rank("")):
                before, level = tuple(level), []
            found[stage] = before
            level.append(stage)
        return found


def rank(stage: str) -> int:
    """Where a stage commonly stands among others; last when its name says nothing."""
    return min((_RANKS[word] for word in _SEPARATOR.split(stage.lower()) if word in _RANKS), default=len(_ALIASES))


def group(given: Sequence[Given], hints: Hints) -> tuple[Grid, tuple[Finding, ...]]:
    """The grid that most of these Applications are in, and why others are not."""
    findings: list[Finding] = []
    named = {argocd: name for name, many in hints.applications.items() for argocd in many}
    found: dict[tuple[str, tuple[str, ...]], list[tuple[Given, str]]] = {}
    for each in given:
        stage = _stage(each, hints.stages)
        if stage:
            name = named.get(each.name) or _application(each, stage)
            found.setdefault((name, _meaning(stage)), []).append((each, stage))
        else:
            why = "which stage it is cannot be told: give their names in order, as in --stages dev,staging,production"
            findings.append(finding(Kind.LEFT_OUT, each.name, why))
    spelled = _spellings(found, hints.stages)
    cells: dict[tuple[str, str], Given] = {}
    for (name, meaning), many in found.items():
        if len(many) > 1:
            why = f"all of these are {name} in {spelled[meaning]}: say which is which with --stages and --application"
            findings.append(finding(Kind.LEFT_OUT, ", ".join(each.name for each, _ in many), why))
        elif not is_dns_label(name):
            why = f"the application's name cannot be told; give it: --application NAME={many[0][0].name},…"
            findings.append(finding(Kind.LEFT_OUT, many[0][0].name, why))
        elif not hints.applications or name in hints.applications:
            cells[name, spelled[meaning]] = many[0][0]
    grid, missing = _complete(cells, hints.stages)
    return grid, (*findings, *missing)


def _complete(cells: Mapping[tuple[str, str], Given], wanted: Sequence[str]) -> tuple[Grid, list[Finding]]:
    """Applications that are in the same stages: a stack would deploy the others where they are not yet."""
    stages_of: dict[str, set[str]] = {}
    for name, stage in cells:
        stages_of.setdefault(name, set()).add(stage)
    sets = Counter(map(frozenset, stages_of.values()))
    chosen = frozenset(wanted) or max(sets, key=lambda each: (sets[each] * len(each), len(each)), default=frozenset())
    if len(chosen) == 1 and not wanted:
        chosen = frozenset()
    findings = []
    for name, stages in stages_of.items():
        if not chosen:
            why = (
                f"is in {', '.join(stages)} alone, so nothing is promoted; where others are the same application, say "
                f"so: --application {name}=A,B"
            )
            findings.append(finding(Kind.LEFT_OUT, name, why))
        elif stages != chosen:
            why = (
                f"is in {', '.join(sorted(stages, key=rank))}, and not in all of {', '.join(sorted(chosen, key=rank))}:"
                f" a pipeline deploys every application in every stage; describe it by itself: --application {name}"
            )
            findings.append(finding(Kind.LEFT_OUT, name, why))
    kept = tuple(sorted(name for name, stages in stages_of.items() if stages == chosen))
    order = tuple(wanted) or tuple(sorted(chosen, key=lambda stage: (rank(stage), stage)))
    return Grid(kept, order if kept else (), {key: each for key, each in cells.items() if key[0] in kept}), findings


def _spellings(
    found: Mapping[tuple[str, tuple[str, ...]], list[tuple[Given, str]]], stages: Sequence[str]
) -> Mapping[tuple[str, ...], str]:
    """What each stage is called: as the person says, or as most of its Applications have it."""
    counts: dict[tuple[str, ...], Counter[str]] = {}
    for (_, meaning), many in found.items():
        counts.setdefault(meaning, Counter()).update(stage for _, stage in many)
    said = {_meaning(stage): stage for stage in stages}
    return {meaning: said.get(meaning) or names.most_common(1)[0][0] for meaning, names in counts.items()}


def _meaning(stage: str) -> tuple[str, ...]:
    """What two names of one stage have in common."""
    words = _SEPARATOR.split(stage.lower())
    return tuple(sorted(_ALIASES[_RANKS[word]][0] if word in _RANKS else word for word in words))


def _stage(given: Given, stages: Sequence[str]) -> str:
    """The stage's name as the Application has it; empty where it has none."""
    source = given.source
    segments = text_of(source.get("path")).split("/")[::-1]
    files = table(source.get("helm")).get("valueFiles")
    value_files = [text for text in files if isinstance(text, str)] if isinstance(files, list) else []
    named = [part.removesuffix(".yaml").removesuffix(".yml") for file in value_files for part in file.split("/")[::-1]]
    named = [re.sub(r"^values[-_.]", "", part) for part in named]
    branch = text_of(source.get("targetRevision")).split("/")[::-1]
    others = [text_of(given.destination.get("namespace")), given.name, text_of(given.destination.get("name"))]
    for part in (*segments, *named, *branch):
        if _run(part, stages) == part:
            return part
    return next(filter(None, (_run(part, stages) for part in (*segments, *named, *others))), "")


def _run(text: str, stages: Sequence[str]) -> str:
    """The part of `text` that is a stage's name, as it stands there."""
    for stage in sorted(stages, key=len, reverse=True):
        if re.search(rf"(?<![^-_./]){re.escape(stage)}(?![^-_./])", text):
            return stage
    words = _SEPARATOR.split(text)
    places = [index for index, word in enumerate(words) if word.lower() in _RANKS]
    if not places or not all(words):
        return ""
    first = last = places[-1]
    while first and _is_region(words[first - 1]):
        first -= 1
    while last + 1 < len(words) and _is_region(words[last + 1]):
        last += 1
    start = sum(len(word) + 1 for word in words[:first])
    found = text[start : start + sum(len(word) + 1 for word in words[first : last + 1]) - 1]
    known = {_meaning(stage) for stage in stages}
    return found if not known or _meaning(found) in known else ""


def _is_region(word: str) -> bool:
    return _REGION.fullmatch(word.lower()) is not None


def _application(given: Given, stage: str) -> str:
    """What the application is called: the Application's name without the stage's, or a folder's."""
    segments = [
        part for part in text_of(given.source.get("path")).split("/")[::-1] if not _GENERIC.fullmatch(part.lower())
    ]
    for text in (given.name, *segments, text_of(given.destination.get("namespace"))):
        run = _run(text, [stage])
        if name := re.sub(r"--+", "-", text.replace(run, "", 1) if run else text).strip("-_."):
            return name
    return ""
