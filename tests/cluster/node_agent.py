"""Stands in for what a cluster has around its API server: kubelets, the workloads' controllers, the garbage collector.

It runs nothing. What it writes into a status is what those would write, by the API server's own rules.
"""

from contextlib import suppress
from datetime import UTC, datetime

from tests.cluster.api_server import ApiServer, Body, Refused

CONFLICT = 409
REASON = "BackoffLimitExceeded"


class NodeAgent:
    """The Deployments and Jobs of one namespace. A Job succeeds unless `failing` has a message for its name.

    `rollout` is how Deployments end: available, degraded, or not yet (progressing). `ended` are the names of what has
    ended, in that order, and `jobs` the Jobs among them, as they were.
    """

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self._server, self.namespace = server, namespace
        self.failing: dict[str, str] = {}
        self.rollout = "available"
        self.ended: list[str] = []
        self.jobs: list[Body] = []
        self._settled: set[tuple[str, int]] = set()

    def work(self) -> None:
        """Look once, and do what there is to do."""
        for body in self._server.items("Deployment", self.namespace):
            if self.rollout != "progressing":
                self._settle("Deployment", body, self._rolled_out(body))
        for body in self._server.items("Job", self.namespace):
            if "deletionTimestamp" in body["metadata"]:
                self._collect(body)
            elif self._settle("Job", body, self._finished(body)):
                self.jobs.append(body)

    def _settle(self, kind: str, body: Body, status: Body) -> bool:
        metadata = body["metadata"]
        generation = metadata["uid"], metadata["generation"]
        if generation in self._settled:
            return False
        change = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": status}
        try:
            self._server.merge(kind, metadata["name"], change, self.namespace, "status")
        except LookupError:
            return False
        except Refused as error:
            # Changed in between: it is looked at again.
            if error.status != CONFLICT:
                raise
            return False
        self._settled.add(generation)
        self.ended.append(metadata["name"])
        return True

    def _rolled_out(self, body: Body) -> Body:
        counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        status: Body = {"observedGeneration": body["metadata"]["generation"]}
        if self.rollout == "available":
            conditions = [_condition("Progressing", "NewReplicaSetAvailable"), _condition("Available")]
            return status | dict.fromkeys(counts, body["spec"]["replicas"]) | {"conditions": conditions}
        late = _condition("Progressing", "ProgressDeadlineExceeded", "it has timed out progressing") | {
            "status": "False"
        }
        return status | {"conditions": [late]}

    def _finished(self, body: Body) -> Body:
        message = self.failing.get(body["metadata"]["name"])
        if message is not None:
            ending = [_condition(kind, REASON, message) for kind in ("FailureTarget", "Failed")]
            return {"startTime": _now(), "failed": 1, "conditions": ending}
        ending = [_condition(kind, "CompletionsReached") for kind in ("SuccessCriteriaMet", "Complete")]
        return {"startTime": _now(), "completionTime": _now(), "succeeded": 1, "conditions": ending}

    def _collect(self, body: Body) -> None:
        """What is deleted in the foreground goes once nothing is left that it owns."""
        metadata = body["metadata"]
        left = [name for name in metadata.get("finalizers", ()) if name != "foregroundDeletion"]
        with suppress(LookupError):
            self._server.merge("Job", metadata["name"], {"metadata": {"finalizers": left}}, self.namespace)


def _condition(kind: str, reason: str = "Observed", message: str = "") -> Body:
    return {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": _now()}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
