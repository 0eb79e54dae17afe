"""The names that applications in stages get: what each kind has to be, and that no two things share a place.

A part of `delivery.config.naming`, which makes the names; here what is wrong with them gets its mend.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from delivery.config.errors import Path
from delivery.config.fields import Fields
from delivery.config.rules import DNS_LABEL_WORDS
from delivery.model.identifiers import is_dns_label, is_dns_subdomain
from delivery.model.pipeline import Application, Stage

_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_PATH = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*")
_PATH_WORDS = "a folder in the repository, without '..', '.github' or a slash at either end"


@dataclass(frozen=True)
class Kind:
    """A kind of name: the key of its pattern for all applications, that pattern's default, what every name of the
    kind has to be, and the same in words."""

    pattern_key: str
    default: str
    holds: Callable[[str], bool]
    words: str


KINDS = {
    "namespace": Kind(
        "namespacePattern",
        "{application}-{stage}",
        lambda text: is_dns_label(text) and text != "default" and not text.startswith("kube-"),
        f"{DNS_LABEL_WORDS}, not default or kube-…",
    ),
    "path": Kind(
        "pathPattern",
        "{stage}",
        lambda text: len(text) <= 200 and _PATH.fullmatch(text) is not None,
        _PATH_WORDS,
    ),
    "argocdApplication": Kind(
        "argocdApplicationPattern",
        "{application}-{stage}",
        is_dns_subdomain,
        "a Kubernetes resource name (lower-case DNS subdomain)",
    ),
}
_FLAT = ("{application}-{stage}", "{stage}-{application}", "{application}-{stage}-own")
_MENDS = (_FLAT, ("{stage}/{application}", "{application}/{stage}", "apps/{application}/{stage}"))
"""Patterns for all applications that may set a kind of name right; the second ones are for paths."""
_OWN_MENDS = (_FLAT, ("{application}/{stage}", "{stage}/{application}", "apps/{application}/{stage}"))
"""The same for a single application."""
OWN = ("namespace", "argocdApplication")
"""The keys by which a stack overrides a pattern for its own stage. The path is not among them: the stacks
before it have to know where to promote to."""


@dataclass(frozen=True)
class Named:
    """One name: `pattern` as it was read at `where`, for an application (at `at`) in a stage.

    `beside`: it comes from the file of the stage's own stack, which is not the one that is read.
    """

    application: Application
    stage: Stage
    at: Path
    where: Path
    pattern: str
    beside: bool = False

    @property
    def name(self) -> str:
        return self.pattern.replace("{application}", self.application.name).replace("{stage}", self.stage.name)


def refuse(kind: str, named: Sequence[Named], root: Fields) -> None:
    """Note in `root.problems` what is wrong with the names of this kind, each mistake once and with its mend."""
    argocd = str(root.values.get("argocdNamespace", "argocd")) if kind == "namespace" else ""
    said: set[Path] = set()
    mended = list(named)
    for involved, allowed in _wrong(kind, named, argocd):
        newcomer = _newcomer(involved)
        # Otherwise the pattern that was set on purpose is the one to change, once.
        each = newcomer or max(involved, key=_rank)
        changed = _own(kind, each) if newcomer else each.where
        if changed in said or any(one.where in said for one in involved):
            continue
        said.add(changed)
        where, pattern = each.where, each.pattern
        # What is only counted needs no mend, and finding one takes a look at every name.
        if not root.problems.full and newcomer:
            where, pattern, mended = _mend_newcomer(kind, each, mended, argocd)
        elif not root.problems.full:
            where, pattern = _mend(kind, each, named, argocd)
        found = each.name if len(involved) == 1 else each.pattern
        if each.beside and where == each.where:
            command = f"pulumi config set --stack {each.stage.name} delivery:{kind} {shlex.quote(pattern)}"
            root.problems.add_command((kind,), f"{found!r} in Pulumi.{each.stage.name}.yaml", allowed, command)
        else:
            root.problems.add(where, found if where == each.where else None, allowed, pattern)


def _newcomer(involved: Sequence[Named]) -> Named | None:
    """Of two applications that meet, the one that is listed later: the other one may run, and keeps its names.

    None where one application meets itself, or where the later one's name is the stack's own for all applications.
    """
    latest = max(involved, key=lambda each: each.at)
    several = len({each.at for each in involved}) > 1
    return latest if several and latest.where[0] not in OWN else None


def _own(kind: str, named: Named) -> Path:
    """Where a name of its own is set for an application."""
    return (*named.at, kind)


def _rank(named: Named) -> int:
    if named.where[0] in OWN:
        return 2 if named.beside else 3
    return 1 if named.where[0] == "applications" else 0


def _wrong(kind: str, named: Sequence[Named], argocd: str) -> Iterator[tuple[tuple[Named, ...], str]]:
    """What is wrong with these names: the ones involved, and what is allowed instead."""
    rule = KINDS[kind]
    for each in named:
        if each.beside:
            continue  # what is wrong with that name alone, its own stack says
        who = f"{each.application.name} in {each.stage.name} gets {each.name!r}"
        if not rule.holds(each.name):
            yield (each,), f"{rule.words}; {who}"
        elif each.name == argocd:
            yield (each,), f"another namespace than Argo CD's own; {who}"
    for one, other in _meetings(kind, named):
        who = " and ".join(f"{each.application.name} in {each.stage.name}" for each in (one, other))
        yield (one, other), f"one {kind} each, none inside another; {who} meet at {other.name!r}"


def _mend(kind: str, culprit: Named, named: Sequence[Named], argocd: str) -> tuple[Path, str]:
    """A pattern, and where to set it, with which nothing is wrong there any more."""
    for pattern in _MENDS[kind == "path"]:
        tried = [replace(each, pattern=pattern) if each.where == culprit.where else each for each in named]
        if not any(culprit.where in (each.where for each in involved) for involved, _ in _wrong(kind, tried, argocd)):
            return culprit.where, pattern
    # No pattern fits all: a name of its own for this application.
    return _own(kind, culprit), _numbered(culprit)


def _mend_newcomer(kind: str, newcomer: Named, named: Sequence[Named], argocd: str) -> tuple[Path, str, list[Named]]:
    """A name of its own for the newcomer, where to set it, and all names after that."""
    where = _own(kind, newcomer)
    tried: list[Named] = []
    for pattern in (*_OWN_MENDS[kind == "path"], _numbered(newcomer)):
        own = pattern.replace("{application}", newcomer.application.name)
        tried = [
            replace(each, pattern=own, where=where) if each.at == newcomer.at and each.where[0] not in OWN else each
            for each in named
        ]
        if not any(where in (each.where for each in involved) for involved, _ in _wrong(kind, tried, argocd)):
            break
    return where, own, tried


def _numbered(named: Named) -> str:
    return f"{named.application.name[:30].rstrip('-')}-{named.at[-1]}-{{stage}}"


def _meetings(kind: str, named: Sequence[Named]) -> Iterator[tuple[Named, Named]]:
    # One pass, so that many applications stay as cheap as few: every name is looked up, never compared pairwise.
    owners: dict[str, Named] = {}
    for each in named:
        other = owners.setdefault(each.name, each)
        if other is not each:
            yield other, each
    if kind == "path":
        # A chart inside another chart's folder belongs to both: Helm would pack it into the outer one.
        for each in named:
            folder = each.name
            while "/" in folder:
                folder = folder.rpartition("/")[0]
                if folder in owners:
                    yield owners[folder], each
