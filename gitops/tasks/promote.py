"""The promotion task: one file that Keptn's python runtime runs when it has verified a stage.

Keptn also runs it for versions that are pending, superseded or no longer deployed. So it first asks the cluster
whether the stage runs this version now, fully available, and only then starts the promotion workflow, once for each
target stage. Run again (Keptn's retries, a restart) it starts the workflow again, which the promoter expects.
Input is `DATA` (the task definition's parameters), `SECURE_DATA` (the secret) and `KEPTN_CONTEXT`. For the lab,
`DELIVERY_KUBERNETES_URL` and `DELIVERY_SERVICE_ACCOUNT_DIR` replace the pod's own API server and account.
"""

import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import requests

MASK = "[secret]"
POLL_SECONDS = 5.0
PASSING = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
DNS_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
TASK_FIX = "correct the stack's configuration and run `pulumi up`"
SECRET_FIX = "set it in the stack's configuration and run `pulumi up`, which writes secret github-token"  # noqa: S105
FIELDS = {  # a field of the three variables: what it matches as a whole, and what to do when it does not
    "appVersion": (r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", "give the workload a version label"),
    "commitID": (r"[0-9a-f]{40}|[0-9a-f]{64}", "Argo CD's Helm parameter commitID=$ARGOCD_APP_REVISION sets it"),
    "application": (DNS_LABEL, TASK_FIX),
    "from": (DNS_LABEL, TASK_FIX),
    "to": (rf"{DNS_LABEL}(, *{DNS_LABEL})*", TASK_FIX),
    # The token travels there: https, or this very machine (the lab).
    "apiUrl": (r"(https://[^\s/?#@]+|http://(127\.0\.0\.1|localhost)(:\d+)?)(/[^\s?#]*)?", TASK_FIX),
    "workflow": (r"[A-Za-z0-9._-]+\.ya?ml", TASK_FIX),
    "ref": (r"[^\s~^:?*\[\\\x00-\x1f\x7f]+", TASK_FIX),
    "timeout": (r"[1-9][0-9]{0,4}", TASK_FIX),
    "githubRepoOwner": (r"[A-Za-z0-9][A-Za-z0-9_-]*", SECRET_FIX),
    "githubRepo": (r"(?!\.{1,2}$)[A-Za-z0-9._-]+", SECRET_FIX),
    "apiToken": (r"[A-Za-z0-9._~+/=-]+", SECRET_FIX),
}
KINDS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}
TRACEPARENT = r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"


class PromotionError(Exception):
    """The workflow cannot be started; the message is one line and says what to do."""


@dataclass(frozen=True)
class Promotion:
    """What is to be promoted and where to, checked. `traceparent` is empty where Keptn has none."""

    application: str
    version: str
    commit: str
    traceparent: str
    source: str
    targets: tuple[str, ...]
    ref: str
    url: str
    token: str
    timeout: float


@dataclass
class Budget:
    """The time that this run may take. Tests replace its three functions."""

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    deadline: float = 0.0

    def wait(self, seconds: float, why: str) -> None:
        """Sleep; raise PromotionError at once where that would outlast the budget."""
        if self.monotonic() + seconds >= self.deadline:
            raise PromotionError(f"{why}; waiting another {seconds:.0f} s would outlast the task's timeout")
        self.sleep(seconds)


def at(value: Any, *path: str) -> Any:
    """What lies at `path` in a JSON document; None where nothing does, or a null on the way."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def decoded(response: requests.Response) -> Any:
    """The JSON of an answer; None when it has something else, such as the page of a proxy."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def line(text: str) -> str:
    """One printable line, whatever a server put into its answer."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))[:1000]


def within(seconds: float, action: Callable[[], requests.Response]) -> requests.Response:
    """The answer that `action` waits for, if it comes in that time: the limit of requests is one for each read."""
    outcome: Future[requests.Response] = Future()

    def run() -> None:
        try:
            outcome.set_result(action())
        except BaseException as error:
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        return outcome.result(seconds)
    except TimeoutError as error:
        raise requests.Timeout from error


def variable(environ: Mapping[str, str], name: str, fix: str) -> dict[str, Any]:
    """The JSON object in an environment variable. Its content is never quoted: it may be the secret."""
    try:
        value = json.loads(environ.get(name, ""))
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    raise PromotionError(f"{name} is {'not a JSON object' if environ.get(name) else 'missing'}: {fix}")


def field(where: str, fields: Any, key: str) -> str:
    """The valid string at `key`; PromotionError names `where` and the fix."""
    value, (pattern, fix) = at(fields, key), FIELDS[key]
    if isinstance(value, str) and re.fullmatch(pattern, value):
        return value
    raise PromotionError(f"{where}: {key} is {'missing' if value in (None, '') else 'not valid'}: {fix}")


def read_promotion(environ: Mapping[str, str]) -> Promotion:
    """The three variables as one checked value; PromotionError names the first field that is wrong."""
    data = variable(environ, "DATA", TASK_FIX)
    secret = variable(environ, "SECURE_DATA", SECRET_FIX)
    context = variable(environ, "KEPTN_CONTEXT", "Keptn sets it; run this file from a KeptnTaskDefinition")
    application, traceparent = field("DATA", data, "application"), str(at(context, "metadata", "traceparent"))
    if at(context, "appName") != application:
        raise PromotionError(f"KEPTN_CONTEXT: appName is not {application}: {TASK_FIX}")
    repository = "/".join(field("SECURE_DATA", secret, key) for key in ("githubRepoOwner", "githubRepo"))
    api, workflow = field("DATA", data, "apiUrl").rstrip("/"), field("DATA", data, "workflow")
    return Promotion(
        application=application,
        version=field("KEPTN_CONTEXT", context, "appVersion"),
        commit=field("KEPTN_CONTEXT", at(context, "metadata"), "commitID"),
        traceparent=traceparent if re.fullmatch(TRACEPARENT, traceparent) else "",
        source=field("DATA", data, "from"),
        targets=tuple(dict.fromkeys(field("DATA", data, "to").replace(" ", "").split(","))),
        ref=field("DATA", data, "ref"),
        url=f"{api}/repos/{repository}/actions/workflows/{workflow}/dispatches",
        token=field("SECURE_DATA", secret, "apiToken"),
        timeout=float(field("DATA", data, "timeout")),
    )


def pause(response: requests.Response, attempt: int, now: float) -> float | None:
    """Seconds after which the server lets the same request try again; None when its answer is final."""
    status, headers = response.status_code, response.headers
    after, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", "")
    spent = headers.get("x-ratelimit-remaining") == "0"
    # Any other 403 is a missing permission, and waiting does not help.
    limited = status == 429 or (status == 403 and (after != "" or spent or b"rate limit" in response.content.lower()))
    if not limited and status < 500:
        return None
    if after.isdecimal():
        return max(1.0, float(after))
    if limited and spent and reset.isdecimal():
        return max(1.0, float(reset) - now)
    return 60.0 * 2.0**attempt if limited else min(30.0, 2.0**attempt)


def send(
    session: requests.Session,
    method: str,
    url: str,
    budget: Budget,
    genuine: Callable[[requests.Response], bool],
    body: object = None,
) -> requests.Response:
    """The final answer to a request, repeated while its failure may pass and the budget lasts.

    So is a success that is not `genuine`: it comes from something in between, such as a proxy that wants a login.
    """
    host, attempt = url.split("/")[2], 0
    while True:
        try:
            patience = min(30.0, max(5.0, budget.deadline - budget.monotonic()))
            # A redirect is an answer: followed, it would make the POST a GET, or take the token elsewhere.
            options: Any = {"json": body, "timeout": patience, "allow_redirects": False}
            response = within(patience, lambda: session.request(method, url, **options))  # noqa: B023
            wait, why = pause(response, attempt, budget.wall()), f"{host} answers {response.status_code}"
            if wait is None and response.status_code < 300 and not genuine(response):
                wait, why = min(30.0, 2.0**attempt), f"{why}, but not as the API does: check its address, and proxies"
            if wait is None:
                return response
        except (OSError, ValueError) as error:  # also of a certificate's file, a host name, a malformed redirect
            wait, why = min(30.0, 2.0**attempt), f"{host} cannot be reached ({type(error).__name__})"
            if isinstance(error, requests.exceptions.SSLError) or not isinstance(error, PASSING):
                raise PromotionError(f"{why}: correct the address, or trust its certificate") from error
        budget.wait(wait, why)
        attempt += 1


class Kubernetes:
    """The reads and the one write that the task's service account may do, all in its own namespace."""

    def __init__(self, environ: Mapping[str, str], budget: Budget) -> None:
        own = "/var/run/secrets/kubernetes.io/serviceaccount"
        account = Path(environ.get("DELIVERY_SERVICE_ACCOUNT_DIR", own))
        host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
        inside = f"https://{f'[{host}]' if ':' in host else host}:{port}"
        self.url, self.budget, self.app_uid = environ.get("DELIVERY_KUBERNETES_URL") or inside, budget, ""
        try:
            self.namespace, self.token = ((account / name).read_text().strip() for name in ("namespace", "token"))
        except (OSError, ValueError) as error:
            raise PromotionError(
                "this pod has no service account token: run `pulumi up --refresh --run-program` for this stage"
            ) from error
        self.session = requests.Session()
        self.session.trust_env = False  # neither a proxy nor REQUESTS_CA_BUNDLE is meant for the cluster's own API
        self.session.verify = str(account / "ca.crt")
        self.session.headers["Authorization"] = f"Bearer {self.token}"

    def get(self, group: str, resource: str, key: str, kind: type) -> Any:
        """What a resource of this namespace has at `key`, which is of this kind; None when it is not there."""
        url = f"{self.url}/apis/{group}/namespaces/{self.namespace}/{resource}"
        response = send(self.session, "GET", url, self.budget, lambda found: isinstance(at(decoded(found), key), kind))
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            said = f"the cluster answers {response.status_code} to a read of {resource} in {self.namespace}"
            raise PromotionError(
                f"{said}: run `pulumi up --refresh --run-program` for this stage, which declares the task's role"
            )
        return decoded(response)

    def event(self, kind: str, reason: str, application: str, message: str) -> None:
        """Create an Event for the KeptnApp, as Keptn deletes a failed pod with its log. No outcome depends on it."""
        now, space = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), {"namespace": self.namespace}
        app = {"apiVersion": "lifecycle.keptn.sh/v1", "kind": "KeptnApp", "name": application, "uid": self.app_uid}
        body: dict[str, object] = {"metadata": {"generateName": "promote-"} | space, "involvedObject": app | space}
        body |= {"type": kind, "reason": reason, "message": message, "source": {"component": "delivery-promote"}}
        body |= {"firstTimestamp": now, "lastTimestamp": now, "count": 1}
        url = f"{self.url}/api/v1/namespaces/{self.namespace}/events"
        try:
            answer = within(5, lambda: self.session.post(url, json=body, timeout=5, allow_redirects=False))
            said = "" if answer.status_code == 201 else str(answer.status_code)
        except (OSError, ValueError) as error:
            said = type(error).__name__
        if said:
            print(f"note: could not create the Event: {said}", flush=True)


def pod_label(workload: Any, name: str) -> Any:
    """A label that a workload gives its pods: those are the ones that Keptn reads."""
    return at(workload, "spec", "template", "metadata", "labels", f"app.kubernetes.io/{name}")


def workloads(promotion: Promotion, kubernetes: Kubernetes) -> list[Any]:
    """The application's workloads in this namespace, with the kind, which the API leaves out in lists."""
    return [
        {**one, "kind": kind}
        for kind, resource in KINDS.items()
        for one in at(kubernetes.get("apps/v1", resource, "items", list), "items") or ()
        if pod_label(one, "part-of") == promotion.application
    ]


def superseded(promotion: Promotion, kubernetes: Kubernetes, found: list[Any]) -> str:
    """Why this app version is not the one that the stage runs now; empty when it is."""
    app = kubernetes.get("lifecycle.keptn.sh/v1", f"keptnapps/{promotion.application}", "spec", dict)
    if app is None:
        raise PromotionError(f"no KeptnApp {promotion.application}: check that Keptn watches this namespace")
    kubernetes.app_uid, version = str(at(app, "metadata", "uid")), at(app, "spec", "version")
    if not isinstance(version, str):
        raise PromotionError(f"KeptnApp {promotion.application} has no version: check that Keptn manages it")
    if version != promotion.version:
        return f"the stage runs {version}"
    # Keptn learns of a new version up to its discovery window (30 s) after the workloads have it. It names a workload
    # by the label and has its version from there, both in lower case. It shortens long names: any version will do then.
    listed = at(app, "spec", "workloads")
    known = {str(at(one, "name")): str(at(one, "version")) for one in (listed if isinstance(listed, list) else ())}
    for workload in found:
        name, ahead = (str(pod_label(workload, key) or "").lower() for key in ("name", "version"))
        name = name.replace("_", "-")
        if ahead and ahead not in ((known[name],) if name in known else (version, *known.values())):
            return f"{workload['kind']} {at(workload, 'metadata', 'name')} runs {ahead}"
    # Away and back is the same version twice: the current KeptnAppVersion, which Keptn names after the hash of the
    # KeptnApp's generation, has the commit that tells them apart.
    revision = hashlib.sha256(str(at(app, "metadata", "generation")).encode()).hexdigest()[:8]
    current = f"{promotion.application}-{promotion.version}-{revision}".lower().replace("_", "-")
    rollout = kubernetes.get("lifecycle.keptn.sh/v1", f"keptnappversions/{current}", "spec", dict)
    commit = at(rollout, "spec", "metadata", "commitID") or promotion.commit
    return "" if commit == promotion.commit else f"the stage runs it from commit {commit}"


def unavailable(workload: Any) -> str:
    """What a workload lacks to be fully rolled out at its current generation; empty when nothing."""
    kind, status, strategy = workload["kind"], at(workload, "status"), at(workload, "spec", "updateStrategy", "type")
    name, wanted = f"{kind} {at(workload, 'metadata', 'name')}", at(workload, "spec", "replicas")
    if at(status, "observedGeneration") != at(workload, "metadata", "generation"):
        return f"{name} has a change that is not rolled out"
    counts = ("replicas", "updatedReplicas", "availableReplicas")
    if kind == "DaemonSet":
        counts = ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable")
        wanted = at(status, "desiredNumberScheduled") or 0
    pods, updated, available = (at(status, count) or 0 for count in counts)
    full = pods == updated == available == wanted and not at(status, "unavailableReplicas")
    # OnDelete never makes the new revision the current one, however many pods have it. A DaemonSet may match no node.
    revised = strategy == "OnDelete" or at(status, "currentRevision") == at(status, "updateRevision")
    if full and revised and (wanted or kind == "DaemonSet"):
        return ""
    waits = "; OnDelete: delete its other pods" if strategy == "OnDelete" and updated != wanted else ""
    return f"{name} has {updated} updated and {available} available of {pods} pods; it needs {wanted}{waits}"


def verify(promotion: Promotion, kubernetes: Kubernetes, budget: Budget) -> str:
    """Wait until the stage runs this version, fully available; then empty, or why it is superseded."""
    while True:  # each look reads everything again: a version replaced during the wait is not promoted
        found = workloads(promotion, kubernetes)
        if reason := superseded(promotion, kubernetes, found):
            return reason
        lacks = [lack for lack in map(unavailable, found) if lack]
        if not lacks and any(at(one, "status", "desiredNumberScheduled") != 0 for one in found):
            return ""
        lacks = lacks or [f"no {', '.join(KINDS)} runs pods with app.kubernetes.io/part-of={promotion.application}"]
        budget.wait(POLL_SECONDS, f"{promotion.version} is not fully available: fix the stage ({', '.join(lacks)})")


def dispatch(promotion: Promotion, target: str, session: requests.Session, budget: Budget) -> None:
    """Start the workflow for one target stage; PromotionError unless the answer is 2xx."""
    inputs = {"application": promotion.application, "from": promotion.source, "to": target}
    inputs |= {"version": promotion.version, "commitID": promotion.commit, "traceParent": promotion.traceparent}
    body = {"ref": promotion.ref, "inputs": inputs}
    # GitHub answers with nothing, or with the run. A second run of the workflow finds nothing to do.
    genuine = lambda answer: not answer.content or isinstance(decoded(answer), dict)  # noqa: E731
    response = send(session, "POST", promotion.url, budget, genuine, body)
    status = response.status_code
    if 200 <= status < 300:
        return
    fix = {
        401: "the token is wrong or has expired: give the stack a new one and run `pulumi up`",
        403: "the token lacks a permission: give it Actions: write on the repository",
        404: "no such repository or workflow, or not for this token: check both, and Actions: write",
        422: "the workflow cannot start: enable it, or run `pulumi up --refresh --run-program` for the first stage",
    }.get(status, "the repository has moved: give the stack its new owner and name" if status < 400 else "check apiUrl")
    said = at(decoded(response), "message")
    needed = response.headers.get("x-accepted-github-permissions")
    fix += f" (GitHub: {said})" if said else ""
    raise PromotionError(f"{status}, {fix}" + (f" [x-accepted-github-permissions: {needed}]" if needed else ""))


def dispatch_all(promotion: Promotion, budget: Budget) -> None:
    """Start the workflow for every target; one that fails does not keep the others from starting."""
    session, failed = requests.Session(), []
    session.auth = lambda request: request  # or a .netrc would replace the token
    session.headers["Authorization"] = f"Bearer {promotion.token}"
    session.headers.update({"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"})
    session.headers["User-Agent"] = "delivery-promote"
    for index, target in enumerate(promotion.targets):
        if index:
            budget.sleep(1.0)  # GitHub asks for a second between writes
        try:
            dispatch(promotion, target, session, budget)
            print(f"dispatched: {promotion.application} {promotion.version} to {target}", flush=True)
        except PromotionError as error:
            failed.append(f"{target}: {error}")
    if failed:
        raise PromotionError(f"not dispatched to {'; '.join(failed)}")


def main(environ: Mapping[str, str], budget: Budget | None = None) -> int:
    """Run the task: 0 when every target was dispatched or nothing had to be, else 1 and a line on stderr."""
    budget, kubernetes, secrets = budget or Budget(), None, []
    named = re.search(rf'"appName": ?"({DNS_LABEL})"', environ.get("KEPTN_CONTEXT", ""))
    application = named[1] if named else "unknown"
    try:
        kubernetes = Kubernetes(environ, budget)
        promotion = read_promotion(environ)
        secrets = [kubernetes.token, promotion.token]
        what = f"{application} {promotion.version} ({promotion.commit})"
        budget.deadline = budget.monotonic() + promotion.timeout
        if not promotion.traceparent:
            print("note: Keptn gives no valid traceparent: set KeptnConfig.spec.OTelCollectorUrl", flush=True)
        if reason := verify(promotion, kubernetes, budget):
            print(line(f"superseded: {what}, {reason}; nothing sent"), flush=True)
            return 0
        dispatch_all(promotion, budget)
        kubernetes.event("Normal", "PromotionDispatched", application, f"{what} to {', '.join(promotion.targets)}")
        return 0
    except PromotionError as error:
        message = str(error)
    except Exception as error:  # its text and its stack trace could show the token
        message = f"unexpected {type(error).__name__} in the promotion task: report it as a bug"
    for secret in secrets:
        message = message.replace(secret, MASK)
    message = line(message)
    print(f"error: {message}", file=sys.stderr, flush=True)
    if kubernetes:
        kubernetes.event("Warning", "PromotionFailed", application, message)
    return 1


if __name__ == "__main__":
    sys.exit(main(os.environ))
