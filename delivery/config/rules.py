"""What single configuration values have to be, each with its rule in words and a value that keeps it."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from delivery.config.fields import Rule, closest
from delivery.model.identifiers import is_commit, is_dns_label, is_dns_subdomain, is_version


def _pattern(expression: str, words: str, example: str, corrected: Callable[[str], str] = str) -> Rule:
    compiled = re.compile(expression)
    return Rule(lambda text: compiled.fullmatch(text) is not None, words, example, corrected)


def _is_api_url(text: str) -> bool:
    """Whether a token may be sent there: https, or plain http to this machine."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    clean = not (parts.query or parts.fragment or parts.username) and re.fullmatch(r"[!-~]+", text)
    known = text == "https://api.github.com" or (parts.path == "/api/v3" and bool(host))
    return bool(clean and known) and (parts.scheme == "https" or (parts.scheme, host) == ("http", "127.0.0.1"))


def _is_branch(text: str) -> bool:
    """The part of git's own rule for a branch that can be told without git, and none of the promotions' own."""
    return (
        # A default branch there would be built anew by a promotion, or be in the way of every one of them.
        # And `refs/heads/main` is how git writes `main` at length: as a name it would be looked for below refs/heads.
        text.partition("/")[0] not in ("promote", "rollback", "refs")
        and re.fullmatch(r"(?!.*(\.\.|//|/\.|\.lock(/|$)))[A-Za-z0-9_][\w./-]*[\w-]|[A-Za-z0-9_]", text, re.ASCII)
        is not None
    )


def one_of(options: tuple[str, ...]) -> Rule:
    """The rule that only these texts keep."""
    example = options[0] if options else ""
    return Rule(lambda text: text in options, " or ".join(options) or "nothing", example, closest(options))


def _as_api_url(text: str) -> str:
    """The API of the host that `text` names: a token for one host must not be sent to another."""
    address = text.strip() if "://" in text else f"https://{text.strip()}"
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return ""
    if host in ("github.com", "www.github.com", "api.github.com"):
        return "https://api.github.com"
    return f"{'http' if host == '127.0.0.1' else 'https'}://{parts.netloc.rpartition('@')[2]}/api/v3"


def _as_name(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower())[:63].strip("-.")


def _as_label(text: str) -> str:
    return _as_name(text.replace(".", "-"))


def _as_trace_url(text: str) -> str:
    """The address with its places called by their names; without one, the trace is taken to be its last part."""
    named = text.strip()
    for name in ("trace", "span"):
        # {traceID}, ${spanId}, {{ .TraceId }}
        named = re.sub(
            r"\$?\{{1,2}\s*[\w.-]*NAME[_-]?id\s*\}{1,2}".replace("NAME", name), f"{{{name}_id}}", named, flags=re.I
        )
    if "{trace_id}" in named:
        return named
    return f"{named}{'' if named.endswith(('/', '=')) else '/'}{{trace_id}}"


DNS_LABEL_WORDS = "lower-case letters, digits and '-', at most 63 characters (a DNS label)"
DNS_LABEL = Rule(is_dns_label, DNS_LABEL_WORDS, "podtato-head", _as_label)
STAGE = Rule(is_dns_label, DNS_LABEL_WORDS, "dev", _as_label)
RESOURCE_WORDS = "a Kubernetes resource name (lower-case DNS subdomain)"
RESOURCE = Rule(is_dns_subdomain, RESOURCE_WORDS, "post-deployment", _as_name)
PROJECT = Rule(is_dns_subdomain, RESOURCE_WORDS, "default", _as_name)
NAMESPACE = Rule(is_dns_label, DNS_LABEL_WORDS, "argocd", _as_label)
VERSION = Rule(
    is_version,
    "an image tag that is a label too: letters, digits, '.', '_', '-', at most 63",
    "v0.3.0",
    lambda text: re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._"),
)
COMMIT = Rule(is_commit, "a full commit id in lower-case hex", "0" * 39 + "1", lambda text: text.strip().lower())
OWNER = _pattern(
    r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}",
    "a GitHub user or organisation",
    "your-github-owner",
    lambda text: re.sub(r"(https?://[^/]*/)?@?([^/]*)(/.*)?", r"\2", text.strip()),
)
REPOSITORY = _pattern(
    r"(?!\.{1,2}$)(?!.*\.git$)[A-Za-z0-9._-]{1,100}",
    "a GitHub repository's name",
    "podtato-head-gitops",
    lambda text: text.strip().rstrip("/").rpartition("/")[2].removesuffix(".git"),
)
BRANCH = Rule(
    _is_branch,
    "a branch name, not `promote`, `rollback`, `refs` or below them",
    "main",
    lambda text: text.removeprefix("refs/heads/"),
)
API_URL = Rule(
    _is_api_url,
    "https://api.github.com, or https://HOST/api/v3 for GitHub Enterprise",
    "https://YOUR-HOST/api/v3",
    _as_api_url,
)
IMAGE = _pattern(
    # What follows a colon is a port only where a path follows that.
    r"[a-z0-9]+([._-][a-z0-9]+)*(:[0-9]+(?=/))?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*",
    "an image reference without a tag",
    "ghcr.io/podtato-head/podtato-server",
    lambda text: re.sub(r"(:[^/:@]*)?(@.*)?$", "", text, count=1),
)
PROMOTED_KEY = _pattern(
    r"(?!(commitID|traceParent|application|context|versionKey)(\.|$))[A-Za-z_][\w-]{0,62}(\.[A-Za-z_][\w-]{0,62}){0,5}",
    "a key of values.yaml, dots between levels; not commitID, traceParent, or one of platform.yaml's own",
    "serviceVersion",
    # As a chart's template would spell it.
    lambda text: re.sub(r"^\$?\.*(Values\.)?", "", text.strip()),
)
SERVER = _pattern(
    r"https?://[!-~]+",
    "the address of a Kubernetes API server",
    "https://kubernetes.default.svc",
    lambda text: f"https://{text.strip()}" if re.fullmatch(r"\s*[\w-]+[.:][\w.:-]+/?\s*", text) else text,
)
TRACE_URL = _pattern(
    # Braces alone are no place to fill in: Grafana's addresses have JSON in them.
    r"(?!.*([{$]\{|\{(?!(trace|span)_id\})[\w.-]*\}))(https?://(?=.*\{trace_id\})[!-'*-;=?-~]+)?",
    "an http(s) address with {trace_id} and, if wanted, {span_id}; or nothing",
    "http://localhost:16686/trace/{trace_id}?uiFind={span_id}",
    _as_trace_url,
)
LABEL = _pattern(r"[^\x00-\x1f,]{1,50}", "a GitHub label, at most 50 characters", "promotion", str.strip)
PERSON = _pattern(
    r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}", "a GitHub user", "octocat", lambda text: text.strip().removeprefix("@")
)
TEAM = _pattern(
    r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?",
    "the slug of a team of the owner",
    "platform",
    lambda text: re.sub(r"\s+", "-", text.strip().rpartition("/")[2].lower()),
)
METADATA_KEY = _pattern(
    r"(?!(commitID|traceparent)$)[A-Za-z0-9]([\w./-]*[A-Za-z0-9])?",
    "letters, digits, '.', '_', '/', '-', a letter or digit at both ends; not commitID, not traceparent",
    "team",
    lambda text: re.sub(r"[^A-Za-z0-9_./-]+", "-", text).strip("-._/"),
)
CONTEXT = _pattern(r"[ -~]+", "the name of a context in the kubeconfig", "dev-cluster")
FOLDER = Rule(lambda text: text.isprintable() and bool(text), "a folder", "manifests")
ONE_LINE = _pattern(r"[^\x00-\x1f\x7f]{0,200}", "one line of text", "")
