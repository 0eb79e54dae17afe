"""Where the applications of a history have their values: in which files, on which branches, and in what text."""

import re
from dataclasses import dataclass
from functools import cached_property

from delivery.model.edges import GROUPED, Edge
from delivery.model.promoted_keys import PromotedKey, in_values

Values = tuple[str, ...]
"""What a stage has: the value of each of a layout's fields."""
GENERATED = '# {stage}\nserviceVersion: {version}  # promoted\nreplicas: 3\nlimit: "{stage}"\ntraceParent: ""\n'
CHART = '# {stage}\nweb:\n  tag: {version}  # promoted\nreplicas: 3\nlimit: "{stage}"\n'
OVERLAY = 'images:\n  - name: acme/sidecar\n    newTag: v9\n  - name: acme/worker\n    newTag: "{version}"\n'
TRACE = 'commitID: ""\ntraceParent: ""\n'
PLATFORM = "versionKey: {}\npromotedKeys: [{}]\napplication:\n  name: {}\n  stage: {}\n"
TEAMS = {"values-{stage}.yaml": CHART, "overlays/{stage}/kustomization.yaml": OVERLAY}
TEAMS_KEYS = tuple(map(PromotedKey, ("web.tag", "images.[name=acme/worker].newTag"), TEAMS))
_VALUE = re.compile(r'^((?:serviceVersion|  tag|  - name: acme/worker\n    newTag): "?)([^"\s]+)', re.MULTILINE)
_TRACE = re.compile(r'^(traceParent: "?)([^"\s]*)', re.MULTILINE)


@dataclass(frozen=True)
class Field:
    """A promoted value of an application. Each file has one."""

    application: str
    key: PromotedKey
    name: str


@dataclass(frozen=True)
class Layout:
    """The applications, promoted together where they are several; whose files they have; a branch for each stage."""

    applications: tuple[str, ...] = ("podtato-head",)
    own_files: bool = False
    branches: bool = False

    @property
    def together(self) -> str:
        """What the applications are called in the names of branches."""
        return self.applications[0] if len(self.applications) == 1 else GROUPED

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """All of them, one application's after the other's."""
        keys = TEAMS_KEYS if self.own_files else in_values("serviceVersion")
        several = len(self.applications) > 1
        return tuple(Field(one, key, f"{one}/" * several + key.name) for one in self.applications for key in keys)

    def part(self, number: int) -> tuple[Field, ...]:
        """All fields, or those of one application, or one where there is but one application."""
        parts = [tuple(field for field in self.fields if field.application == one) for one in self.applications]
        if len(parts) == 1:
            parts = [(field,) for field in self.fields]
        return ((self.fields), *parts)[number % (len(parts) + 1)]

    def of(self, values: Values, application: str) -> Values:
        """What one application has."""
        return tuple(one for one, field in zip(values, self.fields, strict=True) if field.application == application)

    def branch(self, stage: str) -> str:
        """The branch that a stage is on."""
        return f"env/{stage}" if self.branches and stage != "dev" else "main"

    def folder(self, application: str, stage: str) -> str:
        """An application's folder: one for all stages where their files or branches tell them apart."""
        return f"apps/{application}" if self.own_files or self.branches else f"{stage}/{application}"

    def path(self, field: Field, stage: str) -> str:
        """The file with a field."""
        return f"{self.folder(field.application, stage)}/{field.key.file.replace('{stage}', stage)}"

    def trace(self, application: str, stage: str) -> str:
        """The file with an application's trace."""
        folder = f".delivery/{application}/{stage}" if self.own_files else self.folder(application, stage)
        return f"{folder}/values.yaml"

    def edge(self, application: str, source: str, target: str) -> Edge:
        """An application's edge, as the settings have it."""
        folders = self.folder(application, source), self.folder(application, target)
        keys = tuple(field.key for field in self.fields if field.application == application)
        branches = ["" if (found := self.branch(stage)) == "main" else found for stage in (source, target)]
        return Edge(
            application,
            source,
            target,
            *folders,
            keys,
            own_files=self.own_files,
            source_branch=branches[0],
            target_branch=branches[1],
        )

    def files(self, stage: str, version: str, *, follows: bool) -> dict[str, str | bytes | None]:
        """What a stage has to begin with; the program's own files where it `follows` another one."""
        found: dict[str, str | bytes | None] = {}
        for field in self.fields:
            text = TEAMS[field.key.file] if self.own_files else GENERATED
            found[self.path(field, stage)] = text.format(stage=stage, version=version)
        for application in self.applications if follows else ():
            names = [f'"{field.key.name}"' for field in self.fields if field.application == application]
            trace = self.trace(application, stage)
            found.setdefault(trace, TRACE)
            found[f"{trace.rpartition('/')[0]}/platform.yaml"] = PLATFORM.format(
                names[0], ", ".join(names), application, stage
            )
        return found


LAYOUTS = {
    "plain": Layout(),
    "two files": Layout(("shop",), own_files=True),
    "branches": Layout(branches=True),
    "group": Layout(("web", "api")),
    "all of it": Layout(("web", "api", "shop"), own_files=True, branches=True),
}


def value(text: str) -> str:
    """The promoted value in a file; empty when it is not there."""
    found = _VALUE.search(text)
    return found[2] if found else ""


def with_value(text: str, new: str) -> str:
    """The file with another promoted value."""
    return _VALUE.sub(rf"\g<1>{new}", text)


def trace(text: str) -> str:
    """The trace in a file; empty when there is none."""
    found = _TRACE.search(text)
    return found[2] if found else ""


def others(text: str) -> str:
    """What has to stay in a file."""
    return _TRACE.sub("traceParent:", _VALUE.sub(r"\1", text)).replace('traceParent:"', "traceParent:")
