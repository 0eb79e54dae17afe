"""Names and identifiers that cross a boundary, and the one rule each has to keep.

Every check of an identifier is a whole-string match: a trailing newline, a quote or `${{` never passes.
What a wrong value means for the caller (an error, a value left out) is the caller's decision.
"""

import re

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_DIGEST = r"@sha256:[0-9a-f]{64}"
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# Not compiled here: every start of the program imports this module, and hardly any asks for these.
_LOOPBACK = r"https?://(localhost|[^/?#]+\.localhost|127(\.\d+){3}|0\.0\.0\.0|\[::1\])(:\d*)?([/?#]|\Z)"


def is_dns_label(text: str) -> bool:
    """Whether `text` may name a namespace, a stage or an application (RFC 1123 label, 63 characters)."""
    return _DNS_LABEL.fullmatch(text) is not None


def is_dns_subdomain(text: str) -> bool:
    """Whether `text` may name a custom resource (RFC 1123 subdomain, 253 characters)."""
    return len(text) <= 253 and _DNS_SUBDOMAIN.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """Whether `text` may be a version: it becomes an image tag and the label `app.kubernetes.io/version`.

    The label's rule (63 characters, alphanumeric at both ends) is the narrower of the two.
    """
    return _LABEL_VALUE.fullmatch(text) is not None


def is_image_version(text: str) -> bool:
    """Whether `text` may be the version in a stage's values: a version, and the digest of its image if there is one."""
    return is_version(re.sub(rf"{_DIGEST}\Z", "", text))


def is_commit(text: str) -> bool:
    """Whether `text` is a full git object name, SHA-1 or SHA-256, in lower case."""
    return _COMMIT.fullmatch(text) is not None


def is_traceparent(text: str) -> bool:
    """Whether `text` is a W3C `traceparent` that can be linked to.

    Lower-case hex, version not `ff`, neither id all zero. Keptn's operator checks none of this and
    would link to all-zero ids, so what fails here must be left out.
    """
    return _TRACEPARENT.fullmatch(text) is not None


def is_loopback(url: str) -> bool:
    """Whether `url` leads everybody to the machine that they sit at."""
    return re.match(_LOOPBACK, url, re.IGNORECASE) is not None
