"""What a preview of one stack found, small enough to hand from job to job, and without a single value.

Values are left out on purpose: the job that shows a report to people has not got the secrets that it would have to
mask. What the program itself says in words (which promotion is due) is kept, masked where it is written.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

_NO_CHANGE = frozenset({"same", "refresh", "read", "read-discard", "discard"})
# A replacement is three steps for one thing that happens.
_PART_OF_REPLACE = frozenset({"create-replacement", "delete-replaced", "discard-replaced", "remove-pending-replace"})
_PROMOTION = "delivery:components:Promotion"
_PROVIDER = "pulumi:providers:"
_MOST = 2000
_LONGEST = 2000


class ReportError(ValueError):
    """The file is no report."""


@dataclass(frozen=True)
class Change:
    """One resource that an update would change; `keys` are the properties, `promotion` says what it belongs to."""

    operation: str
    type: str
    name: str
    keys: tuple[str, ...] = ()
    promotion: bool = False


@dataclass(frozen=True)
class Report:
    """One stack's preview. With `failures` it came to no end, and `changes` may be a part of them."""

    stack: str
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def drift(self) -> tuple[Change, ...]:
        """The changes that nobody asked for.

        A promotion that is due is what a promotion is for. And a provider is how Pulumi reaches what is there: with
        a new token it changes, and nothing that runs does.
        """
        return tuple(
            change for change in self.changes if not change.promotion and not change.type.startswith(_PROVIDER)
        )

    def to_json(self) -> str:
        """The report as a file."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Read what `to_json` wrote, whoever wrote it: bounded, every part a text. Raises `ReportError`."""
        try:
            raw = json.loads(text)
            changes = tuple(_change(each) for each in raw["changes"][:_MOST])
            stack, notes, failures = raw["stack"], raw["notes"], raw["failures"]
            return cls(_text(stack), changes, _texts(notes), _texts(failures))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ReportError(f"not a report of a preview ({type(error).__name__})") from None


def read_preview(stack: str, status: int, output: str, errors: str, secrets: Iterable[str]) -> Report:
    """What `pulumi preview --json` printed and returned, as a report without `secrets`."""
    hidden = sorted({secret for secret in secrets if len(secret) >= 6}, key=len, reverse=True)

    def clean(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, "[secret]")
        return " ".join(text.split())[:_LONGEST]

    try:
        document: Any = json.loads(output)
        steps, diagnostics = document.get("steps") or [], document.get("diagnostics") or []
    except (ValueError, AttributeError):
        said = [line for line in (clean(line) for line in errors.splitlines()) if line]
        return Report(stack, failures=tuple(said[-5:]) or (f"pulumi ended with status {status} and said nothing",))
    changes = tuple(change for step in steps if (change := _step(step)) is not None)
    notes: dict[str, None] = {}
    failures: dict[str, None] = {}
    for each in diagnostics:
        message = clean(str(each.get("message", "")))
        # A provider that lies on PATH is how a test or a closed network has it, and no news to a reviewer.
        if message and not message.startswith("warning: using pulumi-"):
            (failures if each.get("severity") == "error" else notes).setdefault(message)
    if status and not failures:
        failures.setdefault(clean(errors) or f"pulumi ended with status {status}")
    return Report(stack, changes, tuple(notes), tuple(failures))


def _step(step: Any) -> Change | None:
    operation = str(step.get("op", ""))
    chain, _, name = (
        str(step.get("urn", "")).removeprefix("urn:pulumi:").partition("::")[2].partition("::")[2].partition("::")
    )
    kind = chain.rpartition("$")[2]
    if operation in _NO_CHANGE | _PART_OF_REPLACE or kind == "pulumi:pulumi:Stack":
        return None
    keys = tuple(step.get("detailedDiff") or step.get("diffReasons") or ())
    return Change(operation, kind, name, tuple(map(str, keys)), _PROMOTION in chain.split("$"))


def _change(raw: Any) -> Change:
    return Change(
        _text(raw["operation"]), _text(raw["type"]), _text(raw["name"]), _texts(raw["keys"]), raw["promotion"] is True
    )


def _texts(raw: Any) -> tuple[str, ...]:
    if not isinstance(raw, list):
        raise TypeError
    return tuple(_text(each) for each in raw[:_MOST])


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError
    return raw[:_LONGEST]
