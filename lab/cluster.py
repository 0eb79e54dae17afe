"""A stand-in on loopback for the Kubernetes API, as far as the promotion task needs it. It is no cluster.

A test or the demo says what a stage runs; from that it answers the task's few reads. It also takes the task's
Events, and checks every request's token and role as the API server would. Nothing is scheduled, nothing rolls out.
"""

import json
import secrets
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import RLock, Thread
from typing import Self
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from lab.cluster_objects import TASK_ROLE, Access, Deployment, Job, app_version_name, status_object
from lab.json_handler import Answer, json_handler


@dataclass
class _Application:
    """A KeptnApp, its KeptnAppVersions by name, and the application's Deployments."""

    uid: str = field(default_factory=lambda: str(uuid4()))
    version: str = ""
    generation: int = 0
    workloads: list[dict[str, str]] = field(default_factory=list)
    rollouts: dict[str, dict[str, object]] = field(default_factory=dict)
    deployments: tuple[Deployment, ...] = ()


class Cluster:
    """The stand-in; it serves during a `with` statement: `with Cluster() as cluster: …`.

    `allowed` is what the role of a namespace's service account allows, unless `roles` has another for the namespace.
    `requests` lists the requests ("GET /apis/…"), `seen` the accesses that these needed, `events` the Events that were
    created.
    """

    def __init__(self) -> None:
        self.allowed = TASK_ROLE
        self.roles: dict[str, frozenset[Access]] = {}
        self.requests: list[str] = []
        self.seen: set[Access] = set()
        self.events: list[dict[str, object]] = []
        self._failures: list[tuple[int, Mapping[str, str]]] = []
        self._applications: dict[tuple[str, str], _Application] = {}
        self._jobs: dict[tuple[str, str], Job] = {}
        self._tokens: dict[str, str] = {}
        self._lock = RLock()
        self._folder = tempfile.TemporaryDirectory(prefix="lab-cluster-")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), json_handler(self.answer))

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.02,), name="lab-cluster", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    @property
    def url(self) -> str:
        """Where the stand-in listens, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def service_account_dir(self, namespace: str) -> Path:
        """A folder like the one Kubernetes mounts into a pod of `namespace`: files `token` and `namespace`."""
        with self._lock:
            folder = Path(self._folder.name) / namespace
            if not folder.exists():
                folder.mkdir()
                token = secrets.token_urlsafe(24)
                self._tokens[token] = namespace
                (folder / "token").write_text(token)
                (folder / "namespace").write_text(namespace)
        return folder

    def set_stage(
        self,
        namespace: str,
        application: str,
        version: str,
        *,
        available: bool = True,
        metadata: Mapping[str, str] | None = None,
        deployments: Iterable[Deployment] | None = None,
    ) -> str:
        """Say what a stage runs. Returns the name of its KeptnAppVersion.

        As with the real operator, only a new version makes a new KeptnAppVersion, with `metadata` (`commitID`); its
        name ends in the hash of the KeptnApp's generation. Keptn knows versions in lower case. Without `deployments`
        there is one Deployment of one replica, named like the application, and `available` or not.
        """
        with self._lock:
            app = self._applications.setdefault((namespace, application), _Application())
            if deployments is None:
                deployments = (Deployment(application, version, available=int(available)),)
            app.deployments, version = tuple(deployments), version.lower()
            if version != app.version:
                app.version, app.generation = version, app.generation + 1
                app.workloads = [{"name": found.name, "version": found.version.lower()} for found in app.deployments]
                spec = {"appName": application, "version": version, "metadata": dict(metadata or {})}
                app.rollouts[app_version_name(application, version, app.generation)] = {"spec": spec}
            return app_version_name(application, version, app.generation)

    def set_deployments(self, namespace: str, application: str, *deployments: Deployment) -> None:
        """Replace the Deployments of an application, and leave its Keptn objects as they are, if it has any."""
        with self._lock:
            self._applications.setdefault((namespace, application), _Application()).deployments = deployments

    def set_job(self, namespace: str, job: Job) -> None:
        """Put a Job there, with its pod, in the place of one of the same name."""
        with self._lock:
            self._jobs[namespace, job.name] = job

    def delete_job(self, namespace: str, name: str) -> None:
        """Delete a Job and its pod, where they are there."""
        with self._lock:
            self._jobs.pop((namespace, name), None)

    def remove(self, namespace: str, application: str) -> None:
        """Take the application out of the stage."""
        with self._lock:
            del self._applications[namespace, application]

    def fail_next(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        """Answer the next request with a failure of that status."""
        with self._lock:
            self._failures.append((status, headers or {}))

    def answer(self, method: str, path: str, token: str, body: str) -> Answer:
        """The answer to one request."""
        with self._lock:
            self.requests.append(f"{method} {path}")
            if self._failures:
                status, headers = self._failures.pop(0)
                return status, headers, status_object(status, "the lab was told to fail")
            group, namespaced = _split(path)
            if len(namespaced) < 3 or namespaced[0] != "namespaces":
                return 404, {}, status_object(404, "the lab serves namespaced resources only")
            namespace, resource, name = namespaced[1], namespaced[2], "/".join(namespaced[3:])
            access = Access("create" if method == "POST" else "get" if name else "list", group, resource)
            self.seen.add(access)
            account = self._tokens.get(token)
            if account is None:
                return 401, {}, status_object(401, "Unauthorized")
            if account != namespace or access not in self.roles.get(namespace, self.allowed):
                user = f"system:serviceaccount:{account}:promote"
                said = f'{resource} is forbidden: User "{user}" cannot {access.verb} it in namespace "{namespace}"'
                return 403, {}, status_object(403, said)
            if resource == "events":
                event = json.loads(body)
                self.events.append(event)
                return 201, {}, event
            found = self._read(namespace, resource, name)
            if found and not name:
                items, wanted = found["items"], parse_qs(urlsplit(path).query).get("labelSelector", [""])[0]
                assert isinstance(items, list)  # noqa: S101 - narrows what a list has
                found = {**found, "items": [item for item in items if _matches(item, wanted)]}
            return (200, {}, found) if found else (404, {}, status_object(404, f'{resource} "{name}" not found'))

    def _read(self, namespace: str, resource: str, name: str) -> Mapping[str, object] | None:
        apps = {label: app for (space, label), app in self._applications.items() if space == namespace}
        if resource in ("deployments", "statefulsets", "daemonsets"):
            found = [(label, one) for label, app in apps.items() for one in app.deployments if one.resource == resource]
            return {"apiVersion": "apps/v1", "items": [one.manifest(namespace, label) for label, one in found]}
        if resource == "replicasets":
            owners = [(label, one) for label, app in apps.items() for one in app.deployments]
            own = [(label, one) for label, one in owners if one.resource == "deployments"]
            return {"apiVersion": "apps/v1", "items": [one.replica_set(namespace, label) for label, one in own]}
        jobs = [job for (space, _), job in self._jobs.items() if space == namespace]
        if resource == "jobs":
            return {"apiVersion": "batch/v1", "items": [job.manifest(namespace) for job in jobs]}
        if resource == "pods":
            return {"apiVersion": "v1", "items": [job.pod(namespace) for job in jobs]}
        if resource == "keptnappversions":
            return next((app.rollouts[name] for app in apps.values() if name in app.rollouts), None)
        if resource == "keptnapps" and name in apps and apps[name].version:
            app = apps[name]
            metadata = {"name": name, "namespace": namespace, "uid": app.uid, "generation": app.generation}
            spec = {"version": app.version, "workloads": app.workloads}
            return {"apiVersion": "lifecycle.keptn.sh/v1", "kind": "KeptnApp", "metadata": metadata, "spec": spec}
        return None


def _split(path: str) -> tuple[str, list[str]]:
    """The API group of a path (empty for the core group), and what follows the version."""
    parts = path.split("?")[0].strip("/").split("/")
    return (parts[1], parts[3:]) if parts[0] == "apis" else ("", parts[2:])


def _matches(item: Mapping[str, Mapping[str, Mapping[str, str]]], selector: str) -> bool:
    """Whether an object has all labels of a selector, which is made of `name=value` alone."""
    labels = {f"{name}={value}" for name, value in item["metadata"].get("labels", {}).items()}
    return labels >= set(filter(None, selector.split(",")))
