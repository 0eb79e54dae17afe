"""Which Argo CD Applications a pipeline can have at all: those of one repository that nothing else in Argo CD keeps."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from delivery.adopt.given import Finding, Given, Kind, finding, text_of
from delivery.adopt.sources import Tree, children, unsupported
from delivery.config import rules
from delivery.text import has_credentials


@dataclass(frozen=True)
class Repository:
    """The GitOps repository: its default branch, and the files of a branch (`HEAD` too), None where there is none."""

    default_branch: str
    tree: Callable[[str], Tree | None]


def usable_applications(given: Sequence[Given], repository: Repository) -> tuple[list[Given], list[Finding]]:
    """The Applications of one GitHub repository that nothing else in Argo CD keeps as they are."""
    counts = Counter(repository_of(text_of(each.source.get("repoURL"))) for each in given)
    counts.pop(None, None)
    chosen = max(counts, key=lambda each: counts[each], default=None)
    usable: list[Given] = []
    findings: list[Finding] = []
    parents: dict[str, str] = {}
    for each in given:
        tree = repository.tree(revision_of(each))
        for child in children(each, tree) if tree is not None and repository_of(url_of(each)) == chosen else ():
            parents.setdefault(child, each.name)
    present = {each.name for each in given}
    for each in given:
        parent = parents.get(each.name) or (each.instance if each.instance in present else "")
        owner = each.owner or (f"Application/{parent}" if parent not in ("", each.name) else "")
        kind, _, name = owner.partition("/")
        why = unsupported(each)
        if why:
            pass
        elif has_credentials(url_of(each)):
            why = "its repoURL has a user, password or token: give Argo CD a repository credential instead"
        elif repository_of(url_of(each)) is None:
            why = f"its repoURL {url_of(each) or '(none)'} is no address of a repository of an owner"
        elif repository_of(url_of(each)) != chosen:
            why = f"its repository is another one: {url_of(each)}; a pipeline has one"
        elif each.name in parents.values():
            why = "deploys Applications (an app of apps): it stays as it is, without the files of those taken over"
        elif kind == "ApplicationSet":
            why = (
                f"the ApplicationSet {name} keeps it as it is and would undo each update: delete that with "
                "--cascade=orphan first"
            )
        elif owner:
            why = (
                f"the {kind} {name} keeps it as it is and would undo each update: take its file from there first, with "
                "the annotation argocd.argoproj.io/sync-options: Prune=false"
            )
        elif repository.tree(revision_of(each)) is None:
            why = f"{revision_of(each)} is no branch of the repository; promotions need one"
        else:
            usable.append(each)
            continue
        findings.append(finding(Kind.LEFT_OUT, each.name, why))
    return usable, findings


def url_of(given: Given) -> str:
    """The address of an Application's repository, as it has it."""
    return text_of(given.source.get("repoURL"))


def repository_of(url: str) -> tuple[str, str, str] | None:
    """Server, owner and name of a repository, whichever way its address is written."""
    if "://" not in url:
        user, _, path = url.partition(":")
        url = f"ssh://{user}/{path}" if path else url
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    owner, _, name = parts.path.strip("/").removesuffix(".git").partition("/")
    return (host, owner, name) if host and rules.OWNER.holds(owner) and rules.REPOSITORY.holds(name) else None


def revision_of(given: Given) -> str:
    """What an Application follows: a branch, or HEAD."""
    return text_of(given.source.get("targetRevision")) or "HEAD"
