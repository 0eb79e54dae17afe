"""Where each application of each stage goes, from patterns.

A pattern is a text with `{application}` and `{stage}`. What comes out of it has to be a name that
Kubernetes takes, or a folder of the repository; two with one name or path are refused, because
the one would overwrite the other (`naming_rules`).
"""

import re
from collections.abc import Callable, Mapping

from delivery.config.errors import Path, nearest
from delivery.config.fields import Fields, Rule
from delivery.config.naming_rules import KINDS, OWN, Named, refuse
from delivery.model.pipeline import Application, Stage, StageApplication

MOST_STAGE_APPLICATIONS = 20_000
_PLACEHOLDERS = ("application", "stage")


def _placeholders_corrected(text: str) -> str:
    """Each placeholder as the one that was probably meant: `{stages}` is `{stage}`, `{app}` is `{application}`."""

    def corrected(found: re.Match[str]) -> str:
        name = found[1].lower()
        begun = (each for each in _PLACEHOLDERS if name and each.startswith(name))
        near = next(begun, None) or nearest(name, _PLACEHOLDERS)
        return f"{{{near}}}" if near else found[0]

    return re.sub(r"\{([^{}]*)\}", corrected, text) if len(text) <= 300 else text


_PATTERN = Rule(
    lambda text: len(text) <= 300 and re.fullmatch(r"([^{}]|\{application\}|\{stage\})+", text) is not None,
    "a text with {application} and {stage}",
    "{application}-{stage}",
    _placeholders_corrected,
)
OVERRIDES = frozenset(KINDS)
"""The keys of one application that override a pattern for it, in every stage."""


def read_stage_applications(
    root: Fields,
    applications: tuple[tuple[Application, Fields], ...],
    stages: tuple[Stage, ...],
    own: str,
    beside: Callable[[str], Mapping[str, str]],
) -> tuple[StageApplication, ...]:
    """Every application in every stage; `own` is the stage whose stack this is.

    `beside` gives what another stage's own stack has under the keys of `OWN`. Names that break a rule, and names that
    meet, are noted in `root.problems`.
    """
    patterns = {kind: _read(root, each.pattern_key, each.default) for kind, each in KINDS.items()}
    if len(applications) * len(stages) > MOST_STAGE_APPLICATIONS:
        found = f"{len(applications)} applications in {len(stages)} stages"
        mend = "split the pipeline: one project, with a GitOps repository of its own, for each group of applications"
        root.problems.add_command(
            ("applications",), found, f"{MOST_STAGE_APPLICATIONS} applications in stages at most", mend
        )
        return ()
    owned = {
        stage.name: {kind: _read(root, kind) for kind in OWN if kind in root.values}
        if stage.name == own
        else {kind: ((kind, stage.name), text) for kind, text in beside(stage.name).items() if _PATTERN.holds(text)}
        for stage in stages
    }
    named: dict[str, list[Named]] = {kind: [] for kind in KINDS}
    for application, fields in applications:
        theirs = {kind: _read(fields, kind) for kind in OVERRIDES if kind in fields.values}
        for stage in stages:
            sources = patterns | theirs | owned[stage.name]
            for kind in KINDS:
                other = kind in owned[stage.name] and stage.name != own
                named[kind].append(Named(application, stage, fields.at, *sources[kind], beside=other))
    if not (root.problems.any_at("stages", "name") or root.problems.any_at("applications", "name")):
        # Names made of wrong names say nothing.
        for kind, names in named.items():
            refuse(kind, names, root)
    columns = (named[kind] for kind in ("namespace", "path", "argocdApplication"))
    return tuple(
        StageApplication(namespace.application, namespace.stage, namespace.name, path.name, argocd.name)
        for namespace, path, argocd in zip(*columns, strict=True)
    )


def _read(fields: Fields, key: str, default: str | None = None) -> tuple[Path, str]:
    return (*fields.at, key), fields.text(key, _PATTERN, default)
