"""What single configuration values have to be: each rule as a test, in words, and as the placeholder that stands for
such a value in a command or a file.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from delivery.model.identifiers import is_commit, is_dns_label, is_dns_subdomain, is_image_version, is_version
from delivery.model.sync import Json as Json
from delivery.text import has_credentials
from delivery.values.path import path_problem


@dataclass(frozen=True)
class Rule:
    """The test that a value has to pass, the rule in words, and the placeholder for an allowed value.

    `why` says what is wrong with a value, where the words do not tell: nothing as a rule.
    """

    holds: Callable[[Json], bool]
    words: str
    form: str
    why: Callable[[Json], str] = lambda _: ""

    def words_for(self, value: Json) -> str:
        """The rule in words, and what is wrong with `value`."""
        return "; ".join(filter(None, (self.words, self.why(value))))


def text(holds: Callable[[str], bool], words: str, form: str) -> Rule:
    """A rule for texts."""
    return Rule(lambda value: isinstance(value, str) and holds(value), words, form)


def pattern(expression: str, words: str, form: str) -> Rule:
    """A rule for texts that match `expression` as a whole, which is compiled at its first use."""
    return text(lambda value: re.fullmatch(expression, value) is not None, words, form)


def one_of(*options: str) -> Rule:
    """The rule that only these texts keep."""
    return text(options.__contains__, " or ".join(options) or "nothing", "|".join(options))


def number(low: int, high: int, why: str = "") -> Rule:
    """The rule for whole numbers from `low` to `high`."""
    return Rule(
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
        f"a whole number from {low} to {high}{why}",
        "NUMBER",
    )


def _is_api_url(address: str) -> bool:
    """Whether a token may be sent there: https, or plain http to this machine."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    clean = not (parts.query or parts.fragment or "@" in parts.netloc) and re.fullmatch(r"[!-~]+", address)
    known = address == "https://api.github.com" or (parts.path == "/api/v3" and bool(host))
    return bool(clean and known) and (parts.scheme == "https" or (parts.scheme, host) == ("http", "127.0.0.1"))


def _is_trace_url(address: str) -> bool:
    """Whether it has a place for a trace, and may stand in a pull request, where it can be read by many."""
    # Braces alone are no place to fill in: Grafana's addresses have JSON in them.
    form = r"(?!.*([{$]\{|\{(?!(trace|span)_id\})[\w.-]*\}))(https?://(?=.*\{trace_id\})[!-'*-;=?-~]+)?"
    return re.fullmatch(form, address) is not None and not has_credentials(address)


def _is_retry(value: Json) -> bool:
    """Whether it is a `retry` of Argo CD: how often, and at which distances."""
    if not isinstance(value, dict) or not value.keys() <= {"limit", "refresh", "backoff"}:
        return False
    backoff = value.get("backoff", {})
    limit = value.get("limit", 5)
    return (
        type(limit) is int
        and isinstance(value.get("refresh", False), bool)
        and isinstance(backoff, dict)
        and backoff.keys() <= {"duration", "factor", "maxDuration"}
        and type(backoff.get("factor", 2)) is int
        and all(re.fullmatch(r"([0-9]+(ms|s|m|h))+|[0-9]+", str(backoff.get(key, "5s"))) for key in _DURATIONS)
    )


def _are_ignored_differences(value: Json) -> bool:
    """Whether it is an `ignoreDifferences` of Argo CD: each of a kind, and with what is ignored there."""
    return isinstance(value, list) and all(
        isinstance(entry, dict)
        and {"kind"} < entry.keys() <= {"group", "kind", "name", "namespace", *_IGNORED}
        and all(isinstance(item, str) for key, item in entry.items() if key not in _IGNORED)
        and any(entry.get(key) for key in _IGNORED)
        and all(_are_texts(entry.get(key, [])) for key in _IGNORED)
        for entry in value
    )


def _are_texts(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_REPO_URL = r"([\w-]+@[\w.-]+:|ssh://([\w-]+@)?[\w.-]+(:[0-9]+)?/|https://[\w.-]+(:[0-9]+)?/)[\w.-]+/[\w.-]+"
_DURATIONS = ("duration", "maxDuration")
_IGNORED = ("jsonPointers", "jqPathExpressions", "managedFieldsManagers")


_SOURCE_KEYS = {
    "helm": "apiVersions fileParameters ignoreMissingValueFiles kubeVersion namespace parameters passCredentials "
    "releaseName skipCrds skipSchemaValidation skipTests values valuesObject version",
    "kustomize": "apiVersions commonAnnotations commonAnnotationsEnvsubst commonLabels components "
    "forceCommonAnnotations forceCommonLabels ignoreMissingComponents images kubeVersion labelIncludeTemplates "
    "labelWithoutSelector namePrefix nameSuffix namespace patches replicas version",
    "directory": "disableExtensionFilter exclude include jsonnet recurse",
}
"""What a source of an Application may have for each tool (argo-cd v3.5.1), but for what has a key of its own.

Anything else an API server would drop, and say nothing.
"""


def _are_source_options(value: Json) -> bool:
    return isinstance(value, dict) and all(
        isinstance(options, dict) and options.keys() <= set(_SOURCE_KEYS.get(tool, "").split())
        for tool, options in value.items()
    )


def _is_branch(name: str) -> bool:
    """The part of git's own rule for a branch that can be told without git, and none of the promotions' own."""
    return (
        # A default branch there would be rebuilt by a promotion, or be in the way of every one of them.
        # And `refs/heads/main` is how git writes `main` in full: as a name it would be looked for below refs/heads.
        # And these two Argo CD takes for something else than a branch.
        name != "HEAD"
        and not is_commit(name)
        and name.partition("/")[0] not in ("promote", "rollback", "refs")
        and re.fullmatch(r"(?!.*(\.\.|//|/\.|\.lock(/|$)))[A-Za-z0-9_][\w./-]*[\w-]|[A-Za-z0-9_]", name, re.ASCII)
        is not None
    )


def _why_no_path(value: Json) -> str:
    problem = path_problem(value).replace(" — ", ": ") if isinstance(value, str) else ""
    return f"this one has {problem}" if problem else ""


def _is_check_url(address: str) -> bool:
    """Whether it can be asked: http or https, and nothing secret in it."""
    return re.fullmatch(r"https?://[!-~]+", address) is not None and not has_credentials(address)


def _is_decimal(value: Json) -> bool:
    return (isinstance(value, int | float) and not isinstance(value, bool)) or (
        isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) is not None
    )


def _is_pinned(image: str) -> bool:
    name = re.sub(r"(:\w[\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$", "", image)
    return IMAGE.holds(name) and name != image and not image.endswith(":latest")


FLAG = Rule(lambda value: isinstance(value, bool), "true or false", "true|false")
DNS_LABEL = text(is_dns_label, "lower-case letters, digits and '-', at most 63 characters (a DNS label)", "NAME")
RESOURCE = text(is_dns_subdomain, "a Kubernetes resource name (lower-case DNS subdomain)", "NAME")
NAMESPACE = text(
    lambda name: is_dns_label(name) and name != "default" and not name.startswith("kube-"),
    f"{DNS_LABEL.words}, not default or kube-…",
    "NAMESPACE",
)
FOLDER_NAME = pattern(
    r"(?=.{1,200}$)[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*",
    "a folder in the repository: letters, digits, '.', '_' and '-', none beginning with '.', slashes between",
    "FOLDER",
)
NAME_PATTERN = pattern(
    r"(?=.{1,300}$)([^{}\n]|\{[A-Za-z]\w*\})+",
    "a text with {application}, {stage} and what `variables` of the application have, at most 300 characters",
    "PATTERN",
)
_FILE = r"(?=.{1,300}$)/?((\.\.|[\w.{}-]*[\w}-])/)*[\w.{}-]*[\w}-]"
_FROM = (
    "from the application's folder or with a `/` before it from the repository's root: letters, digits, '.', '_' and "
    "'-', slashes between; it may have {stage}"
)
FILE_PATTERN = pattern(_FILE, f"a file, {_FROM}", "FILE")
READ_PATTERN = pattern(f"{_FILE}/?", f"a folder or file, {_FROM}", "FOLDER")
FIELD_PATH = Rule(
    lambda path: isinstance(path, str) and not path_problem(path),
    r"a field path: dots between levels, `[name=VALUE]` for an element of a list, `\.` for a dot in a key",
    "KEY",
    _why_no_path,
)
CHART_REPOSITORY = text(
    lambda address: re.fullmatch(r"(oci|https)://[!-~]+", address) is not None and not has_credentials(address),
    "oci://HOST/PATH or https://HOST/PATH, without a user, password or token",
    "oci://HOST/PATH",
)
VERSION = text(is_version, "an image tag that is a label too: letters, digits, '.', '_', '-', at most 63", "VERSION")
FIRST_VERSION = text(is_image_version, f"{VERSION.words}; with its digest if you like: TAG@sha256:…", "VERSION")
COMMIT = text(is_commit, "a full commit id in lower-case hex", "COMMIT")
OWNER = pattern(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}", "a GitHub user or organisation", "OWNER")
REPOSITORY = pattern(r"(?!\.{1,2}$)(?!.*\.git$)[A-Za-z0-9._-]{1,100}", "a GitHub repository's name", "NAME")
BRANCH = text(
    _is_branch, "a branch name, not `HEAD`, no commit id, not `promote`, `rollback`, `refs` or below them", "BRANCH"
)
API_URL = text(
    _is_api_url, "https://api.github.com, or https://HOST/api/v3 for GitHub Enterprise", "https://HOST/api/v3"
)
IMAGE = pattern(
    # What follows a colon is a port only where a path follows that.
    r"[a-z0-9]+([._-][a-z0-9]+)*(:[0-9]+(?=/))?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*",
    "an image reference without a tag",
    "IMAGE",
)
PROMOTED_KEY = pattern(
    r"(?!(commitID|traceParent|application|context|versionKey|promotedKeys|verification)(\.|$))"
    r"[A-Za-z_][\w-]{0,62}(\.[A-Za-z_][\w-]{0,62}){0,5}",
    "a key of values.yaml, dots between levels; not commitID, traceParent, or one of platform.yaml's own",
    "KEY",
)
SERVER = text(
    lambda address: re.fullmatch(r"https?://[!-~]+", address) is not None and not has_credentials(address),
    "the address of a Kubernetes API server, without a user, password or token",
    "https://HOST",
)
REPO_URL = text(
    lambda address: re.fullmatch(_REPO_URL, address, re.ASCII) is not None and not has_credentials(address),
    "an address of the repository for git, by SSH or https, without a password or token",
    "git@HOST:OWNER/NAME.git",
)
TRACE_URL = text(
    _is_trace_url,
    "an http(s) address with {trace_id} and, if wanted, {span_id}, without a user, password or token; or nothing",
    "https://HOST/{trace_id}",
)
APP_ID = pattern(r"[0-9]{1,18}|Iv[0-9A-Za-z.]{8,60}", "the id of a GitHub App, or its client id", "APP_ID")
INSTALLATION_ID = pattern(r"[0-9]{1,18}", "the number at the end of the installation's address", "NUMBER")
TEXT_PATTERN = text(
    lambda line: (
        re.fullmatch(r"(?=.{1,200}$)([^{}\x00-\x1f\x7f]|\{(application|version|from|to)\})+", line) is not None
        and not any(has_credentials(word) for word in line.split())
    ),
    "one line with {application}, {version}, {from} and {to}, without a user, password or token in an address",
    "PATTERN",
)
AUTHOR = pattern(r"[^<>\x00-\x1f\x7f]{1,100} <[^<>@\s]+@[^<>@\s]+>", "NAME <ADDRESS>", "NAME <ADDRESS>")
LABEL = pattern(r"[^\x00-\x1f,]{1,50}", "a GitHub label, at most 50 characters, without a comma", "LABEL")
PERSON = pattern(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}", "a GitHub user", "USER")
TEAM = pattern(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?", "the slug of a team of the owner", "TEAM")
METADATA = text(
    lambda value: not any(has_credentials(word) for word in value.split() if "://" in word),
    "a text (quote it), without a user, password or token in an address",
    "TEXT",
)
METADATA_KEY = pattern(
    r"(?!(commitID|traceparent)$)[A-Za-z0-9]([\w./-]*[A-Za-z0-9])?",
    "letters, digits, '.', '_', '/', '-', a letter or digit at both ends; not commitID, not traceparent",
    "KEY",
)
TASK_NAME = text(
    lambda name: is_dns_subdomain(name) and name != "promote",
    f"{RESOURCE.words}, not `promote`: the program declares that task itself",
    "TASK",
)
TASK = Rule(
    lambda code: code is None or (isinstance(code, str) and bool(code.strip())),
    "Python source, or null for a task that is defined elsewhere",
    "SOURCE",
)
TEXT = text(lambda _: True, "a text (quote it)", "TEXT")
CONTEXT = pattern(r"[ -~]+", "the name of a context in the kubeconfig", "CONTEXT")
CLUSTER_NAME = pattern(r"(?!.*://)[ -~]{1,253}", "the name of a cluster in Argo CD, no address", "NAME")
FOLDER = text(lambda name: name.isprintable() and bool(name), "a folder", "FOLDER")
KIND = pattern(r"[A-Za-z][A-Za-z0-9]{0,62}", "the kind of a Kubernetes resource", "KIND")
CHART_NAME = pattern(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", "the name of a chart", "NAME")
VARIABLE = pattern(
    r"(?!(application|stage)$)[A-Za-z]\w{0,62}", "letters, digits and '_'; not application, not stage", "NAME"
)
RETRY = Rule(
    _is_retry,
    "a map as in Argo CD's `syncPolicy.retry`: limit, backoff (duration, factor, maxDuration)",
    '{"limit": 2}',
)
IGNORED_DIFFERENCES = Rule(
    _are_ignored_differences,
    "a list as Argo CD's `ignoreDifferences`: group, kind, name, namespace, and what is ignored",
    '[{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}]',
)
SOURCE_OPTIONS = Rule(
    _are_source_options,
    "a map with `helm`, `kustomize` or `directory` as Argo CD's `source` has it, without valueFiles",
    '{"helm": {"releaseName": "NAME"}}',
)
SYNC_OPTION = pattern(r"[A-Za-z]+=[A-Za-z0-9=,_-]+", "a sync option of Argo CD", "NAME=VALUE")
LABEL_KEY = pattern(
    r"(?=.{1,316}$)([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?",
    "the name of a label or annotation",
    "NAME",
)
ANNOTATION_KEY = text(
    lambda name: LABEL_KEY.holds(name) and not name.startswith("argocd.argoproj.io/"),
    f"{LABEL_KEY.words}, not argocd.argoproj.io/…: those are the program's",
    "NAME",
)
LABEL_VALUE = text(lambda value: not value or is_version(value), "the value of a label, at most 63 characters", "VALUE")
CHECK_URL = text(_is_check_url, "an http(s) address without a user, password or token", "https://HOST/PATH")
OTLP_ENDPOINT = text(
    lambda address: _is_check_url(address) and not re.search(r"[?#]", address),
    "an http(s) address, without a user, password or token, to which `/v1/traces` is added",
    "http://HOST:4318",
)
QUERY = pattern(r"[^\x00-\x1f\x7f]{1,2000}", "a PromQL query on one line", "QUERY")
DECIMAL = Rule(_is_decimal, "a number", "NUMBER")
SWEEP_MINUTES = Rule(
    lambda value: type(value) is int and value in (0, 5, 6, 10, 12, 15, 20, 30, 60),
    "5, 6, 10, 12, 15, 20, 30 or 60, or 0 for never",
    "NUMBER",
)
PINNED_IMAGE = text(_is_pinned, "an image reference with a tag or digest, not `latest`", "IMAGE:TAG")
ONE_LINE = pattern(r"[^\x00-\x1f\x7f]{0,200}", "one line of text", "TEXT")
NOTHING = text(lambda value: not value, "nothing: the promoter opens rollbacks", "''")
