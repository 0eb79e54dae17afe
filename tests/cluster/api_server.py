"""A real kube-apiserver over a real etcd, on free loopback ports, with nothing else of a cluster.

No controller runs: nothing reconciles or collects garbage, and a deleted namespace ends only because
`remove_namespace` finishes it.
"""

import base64
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.cluster.programs import Program, started
from tests.definitions import has_keptn

ADMIN = "admin"
CONTEXT = "the-cluster"

Body = dict[str, Any]

_RESOURCES = {
    "Application": "apis/argoproj.io/v1alpha1/{}applications",
    "AppProject": "apis/argoproj.io/v1alpha1/{}appprojects",
    "ClusterRole": "apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "ConfigMap": "api/v1/{}configmaps",
    "CustomResourceDefinition": "apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "Deployment": "apis/apps/v1/{}deployments",
    "ReplicaSet": "apis/apps/v1/{}replicasets",
    "StatefulSet": "apis/apps/v1/{}statefulsets",
    "Endpoints": "api/v1/{}endpoints",
    "Ingress": "apis/networking.k8s.io/v1/{}ingresses",
    "Job": "apis/batch/v1/{}jobs",
    "KeptnApp": "apis/lifecycle.keptn.sh/v1/{}keptnapps",
    "KeptnAppContext": "apis/lifecycle.keptn.sh/v1/{}keptnappcontexts",
    "KeptnAppVersion": "apis/lifecycle.keptn.sh/v1/{}keptnappversions",
    "KeptnConfig": "apis/options.keptn.sh/v1alpha1/{}keptnconfigs",
    "KeptnTaskDefinition": "apis/lifecycle.keptn.sh/v1/{}keptntaskdefinitions",
    "MutatingWebhookConfiguration": "apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "Namespace": "api/v1/namespaces",
    "NetworkPolicy": "apis/networking.k8s.io/v1/{}networkpolicies",
    "Pod": "api/v1/{}pods",
    "Role": "apis/rbac.authorization.k8s.io/v1/{}roles",
    "RoleBinding": "apis/rbac.authorization.k8s.io/v1/{}rolebindings",
    "Secret": "api/v1/{}secrets",
    "Service": "api/v1/{}services",
    "ServiceAccount": "api/v1/{}serviceaccounts",
    "Stack": "apis/pulumi.com/v1/{}stacks",
    "ValidatingWebhookConfiguration": "apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
}
_NAMESPACED = tuple(kind for kind, path in _RESOURCES.items() if "{}" in path)


class Refused(Exception):  # noqa: N818 - an answer of the server, which a test may well want
    """The server's answer to something that it would not do: status and its own words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Etcd:
    """The store, for a `with` block. Several API servers may share it, each below a prefix of its own."""

    def __init__(self, assets: Path, folder: Path) -> None:
        self._assets, self._folder = assets, folder

    def __enter__(self) -> "Etcd":
        self._program, ports = started(self._start, lambda ports: _answers(f"http://127.0.0.1:{ports[0]}/readyz"), 2)
        self.url = f"http://127.0.0.1:{ports[0]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._program.stop()

    def _start(self, ports: Sequence[int]) -> Program:
        own, peer = (f"http://127.0.0.1:{port}" for port in ports)
        flags = {
            "data-dir": str(self._folder / f"etcd-{ports[0]}"),
            "listen-client-urls": own,
            "advertise-client-urls": own,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
        }
        command = [str(self._assets / "etcd"), "--unsafe-no-fsync", *_flags(flags)]
        return Program(command, self._folder / f"etcd-{ports[0]}.log")


class ApiServer:
    """One API server, for a `with` block. `users` have a token each, and no rights but those that RBAC gives them."""

    def __init__(self, assets: Path, etcd: Etcd, folder: Path, users: Sequence[str] = ()) -> None:
        self._assets, self._etcd, self._folder = assets, etcd, folder
        self._tokens = {user: secrets.token_hex(16) for user in (ADMIN, *users)}
        self.verification = "keptn"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {self._tokens[ADMIN]}"

    def __enter__(self) -> "ApiServer":
        self._folder.mkdir(parents=True)
        groups = {ADMIN: "system:masters"}
        lines = [f'{token},{user},{user},"{groups.get(user, "")}"\n' for user, token in self._tokens.items()]
        (self._folder / "tokens.csv").write_text("".join(lines), encoding="utf-8")
        (self._folder / "accounts.key").write_text(_new_key(), encoding="utf-8")
        self._certificate = self._folder / "certificates" / "apiserver.crt"
        self._session.verify = str(self._certificate)
        self._program, (port,) = started(self._start, lambda ports: self._is_ready(ports[0]), 1)
        self.url = f"https://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        self._program.stop()

    def kubeconfig(self, user: str = ADMIN, elsewhere: str = "") -> str:
        """A kubeconfig with the context `the-cluster` for `user`, as YAML.

        With the address `elsewhere`, a second context of that name is the current one; else none is.
        """
        trust = base64.b64encode(self._certificate.read_bytes()).decode()
        clusters = {CONTEXT: {"server": self.url, "certificate-authority-data": trust}}
        if elsewhere:
            clusters["elsewhere"] = {"server": elsewhere}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster} for name, cluster in clusters.items()],
            "users": [{"name": user, "user": {"token": self._tokens[user]}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": user}} for name in clusters],
            "current-context": "elsewhere" if elsewhere else "",
        }
        return yaml.safe_dump(document)

    def account(self, name: str) -> str:
        """A kubeconfig for a new account that may do anything, until `end_account`; see `kubeconfig`."""
        metadata = {"name": name, "namespace": "default"}
        self.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
        self.create(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": name},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"kind": "ServiceAccount", **metadata}],
            }
        )
        self._tokens[name] = self._token(name, "default")
        return self.kubeconfig(name)

    def kubeconfig_of(self, account: str, namespace: str) -> str:
        """A kubeconfig for a service account that is there, with the rights that it has; see `kubeconfig`."""
        name = f"{namespace}/{account}"
        self._tokens[name] = self._token(account, namespace)
        return self.kubeconfig(name)

    def mount(self, folder: Path, account: str, namespace: str) -> None:
        """Write what a pod of this service account finds in its folder: a token, the namespace, whom to trust."""
        (folder / "token").write_text(self._token(account, namespace), encoding="utf-8")
        (folder / "namespace").write_text(namespace, encoding="utf-8")
        (folder / "ca.crt").write_bytes(self._certificate.read_bytes())

    def end_account(self, name: str) -> None:
        """Delete an account, and wait until the server takes its token no more: it remembers one for 10 s."""
        self.delete("ServiceAccount", name, "default")
        headers = {"Authorization": f"Bearer {self._tokens.pop(name)}"}
        self._program.wait_for(
            lambda: self._session.get(f"{self.url}/api", headers=headers, timeout=5).status_code == 401
        )

    def get(self, kind: str, name: str, namespace: str = "") -> Body | None:
        """An object, or None."""
        with suppress(LookupError):
            return self._call("GET", f"{self._path(kind, namespace)}/{name}")
        return None

    def names(self, kind: str, namespace: str = "") -> list[str]:
        """The names of all objects of a kind: those in a namespace, else all."""
        return [item["metadata"]["name"] for item in self.items(kind, namespace)]

    def items(self, kind: str, namespace: str = "") -> list[Body]:
        """All objects of a kind: those in a namespace, else all."""
        return list(self._call("GET", self._path(kind, namespace))["items"])

    def metadata(self, kind: str) -> list[Body]:
        """The metadata of all objects of a kind, without the rest of them."""
        form = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        found = self._call("GET", self._path(kind), accepted=form)["items"]
        # Of this form none are null.
        return [item["metadata"] for item in found or ()]

    def merge(self, kind: str, name: str, body: Body, namespace: str = "", subresource: str = "") -> Body:
        """Change an object, or its status, by a merge patch. It is validated strictly."""
        path = f"{self._path(kind, namespace)}/{name}" + (f"/{subresource}" if subresource else "")
        return self._call("PATCH", path, body, "application/merge-patch+json", fieldValidation="Strict")

    def create(self, body: Body) -> Body:
        """Create an object, as somebody else would. It is validated strictly."""
        path = self._path(body["kind"], body["metadata"].get("namespace", ""))
        return self._call("POST", path, body, fieldValidation="Strict")

    def apply(self, body: Body, **query: str) -> Body:
        """Create an object, or change it to this, on the server's side. It is validated strictly. Raises `Refused`."""
        metadata = body["metadata"]
        path = f"{self._path(body['kind'], metadata.get('namespace', ''))}/{metadata['name']}"
        query = {"fieldValidation": "Strict", "fieldManager": "validation", "force": "true", **query}
        return self._call("PATCH", path, body, "application/apply-patch+yaml", **query)

    def validate(self, body: Body) -> Body:
        """The object as it would be once applied, validated strictly; nothing is stored. Raises `Refused`."""
        return self.apply(body, dryRun="All")

    def delete(self, kind: str, name: str, namespace: str = "") -> None:
        """Delete an object behind everybody's back."""
        self._call("DELETE", f"{self._path(kind, namespace)}/{name}")

    def may(self, user: str, attributes: Mapping[str, str]) -> bool:
        """Whether a user may do something, by RBAC."""
        body: Body = {"spec": {"user": user, "resourceAttributes": dict(attributes)}}
        answer = self._call("POST", "apis/authorization.k8s.io/v1/subjectaccessreviews", body)
        return bool(answer["status"]["allowed"])

    def remove_namespace(self, name: str) -> None:
        """Delete a namespace with all that is in it, as the controllers would that do not run here."""
        for kind in _NAMESPACED:
            # A kind that nothing defines here has no objects.
            with suppress(LookupError):
                self._call("DELETE", self._path(kind, name))
        body = self._call("DELETE", f"{self._path('Namespace')}/{name}")
        self._call("PUT", f"{self._path('Namespace')}/{name}/finalize", body | {"spec": {"finalizers": []}})

    @contextmanager
    def collecting(self, kind: str, namespace: str) -> Iterator[None]:
        """Within the block, finish what is deleted there, as the garbage collector would that does not run here.

        Pulumi deletes in the foreground, and waits until the collector has taken its finalizer away.
        """
        ended = threading.Event()

        def collect() -> None:
            while not ended.wait(0.1):
                for item in self._call("GET", self._path(kind, namespace))["items"]:
                    if "deletionTimestamp" in item["metadata"]:
                        path = f"{self._path(kind, namespace)}/{item['metadata']['name']}"
                        none = {"metadata": {"finalizers": None}}
                        self._call("PATCH", path, none, "application/merge-patch+json")

        with ThreadPoolExecutor(1) as beside:
            collected = beside.submit(collect)
            try:
                yield
            finally:
                ended.set()
            collected.result()

    def define(self, folder: Path) -> None:
        """Create every custom resource definition in a folder, and wait until the server serves them all.

        Without those of Keptn, `verification` is what can verify a stage there.
        """
        self.verification = "keptn" if has_keptn(folder) else "argocd"
        # The definition of an ApplicationSet is 1.4 MB of text.
        texts = [path.read_bytes() for path in sorted(folder.glob("*.yaml"))]
        self.define_all([yaml.load(text, Loader=yaml.CSafeLoader) for text in texts])

    def define_all(self, definitions: Sequence[Body]) -> None:
        """Create these custom resource definitions, and wait until the server serves them all."""
        for body in definitions:
            self._call("POST", self._path("CustomResourceDefinition"), body)
        for body in definitions:
            spec = body["spec"]
            versions = [version["name"] for version in spec["versions"] if version["served"]]
            for path in (f"apis/{spec['group']}/{version}/{spec['names']['plural']}" for version in versions):
                self._program.wait_for(partial(self._serves, path))

    def _token(self, account: str, namespace: str) -> str:
        path = f"{self._path('ServiceAccount', namespace)}/{account}/token"
        return str(self._call("POST", path, {"spec": {}})["status"]["token"])

    def _start(self, ports: Sequence[int]) -> Program:
        key = str(self._folder / "accounts.key")
        flags = {
            "etcd-servers": self._etcd.url,
            "etcd-prefix": f"/{self._folder.name}",
            "cert-dir": str(self._certificate.parent),
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "secure-port": str(ports[0]),
            "endpoint-reconciler-type": "none",
            "service-cluster-ip-range": "10.0.0.0/24",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": key,
            "service-account-signing-key-file": key,
            "token-auth-file": str(self._folder / "tokens.csv"),
            "authorization-mode": "RBAC",
            # Without a controller no namespace has its default account, and nothing here runs a pod.
            "disable-admission-plugins": "ServiceAccount",
        }
        return Program([str(self._assets / "kube-apiserver"), *_flags(flags)], self._folder / f"{ports[0]}.log")

    def _is_ready(self, port: int) -> bool:
        # It writes its certificate as it starts.
        with suppress(requests.RequestException, OSError):
            return self._session.get(f"https://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
        return False

    def _serves(self, path: str) -> bool:
        # First it does not know the path, then it is still setting up its storage.
        with suppress(LookupError, Refused):
            return bool(self._call("GET", path))
        return False

    def _path(self, kind: str, namespace: str = "") -> str:
        return _RESOURCES[kind].format(f"namespaces/{namespace}/" if namespace else "")

    def _call(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        content_type: str = "application/json",
        accepted: str = "application/json",
        **query: str,
    ) -> Body:
        headers = {"Content-Type": content_type, "Accept": accepted}
        response = self._session.request(
            method, f"{self.url}/{path}", params=query, json=body, headers=headers, timeout=30
        )
        answer: Body = response.json() if "json" in response.headers["Content-Type"] else {"message": response.text}
        if response.status_code == 404:
            raise LookupError(answer["message"])
        if not response.ok:
            raise Refused(response.status_code, answer["message"])
        return answer


def _answers(url: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(url, timeout=5).ok
    return False


def _flags(flags: Mapping[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]


def _new_key() -> str:
    """A private key on P-256 as PEM: a random number in the form of RFC 5915, so that no tool is needed for it."""
    der = bytes.fromhex("30310201010420") + secrets.token_bytes(32) + bytes.fromhex("a00a06082a8648ce3d030107")
    return f"-----BEGIN EC PRIVATE KEY-----\n{base64.encodebytes(der).decode()}-----END EC PRIVATE KEY-----\n"
