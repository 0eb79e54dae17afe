"""Texts of unknown origin, made fit to be shown: on one line, printable, and without secrets.

Error messages come from git, from HTTP libraries, from servers and from people, so any of them may hold a secret, a
line break or a direction override. Markdown is left to `delivery.promotion.markdown`.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlsplit, urlunsplit

MASK = "[secret]"
"""What is shown in place of every secret."""
_SHORTEST_SECRET = 6  # a shorter text is no secret, and is found in ordinary words
_NAMES_OF_SECRETS = (
    r"TOKEN|SECRET|PASSWORD|PASSPHRASE|CREDENTIAL|PRIVATE|HEADERS|BACKEND_URL|CONNECTION_STRING"
    r"|AUTH(?!ORS?(_|$))|_PASS(_|$)|KEYS?(_|$)"
)
_SHORT_NAMES = r"sig|signature|jwt|pass|pwd|session|sid"
# With a web token in it since 2026: ghs_APPID_HEADER.CLAIMS.SIGNATURE
_KNOWN_FORMS = r"\b(gh[a-z]_|github_pat_|glpat-|pul-|xox[a-z]-)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*"
_IN_ADDRESSES = (
    # A password may hold anything but white space, so all up to the last @ goes.
    (r'(?<=://)(?=[^/?#\s"]*[:@])[^\s"]*@', ""),
    (r'(?<![^\s"\'])[^\s"\'/:@]+:[^\s"/@][^\s"@]*@', ""),
    (r'(?<=[?&;#])([^\s"=&#;]+=)[^\s"&#;]+', rf"\1{MASK}"),
    (_KNOWN_FORMS, MASK),
)
_REDACTED = (
    (r"(?<=://)[^/\s@]+@", ""),  # user:password@ in an address
    (_KNOWN_FORMS, MASK),
    (r"(?i)\b(bearer|basic|token)(\s*[:=]\s*|\s+)[A-Za-z0-9._~+/=-]{8,}", rf"\1 {MASK}"),
    (r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", MASK),  # a JSON web token
    # Folders of absolute paths go, the last name stays; REST paths and addresses are no files.
    (r"(?<![\w/.:-])/(?!repos/|user|orgs/)(?:[^\s/'\":,;()]+/)+", "…/"),
    (r"(?<!\w)(?:[A-Za-z]:\\|\\\\)(?:[^\s\\'\":,;()]+\\)+", "…/"),
)


def one_line(text: str, limit: int = 300) -> str:
    """`text` with every run of white space as one space and everything invisible made visible, cut at `limit`."""
    seen = "".join(map(_visible, re.sub(r"\s+", " ", text[: 4 * limit]).strip()))
    return seen if len(seen) <= limit else seen[: limit - 1] + "…"


def printable(text: str) -> str:
    """`text` with what a terminal or a log would not print as JSON spells it: `\\n`, `\\u2028`. Nothing is lost."""
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)


def masked(text: str, secrets: Iterable[str]) -> str:
    """`text` with each of `secrets` replaced, also where it stands as JSON or a URL spells it."""
    spelled = {
        form
        for secret in secrets
        if len(secret) >= _SHORTEST_SECRET
        for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret, ""))
    }
    for form in sorted(spelled, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def redacted(text: str, environ: Mapping[str, str], limit: int = 200) -> str:
    """The first line of `text` without secrets and absolute paths, at most `limit` characters.

    A secret is what looks like one, and the value of every variable in `environ` that has the name of a secret.
    """
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = masked(line, secret_values(environ))
    for pattern, replacement in _REDACTED:
        line = re.sub(pattern, replacement, line)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def secret_values(environ: Mapping[str, str]) -> list[str]:
    """The values of the variables in `environ` that have the name of a secret."""
    return [value for name, value in environ.items() if len(value) >= _SHORTEST_SECRET and is_secret_variable(name)]


def is_secret_variable(name: str) -> bool:
    """Whether the value of the environment variable `name` has to be masked, judged by the name alone.

    In doubt it has to: masking the name of a key file does no harm. An address such as `PULUMI_BACKEND_URL` may
    hold a password, and `OTEL_EXPORTER_OTLP_HEADERS` usually holds a token.
    """
    return re.search(_NAMES_OF_SECRETS, name, re.IGNORECASE) is not None


def without_secrets(text: str) -> str:
    """`text` with each address in it as it may be shown: without user and password, and no values in its query."""
    for pattern, replacement in _IN_ADDRESSES:
        text = re.sub(pattern, replacement, text)
    return text


def has_credentials(url: str) -> bool:
    """Whether an address has a user or password, a query with the name of a secret in it, or a token anywhere.

    A user alone is no secret for other than web addresses (`ssh://git@host`). What cannot be taken apart has some.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return True
    user, at, _ = parts.netloc.rpartition("@")
    if at and (":" in user or parts.scheme in ("http", "https")):
        return True
    if not parts.netloc and re.match(r"[^/@:]+:[^@]*@", url):
        return True
    names = re.findall(r"(?:^|[&;?])([^=&;?]+)=", f"{parts.query}&{parts.fragment}")
    secret = any(is_secret_variable(name) or re.fullmatch(_SHORT_NAMES, name, re.IGNORECASE) for name in names)
    return secret or re.search(_KNOWN_FORMS, url) is not None


def without_credentials(url: str) -> str:
    """`url` without user and password, which an address meant for `git` may have."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _visible(character: str) -> str:
    # C: control, format (direction overrides, zero-width), surrogate, private use, unassigned; Z: separators
    category = unicodedata.category(character)
    return "\N{REPLACEMENT CHARACTER}" if category[0] == "C" or category in ("Zl", "Zp") else character
