"""A stand-in on loopback for the Kubernetes API, as far as somebody reads it who wants to know what a cluster has.

It serves what a test puts into `objects`, by path, and answers the two reviews of rights from `rights`.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import yaml

from delivery.config.files import read_stack_config
from delivery.config.reader import parse
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration
from lab.engine import PROGRAM

TOKEN = "token-of-the-cluster"
CONTEXT = "the-cluster"
ARGOCD = "/apis/argoproj.io/v1alpha1/namespaces/argocd"
"""Where Argo CD's own objects are."""

Body = dict[str, Any]


def rule(verbs: str, groups: str, resources: str) -> Body:
    """A rule of RBAC, each part a list with spaces between; `core` is the group without a name."""
    named = ["" if group == "core" else group for group in groups.split()]
    return {"verbs": verbs.split(), "apiGroups": named, "resources": resources.split()}


def workload(name: str, namespace: str, image: str, ready: int = 1, **environment: str) -> Body:
    """A Deployment or StatefulSet with one container."""
    variables: list[Body] = [{"name": key, "value": value} for key, value in environment.items()]
    variables.append({"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}})
    pods = {"spec": {"containers": [{"name": name, "image": image, "env": variables}]}}
    metadata = {"name": name, "namespace": namespace}
    return {"metadata": metadata, "spec": {"template": pods}, "status": {"readyReplicas": ready} if ready else {}}


def resources(*names: str) -> Body:
    """What discovery answers for a group's version."""
    return {"kind": "APIResourceList", "resources": [{"name": name} for name in names]}


def healthy() -> Body:
    """A cluster with all that a stack needs, by path."""
    operator = workload("lifecycle-operator", "keptn-system", "ghcr.io/keptn/lifecycle-operator:v2.0.0",
                        PROMOTION_TASKS_ENABLED="true")  # fmt: skip
    controller = workload("argocd-application-controller", "argocd", "quay.io:443/argoproj/argocd:v3.1.0@sha256:00")
    config = {"metadata": {"name": "keptn", "namespace": "keptn-system"}, "spec": {"OTelCollectorUrl": "otel:4317"}}
    return {
        "/version": {"gitVersion": "v1.37.2"},
        "/api/v1/namespaces/argocd": {"metadata": {"name": "argocd"}},
        "/apis/argoproj.io": {"versions": [{"version": "v1alpha1"}]},
        "/apis/argoproj.io/v1alpha1": resources("applications", "applications/status"),
        f"{ARGOCD}/appprojects/default": {
            "spec": {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]}
        },
        "/apis/lifecycle.keptn.sh": {"versions": [{"version": "v1"}, {"version": "v1beta1"}]},
        "/apis/lifecycle.keptn.sh/v1": resources(
            "keptntaskdefinitions", "keptnappcontexts", "keptnapps", "keptnappversions"
        ),
        "/apis/options.keptn.sh/v1alpha1/keptnconfigs": {"items": [config]},
        "/apis/apps/v1/deployments": {"items": [operator]},
        "/apis/apps/v1/namespaces/argocd/statefulsets": {"items": [controller]},
        "/apis/apps/v1/namespaces/argocd/deployments": {"items": []},
    }


@dataclass
class KubernetesApi:
    """What the stand-in says. An int in `objects` is a status without an object.

    `rules` hold in every namespace, `lists_rules` says whether the server can list them, `cluster_rules` hold for
    things outside any namespace. The first `busy` requests are asked for patience. `requests` are "METHOD path" with
    the query, `accepted` their `Accept`.
    """

    objects: Body = field(default_factory=healthy)
    rules: list[Body] = field(default_factory=lambda: [rule("*", "*", "*")])
    cluster_rules: list[Body] = field(default_factory=lambda: [rule("*", "*", "*")])
    lists_rules: bool = True
    reviews: bool = True
    busy: int = 0
    url: str = ""
    requests: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)

    def kubeconfig(self, token: str = TOKEN, server: str = "") -> SecretText:
        """A kubeconfig for this server, whose current context is another one."""
        contexts = [{"name": name, "context": {"cluster": name, "user": "me"}} for name in (CONTEXT, "elsewhere")]
        clusters = [
            {"name": CONTEXT, "cluster": {"server": server or self.url}},
            {"name": "elsewhere", "cluster": {"server": "http://127.0.0.1:1"}},
        ]
        users = [{"name": "me", "user": {"token": token}}]
        document = {"contexts": contexts, "clusters": clusters, "users": users, "current-context": "elsewhere"}
        return SecretText(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **document}))

    def answer(self, method: str, target: str, token: str, body: Body) -> tuple[int, Body]:
        """Status and object for one request."""
        self.requests.append(f"{method} {target}")
        path, _, query = target.partition("?")
        if token != TOKEN:
            return 401, {"kind": "Status", "message": "Unauthorized"}
        if method == "POST":
            return self._review(path.rpartition("/")[2], body)
        if self.busy:
            self.busy -= 1
            return 429, {"kind": "Status", "message": "storage is (re)initializing"}
        found = self.objects.get(path, 404)
        if isinstance(found, int):
            return found, {"kind": "Status", "message": f"{path} is forbidden to {token}\nand more"}
        if selector := parse_qs(query).get("labelSelector"):
            found = found | {"items": [item for item in found["items"] if _selected(item, selector[0])]}
        return 200, found

    def _review(self, kind: str, body: Body) -> tuple[int, Body]:
        if not self.reviews:
            return 403, {"kind": "Status", "message": "reviews are forbidden"}
        if kind == "selfsubjectrulesreviews":
            listed = self.rules if self.lists_rules else []
            return 201, {"status": {"resourceRules": listed, "incomplete": not self.lists_rules}}
        asked = body["spec"]["resourceAttributes"]
        rules = self.rules if asked["namespace"] else self.cluster_rules
        parts = (("verb", "verbs"), ("group", "apiGroups"), ("resource", "resources"))
        allowed = any(
            all({asked[part], "*"} & set(each[key]) for part, key in parts)
            for each in rules
            if "resourceNames" not in each
        )
        return 201, {"status": {"allowed": allowed}}


def _selected(item: Body, selector: str) -> bool:
    """Whether an object has the labels; one without any stands for whatever is looked for."""
    labels = item.get("metadata", {}).get("labels")
    wanted = re.findall(r"([\w./-]+)=([\w.-]+)", selector)
    return labels is None or all(labels.get(key) == value for key, value in wanted)


@contextmanager
def kubernetes_api() -> Iterator[KubernetesApi]:
    """A healthy cluster, to be made ill by the test."""
    api = KubernetesApi()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            api.accepted.append(self.headers.get("Accept") or "")
            status, answer = api.answer(self.command, self.path, token, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _serve  # noqa: N815 - the names that the server looks for

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()


def configured(stack: str = "dev", **keys: str) -> StackConfiguration:
    """The project's own configuration of `stack`, for the stand-in's context, with more keys of `delivery:`."""
    values = {key.removeprefix("delivery:"): text for key, text in read_stack_config(PROGRAM, stack).values.items()}
    return parse(values | {"kubeContext": CONTEXT, "repositoryOwner": "acme"} | keys, stack)
