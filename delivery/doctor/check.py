"""The outcome of one check, and the three ways to come to it."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "wrong", "unknown"]


@dataclass(frozen=True)
class Check:
    """What one check found. `mend` is the command (or the place in settings) that sets it right, may be empty."""

    name: str
    status: Status
    detail: str
    mend: str = ""

    def __str__(self) -> str:
        mend = f"; mend: {self.mend}" if self.mend else ""
        return f"{self.status:<8} {self.name}: {self.detail}{mend}"


def ok(name: str, detail: str) -> Check:
    """It is as it should be."""
    return Check(name, "ok", detail)


def wrong(name: str, detail: str, mend: str) -> Check:
    """It is known to be wrong."""
    return Check(name, "wrong", detail, mend)


def unknown(name: str, detail: str, mend: str = "") -> Check:
    """It could not be found out, or nobody tells."""
    return Check(name, "unknown", detail, mend)
