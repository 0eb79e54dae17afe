"""How Argo CD syncs a stage, as a frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True)
class SyncPolicy:
    """How Argo CD syncs the Applications of a stage: by itself (`automated`), or when a person asks it to.

    `prune` and `self_heal` are for the first alone. `retry` (empty: Argo CD's own) and `ignore_differences` are as Argo
    CD has them. `window` says for people when it syncs; it is enforced by a sync window of the Argo CD project.
    """

    automated: bool = True
    prune: bool = True
    self_heal: bool = True
    retry: Mapping[str, Json] = field(default_factory=dict, hash=False)
    options: tuple[str, ...] = ("CreateNamespace=true",)
    window: str = ""
    ignore_differences: tuple[Mapping[str, Json], ...] = field(default=(), hash=False)
