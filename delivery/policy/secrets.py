"""Rule: no secret stands in plain text, in a committed file or in an object's values.

Two signs count. The form of a known token or key, anywhere. And a value under the name of a secret, where the value is
one: no reference, no template, no placeholder, no name of a Secret. What a report shows is where it stands, never what.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from delivery.policy.resources import (
    NOTHING,
    UNKNOWN,
    Declared,
    Finding,
    Key,
    committed_files,
    documents,
    mapping,
    text,
    walk,
)
from delivery.text import MASK, one_line, redacted

_PASSWORDS = r"pass(?:word|wd|phrase)|pwd"
_TOKENS = (
    r"token|secret|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|client[_-]?secret|credentials?"
    r"|connection[_-]?string|auth[_-]?key|encryption[_-]?key|signing[_-]?key"
)
_PASSWORD_NAME = re.compile(rf"(?:.*[a-z0-9_.-])?(?:{_PASSWORDS})", re.IGNORECASE)
_TOKEN_NAME = re.compile(rf"(?:.*[a-z0-9_.-])?(?:{_TOKENS})", re.IGNORECASE)
_ASSIGNED = re.compile(rf"(?i)({_PASSWORDS}|{_TOKENS})[\"']?\]?\s*(?:=|:=|:)\s*([\"'])((?:(?!\2)[^\\\n]){{6,}})\2")
_REFERENCE = re.compile(
    r"(?i)[$<*%].*|.*(?:\$\{|\{\{|\$\(|<[a-z]).*|(?:vault|ref\+|op|arn|secret|env|file|awssm|gcpsm)[+\w]*:.*|ENC\[.*"
    r"|\[secret\]|(?:https?://|/|\./|~/)[^@]*"
)
_PLACEHOLDER = re.compile(
    r"(?i)(?:change|replace|insert|enter|your|my|some|put|set)[-_ ]?\w*[-_ ].*|change-?me|x{3,}|\.{3,}|-+|redacted"
    r"|example|placeholder|password|pass|secret|token|dummy|todo|none|true|false|enabled|disabled|optional|required"
)
_PART = r"(?:[A-Za-z]+\d{0,3}|\d{1,4})"
_LOOSE_NAME = re.compile(rf"{_PART}(?:[-_./]{_PART})*|[A-Za-z]+ [ A-Za-z.,:;()'`-]*")
"""Words between separators, or a sentence. Random digits among letters are neither."""
_SHORTEST_TOKEN = 16
# Every known form has a digit, and a prefix with one of these after it.
_WORD = re.compile(r"\b(?=[a-z]+[-_.]|eyJ)(?=[^\s0-9]*[0-9])[A-Za-z0-9_.-]{20,}")
_FORMS = (
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\s*[A-Za-z0-9+/=\s\\]{40}")),
    ("an access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{35}")),
    ("a token", re.compile(r"\b(?:npm_|hvs\.|dop_v1_|sk-)[A-Za-z0-9_-]{30,}")),
)
# With a bracket it is a pattern of addresses.
_IN_ADDRESS = re.compile(r"\w://[^/\s:@\"'\[(]*:([^/\s@\"'\[(]+)@")
_MASKED_TYPES = ("kubernetes:core/v1:Secret", "kubernetes:core/v1:SecretPatch")


def check(resources: Sequence[Declared]) -> Iterator[Finding]:
    """Every place with a secret in plain text."""
    for found in resources:
        # What is in a Secret is where it belongs, and Pulumi keeps it encrypted.
        if found.type.startswith("kubernetes:") and found.type not in _MASKED_TYPES:
            for path, what in _in_values(found.properties):
                yield _finding(text(mapping(found.properties, "metadata").get("name")), path, what, found.urn)
    for file in committed_files(resources):
        parsed = file.documents
        places = [place for document in parsed or () for place in _in_values(document)]
        places += [] if parsed else _in_text(file.content)
        # Comments are no values, and known forms are secrets there too.
        if parsed and not places and (what := known_form(file.content)):
            places.append(("", what))
        for path, what in dict.fromkeys(places):
            yield _finding(file.path, path, what, file.urn)


def _finding(where: str, path: str, what: str, urn: str) -> Finding:
    subject = f"{one_line(where)}: {path}" if path else one_line(where)
    return Finding(subject, f"{subject} has {what} in plain text", urn)


def _in_values(value: object) -> Iterator[tuple[str, str]]:
    """The path of each secret in a structure, and what it is."""
    within: tuple[Key, ...] | None = None
    for path, found in walk(value):
        if within is not None and path[: len(within)] == within:
            continue
        if isinstance(found, Mapping) and found.get("kind") == "Secret":
            within = path
            for place in ("data", "stringData"):
                if any(_plain(text(one)) for one in mapping(found, place).values()):
                    yield shown((*path, place)), "the content of a Secret"
            continue
        if isinstance(found, Mapping):
            # An environment variable, and a parameter of Helm's.
            name, named = text(found.get("name")), found.get("value")
            if isinstance(named, str) and is_secret(name, named):
                yield shown((*path, name)), "a secret"
        if not isinstance(found, str):
            continue
        if what := known_form(found):
            yield shown(path), what
        elif "\n" in found:
            # A text in a value may be a file of its own: values of Helm's, a script, the source of a task.
            inner = documents(found)
            structured = [document for document in inner or () if isinstance(document, Mapping | list)]
            for document in structured:
                yield from ((f"{shown(path)}: {where}", what) for where, what in _in_values(document))
            if not structured:
                yield from ((f"{shown(path)}: {where}", what) for where, what in _in_text(found))
        elif path and is_secret(str(path[-1]), found):
            yield shown(path), "a secret"


@cache
def _in_text(content: str) -> tuple[tuple[str, str], ...]:
    """The line of each secret in a text without structure."""
    return tuple(_lines(content))


def _lines(content: str) -> Iterator[tuple[str, str]]:
    if known_form(content):
        found = [(number, what) for number, line in enumerate(content.splitlines(), 1) if (what := known_form(line))]
        yield from ((f"line {number}", what) for number, what in found or [(1, known_form(content))])
    for match in _ASSIGNED.finditer(content):
        if is_secret(match[1], match[3]):
            yield f"line {content.count(chr(10), 0, match.start()) + 1}", "a secret"


def is_secret(name: str, value: str) -> bool:
    """Whether `value` is a secret in plain text, where its name says that it may be one."""
    password = _PASSWORD_NAME.fullmatch(name) is not None
    if not (password or _TOKEN_NAME.fullmatch(name)) or not _plain(value):
        return False
    # `token: github-token` names a Secret, and `token: promotions` is a word; a password may be either.
    return password or (len(value) >= _SHORTEST_TOKEN and not _LOOSE_NAME.fullmatch(value))


@cache
def known_form(content: str) -> str:
    """What secret a text has by its form, in words; nothing where it has none."""
    if len(content) < _SHORTEST_TOKEN:
        return _password_in_address(content)
    for what, form in _FORMS:
        if form.search(content):
            return what
    if any(MASK in redacted(word, {}, len(word)) for word in _WORD.findall(content)):
        return "a token"
    return _password_in_address(content)


def _password_in_address(content: str) -> str:
    passwords = _IN_ADDRESS.findall(content)
    return "a password in an address" if any(map(_plain, passwords)) else ""


def _plain(value: str) -> bool:
    """Whether a value says something by itself: it is no reference, no template and no placeholder."""
    said = value.strip()
    return not (said in NOTHING or said == UNKNOWN or _REFERENCE.fullmatch(said) or _PLACEHOLDER.fullmatch(said))


def shown(path: Sequence[Key]) -> str:
    """A path as a report shows it: `env.0.PASSWORD`."""
    return one_line(".".join(map(str, path)))
