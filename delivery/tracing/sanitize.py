"""Makes texts fit to leave the machine in a span: one line, no secrets, no absolute paths.

Error messages come from git, from HTTP libraries and from servers, so any of them may hold either.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from delivery.model.identifiers import is_secret_variable

_LONGEST = 200
_PATTERNS = (
    (re.compile(r"(?<=://)[^/\s@]+@"), ""),  # user:password@ in an address
    (re.compile(r"\b(gh[a-z]_|github_pat_|glpat-|pul-|xox[a-z]-)[A-Za-z0-9_-]+"), "[secret]"),
    (re.compile(r"\b(bearer|basic|token)(\s*[:=]\s*|\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), r"\1 [secret]"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), "[secret]"),  # a JSON web token
    # Folders of absolute paths go, the last name stays; REST paths and addresses are no files.
    (re.compile(r"(?<![\w/.:-])/(?!repos/|user|orgs/)(?:[^\s/'\":,;()]+/)+"), "…/"),
    (re.compile(r"(?<!\w)(?:[A-Za-z]:\\|\\\\)(?:[^\s\\'\":,;()]+\\)+"), "…/"),
)


def sanitized(text: str, environ: Mapping[str, str]) -> str:
    """The first line of `text` without secrets and absolute paths, at most 200 characters.

    A secret is what looks like one, and the value of every variable in `environ` that has the name of a secret.
    """
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    secrets = {value for name, value in environ.items() if len(value) >= 8 and is_secret_variable(name)}
    for secret in sorted(secrets, key=len, reverse=True):
        line = line.replace(secret, "[secret]")
    for pattern, replacement in _PATTERNS:
        line = pattern.sub(replacement, line)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def without_credentials(url: str) -> str:
    """`url` without user and password, which an address meant for `git` may have."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
