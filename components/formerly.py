"""What a resource was called in a stack that an earlier release has deployed, or before its namespace was shared."""

from collections.abc import Iterable

import pulumi

Formerly = tuple[str, pulumi.Input[str]]
"""A name, and the URN of the parent that had it."""


def formerly(name: str, type_: str, opts: pulumi.ResourceOptions | None) -> list[Formerly]:
    """A component that would have these options, by its URN: below the stage, and before there was such a component."""
    stage = opts.parent if opts else None
    now = [pulumi.create_urn(name, type_, stage)] if stage else []
    return [(name, urn) for urn in (*now, pulumi.create_urn(name, type_))]


def aliases(before: Iterable[Formerly]) -> list[pulumi.Alias | pulumi.Input[str]]:
    """The aliases of a component that had one of these names before."""
    return [pulumi.Alias(name=name, parent=parent) for name, parent in before]
