"""Where each application of each stage goes, from patterns; and that no two things share a place.

A pattern is a text with `{application}` and `{stage}`. What comes out of it has to be a name that
Kubernetes takes, or a folder of the repository; two placements with one name or path are refused, because
the one would overwrite the other.
"""

import re
from collections.abc import Callable

from delivery.fields import Fields, Rule
from delivery.names import is_dns_label, is_dns_subdomain
from delivery.pipeline import Application, Placement, Stage
from delivery.problems import Problems
from delivery.rules import DNS_LABEL_WORDS

_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_PATH = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*")
_PATTERN = Rule(
    lambda text: re.fullmatch(r"([^{}]|\{application\}|\{stage\})+", text) is not None,
    "a text with {application} and {stage}",
    "{application}-{stage}",
)
_PATH_WORDS = "a folder in the repository, without '..', '.github' or a slash at either end"

# What a pattern is called, what it names, its default, the rule of what comes out, and that rule in words.
_KINDS: dict[str, tuple[str, str, Callable[[str], bool], str]] = {
    "namespace": ("namespacePattern", "{application}-{stage}", is_dns_label, DNS_LABEL_WORDS),
    "path": ("pathPattern", "{stage}", lambda text: _PATH.fullmatch(text) is not None, _PATH_WORDS),
    "argocdApplication": (
        "argocdApplicationPattern",
        "{application}-{stage}",
        is_dns_subdomain,
        "a Kubernetes resource name (lower-case DNS subdomain)",
    ),
}
OVERRIDES = frozenset(_KINDS)
"""The keys of one application that override a pattern for it, in every stage."""
OWN = ("namespace", "argocdApplication")
"""The keys by which a stack overrides a pattern for its own stage. The path is not among them: the stacks
before it have to know where to promote to."""

_Source = tuple[Fields, str, str]
"""Where a pattern was read: the fields, the key in them, the pattern."""


def placements(
    root: Fields, applications: tuple[tuple[Application, Fields], ...], stages: tuple[Stage, ...], own: str
) -> tuple[Placement, ...]:
    """Every application in every stage; `own` is the stage whose stack this is.

    Names that break a rule, and names that meet, are noted in `root.problems`.
    """
    patterns: dict[str, _Source] = {
        kind: (root, key, root.text(key, _PATTERN, default)) for kind, (key, default, _, _) in _KINDS.items()
    }
    mine: dict[str, _Source] = {kind: (root, kind, root.text(kind, _PATTERN)) for kind in OWN if kind in root.values}
    placed: list[tuple[Placement, dict[str, _Source]]] = []
    for application, fields in applications:
        theirs: dict[str, _Source] = {
            kind: (fields, kind, fields.text(kind, _PATTERN)) for kind in OVERRIDES if kind in fields.values
        }
        for stage in stages:
            sources = patterns | theirs | (mine if stage.name == own else {})
            names = {kind: _expand(sources[kind], application.name, stage.name, kind) for kind in _KINDS}
            placement = Placement(application, stage, names["namespace"], names["path"], names["argocdApplication"])
            placed.append((placement, sources))
    _refuse_meetings(placed, root.problems)
    return tuple(placement for placement, _ in placed)


def _expand(source: _Source, application: str, stage: str, kind: str) -> str:
    fields, key, pattern = source
    _, default, holds, words = _KINDS[kind]
    name = pattern.replace("{application}", application).replace("{stage}", stage)
    if not holds(name):
        fields.problems.add((*fields.at, key), name, words, default)
    return name


def _refuse_meetings(placed: list[tuple[Placement, dict[str, _Source]]], problems: Problems) -> None:
    # One pass, so that many applications stay as cheap as few: every name is looked up, never compared pairwise.
    owners: dict[tuple[str, str], Placement] = {}
    reported: set[str] = set()
    for placement, sources in placed:
        for kind, name in (
            ("namespace", placement.namespace),
            ("path", placement.path),
            ("argocdApplication", placement.argocd_application),
        ):
            other = owners.get((kind, name))
            if other is not None and kind not in reported:
                reported.add(kind)
                _report_meeting(kind, name, other, placement, sources[kind], problems)
            owners[kind, name] = placement
    # A chart inside another chart's folder belongs to both: Helm would pack it into the outer one.
    for placement, sources in placed:
        folder = placement.path
        while "/" in folder and "path" not in reported:
            folder = folder.rpartition("/")[0]
            other = owners.get(("path", folder))
            if other is not None:
                reported.add("path")
                _report_meeting("path", folder, other, placement, sources["path"], problems)


def _report_meeting(
    kind: str, name: str, one: Placement, other: Placement, source: _Source, problems: Problems
) -> None:
    fields, key, pattern = source
    who = " and ".join(f"{each.application.name} in {each.stage.name}" for each in (one, other))
    instead = "{stage}/{application}" if kind == "path" else "{application}-{stage}"
    problems.add((*fields.at, key), pattern, f"one {kind} each; {who} both get {name!r}", instead)
