"""From Argo CD Applications and the repository that they read to a configuration, which is then held against them.

What cannot be told is left to a person and said; an application whose manifests would change is left out, and why is
said, too. The configuration is read and planned as the program does it, and compared with what is there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from delivery.adopt.compare import differences
from delivery.adopt.configuration import PATTERNS, open_decisions, project_keys, stack_keys
from delivery.adopt.describe import Described, LeftOutError, describe, folder_of
from delivery.adopt.given import Finding, Given, Kind, finding, text_of
from delivery.adopt.grouping import Grid, Hints, group
from delivery.adopt.patterns import solve
from delivery.adopt.usable import Repository, revision_of, usable_applications
from delivery.config import rules
from delivery.config.errors import ConfigError, Json
from delivery.config.keys import PROJECT, TABLE
from delivery.config.reader import parse
from delivery.model.promoted_keys import PromotedKey
from delivery.stack.plan import plan_stack
from delivery.stack.repository_files import InitialValues
from delivery.stack.yaml_text import to_yaml

_Configuration = tuple[dict[str, Json], dict[str, dict[str, Json]]]


@dataclass(frozen=True)
class Adoption:
    """The configuration, without the namespace of its keys, and what is to be said. Empty: nothing is described."""

    project: Mapping[str, Json] = field(default_factory=dict)
    stacks: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def files(self) -> Mapping[str, str]:
        """The texts to be put into the project's and the stacks' files, by the name of the file."""
        shared: dict[str, Json] = {f"{PROJECT}:{key}": {"value": value} for key, value in self.project.items()}
        found = {"Pulumi.yaml": to_yaml({"config": shared})} if shared else {}
        for stack, values in self.stacks.items():
            own: dict[str, Json] = {f"{PROJECT}:{key}": value for key, value in values.items()}
            found[f"Pulumi.{stack}.yaml"] = to_yaml({"config": own})
        return found

    def kinds(self, kind: Kind) -> tuple[Finding, ...]:
        """What is said of this kind."""
        return tuple(each for each in self.findings if each.kind is kind)


def adopt(
    given: Sequence[Given],
    repository: Repository,
    hints: Hints | None = None,
    keys: Mapping[str, tuple[PromotedKey, ...]] | None = None,
) -> Adoption:
    """The configuration that describes these Applications, as far as one does.

    `hints` and `keys` (by application) are what a person has settled.
    """
    usable, findings = usable_applications(given, repository)
    grid, said = group(usable, hints or Hints())
    findings += said
    described: dict[str, Described] = {}
    for application in grid.applications:
        row = {stage: grid.cells[application, stage] for stage in grid.stages}
        try:
            found = {stage: repository.tree(revision_of(each)) for stage, each in row.items()}
            # Those without a tree were left out before.
            present = {stage: tree for stage, tree in found.items() if tree is not None}
            described[application] = describe(application, row, present, (keys or {}).get(application, ()))
        except LeftOutError as error:
            findings.append(finding(Kind.LEFT_OUT, application, str(error)))
            grid = grid.without(application)
    while grid.applications:
        grid, more, done = _configured(grid, described, repository.default_branch)
        findings += more
        if done is not None:
            decided = [
                finding(Kind.DECIDE, name, text) for name in grid.applications for text in described[name].decisions
            ]
            return Adoption(done[0], done[1], (*findings, *decided, *open_decisions(grid, *done)))
    return Adoption(findings=tuple(findings))


def _configured(
    grid: Grid, described: Mapping[str, Described], default_branch: str
) -> tuple[Grid, list[Finding], _Configuration | None]:
    """The configuration, and what differs from it; or the grid without the applications that it does not describe."""
    names = {
        "namespace": {cell: text_of(given.destination.get("namespace")) for cell, given in grid.cells.items()},
        "path": {cell: folder_of(given) for cell, given in grid.cells.items()},
        "argocdApplication": {cell: given.name for cell, given in grid.cells.items()},
    }
    left: dict[str, str] = {}
    allowed = {"namespace": rules.NAMESPACE, "path": rules.FOLDER_NAME, "argocdApplication": rules.RESOURCE}
    for kind, cells in names.items():
        for (application, stage), name in cells.items():
            if not allowed[kind].holds(name):
                left.setdefault(application, f"its {kind} in {stage} is {name or 'empty'!r}: {allowed[kind].words}")
    if left:
        return _without(grid, left)
    patterns = {kind: solve(cells, str(TABLE[PATTERNS[kind]].default)) for kind, cells in names.items()}
    for kind, found in patterns.items():
        for application in found.failed:
            left.setdefault(application, f"its {kind} follows no pattern of the application's and the stage's name")
    if left:
        return _without(grid, left)
    project, stacks = project_keys(grid, described, patterns, default_branch), stack_keys(grid, patterns)
    findings: list[Finding] = []
    for stage in grid.stages:
        others = {
            other: {key: text for key in ("namespace", "argocdApplication") if isinstance(text := own.get(key), str)}
            for other, own in stacks.items()
            if other != stage
        }
        raw = {key: _handed_over(value) for key, value in (project | stacks[stage]).items()}
        try:
            plan = plan_stack(parse(raw, stage, other_names=others), InitialValues())
        except ConfigError as error:
            return _without(grid, _blamed(error, grid))
        for planned in plan.applications:
            given = grid.cells[planned.name, stage]
            for each in differences(given, planned.argocd, default_branch):
                if each.decides:
                    left.setdefault(planned.name, f"in {stage}, {each}")
                findings.append(finding(Kind.DIFFERS, given.name, str(each)))
            if pruning := set(given.finalizers) - set(planned.argocd.finalizers):
                why = (
                    f"has the finalizer {', '.join(sorted(pruning))}, and keeps it: deleting it has effects of its own"
                )
                findings.append(finding(Kind.DIFFERS, given.name, why))
            if given.namespace != planned.argocd.namespace:
                left.setdefault(
                    planned.name,
                    f"in {stage}, its Argo CD is in {given.namespace}, and that of most in {planned.argocd.namespace}",
                )
            findings.append(finding(Kind.EXPECTED, given.name, _expected(given, default_branch)))
    return _without(grid, left) if left else (grid, findings, (project, stacks))


def _without(grid: Grid, left: Mapping[str, str]) -> tuple[Grid, list[Finding], None]:
    for application in left:
        grid = grid.without(application)
    return grid, [finding(Kind.LEFT_OUT, application, why) for application, why in left.items()], None


def _blamed(error: ConfigError, grid: Grid) -> dict[str, str]:
    """Whose fault mistakes in the configuration are; without a name in them, that of all."""
    blamed: dict[str, str] = {}
    for problem in error.problems:
        for index, application in enumerate(grid.applications):
            if problem.where.startswith(f"{PROJECT}:applications[{index}]"):
                blamed.setdefault(application, str(problem))
    return blamed or {application: str(error.problems[0]) for application in grid.applications}


def _expected(given: Given, default_branch: str) -> str:
    head = revision_of(given) == "HEAD"
    return (
        "gets a second source with what Keptn needs, and the annotation manifest-generate-paths"
        f"{f'; its targetRevision becomes {default_branch}' if head else ''}"
    )


def _handed_over(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
