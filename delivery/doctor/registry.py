"""Every check of a stack by its name, in the order in which to fix what is wrong."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from delivery.cluster import ClusterError, RefusedError
from delivery.doctor import (
    argocd,
    cluster,
    committed,
    inputs,
    platform,
    platform_inputs,
    promotions,
    repository,
    rollouts,
    tokens,
    toolchain,
    workloads,
)
from delivery.doctor.check import Check, unknown, wrong
from delivery.doctor.inspection import BlockedError, Inspection, Look
from delivery.doctor.platform_inputs import PlatformInspection

LookT = TypeVar("LookT", bound=Look)
CheckFunction = Callable[[str, LookT], Check | Iterable[Check]]
"""One check. It gets its name; what comes in several lines (one for each provider, edge, mistake) yields them."""
Groups = Mapping[str, Mapping[str, CheckFunction[LookT]]]
"""The checks by group. Where one finds that what its group needs is not there, the rest of the group is left out."""

MACHINE: Mapping[str, CheckFunction[Look]] = {
    "pulumi CLI": toolchain.cli,
    "language host": toolchain.language_host,
    "provider": toolchain.providers,
    "python packages": toolchain.packages,
}
GROUPS: Groups[Inspection] = {
    "this machine": MACHINE,
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
"""The checks of a stage's stack."""

PLATFORM: Groups[PlatformInspection] = {
    "this machine": MACHINE,
    "inputs": {
        "configuration": platform_inputs.configuration,
        "secrets": platform_inputs.secrets,
    },
    "cluster": {
        "cluster": platform.reachable,
        "cluster rights": platform.rights,
        "namespace": platform.namespaces,
        "definitions": platform.definitions,
        "part": platform.parts,
        "Keptn's promotion tasks": platform.promotion_tasks,
        "collector address": platform.collector,
        "repository credential": platform.credential,
        "destroy": platform.destroy,
    },
}
"""The checks of the platform's stack."""


def run(inspection: Inspection, *titles: str) -> Iterator[Check]:
    """The checks of a stage's stack in these groups, in all when none is named, each as it is known."""
    return run_groups(GROUPS, inspection, *titles)


def run_groups(groups: Groups[LookT], look: LookT, *titles: str) -> Iterator[Check]:
    """The checks of these of the groups, of all when none is named, each as it is known."""
    shown: set[Check] = set()
    for title in titles or groups:
        central = title == "Argo CD" and look.has_central_argocd
        for check in _group(groups[title], look, "Argo CD's cluster" if central else "cluster"):
            # Something that several groups need is reported missing once.
            if check not in shown:
                yield check
            shown.add(check)


def _group(group: Mapping[str, CheckFunction[LookT]], look: LookT, cluster: str) -> Iterator[Check]:
    for name, function in group.items():
        try:
            found = function(name, look)
            yield from [found] if isinstance(found, Check) else found
        except RefusedError as refusal:
            yield unknown(name, str(refusal))
        except BlockedError as blocked:
            yield from blocked.checks
            return
        except ClusterError as error:
            look.silent.add(cluster)
            yield wrong(cluster, error.found, error.fix)
            where = "the cluster" if cluster == "cluster" else cluster
            yield unknown(f"in {where}", "not checked: the cluster gave no answer")
            return
