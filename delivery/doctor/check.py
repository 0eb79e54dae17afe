"""The outcome of one check, and the three ways to come to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from delivery.text import masked, one_line

Status = Literal["ok", "wrong", "unknown"]
_LONGEST = 4000


@dataclass(frozen=True)
class Check:
    """What one check found. `fix` is a command, or what to change where; it may be empty."""

    name: str
    status: Status
    detail: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.status:<8} {self.name}: {self.detail}{f'; fix: {self.fix}' if self.fix else ''}"

    def presentable(self, secrets: Iterable[str]) -> "Check":
        """The check with each text on one line and `secrets` masked: servers and tools may be quoted in it."""
        hidden = tuple(secrets)
        detail, fix = (one_line(masked(text, hidden), _LONGEST) for text in (self.detail, self.fix))
        return Check(self.name, self.status, detail, fix)

    def to_json(self) -> dict[str, str]:
        """The check for scripts. `mend` is what `fix` was called; it goes with the next release."""
        return {"name": self.name, "status": self.status, "detail": self.detail, "mend": self.fix, "fix": self.fix}


def ok(name: str, detail: str) -> Check:
    """All is well."""
    return Check(name, "ok", detail)


def wrong(name: str, detail: str, fix: str) -> Check:
    """It is known to be wrong."""
    return Check(name, "wrong", detail, fix)


def unknown(name: str, detail: str, fix: str = "") -> Check:
    """It could not be found out."""
    return Check(name, "unknown", detail, fix)
