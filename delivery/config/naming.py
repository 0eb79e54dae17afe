"""What each application is called in each stage: its namespace, its folder, its Argo CD Application, from patterns.

A pattern is a text with `{application}`, `{stage}` and the application's own `variables`. The narrowest one counts: the
stage's own, else the application's, else the pipeline's. Two applications or stages with one name are refused, for one
would overwrite the other; but applications of one stage may share a namespace.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from delivery.config import rules
from delivery.config.errors import ErrorCollector, Kind, Path
from delivery.config.keys import OWN_NAMES
from delivery.config.rules import Rule
from delivery.config.values import Values
from delivery.model.pipeline import SOURCES, Application, Stage, StageApplication

MOST_STAGE_APPLICATIONS = 20_000
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_Source = tuple[str | None, Path]
_RULES: dict[str, Rule] = {
    "namespace": rules.NAMESPACE,
    "path": rules.FOLDER_NAME,
    "argocdApplication": rules.RESOURCE,
}
"""What has to come out of a pattern, by the key of an application that holds one; the pipeline's is `…Pattern`."""


@dataclass(frozen=True)
class _Name:
    """One name, of an application (number `index`) in a stage: `where` its pattern is set.

    `own`: by the stack whose configuration is read, for its stage; `elsewhere`: by another stage's own stack.
    `own_files`: the application's files are the team's. `within` is what has to tell names apart: the cluster, or for
    folders the branch; empty for the one that stages have together.
    """

    name: str
    application: str
    index: int
    stage: str
    where: Path
    own: bool
    elsewhere: bool
    own_files: bool
    within: str

    def __str__(self) -> str:
        return f"{self.application} in {self.stage}"


def read_stage_applications(
    root: Values,
    applications: Sequence[Application],
    stages: Sequence[Stage],
    stack: str,
    other_names: Mapping[str, Mapping[str, str]],
    errors: ErrorCollector,
) -> tuple[StageApplication, ...]:
    """Every application in every stage, as `stack` sees them.

    `other_names` is what other stages' stacks set under the keys of `OWN_NAMES`. A name that breaks its rule and a name
    that two have are added to `errors`.
    """
    if len(applications) * len(stages) > MOST_STAGE_APPLICATIONS:
        found = f"{len(applications)} applications in {len(stages)} stages"
        fix = "split the pipeline: one project and one GitOps repository for each group of applications"
        errors.say(Kind.NOT_ALLOWED, ("applications",), found, f"{MOST_STAGE_APPLICATIONS} together at most", fix)
        return ()
    if errors.about("applications", "stages", *_RULES, *(f"{kind}Pattern" for kind in _RULES)):
        # Names made of wrong names say nothing.
        return ()
    named = {kind: list(_names(kind, root, stack, other_names)) for kind in _RULES}
    for kind, names in named.items():
        _refuse_wrong(kind, names, root.text("argocdNamespace"), errors)
        # What could not be filled in is no name yet.
        _refuse_collisions(kind, [name for name in names if not _PLACEHOLDER.search(name.name)], errors)
    _refuse_workloads(applications, named["namespace"], errors)
    pairs = ((application, stage) for application in applications for stage in stages)
    return tuple(
        StageApplication(application, stage, namespace.name, path.name, argocd.name)
        for (application, stage), namespace, path, argocd in zip(pairs, *named.values(), strict=True)
    )


def _refuse_workloads(applications: Sequence[Application], names: Sequence[_Name], errors: ErrorCollector) -> None:
    """Two generated charts in one namespace need workloads of different names."""
    owners: dict[tuple[str, str], _Name] = {}
    for name in names:
        application = applications[name.index]
        if name.own_files:
            continue
        owner = owners.setdefault((name.name, application.workload), name)
        if owner.application != name.application and owner.stage == name.stage:
            where: Path = ("applications", name.index, "workload")
            allowed = f"one workload each: {owner} and {name} share the namespace {name.name!r}"
            errors.add(Kind.COLLISION, where, application.workload, allowed, "NAME")
            return


def _names(kind: str, root: Values, stack: str, other_names: Mapping[str, Mapping[str, str]]) -> Iterator[_Name]:
    stages = root.entries("stages")
    shared: _Source = root.text(f"{kind}Pattern"), (f"{kind}Pattern",)
    for index, application in enumerate(root.entries("applications")):
        of_application: _Source = application.optional_text(kind), (*application.path, kind)
        for stage in stages:
            name = stage.text("name")
            if kind in OWN_NAMES:
                named = root.optional_text(kind) if name == stack else other_names.get(name, {}).get(kind)
                of_stage: _Source = named, (kind,)
            else:
                of_stage = stage.optional_text(kind), (*stage.path, kind)
            pattern, where = next(source for source in (of_stage, of_application, shared) if source[0] is not None)
            full = filled(str(pattern), application).replace("{stage}", name)
            own, elsewhere = (where == (kind,) and same for same in (name == stack, name != stack))
            files = application.text("source") != SOURCES[0]
            within = stage.text("revision" if kind == "path" else "cluster")
            if kind == "argocdApplication" and root.text("argocdContext"):
                # A central Argo CD has those of all clusters.
                within = ""
            yield _Name(full, application.text("name"), index, name, where, own, elsewhere, files, within)


def filled(pattern: str, application: Values) -> str:
    """A pattern with the application's name and variables filled in; `{stage}` stays."""
    known = {**application.table("variables"), "application": application.text("name")}
    return _PLACEHOLDER.sub(lambda found: known.get(found[1]) or found[0], pattern)


def _refuse_wrong(kind: str, names: Sequence[_Name], argocd: str, errors: ErrorCollector) -> None:
    said: set[Path] = set()
    for name in names:
        allowed = ""
        if left := _PLACEHOLDER.search(name.name):
            allowed = f"{{application}}, {{stage}}, and {left[0]} where the application's `variables` have it"
        elif not _RULES[kind].holds(name.name):
            allowed = _RULES[kind].words
        elif kind == "namespace" and name.name == argocd:
            allowed = "another namespace than Argo CD's own"
        # What is wrong with another stack's name by itself, that stack says.
        if allowed and not name.elsewhere and name.where not in said:
            errors.add(Kind.NOT_ALLOWED, name.where, name.name, f"{allowed} ({name})", "PATTERN")
            said.add(name.where)


def _refuse_collisions(kind: str, names: Sequence[_Name], errors: ErrorCollector) -> None:
    said: set[Path] = set()
    for one, other, allowed in _collisions(kind, names):
        # What another stack has named is its own mistake, unless this one has named the same.
        if (one.elsewhere or other.elsewhere) and not (one.own or other.own):
            continue
        place = max(other, one, key=lambda name: (name.own, len(name.where)))
        where = place.where
        if where == (f"{kind}Pattern",) and one.index != other.index:
            # The one that is listed later changes: the other one may run already.
            where = ("applications", max(one.index, other.index), kind)
        if where not in said:
            errors.add(Kind.COLLISION, where, place.name, allowed, "PATTERN")
            said.add(where)


def _collisions(kind: str, names: Sequence[_Name]) -> Iterator[tuple[_Name, _Name, str]]:
    # One pass: every name is looked up, never compared with each other, so that many applications stay cheap.
    owners: dict[tuple[str, str], _Name] = {}
    for name in names:
        owner = owners.setdefault((name.within, name.name), name)
        # The team's own chart may be every stage's, and every application's; a generated one is one's alone.
        shared = kind == "path" and owner.own_files and name.own_files
        if owner is not name and not (shared or (kind == "namespace" and owner.stage == name.stage)):
            yield owner, name, f"one {kind} each: {owner} and {name} both resolve to {name.name!r}"
    if kind == "path":
        # A chart inside another chart's folder belongs to both: Helm would pack it into the outer one.
        for name in names:
            folder = name.name
            while "/" in folder:
                folder = folder.rpartition("/")[0]
                outer = owners.get((name.within, folder))
                if outer is not None and not (outer.own_files and name.own_files):
                    yield outer, name, f"no folder inside another: {name} is inside that of {outer}"
