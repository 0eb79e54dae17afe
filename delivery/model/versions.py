"""What the name of a version tells: which of two is the older one, and whether it is a tag that moves."""

import re

_VERSION = re.compile(r"[vV]?(\d{1,9}(?:\.\d{1,9}){0,5})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
# What comes before the version that it is named after. Any other suffix (`-hotfix1`) comes after it.
_PRE_RELEASE = re.compile(r"(alpha|beta|a|b|c|rc|pre|preview|dev|snapshot|nightly|m)[0-9.-]*", re.IGNORECASE)
# Names of branches and channels, with a variant (`latest-alpine`); a number or a commit in it makes it one of many.
_MUTABLE = re.compile(
    r"(latest|main|master|trunk|edge|stable|dev|develop|development|test|testing|staging|prod|production|nightly|"
    r"snapshot|canary|head|current|next|unstable|rolling)(-[a-z]+)*",
    re.IGNORECASE,
)
_Suffix = tuple[int, tuple[tuple[int, int, str], ...]]


def is_mutable(version: str) -> bool:
    """Whether `version` is a tag that is moved to other images: what was verified need not be what is deployed.

    One with its digest (`main@sha256:…`) is not, whatever the tag.
    """
    return _MUTABLE.fullmatch(version) is not None


def is_older(version: str, than: str) -> bool | None:
    """Whether `version` is older than the version `than`; None where their names do not tell.

    Numbers as in semantic versioning, up to six of them. A suffix that is not a usual pre-release's is taken for a fix
    on top: that is how versions of hotfixes are named. A digest tells nothing.
    """
    found = [_VERSION.fullmatch(text.partition("@")[0]) for text in (version, than)]
    if found[0] is None or found[1] is None:
        return None
    one, other = ((_numbers(match[1]), _suffix(match[2] or "")) for match in found if match)
    return one < other


def _numbers(text: str) -> tuple[int, ...]:
    numbers = [int(number) for number in text.split(".")]
    return tuple(numbers + [0] * (6 - len(numbers)))


def _suffix(text: str) -> _Suffix:
    rank = 0 if not text else -1 if _PRE_RELEASE.fullmatch(text) else 1
    parts = re.findall(r"\d+|[A-Za-z]+", text)
    return rank, tuple((0, int(part), "") if part.isdecimal() else (1, 0, part.lower()) for part in parts)
