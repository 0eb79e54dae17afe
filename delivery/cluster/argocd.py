"""What Argo CD says of the stage's Applications and their project, as values: phases and types, sentences for people.

Read in argo-cd v3.5: `pkg/apis/application/v1alpha1/types.go`, `app_project_types.go`.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from delivery.cluster.connection import Connection, Object
from delivery.cluster.facts import field_of, objects_of, time_of
from delivery.config.errors import Json
from delivery.text import without_secrets

_API = "/apis/argoproj.io/v1alpha1/namespaces"
_CREDENTIALS = "argocd.argoproj.io/secret-type in (repository, repo-creds)"
_FORMS = {"password": "a token", "sshPrivateKey": "an SSH key", "githubAppPrivateKey": "a GitHub App"}
"""What a credential is, by the key that makes it so; in the order in which Argo CD looks (`GetGitCreds`)."""


@dataclass(frozen=True)
class Failure:
    """An object that the last operation could not apply, or a hook that failed; `hook` is its phase, else empty."""

    hook: str
    kind: str
    namespace: str
    name: str
    message: str


@dataclass(frozen=True)
class Application:
    """An Argo CD Application's state; what it does not tell is empty.

    `errors` are its conditions that are errors, by type. `health` is empty when it is older than the end of the last
    operation. `phase` and `failures` are that operation's, which began at `started`. `compared` are the revisions that
    the cluster was compared with, `synced` those of the last operation: one for each source. It was `selective` where a
    person chose what is synced: no hook runs then.
    """

    errors: Mapping[str, str]
    sync: str
    health: str
    phase: str
    message: str
    started: datetime | None
    created: datetime | None
    automated: bool
    compared: tuple[str, ...]
    synced: tuple[str, ...]
    failures: tuple[Failure, ...]
    selective: bool


@dataclass(frozen=True)
class Credential:
    """A Secret by which Argo CD logs in to a repository. `lacks` says why it cannot, and is empty where it can."""

    name: str
    form: str
    lacks: str


def application(connection: Connection, namespace: str, name: str) -> Application | None:
    """The Application called `name`, None where there is none. Raises `RefusedError` and `ClusterError`."""
    found = connection.get(f"{_API}/{namespace}/applications/{name}")
    if found is None:
        return None
    conditions = {
        str(each.get("type")): _shown(each.get("message")) for each in objects_of(found, "status", "conditions")
    }
    automated = field_of(found, "spec", "syncPolicy", "automated")
    finished = time_of(field_of(found, "status", "operationState", "finishedAt"))
    reconciled = time_of(field_of(found, "status", "reconciledAt"))
    operation = field_of(found, "status", "operationState", "operation")
    by_argocd = field_of(found, "status", "operationState", "operation", "initiatedBy", "automated") is True
    current = not finished or (reconciled is not None and reconciled >= finished)
    return Application(
        # So Argo CD itself tells errors from warnings.
        errors={kind: text for kind, text in conditions.items() if kind.endswith("Error")},
        sync=str(field_of(found, "status", "sync", "status") or ""),
        health=str(field_of(found, "status", "health", "status") or "") if current else "",
        phase=str(field_of(found, "status", "operationState", "phase") or ""),
        message=_shown(field_of(found, "status", "operationState", "message")),
        started=time_of(field_of(found, "status", "operationState", "startedAt")),
        created=time_of(field_of(found, "metadata", "creationTimestamp")),
        automated=isinstance(automated, dict) and automated.get("enabled") is not False,
        compared=_revisions(field_of(found, "status", "sync")),
        synced=_revisions(field_of(found, "status", "operationState", "syncResult")),
        failures=tuple(_failures(found)),
        # Self-heal is selective too, and undoes a change in the cluster alone.
        selective=not by_argocd and isinstance(operation, dict) and bool(objects_of(operation, "sync", "resources")),
    )


def set_error(connection: Connection, namespace: str, name: str) -> str | None:
    """Why the ApplicationSet called `name` makes no Applications; empty where it does, None where there is none."""
    found = connection.get(f"{_API}/{namespace}/applicationsets/{name}")
    if found is None:
        return None
    for condition in objects_of(found, "status", "conditions"):
        if (condition.get("type"), condition.get("status")) == ("ErrorOccurred", "True"):
            return _shown(condition.get("message")) or "ErrorOccurred"
    return ""


def project(connection: Connection, namespace: str, name: str) -> Mapping[str, Json] | None:
    """The `spec` of the project called `name`, None where there is none. Raises `RefusedError` and `ClusterError`."""
    found = connection.get(f"{_API}/{namespace}/appprojects/{name}")
    spec = field_of(found, "spec") if found is not None else None
    return spec if isinstance(spec, dict) else None if found is None else {}


def permits_source(spec: Mapping[str, Json], url: str) -> bool:
    """Whether a project permits the repository, as far as that can be told without Argo CD: in doubt it does."""
    repositories = spec.get("sourceRepos")
    patterns = [str(each) for each in repositories] if isinstance(repositories, list) else []
    return any(_may_match(_plain(pattern), _plain(url), "[^/]*") for pattern in patterns)


def permits_destination(spec: Mapping[str, Json], destination: Mapping[str, str]) -> bool:
    """Whether a project permits the cluster (`server` or `name`) and the namespace; in doubt it does."""

    def may(item: Mapping[str, Json]) -> bool:
        # A cluster that is given by its name has an address, too, which is Argo CD's to know.
        known = [key for key in ("server", "name") if item.get(key)]
        here = [_may_match(str(item[key]), destination[key]) if key in destination else True for key in known]
        return any(here) and _may_match(str(item.get("namespace", "")), destination["namespace"])

    return any(may(item) for item in objects_of({"spec": dict(spec)}, "spec", "destinations"))


def credentials(connection: Connection, namespace: str, url: str) -> tuple[Credential, ...]:
    """Argo CD's credentials for the repository, templates included. Raises as `application` does."""
    found = []
    for secret in connection.items(f"/api/v1/namespaces/{namespace}/secrets", labelSelector=_CREDENTIALS) or ():
        data = {key: _decoded(secret, key) for key in ("url", "type", *_FORMS, "githubAppID")}
        template = field_of(secret, "metadata", "labels", "argocd.argoproj.io/secret-type") == "repo-creds"
        known = _plain(data["url"])
        if known and (_plain(url) == known or (template and _plain(url).startswith(known))):
            form = next((key for key in _FORMS if data[key]), "")
            name = str(field_of(secret, "metadata", "name") or "")
            found.append(Credential(name, _FORMS.get(form, ""), _lacking(data, form, url.startswith("http"))))
    return tuple(found)


def _lacking(data: Mapping[str, str], form: str, by_http: bool) -> str:
    """Why Argo CD cannot log in with this; it takes the first form that is there."""
    if not form:
        return f"it has none of {', '.join(_FORMS)}"
    if data["type"] not in ("", "git"):
        return "its type is not git"
    if (form == "sshPrivateKey") == by_http:
        return f"{form} is not for an address that begins with {'https' if by_http else 'git@'}"
    if form != "password" and "PRIVATE KEY-----" not in data[form]:
        return f"{form} is no private key in PEM"
    if form == "githubAppPrivateKey" and not data["githubAppID"].isdecimal():
        return "githubAppID is no number"
    return ""


def _decoded(secret: Object, key: str) -> str:
    try:
        return base64.b64decode(str(field_of(secret, "data", key) or ""), validate=True).decode()
    except ValueError:
        return ""


def _may_match(pattern: str, text: str, star: str = ".*") -> bool:
    """Whether a glob matches; one that denies or has more than `*` in it may always match."""
    if pattern == "*" or re.search(r"[!?{}\[\]\\]|\*\*", pattern):
        return True
    return re.fullmatch(star.join(map(re.escape, pattern.split("*"))), text) is not None


def _plain(url: str) -> str:
    """An address of a repository in the form in which Argo CD compares them."""
    url = url.strip().lower().removesuffix("/").removesuffix(".git")
    return re.sub(r"^(ssh://)?([^/@:]+@[^/:]+)[:/]", r"\2/", url)


def _failures(found: Object) -> Iterator[Failure]:
    for each in objects_of(found, "status", "operationState", "syncResult", "resources"):
        # A failed hook was applied all right, so its `status` is Synced.
        hook = str(each.get("hookType") or "")
        if each.get("hookPhase") in ("Failed", "Error") if hook else each.get("status") == "SyncFailed":
            kind, namespace, name = (str(each.get(key) or "") for key in ("kind", "namespace", "name"))
            yield Failure(hook, kind, namespace, name, _shown(each.get("message")))


def _revisions(of: Json) -> tuple[str, ...]:
    if not isinstance(of, dict):
        return ()
    several, one = of.get("revisions"), of.get("revision")
    return tuple(map(str, several)) if isinstance(several, list) and several else (str(one),) if one else ()


def _shown(message: Json) -> str:
    return without_secrets(str(message or ""))
