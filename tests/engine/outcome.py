"""What a Pulumi command did, as its event log tells it: which resource, which operation, which values."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_QUIET = frozenset({"same", "read", "refresh"})
# A replacement is three steps of the engine's, and one thing that happens to a resource.
_ONE_REPLACEMENT = frozenset({"create-replacement", "delete-replaced"})


@dataclass(frozen=True)
class Outcome:
    """How one command ended.

    `text` is what a person saw. `changes` maps "Type name" to the operation (`create`, `update`, `replace`,
    `delete`, `import`) for each resource that something happened to. `outputs` are the stack's, as masked as shown.
    """

    status: int
    text: str
    changes: dict[str, str]
    outputs: Mapping[str, Any]

    @property
    def errors(self) -> list[str]:
        """The lines of the program's own refusal, without Pulumi's frame."""
        _, _, diagnostics = self.text.partition("\nDiagnostics:\n")
        _, _, refusal = diagnostics.partition("error: ")
        own, _, _ = refusal.partition("error: an unhandled error occurred")
        return [line.strip() for line in own.splitlines() if line.strip()]

    def of(self, operation: str) -> set[str]:
        """The resources that this operation happened to."""
        return {resource for resource, done in self.changes.items() if done == operation}


def read_outcome(status: int, text: str, log: Path) -> Outcome:
    """An `Outcome` from a command's exit status, its output and the file of its `--event-log`."""
    changes: dict[str, str] = {}
    outputs: Mapping[str, Any] = {}
    for event in _events(log):
        # What a refresh found is known when a resource is done; what an update does is said beforehand.
        for kind in ("resourcePreEvent", "resOutputsEvent"):
            metadata = event.get(kind, {}).get("metadata")
            if metadata is None:
                continue
            if metadata["type"] == "pulumi:pulumi:Stack" and kind == "resOutputsEvent":
                outputs = (metadata.get("new") or {}).get("outputs") or {}
            operation = metadata["op"]
            if operation not in _QUIET and metadata["type"] != "pulumi:pulumi:Stack":
                changes[_short(metadata["urn"])] = "replace" if operation in _ONE_REPLACEMENT else operation
    return Outcome(status, text, changes, outputs)


def _events(log: Path) -> Iterator[dict[str, Any]]:
    if log.exists():
        for line in log.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def _short(urn: str) -> str:
    *_, kinds, name = urn.split("::")
    return f"{kinds.split('$')[-1].rsplit(':', 1)[-1].rsplit('/', 1)[-1]} {name}"
