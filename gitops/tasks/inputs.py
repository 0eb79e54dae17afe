"""What a run of the promotion task is given, checked: its variables as one value.

`DATA` has the parameters, `SECURE_DATA` the secret. What is verified is in `KEPTN_CONTEXT`, or in `ARGOCD_CONTEXT`
where the task is a hook of Argo CD.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from gitops.tasks.http_client import PromotionError
from gitops.tasks.text import at, parsed

DNS_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
VERSION = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
TASK_FIX = "correct the stack's configuration and run `pulumi up`"
SECRET_FIX = "set it in the stack's configuration and run `pulumi up`, which writes secret github-token"  # noqa: S105
HOOK_FIX = "run this as a hook that the stage's chart declares"
FIELDS = {  # a field of the variables: what it matches as a whole, and what to do when it does not
    "appVersion": (VERSION, "give the workload a version label"),
    "version": (VERSION, "give the workload a version that may be a label"),
    "commitID": (r"[0-9a-f]{40}|[0-9a-f]{64}", "Argo CD's Helm parameter commitID=$ARGOCD_APP_REVISION sets it"),
    "application": (DNS_LABEL, TASK_FIX),
    "from": (DNS_LABEL, TASK_FIX),
    "to": (rf"{DNS_LABEL}(, *{DNS_LABEL})*", TASK_FIX),
    # The token travels there: https, or this very machine (the lab).
    "apiUrl": (r"(https://[^\s/?#@]+|http://(127\.0\.0\.1|localhost)(:\d+)?)(/[^\s?#]*)?", TASK_FIX),
    "workflow": (r"[A-Za-z0-9._-]+\.ya?ml", TASK_FIX),
    "ref": (r"[^\s~^:?*\[\\\x00-\x1f\x7f]+", TASK_FIX),
    "timeout": (r"[1-9][0-9]{0,4}", TASK_FIX),
    # Of these a task definition of an earlier release has none.
    "verification": (r"keptn|argocd", TASK_FIX),
    "sweepMinutes": (r"[0-9]{1,2}", TASK_FIX),
    "autoInactive": (r"true|false", TASK_FIX),
    "otlpEndpoint": (r"https?://[^\s?#]+", TASK_FIX),
    "repository": (r"[^/\s]+/[^/\s]+", TASK_FIX),
    "phase": (r"PostSync|SyncFail", HOOK_FIX),
    "githubRepoOwner": (r"[A-Za-z0-9][A-Za-z0-9_-]*", SECRET_FIX),
    "githubRepo": (r"(?!\.{1,2}$)[A-Za-z0-9._-]+", SECRET_FIX),
    "apiToken": (r"[A-Za-z0-9._~+/=-]+", SECRET_FIX),
}
TRACEPARENT = r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"


@dataclass(frozen=True)
class Promotion:
    """What was verified or failed, what is to be done with it, and how.

    `commit` is what was synced, `version` its workload's, empty where a hook does not know it. `traceparent` is what is
    handed on, `links` are where the stage's values come from; `values` the promoted ones, None where they are not
    known. `phase` is Argo CD's. Without `targets` it is only recorded, without `repository_url` and `token` not even
    that. `sweep_minutes` is how long after at most what is recorded is promoted all the same; 0: not at all.
    """

    application: str
    stage: str
    version: str
    commit: str
    traceparent: str
    targets: tuple[str, ...]
    ref: str
    workflow: str
    timeout: float
    repository: str
    repository_url: str
    token: str
    verification: str = "keptn"
    sweep_minutes: int = 0
    auto_inactive: bool = False
    otlp_endpoint: str = ""
    phase: str = ""
    links: tuple[str, ...] = ()
    values: Mapping[str, str] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def with_keptn(self) -> bool:
        """Whether Keptn has verified it; else hooks of Argo CD have."""
        return self.verification == "keptn"

    @property
    def name(self) -> str:
        """Application, version and commit, for people."""
        return " ".join(filter(None, (self.application, self.version, f"({self.commit})")))


def variable(environ: Mapping[str, str], name: str, fix: str) -> dict[str, Any]:
    """The JSON object in an environment variable. Its content is never quoted: it may be the secret."""
    value = parsed(environ.get(name, ""))
    if isinstance(value, dict):
        return value
    raise PromotionError(f"{name} is {'not a JSON object' if environ.get(name) else 'missing'}: {fix}")


def required(where: str, fields: Any, key: str) -> str:
    """The valid string at `key`; PromotionError names `where` and the fix."""
    value, (pattern, fix) = at(fields, key), FIELDS[key]
    if isinstance(value, str) and re.fullmatch(pattern, value):
        return value
    raise PromotionError(f"{where}: {key} is {'missing' if value in (None, '') else 'not valid'}: {fix}")


def optional(where: str, fields: Any, key: str, default: str = "") -> str:
    """The same, and `default` where there is nothing at `key`."""
    return required(where, fields, key) if at(fields, key) not in (None, "") else default


def texts(value: Any) -> dict[str, str]:
    """The texts by their names in a JSON object."""
    found = value if isinstance(value, dict) else {}
    return {key: text for key, text in found.items() if isinstance(text, str)}


def read_promotion(environ: Mapping[str, str]) -> Promotion:
    """The variables as one checked value; PromotionError names the first field that is wrong."""
    data = variable(environ, "DATA", TASK_FIX)
    parameter = partial(required, "DATA", data)
    targets = () if at(data, "to") == "" else tuple(dict.fromkeys(parameter("to").replace(" ", "").split(",")))
    verification = optional("DATA", data, "verification", "keptn")
    repository, token = optional("DATA", data, "repository"), ""
    # The last stage of a pipeline may do without the secret. Keptn starts no task without it.
    if environ.get("SECURE_DATA") or targets or verification == "keptn":
        secret = variable(environ, "SECURE_DATA", SECRET_FIX)
        repository = "/".join(required("SECURE_DATA", secret, key) for key in ("githubRepoOwner", "githubRepo"))
        token = required("SECURE_DATA", secret, "apiToken")
    promotion = Promotion(
        application=parameter("application"),
        stage=parameter("from"),
        version="",
        commit="",
        traceparent="",
        targets=targets,
        ref=parameter("ref"),
        workflow=parameter("workflow"),
        timeout=float(parameter("timeout")),
        repository=repository,
        repository_url=f"{parameter('apiUrl').rstrip('/')}/repos/{repository}",
        token=token,
        verification=verification,
        sweep_minutes=int(optional("DATA", data, "sweepMinutes", "0")),
        auto_inactive=optional("DATA", data, "autoInactive") == "true",
        otlp_endpoint=optional("DATA", data, "otlpEndpoint"),
    )
    return with_keptns_context(promotion, environ) if promotion.with_keptn else with_argocds_context(promotion, environ)


def with_keptns_context(promotion: Promotion, environ: Mapping[str, str]) -> Promotion:
    """The promotion of what Keptn has verified."""
    context = variable(environ, "KEPTN_CONTEXT", "Keptn sets it; run this file from a KeptnTaskDefinition")
    if at(context, "appName") != promotion.application:
        raise PromotionError(f"KEPTN_CONTEXT: appName is not {promotion.application}: {TASK_FIX}")
    return replace(
        promotion,
        version=required("KEPTN_CONTEXT", context, "appVersion"),
        commit=required("KEPTN_CONTEXT", at(context, "metadata"), "commitID"),
        traceparent=next(iter(traceparents(at(context, "metadata", "traceparent"))), ""),
    )


def with_argocds_context(promotion: Promotion, environ: Mapping[str, str]) -> Promotion:
    """The promotion of what Argo CD has synced, or could not sync."""
    context = variable(environ, "ARGOCD_CONTEXT", HOOK_FIX)
    return replace(
        promotion,
        version=optional("ARGOCD_CONTEXT", context, "version"),
        commit=required("ARGOCD_CONTEXT", context, "commitID"),
        phase=required("ARGOCD_CONTEXT", context, "phase"),
        links=traceparents(at(context, "traceParent")),
        values=texts(at(context, "values")) if at(context, "values") is not None else None,
        metadata=texts(at(context, "metadata")),
    )


def traceparents(value: Any) -> tuple[str, ...]:
    """The valid ones of those in a text, with commas between them."""
    found = value.split(",") if isinstance(value, str) else ()
    return tuple(one for one in found if re.fullmatch(TRACEPARENT, one))
