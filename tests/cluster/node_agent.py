"""Stands in for what a cluster has around its API server: kubelets, the workloads' controllers, the garbage collector.

What it writes into a status is what those would write, by the API server's own rules. No image is pulled: a Job ends as
it was told, or its command runs as a process of this machine, once.
"""

import base64
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from tests.cluster.api_server import ApiServer, Body, Refused

CONFLICT = 409
REASON = "BackoffLimitExceeded"


class NodeAgent:
    """The Deployments and Jobs of one namespace. A Job succeeds unless `failing` has a message for its name.

    Where it `runs` Jobs, the command of each decides, with its environment and the token of its account. `rollout` is
    how Deployments end: available, degraded, or not yet (progressing). `ended` are the names of what has ended, in that
    order, and `jobs` the Jobs among them, as they were.
    """

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self._server, self.namespace = server, namespace
        self.failing: dict[str, str] = {}
        self.rollout = "available"
        self.runs = False
        self.ended: list[str] = []
        self.jobs: list[Body] = []
        self._settled: set[tuple[str, int]] = set()

    def work(self) -> None:
        """Look once, and do what there is to do."""
        for body in self._server.items("Deployment", self.namespace):
            if self.rollout != "progressing":
                self._settle("Deployment", body, self._rolled_out)
        for body in self._server.items("Job", self.namespace):
            if "deletionTimestamp" in body["metadata"]:
                self._collect(body)
            elif self._settle("Job", body, self._finished):
                self.jobs.append(body)

    def _settle(self, kind: str, body: Body, end: Callable[[Body], Body]) -> bool:
        metadata = body["metadata"]
        generation = metadata["uid"], metadata["generation"]
        if generation in self._settled:
            return False
        change = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": end(body)}
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
        count, observed = body["spec"]["replicas"], {"observedGeneration": body["metadata"]["generation"]}
        ready = {"readyReplicas": count, "availableReplicas": count}
        if self.rollout == "available":
            conditions = [condition("Progressing", "NewReplicaSetAvailable"), condition("Available")]
            all_new = {"replicas": count, "updatedReplicas": count, "unavailableReplicas": 0}
            return observed | ready | all_new | {"conditions": conditions}
        # The old pods serve on, the first new one does not get ready.
        one_more = {"replicas": count + 1, "updatedReplicas": 1, "unavailableReplicas": 1}
        late = condition("Progressing", "ProgressDeadlineExceeded") | {"status": "False"}
        return observed | ready | one_more | {"conditions": [late]}

    def _finished(self, body: Body) -> Body:
        began, message = _now(), self.failing.get(body["metadata"]["name"])
        if message is None and self.runs:
            message = self._run(body)
        if message is not None:
            ending = [condition(kind, REASON, message) for kind in ("FailureTarget", "Failed")]
            return {"startTime": began, "failed": 1, "conditions": ending}
        ending = [condition(kind, "CompletionsReached") for kind in ("SuccessCriteriaMet", "Complete")]
        return {"startTime": began, "completionTime": _now(), "succeeded": 1, "conditions": ending}

    def _run(self, job: Body) -> str | None:
        """Run a Job's container. One that fails leaves a pod that says why, and the Job's message is returned."""
        spec = job["spec"]["template"]["spec"]
        container: Body = spec["containers"][0]
        environ = {"PATH": os.defpath, "NO_PROXY": "127.0.0.1"}
        environ |= {each["name"]: self._value(each) for each in container["env"]}
        with tempfile.TemporaryDirectory() as folder:
            if account := spec.get("serviceAccountName"):
                self._server.mount(Path(folder), account, self.namespace)
                environ |= {"DELIVERY_KUBERNETES_URL": self._server.url, "DELIVERY_SERVICE_ACCOUNT_DIR": folder}
            command: list[str] = [*container["command"], *(_expanded(text) for text in container["args"])]
            assert command[0] == "python"
            done = subprocess.run(
                [sys.executable, *command[1:]],
                env=environ,
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=job["spec"]["activeDeadlineSeconds"],
            )
        if not done.returncode:
            return None
        self._leave_pod(job, done.returncode, done.stdout)
        return "Job has reached the specified backoff limit"

    def _value(self, variable: Body) -> str:
        if "valueFrom" not in variable:
            return _expanded(variable.get("value", ""))
        wanted = variable["valueFrom"]["secretKeyRef"]
        secret = self._server.get("Secret", wanted["name"], self.namespace)
        return base64.b64decode(secret["data"][wanted["key"]]).decode() if secret else ""

    def _leave_pod(self, job: Body, code: int, output: str) -> None:
        name, template = job["metadata"]["name"], job["spec"]["template"]
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"]}
        metadata = {"generateName": f"{name}-", "namespace": self.namespace, "labels": template["metadata"]["labels"]}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata | {"ownerReferences": [owner]}}
        pod = self._server.create(body | {"spec": template["spec"]})
        said = {"exitCode": code, "reason": "Error", "message": output, "startedAt": _now(), "finishedAt": _now()}
        container = {"name": "task", "image": "", "imageID": "", "ready": False, "restartCount": 0}
        status = {"phase": "Failed", "containerStatuses": [container | {"state": {"terminated": said}}]}
        self._server.merge("Pod", pod["metadata"]["name"], {"status": status}, self.namespace, "status")

    def _collect(self, body: Body) -> None:
        """What is deleted in the foreground goes once nothing is left that it owns."""
        metadata = body["metadata"]
        left = [name for name in metadata.get("finalizers", ()) if name != "foregroundDeletion"]
        for pod in self._server.items("Pod", self.namespace):
            if metadata["uid"] in (owner["uid"] for owner in pod["metadata"].get("ownerReferences", ())):
                self._server.delete("Pod", pod["metadata"]["name"], self.namespace)
        with suppress(LookupError):
            self._server.merge("Job", metadata["name"], {"metadata": {"finalizers": left}}, self.namespace)


def condition(kind: str, reason: str = "Observed", message: str = "") -> Body:
    """A condition that is true since now."""
    return {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": _now()}


def _expanded(text: str) -> str:
    """Kubernetes takes `$$` for a dollar, and a variable's name in `$()` for its value: here none is named."""
    return text.replace("$$", "$")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
