"""How the hooks of a sync by Argo CD went, and the rollouts between them, as the stage's cluster tells it.

Only the hooks' Jobs tell it: nothing in a SyncFail hook says why the sync failed. A Job stays until the same hook runs
again, so those of earlier syncs are there too. (Seen with Argo CD 3.5.)
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gitops.tasks.inputs import Promotion
from gitops.tasks.kubernetes import Kubernetes
from gitops.tasks.text import at, line, without_passwords
from gitops.tasks.trace import TaskRun
from gitops.tasks.verification import lacking

FRESH = 300 * 10**9
"""Nanoseconds before the SyncFail hook was created; it follows the hook that failed at once."""
LONGEST_ROLLOUT = 3600 * 10**9
PROMOTE, FAILED = "promote", "record-failure"
ORDER = {"PreSync": "pre", "PostSync": "post"}
HOOK = "argocd.argoproj.io/hook"
WAVE = "argocd.argoproj.io/sync-wave"


@dataclass(frozen=True)
class Failure:
    """Why a sync failed: one line for people, and a kind, of few different values. `hook` is the hook that failed."""

    reason: str
    kind: str = "SyncFailed"
    hook: str = ""


def moment(value: Any) -> int:
    """A time of the API in nanoseconds since 1970; 0 when it has none."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return 0
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()) * 10**9


def condition(thing: Any, kind: str) -> Any:
    """The condition of this kind that holds; None where there is none."""
    found = at(thing, "status", "conditions")
    held = (one for one in (found if isinstance(found, list) else ()) if at(one, "status") == "True")
    return next((one for one in held if at(one, "type") == kind), None)


def task_of(job: Any) -> str:
    """The name of the hook."""
    return str(at(job, "metadata", "labels", "delivery/task"))


def started(job: Any) -> int:
    """When a Job began; 0 when it has not."""
    return moment(at(job, "status", "startTime"))


def hook_jobs(promotion: Promotion, kubernetes: Kubernetes) -> list[Any]:
    """The Jobs of the application's hooks that ran for this commit."""
    return [
        job
        for job in kubernetes.labelled("batch/v1", "jobs", application=promotion.application)
        if at(job, "metadata", "annotations", "delivery/commit") == promotion.commit
    ]


def task_runs(jobs: list[Any], workloads: list[Any], replica_sets: list[Any], now: int) -> tuple[TaskRun, ...]:
    """The hooks of the newest sync and the rollouts in it. What has no known time is left out."""
    hooks = [job for job in jobs if at(job, "metadata", "annotations", HOOK) in ORDER and started(job)]
    hooks.sort(key=lambda job: (list(ORDER).index(at(job, "metadata", "annotations", HOOK)), wave(job)))
    # The first hook runs in every sync. What began before it is of an earlier one, for the same commit.
    since = started(hooks[0]) if hooks else 0
    runs = []
    for job in hooks:
        failed = condition(job, "Failed")
        ended = moment(at(failed, "lastTransitionTime")) or moment(at(job, "status", "completionTime"))
        name, phase = task_of(job), ORDER[at(job, "metadata", "annotations", HOOK)]
        if name == PROMOTE:
            phase, ended = "promotion", ended or now
        if started(job) >= since and ended:
            runs.append(TaskRun(name, phase, started(job), ended, str(at(failed, "reason")) if failed else ""))  # type: ignore[arg-type]
    first = since if any(run.phase == "pre" for run in runs) else now - LONGEST_ROLLOUT
    return (*runs, *filter(None, (rollout(one, replica_sets, first) for one in workloads)))


def wave(job: Any) -> int:
    """Hooks of a phase run by their waves."""
    said = str(at(job, "metadata", "annotations", WAVE))
    return int(said) if said.removeprefix("-").isdecimal() else 0


def rollout(workload: Any, replica_sets: list[Any], since: int) -> TaskRun | None:
    """The rollout of a Deployment; None where its times are not known, or it was before this sync."""
    name = at(workload, "metadata", "name")
    own = [one for one in replica_sets if name in owners(one)]
    # An older ReplicaSet that is used again, as by a rollback, was not created by this rollout.
    newest = max((moment(at(one, "metadata", "creationTimestamp")) for one in own), default=0)
    progress = condition(workload, "Progressing")
    done = at(progress, "reason") == "NewReplicaSetAvailable"
    ended = moment(at(progress, "lastUpdateTime")) if done else 0
    if workload["kind"] != "Deployment" or newest < since or ended < newest:
        return None
    return TaskRun(str(name), "deploy", newest, ended)


def owners(replica_set: Any) -> list[Any]:
    """The names of the Deployments that own it."""
    found = at(replica_set, "metadata", "ownerReferences")
    return [at(one, "name") for one in (found if isinstance(found, list) else ()) if at(one, "kind") == "Deployment"]


def why_it_failed(promotion: Promotion, kubernetes: Kubernetes, jobs: list[Any], workloads: list[Any]) -> Failure:
    """Why the sync of this commit failed, as far as the cluster tells it."""
    own = max((moment(at(job, "metadata", "creationTimestamp")) for job in jobs if task_of(job) == FAILED), default=0)
    failed = [(moment(at(found, "lastTransitionTime")), job) for job in jobs if (found := condition(job, "Failed"))]
    recent = [(when, job) for when, job in failed if task_of(job) != FAILED and when >= own - FRESH]
    job = max(recent, key=lambda found: found[0])[1] if recent else None
    lacks = lacking(workloads)
    if job is None or (task_of(job) == PROMOTE and lacks):
        return Failure(lacks or "the sync failed, and no hook did: `argocd app get` shows what Argo CD says", hook="")
    found = condition(job, "Failed")
    said = last_words(promotion, kubernetes, task_of(job)) or str(at(found, "message") or at(found, "reason"))
    # That of the project's own tasks begins so; the record says `failure` already.
    said = said.removeprefix("error: ")
    return Failure(f"{task_of(job)}: {line(without_passwords(said))}", str(at(found, "reason")), task_of(job))


def last_words(promotion: Promotion, kubernetes: Kubernetes, task: str) -> str:
    """The last line that a hook's container wrote, when its last pod ended; empty where no pod is left."""
    ends = [
        at(one, "state", "terminated")
        for pod in kubernetes.labelled("v1", "pods", application=promotion.application, task=task)
        for one in at(pod, "status", "containerStatuses") or ()
    ]
    last = max(filter(None, ends), key=lambda end: moment(at(end, "finishedAt")), default=None)
    lines = [text for text in str(at(last, "message") or "").splitlines() if text.strip()]
    return lines[-1] if lines else ""
