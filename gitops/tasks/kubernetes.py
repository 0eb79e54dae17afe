"""The API server of the pod's own cluster, with the pod's own service account.

For the lab, `DELIVERY_KUBERNETES_URL` and `DELIVERY_SERVICE_ACCOUNT_DIR` replace both.
"""

import time
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from gitops.tasks.http_client import Budget, Client, PromotionError, send
from gitops.tasks.text import at


class Kubernetes:
    """The reads and the one write that the task's service account may do, all in its own namespace."""

    def __init__(self, environ: Mapping[str, str], budget: Budget) -> None:
        own = "/var/run/secrets/kubernetes.io/serviceaccount"
        account = Path(environ.get("DELIVERY_SERVICE_ACCOUNT_DIR", own))
        host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
        inside = f"https://{f'[{host}]' if ':' in host else host}:{port}"
        self.url, self.budget = environ.get("DELIVERY_KUBERNETES_URL") or inside, budget
        self.involved = {"apiVersion": "v1", "kind": "Pod", "name": environ.get("HOSTNAME") or "promote"}
        try:
            self.namespace, self.token = ((account / name).read_text().strip() for name in ("namespace", "token"))
        except (OSError, ValueError) as error:
            raise PromotionError(
                "this pod has no service account token: run `pulumi up --refresh --run-program` for this stage"
            ) from error
        self.client = Client({"Authorization": f"Bearer {self.token}"}, authority=str(account / "ca.crt"))

    def get(self, group: str, resource: str, key: str, kind: type) -> Any:
        """What a resource of this namespace has at `key`, which is of this kind; None when it is not there.

        `group` is an API group and its version, the core's `v1`; `resource` may have a query behind it.
        """
        url = f"{self.url}/{'apis' if '/' in group else 'api'}/{group}/namespaces/{self.namespace}/{resource}"
        answer = send(self.client, "GET", url, self.budget, lambda found: isinstance(at(found.document, key), kind))
        if answer.status == 404:
            return None
        if answer.status != 200:
            said = f"the cluster answers {answer.status} to a read of {resource.partition('?')[0]} in {self.namespace}"
            raise PromotionError(
                f"{said}: run `pulumi up --refresh --run-program` for this stage, which declares the task's role"
            )
        return answer.document

    def labelled(self, group: str, resource: str, **labels: str) -> list[Any]:
        """The resources of this namespace that have these labels, all of them below `delivery/`."""
        selector = ",".join(f"delivery/{name}={value}" for name, value in labels.items())
        found = self.get(group, f"{resource}?{urlencode({'labelSelector': selector})}", "items", list)
        return at(found, "items") or []

    def event(self, kind: str, reason: str, message: str) -> None:
        """Create an Event for what is `involved`: pods go, with their logs. No outcome depends on it."""
        now, space = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), {"namespace": self.namespace}
        body: dict[str, object] = {"metadata": {"generateName": "promote-"} | space}
        body |= {"involvedObject": self.involved | space}
        body |= {"type": kind, "reason": reason, "message": message, "source": {"component": "delivery-promote"}}
        body |= {"firstTimestamp": now, "lastTimestamp": now, "count": 1}
        url = f"{self.url}/api/v1/namespaces/{self.namespace}/events"
        try:
            status = self.client.request("POST", url, body, timeout=5).status
            said = "" if status == 201 else str(status)
        except (OSError, HTTPException, ValueError) as error:
            said = type(error).__name__
        if said:
            print(f"note: could not create the Event: {said}", flush=True)
