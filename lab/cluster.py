"""A stand-in on loopback for the Kubernetes API, as far as the promotion task needs it. It is no cluster.

It answers the task's few reads from what a test or the demo says a stage runs, and takes the task's Events,
checking every request's token and role as the API server would. Nothing is scheduled, nothing rolls out.
"""

import json
import secrets
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import RLock, Thread
from types import TracebackType
from typing import Self
from uuid import uuid4

KEPTN = "lifecycle.keptn.sh/v1"
_REASONS = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 429: "TooManyRequests", 503: "ServiceUnavailable"}


@dataclass(frozen=True, order=True)
class Access:
    """One thing a role may allow: `Access("list", "apps", "deployments")`; the core API group is empty."""

    verb: str
    group: str
    resource: str


TASK_ROLE = frozenset(
    {
        Access("list", "apps", "deployments"),
        Access("get", "lifecycle.keptn.sh", "keptnapps"),
        Access("get", "lifecycle.keptn.sh", "keptnappversions"),
        Access("create", "", "events"),
    }
)
"""All that the promotion task does, and so all that its role has to allow."""


def accesses(rules: Iterable[Mapping[str, Iterable[str]]]) -> frozenset[Access]:
    """The rules of a Kubernetes Role (`apiGroups`, `resources`, `verbs`), one `Access` for each combination."""
    return frozenset(
        Access(verb, group, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )


@dataclass(frozen=True)
class Deployment:
    """A Deployment as the task sees it: the version in its pods' labels, and how far it has rolled out.

    `updated`, `available` and `total` (pods of any version) are what `replicas` is when None; `observed` is
    `generation` when None.
    """

    name: str
    version: str
    replicas: int = 1
    updated: int | None = None
    available: int | None = None
    total: int | None = None
    generation: int = 1
    observed: int | None = None

    def manifest(self, namespace: str, application: str) -> dict[str, object]:
        """The object as the API serves it. Zero counts are left out of the status, as Kubernetes does."""
        available = self.replicas if self.available is None else self.available
        counts = {
            "observedGeneration": self.generation if self.observed is None else self.observed,
            "replicas": self.replicas if self.total is None else self.total,
            "updatedReplicas": self.replicas if self.updated is None else self.updated,
            "availableReplicas": available,
            "readyReplicas": available,
            "unavailableReplicas": max(0, self.replicas - available),
        }
        labels = {"part-of": application, "name": self.name, "version": self.version}
        pods = {"metadata": {"labels": {f"app.kubernetes.io/{key}": value for key, value in labels.items()}}}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.name, "namespace": namespace, "generation": self.generation},
            "spec": {"replicas": self.replicas, "template": pods},
            "status": {key: count for key, count in counts.items() if count},
        }


@dataclass
class _Application:
    """A KeptnApp, its KeptnAppVersions by name, and the application's Deployments."""

    uid: str = field(default_factory=lambda: str(uuid4()))
    version: str = ""
    generation: int = 0
    rollouts: dict[str, dict[str, object]] = field(default_factory=dict)
    deployments: tuple[Deployment, ...] = ()


@dataclass(frozen=True)
class Failure:
    """An answer that the stand-in gives instead of the true one, once."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


class Cluster:
    """The stand-in, from `with` to the end of its block: `with Cluster() as cluster: …`.

    `allowed` is what the role of every namespace's service account allows. `requests` lists what was asked
    ("GET /apis/…"), `seen` the accesses that were asked for, `events` the Events that were left.
    """

    def __init__(self, allowed: frozenset[Access] = TASK_ROLE) -> None:
        self.allowed = allowed
        self.requests: list[str] = []
        self.seen: set[Access] = set()
        self.events: list[dict[str, object]] = []
        self.on_request: Callable[[str], None] = lambda _: None
        self._failures: list[Failure] = []
        self._applications: dict[tuple[str, str], _Application] = {}
        self._tokens: dict[str, str] = {}
        self._lock = RLock()
        self._folder = tempfile.TemporaryDirectory(prefix="lab-cluster-")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.02,), name="lab-cluster", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
        """Say what a stage runs; the name of its KeptnAppVersion comes back.

        As with the real operator a new KeptnAppVersion, with `metadata` (`commitID`), comes only of a new
        version; its name ends in the hash of the KeptnApp's generation. Without `deployments` there is one
        of one replica, named as the application and available or not.
        """
        with self._lock:
            app = self._applications.setdefault((namespace, application), _Application())
            if deployments is None:
                deployments = (Deployment(application, version, available=int(available)),)
            app.deployments = tuple(deployments)
            if version != app.version:
                app.version, app.generation = version, app.generation + 1
                spec = {"appName": application, "version": version, "metadata": dict(metadata or {})}
                app.rollouts[app_version_name(application, version, app.generation)] = {"spec": spec}
            return app_version_name(application, version, app.generation)

    def set_deployments(self, namespace: str, application: str, *deployments: Deployment) -> None:
        """Replace the Deployments of an application alone: what Keptn knows stays as it is."""
        with self._lock:
            self._applications[namespace, application].deployments = deployments

    def remove(self, namespace: str, application: str) -> None:
        """Take the application out of the stage."""
        with self._lock:
            del self._applications[namespace, application]

    def fail_next(self, status: int, headers: Mapping[str, str] | None = None, times: int = 1) -> None:
        """Answer the next `times` requests with a failure of that status."""
        with self._lock:
            self._failures += [Failure(status, headers or {})] * times

    def answer(
        self, method: str, path: str, token: str, body: Mapping[str, object]
    ) -> tuple[int, Mapping[str, str], Mapping[str, object]]:
        """Status, headers and JSON for one request; the handler below only moves bytes."""
        self.on_request(f"{method} {path}")
        with self._lock:
            self.requests.append(f"{method} {path}")
            if self._failures:
                failure = self._failures.pop(0)
                return failure.status, failure.headers, _status(failure.status, "the lab was told to fail")
            parts = path.split("?")[0].strip("/").split("/")
            group = parts[1] if parts[0] == "apis" else ""
            namespaced = parts[3:] if group else parts[2:]
            if len(namespaced) < 3 or namespaced[0] != "namespaces":
                return 404, {}, _status(404, "the lab serves namespaced resources only")
            namespace, resource, name = namespaced[1], namespaced[2], "/".join(namespaced[3:])
            access = Access("create" if method == "POST" else "get" if name else "list", group, resource)
            self.seen.add(access)
            account = self._tokens.get(token)
            if account is None:
                return 401, {}, _status(401, "Unauthorized")
            if account != namespace or access not in self.allowed:
                user = f"system:serviceaccount:{account}:promote"
                said = f'{resource} is forbidden: User "{user}" cannot {access.verb} it in namespace "{namespace}"'
                return 403, {}, _status(403, said)
            if access == Access("create", "", "events"):
                self.events.append(dict(body))
                return 201, {}, body
            found = self._read(namespace, resource, name)
            return (200, {}, found) if found else (404, {}, _status(404, f'{resource} "{name}" not found'))

    def _read(self, namespace: str, resource: str, name: str) -> Mapping[str, object] | None:
        apps = {label: app for (space, label), app in self._applications.items() if space == namespace}
        if resource == "deployments":
            items = [each.manifest(namespace, label) for label, app in apps.items() for each in app.deployments]
            return {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": items}
        if resource == "keptnappversions":
            return next((app.rollouts[name] for app in apps.values() if name in app.rollouts), None)
        if resource == "keptnapps" and name in apps:
            app = apps[name]
            workloads = [{"name": each.name, "version": each.version} for each in app.deployments]
            metadata = {"name": name, "namespace": namespace, "uid": app.uid, "generation": app.generation}
            spec = {"version": app.version, "workloads": workloads}
            return {"apiVersion": KEPTN, "kind": "KeptnApp", "metadata": metadata, "spec": spec}
        return None


def app_version_name(application: str, version: str, generation: int) -> str:
    """What Keptn names a KeptnAppVersion (`podtato-head-v0.3.1-d4735e3a`): the last part hashes the generation."""
    revision = sha256(str(generation).encode()).hexdigest()[:8]
    return f"{application}-{version}-{revision}".lower().replace("_", "-")


def _status(code: int, message: str) -> dict[str, object]:
    reason = _REASONS.get(code, "InternalError")
    return {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


def _handler(cluster: Cluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            status, headers, answer = cluster.answer(self.command, self.path, token, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: `Cluster.requests` has it."""

    return Handler
