"""From the platform's configuration to one valid `PlatformConfiguration`, or to every mistake in it at once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from delivery.config.errors import ErrorCollector, Json, Kind, set_fix
from delivery.config.values import Values, decoded_keys, read_root, refuse_encrypted
from delivery.model.pipeline import Pipeline
from delivery.model.stack import GitHubApp
from delivery.platform.charts import COLLECTOR, JAEGER, KEPTN, PARTS
from delivery.platform.keys import PLATFORM, SECRETS, TABLE

CREDENTIALS = ("githubToken", "githubAppPrivateKey", "sshPrivateKey")
"""The secrets by which Argo CD can read the repository; one of them at most."""


@dataclass(frozen=True)
class Backend:
    """A place for traces of one's own, by OTLP over HTTP. `header` is empty where none is needed."""

    endpoint: str
    header: str


@dataclass(frozen=True)
class PlatformConfiguration:
    """Everything that the platform's program needs to know, valid as a whole; secrets aside.

    `context` is the cluster's. `parts` are those that this stack installs, each with the values that a person puts over
    ours. `charts` is a folder with the charts, empty for their registries. `credential` is the secret by which Argo CD
    reads `repository_url`, one of `CREDENTIALS`, empty for none; `github_app` belongs to a `githubAppPrivateKey`.
    `collector_address` is the host and port of somebody else's collector, empty for none.
    """

    stack: str
    context: str
    parts: Mapping[str, Mapping[str, Json]]
    charts: str
    repository_url: str
    credential: str
    github_app: GitHubApp | None
    github_api_url: str
    backend: Backend | None
    collector_address: str


def parse_platform(
    raw: Mapping[str, str], stack: str, encrypted: Collection[str], pipeline: Pipeline | None, charts: str = ""
) -> PlatformConfiguration:
    """The configuration of the platform's `stack`, from its keys without the namespace.

    `encrypted` are the keys with an encrypted value, `pipeline` is the one whose stages the platform is for, None where
    there is none, `charts` the folder where the configuration names none. Raises `ConfigError`.
    """
    errors = ErrorCollector(stack, PLATFORM)
    given = SECRETS & raw.keys()
    refuse_encrypted(encrypted, errors, "the value is in manifests")
    for key in sorted((given - set(encrypted)) - {"kubeconfig"}):
        fix = set_fix(stack, key, "", project=PLATFORM)
        errors.say(Kind.PLAIN_TEXT, (key,), "a secret in plain text", "an encrypted value", fix)
    root = read_root(decoded_keys(raw, encrypted, errors), errors)
    backend = _backend(root, given, errors)
    parts = _parts(root, pipeline, backend, errors)
    _refuse_unread(root, parts, errors)
    url = root.text("repositoryURL") or _repository_url(pipeline)
    configuration = PlatformConfiguration(
        stack=stack,
        context=root.text("kubeContext"),
        parts=parts,
        charts=root.text("charts") or charts,
        repository_url=url,
        credential=_credential(given, url, errors),
        github_app=_github_app(root, given, errors),
        github_api_url=pipeline.repository.api_url if pipeline else "https://api.github.com",
        backend=backend,
        collector_address=root.text("collectorAddress"),
    )
    errors.check()
    return configuration


def _parts(
    root: Values, pipeline: Pipeline | None, backend: Backend | None, errors: ErrorCollector
) -> dict[str, Mapping[str, Json]]:
    needed = {
        KEPTN: pipeline is None or any(stage.with_keptn for stage in pipeline.stages),
        JAEGER: backend is None,
    }
    parts: dict[str, Mapping[str, Json]] = {}
    for part in PARTS:
        wanted = root.values[part]
        if wanted if isinstance(wanted, bool) else needed.get(part, True):
            parts[part] = root.json_map(f"{part}Values")
        elif root.json_map(f"{part}Values"):
            errors.superfluous((f"{part}Values",), None, f"nothing: {part} is left out")
    return parts


def _backend(root: Values, given: Collection[str], errors: ErrorCollector) -> Backend | None:
    endpoint, header = root.text("backendEndpoint"), root.text("backendHeaderName")
    if bool(header) != ("backendHeader" in given):
        missing = "backendHeader" if header else "backendHeaderName"
        allowed = f"{TABLE[missing].allowed}: backendHeaderName and backendHeader go together"
        errors.add(Kind.MISSING, (missing,), None, allowed, TABLE[missing].form)
    if header and not endpoint:
        errors.superfluous(("backendHeaderName",), header, "nothing without a backendEndpoint")
    return Backend(endpoint, header) if endpoint else None


def _refuse_unread(root: Values, parts: Collection[str], errors: ErrorCollector) -> None:
    """Refuse the addresses that nothing reads with these parts."""
    unread = {}
    if COLLECTOR in parts:
        unread["collectorAddress"] = "this stack installs a collector"
    else:
        unread["backendEndpoint"] = f"{COLLECTOR} is left out"
        if KEPTN not in parts:
            unread["collectorAddress"] = f"{KEPTN} is left out"
    for key, why in unread.items():
        if address := root.text(key):
            errors.superfluous((key,), address, f"nothing: {why}")


def _repository_url(pipeline: Pipeline | None) -> str:
    """The repository as Argo CD knows it: a credential counts for the address that its Applications name."""
    return "" if pipeline is None or pipeline.repository.is_example else pipeline.repository.repo_url


def _credential(given: Collection[str], url: str, errors: ErrorCollector) -> str:
    found = [key for key in CREDENTIALS if key in given]
    for key in found[1:]:
        errors.superfluous((key,), None, f"nothing: {found[0]} is set")
    if not found:
        return ""
    if not url:
        allowed = f"{TABLE['repositoryURL'].allowed}: {found[0]} is for a repository"
        errors.add(Kind.MISSING, ("repositoryURL",), None, allowed, TABLE["repositoryURL"].form)
    elif url.startswith(("https:", "http:")) == (found[0] == "sshPrivateKey"):
        form = "git@HOST:OWNER/NAME.git" if found[0] == "sshPrivateKey" else "https://HOST/OWNER/NAME"
        allowed = f"{form}, for {found[0]}, and the same as `delivery:argocdRepoURL`"
        errors.add(Kind.NOT_ALLOWED, ("repositoryURL",), url, allowed, form)
    return found[0]


def _github_app(root: Values, given: Collection[str], errors: ErrorCollector) -> GitHubApp | None:
    keys = ("githubAppId", "githubAppInstallationId")
    found = {key: root.text(key) for key in keys if root.text(key)}
    if not found and "githubAppPrivateKey" not in given:
        return None
    missing = [key for key in keys if key not in found and not errors.about(key)]
    missing += [key for key in ("githubAppPrivateKey",) if key not in given]
    for key in missing:
        allowed = f"{TABLE[key].allowed}: {', '.join(keys)} and githubAppPrivateKey go together"
        errors.add(Kind.MISSING, (key,), None, allowed, TABLE[key].form)
    return None if missing else GitHubApp(found.get(keys[0], ""), found.get(keys[1], ""))
