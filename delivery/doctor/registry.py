"""Every check of a stack by its name, in the order in which to fix what is wrong."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from delivery.cluster import ClusterError, RefusedError
from delivery.doctor import (
    argocd,
    cluster,
    committed,
    inputs,
    promotions,
    repository,
    rollouts,
    tokens,
    toolchain,
    workloads,
)
from delivery.doctor.check import Check, unknown, wrong
from delivery.doctor.inspection import BlockedError, Inspection

CheckFunction = Callable[[str, Inspection], Check | Iterable[Check]]
"""One check. It gets its name; what comes in several lines (one for each provider, edge, mistake) yields them."""

GROUPS: Mapping[str, Mapping[str, CheckFunction]] = {
    "this machine": {
        "pulumi CLI": toolchain.cli,
        "language host": toolchain.language_host,
        "provider": toolchain.providers,
        "python packages": toolchain.packages,
    },
    "inputs": {
        "configuration": inputs.configuration,
        "secrets": inputs.secrets,
        "token": inputs.unusable_tokens,
        "ready for an update": inputs.ready,
        "trace links": inputs.trace_links,
    },
    "cluster": {
        "cluster": cluster.reachable,
        "Keptn's definitions": cluster.keptn_is_defined,
        "cluster rights": cluster.rights,
        "Keptn's promotion tasks": cluster.promotion_tasks,
        "collector address": cluster.collector,
        "promotion secret": cluster.promotion_secret,
        "workloads": workloads.workloads,
        "Keptn's version": rollouts.versions,
    },
    "Argo CD": {
        "Argo CD's cluster": argocd.reachable,
        "Argo CD's definitions": argocd.is_defined,
        "Argo CD's cluster rights": argocd.rights,
        "Argo CD": argocd.controller,
        "Argo CD project": argocd.project,
        "ApplicationSet": argocd.application_sets,
        "Application": argocd.applications,
    },
    "tokens": {
        "githubToken": tokens.token,
        "promotionToken": tokens.token,
    },
    "repository": {
        "repository": repository.reachable,
        "default branch": repository.default_branch,
        "branch protection": repository.protection,
        "signatures": repository.signatures,
        "Actions may open pull requests": repository.actions_settings,
        "environment": repository.environment,
        "workflow and charts": committed.files,
        "pipeline settings": committed.settings,
        "target folders": committed.target_folders,
        "values": committed.values,
        "workflow": repository.workflow,
    },
    "promotions": {
        "last promotion": promotions.last_promotions,
        "left-over promotion": promotions.left_over,
        "newest record": promotions.newest_records,
    },
}
"""The checks by group. Where one finds that what its group needs is not there, the rest of the group is left out."""


def run(inspection: Inspection, *titles: str) -> Iterator[Check]:
    """The checks of these groups, of all when none is named, each as it is known."""
    shown: set[Check] = set()
    for title in titles or GROUPS:
        for check in _group(inspection, title):
            # Something that several groups need is reported missing once.
            if check not in shown:
                yield check
            shown.add(check)


def _group(inspection: Inspection, title: str) -> Iterator[Check]:
    central = title == "Argo CD" and inspection.has_central_argocd
    for name, function in GROUPS[title].items():
        try:
            found = function(name, inspection)
            yield from [found] if isinstance(found, Check) else found
        except RefusedError as refusal:
            yield unknown(name, str(refusal))
        except BlockedError as blocked:
            yield from blocked.checks
            return
        except ClusterError as error:
            which = "Argo CD's cluster" if central else "cluster"
            inspection.silent.add(which)
            yield wrong(which, error.found, error.fix)
            yield unknown(f"in {which if central else 'the cluster'}", "not checked: the cluster gave no answer")
            return
