"""Stands in for a cluster's controllers, for what `pulumi up` and `destroy` wait for: rollouts, endpoints, deletions.

It writes what those would write, by the API server's own rules; no pod runs. A thread of its own looks again and again,
for a watch would be the same with more to it.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from tests.cluster.api_server import ApiServer, Body, Refused
from tests.cluster.node_agent import condition

_REVISION = "deployment.kubernetes.io/revision"
_SECONDS = 0.25
_DELETED = (
    *("Deployment", "StatefulSet", "ReplicaSet", "Service", "Endpoints", "ConfigMap", "Secret", "ServiceAccount"),
    *("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "NetworkPolicy"),
    *("Application", "KeptnTaskDefinition", "KeptnAppVersion"),
    *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "KeptnConfig", "CustomResourceDefinition"),
    "Namespace",
)


class Controllers:
    """Those of one API server, for a `with` block: every workload becomes ready, every deletion ends."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._ended = threading.Event()
        self._settled: set[tuple[str, int]] = set()

    def __enter__(self) -> "Controllers":
        self._beside = ThreadPoolExecutor(1)
        self._worked = self._beside.submit(self._work)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._worked.result()
        self._beside.shutdown()

    def _work(self) -> None:
        while not self._ended.wait(_SECONDS):
            self.look()

    def look(self) -> None:
        """Look once, and do what there is to do."""
        for kind, settle in (
            ("Deployment", self._roll_out),
            ("StatefulSet", self._start),
            ("Service", self._find_pods),
        ):
            for body in self._server.items(kind):
                about = body["metadata"]["uid"], body["metadata"].get("generation", 1)
                if about not in self._settled and "deletionTimestamp" not in body["metadata"]:
                    # Changed or deleted in between: it is looked at again.
                    with suppress(LookupError, Refused):
                        self._settled |= {about, (about[0], settle(body))}
        self._delete()

    def _roll_out(self, body: Body) -> int:
        """Returns the generation that is rolled out then."""
        metadata, spec = body["metadata"], body["spec"]
        revision = str(metadata["generation"])
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"], "uid": metadata["uid"]}
        about = {
            "name": f"{metadata['name']}-{revision}",
            "namespace": metadata["namespace"],
            "annotations": {_REVISION: revision},
            "ownerReferences": [owner | {"controller": True}],
        }
        of_pods = {key: spec[key] for key in ("replicas", "selector", "template")}
        self._server.create({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": about, "spec": of_pods})
        ready = {"replicas": spec["replicas"], "readyReplicas": spec["replicas"], "availableReplicas": spec["replicas"]}
        self._status("ReplicaSet", about, {"observedGeneration": 1, **ready})
        # To annotate a Deployment is to change it.
        annotated = {"metadata": {"annotations": {_REVISION: revision}}}
        metadata = self._server.merge("Deployment", metadata["name"], annotated, metadata["namespace"])["metadata"]
        conditions = [condition("Progressing", "NewReplicaSetAvailable"), condition("Available")]
        status = {"observedGeneration": metadata["generation"], "updatedReplicas": spec["replicas"], **ready}
        self._status("Deployment", metadata, {**status, "conditions": conditions})
        return int(metadata["generation"])

    def _start(self, body: Body) -> int:
        metadata, count = body["metadata"], body["spec"]["replicas"]
        revision = f"{metadata['name']}-{metadata['generation']}"
        ready = dict.fromkeys(("replicas", "readyReplicas", "currentReplicas", "updatedReplicas"), count)
        revisions = {"currentRevision": revision, "updateRevision": revision}
        status = {"observedGeneration": metadata["generation"], **ready, **revisions, "availableReplicas": count}
        self._status("StatefulSet", metadata, status)
        return int(metadata["generation"])

    def _find_pods(self, body: Body) -> int:
        about = {key: body["metadata"][key] for key in ("name", "namespace")}
        if body["spec"].get("selector"):
            subset = {"addresses": [{"ip": "10.1.0.1"}], "ports": [{"port": 1}]}
            self._server.create({"apiVersion": "v1", "kind": "Endpoints", "metadata": about, "subsets": [subset]})
        return 1

    def _status(self, kind: str, metadata: Body, status: Body) -> None:
        self._server.merge(kind, metadata["name"], {"status": status}, metadata["namespace"], "status")

    def _delete(self) -> None:
        """What is deleted in the foreground, as Pulumi does, goes once its finalizer is taken away."""
        for kind in _DELETED:
            # A kind that nothing defines, or nothing any more; or the server is not ready to list it.
            with suppress(LookupError, Refused):
                for metadata in self._server.metadata(kind):
                    self._finish(kind, metadata)
        for metadata in self._server.metadata("Namespace"):
            if "deletionTimestamp" in metadata:
                with suppress(LookupError, Refused):
                    self._server.remove_namespace(metadata["name"])

    def _finish(self, kind: str, metadata: Body) -> None:
        left = [name for name in metadata.get("finalizers", ()) if name != "foregroundDeletion"]
        if "deletionTimestamp" not in metadata or left == metadata.get("finalizers", []):
            return
        change = {"metadata": {"finalizers": left, "resourceVersion": metadata["resourceVersion"]}}
        # Changed or gone in between: it is looked at again.
        with suppress(LookupError, Refused):
            self._server.merge(kind, metadata["name"], change, metadata.get("namespace", ""))
