"""The promotion task: run when Keptn, or a sync by Argo CD, has verified a version in a stage.

Keptn also runs it for versions that are pending, superseded or no longer deployed. So it first asks the cluster
whether the stage runs this version now, fully available. Only then it records that at GitHub, and starts the promotion
workflow, once for each target stage. Run again (retries, a restart, another sync) it writes no second record, and
starts the workflow again, which the promoter expects. Where a sync failed, it records that.

It runs as one text, made of the modules that it imports by `delivery/stack/task_source.py`.
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

from gitops.tasks.dispatch import dispatch_all
from gitops.tasks.github import GitHub
from gitops.tasks.hooks import PROMOTE, Failure, hook_jobs, task_runs, why_it_failed
from gitops.tasks.http_client import Budget, PassingError, PromotionError
from gitops.tasks.inputs import DNS_LABEL, Promotion, read_promotion
from gitops.tasks.kubernetes import Kubernetes
from gitops.tasks.records import Recorded, Verdict, record
from gitops.tasks.text import at, line, parsed
from gitops.tasks.trace import StageDeployment, send_spans
from gitops.tasks.verification import lacking, pod_label, verify, workloads

Say = Callable[[str], None]


def promote_with_keptn(promotion: Promotion, kubernetes: Kubernetes, github: GitHub, say: Say) -> None:
    """Verify, record and promote what Keptn has verified; nothing of that when the stage has moved on."""
    if not promotion.traceparent:
        say("note: Keptn gives no valid traceparent: set KeptnConfig.spec.OTelCollectorUrl")
    if reason := verify(promotion, kubernetes, github.budget):
        say(f"superseded: {promotion.name}, {reason}; nothing sent")
        return
    recorded, missed = recorded_of(promotion, github, say)
    dispatch_recorded(promotion, github, recorded, missed, say)
    leave_success(promotion, kubernetes, recorded)


def promote_with_argocd(promotion: Promotion, kubernetes: Kubernetes, github: GitHub | None, say: Say) -> None:
    """Record and promote what Argo CD has synced: its hooks have verified it, and its health checks."""
    found = workloads(promotion, kubernetes)
    if lacks := lacking(found):
        raise PromotionError(f"{promotion.name} is not fully available: fix the stage ({lacks})")
    versions = {str(pod_label(workload, "version") or "") for workload in found}
    if not promotion.version and len(versions) == 1:
        promotion = replace(promotion, version=versions.pop())
    now = int(kubernetes.budget.wall() * 10**9)
    deployment = deployment_of(promotion, kubernetes, now)
    promotion = replace(promotion, traceparent=deployment.traceparent)
    recorded, missed = recorded_of(promotion, github, say)
    try:
        if github:
            dispatch_recorded(promotion, github, recorded, missed, say)
    finally:
        if recorded.wrote or not recorded.where:
            trace(promotion, kubernetes, deployment, say)
    leave_success(promotion, kubernetes, recorded)


def record_failure(promotion: Promotion, kubernetes: Kubernetes, github: GitHub | None, say: Say) -> None:
    """Record that a sync failed, and why. What failed by this task alone is no failure of the version."""
    found = workloads(promotion, kubernetes)
    failure = why_it_failed(promotion, kubernetes, hook_jobs(promotion, kubernetes), found)
    if failure.hook == PROMOTE:
        say(f"{promotion.name} is verified, only its promotion failed: no failure is recorded ({failure.reason})")
        return
    now = int(kubernetes.budget.wall() * 10**9)
    deployment = deployment_of(promotion, kubernetes, now, failure)
    promotion = replace(promotion, traceparent=deployment.traceparent)
    recorded, missed = recorded_of(promotion, github, say, failure.reason)
    if recorded.wrote or not recorded.where:
        trace(promotion, kubernetes, deployment, say)
    if missed:
        raise missed
    say(f"failed: {promotion.name}, {failure.reason}")
    kubernetes.event("Warning", "VerificationFailed", line(f"{promotion.name}: {failure.reason}"))


def recorded_of(
    promotion: Promotion, github: GitHub | None, say: Say, reason: str = ""
) -> tuple[Recorded, PassingError | None]:
    """Where the verdict is recorded, and why it is not, where another run may do it. With a reason it is a failure."""
    if github is None:
        say("note: not recorded, and promoted to no stage: this stage has no promotion token")
        return Recorded(""), None
    verdict = Verdict(
        application=promotion.application,
        stage=promotion.stage,
        commit=promotion.commit,
        version=promotion.version,
        traceparent=promotion.traceparent,
        verified_by=promotion.verification,
        values=promotion.values,
        auto_inactive=promotion.auto_inactive,
        state="failure" if reason else "success",
        reason=reason,
    )
    try:
        recorded = record(github, verdict)
    except PassingError as error:
        say(f"note: not recorded: {error}")
        return Recorded(""), error
    if recorded.note:
        say(f"note: {recorded.note}")
    if recorded.wrote:
        say(f"recorded: {promotion.name} in {promotion.stage}, {verdict.state}")
    return recorded, None


def dispatch_recorded(
    promotion: Promotion, github: GitHub, recorded: Recorded, missed: PassingError | None, say: Say
) -> None:
    """Start the workflow for every target. What is recorded is promoted by the sweep where GitHub is away for now."""
    if missed and not promotion.targets:
        raise missed
    try:
        dispatch_all(promotion, github)
    except PassingError as error:
        if not recorded.where or not promotion.sweep_minutes:
            raise
        say(f"note: {error}; it is recorded, so the sweep promotes it within {promotion.sweep_minutes} minutes")


def leave_success(promotion: Promotion, kubernetes: Kubernetes, recorded: Recorded) -> None:
    """Create the Event of a success."""
    if promotion.targets and promotion.token:
        to = f" to {', '.join(promotion.targets)}"
        kubernetes.event("Normal", "PromotionDispatched", f"{promotion.name}{to}")
    elif recorded.where:
        kubernetes.event("Normal", "DeploymentRecorded", promotion.name)


def deployment_of(
    promotion: Promotion, kubernetes: Kubernetes, now: int, failure: Failure | None = None
) -> StageDeployment:
    """The deployment as its trace has it, without what it consists of."""
    return StageDeployment(
        application=promotion.application,
        stage=promotion.stage,
        namespace=kubernetes.namespace,
        repository=promotion.repository,
        version=promotion.version,
        commit=promotion.commit,
        metadata=promotion.metadata,
        started=now,
        ended=now,
        links=promotion.links,
        error=failure.kind if failure else "",
        reason=failure.reason if failure else "",
    )


def trace(promotion: Promotion, kubernetes: Kubernetes, deployment: StageDeployment, say: Say) -> None:
    """Send the deployment's spans, with its hooks and rollouts. Nothing fails of it."""
    if not promotion.otlp_endpoint:
        return
    try:
        jobs, found = hook_jobs(promotion, kubernetes), workloads(promotion, kubernetes)
        replica_sets = at(kubernetes.get("apps/v1", "replicasets", "items", list), "items") or []
        # This task's own Job has no end yet, and it may have waited for GitHub.
        now = int(kubernetes.budget.wall() * 10**9)
        deployment = replace(deployment, tasks=task_runs(jobs, found, replica_sets, now))
    except PromotionError as error:
        say(f"note: the trace has no tasks: {error}")
    if why := send_spans(promotion.otlp_endpoint, deployment):
        say(f"note: {why}")


def named(environ: Mapping[str, str]) -> str:
    """The application's name, for an Event, even if much of what the task was given is wrong."""
    found = at(parsed(environ.get("DATA", "")), "application")
    if isinstance(found, str) and re.fullmatch(DNS_LABEL, found):
        return found
    said = re.search(rf'"appName": ?"({DNS_LABEL})"', environ.get("KEPTN_CONTEXT", ""))
    return said[1] if said else "unknown"


def main(environ: Mapping[str, str], budget: Budget | None = None) -> int:
    """Run the task: 0 when all was done or nothing had to be, else 1 and a line on stderr."""
    budget, kubernetes, secrets = budget or Budget(), None, list[str]()

    def say(text: str) -> None:
        print(line(text, secrets), flush=True)

    try:
        kubernetes = Kubernetes(environ, budget)
        secrets.append(kubernetes.token)
        if "ARGOCD_CONTEXT" not in environ:
            # Keptn deletes the pod.
            app = {"apiVersion": "lifecycle.keptn.sh/v1", "kind": "KeptnApp", "name": named(environ), "uid": ""}
            kubernetes.involved = app
        promotion = read_promotion(environ)
        secrets.extend(filter(None, [promotion.token]))
        budget.deadline = budget.monotonic() + promotion.timeout
        github = GitHub(promotion.repository_url, promotion.token, budget) if promotion.token else None
        if promotion.with_keptn and github:
            promote_with_keptn(promotion, kubernetes, github, say)
        elif promotion.phase == "PostSync":
            promote_with_argocd(promotion, kubernetes, github, say)
        else:
            record_failure(promotion, kubernetes, github, say)
        return 0
    except PromotionError as error:
        message = str(error)
    except Exception as error:  # its text and its stack trace could show the token
        message = f"unexpected {type(error).__name__} in the promotion task: report it as a bug"
    message = line(message, secrets)
    print(f"error: {message}", file=sys.stderr, flush=True)
    if kubernetes:
        kubernetes.event("Warning", "PromotionFailed", message)
    return 1


if __name__ == "__main__":
    sys.exit(main(os.environ))
