"""What a run of the promotion task is given, checked: three variables as one value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitops.tasks.http_client import PromotionError
from gitops.tasks.text import at, parsed

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
TRACEPARENT = r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"


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
    repository_url: str
    workflow: str
    token: str
    timeout: float


def variable(environ: Mapping[str, str], name: str, fix: str) -> dict[str, Any]:
    """The JSON object in an environment variable. Its content is never quoted: it may be the secret."""
    value = parsed(environ.get(name, ""))
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
    return Promotion(
        application=application,
        version=field("KEPTN_CONTEXT", context, "appVersion"),
        commit=field("KEPTN_CONTEXT", at(context, "metadata"), "commitID"),
        traceparent=traceparent if re.fullmatch(TRACEPARENT, traceparent) else "",
        source=field("DATA", data, "from"),
        targets=tuple(dict.fromkeys(field("DATA", data, "to").replace(" ", "").split(","))),
        ref=field("DATA", data, "ref"),
        repository_url=f"{field('DATA', data, 'apiUrl').rstrip('/')}/repos/{repository}",
        workflow=field("DATA", data, "workflow"),
        token=field("SECURE_DATA", secret, "apiToken"),
        timeout=float(field("DATA", data, "timeout")),
    )
