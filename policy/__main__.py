"""The policy pack: `pulumi preview --policy-pack policy`. The rules are `delivery.policy`'s, and this is their shell.

A rule about single resources is asked before each of them is created. One that compares resources is asked when all are
declared: in a preview before anything is created, in an update without preview after that.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyPack,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

# The engine starts a pack in the pack's own folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from delivery.policy.resources import UNKNOWN, Declared, mapping
from delivery.policy.rules import ALLOW, RULES, Rule, findings

Report = Callable[[str, str | None], None]


def policy(rule: Rule) -> Policy:
    """The rule as Pulumi asks it."""

    def judge(resources: Sequence[Declared], allow: Sequence[str], report: Report) -> None:
        for found in findings(rule, resources, allow):
            report(f"{found.message}\n{rule.fix} To let it pass, allow {found.subject!r}.", found.urn or None)

    def resource(args: ResourceValidationArgs, report: Report) -> None:
        judge(
            [Declared(args.resource_type, mapping(plain(args.props)), args.urn)],
            args.get_config().get(ALLOW, ()),
            report,
        )

    def stack(args: StackValidationArgs, report: Report) -> None:
        declared = [Declared(found.resource_type, mapping(plain(found.props)), found.urn) for found in args.resources]
        judge(declared, args.get_config().get(ALLOW, ()), report)

    entries = {"type": "array", "items": {"type": "string"}, "description": f"What passes, by {rule.entry}"}
    made = StackValidationPolicy if rule.whole_stack else ResourceValidationPolicy
    return made(
        name=rule.name,
        description=rule.about,
        validate=stack if rule.whole_stack else resource,
        config_schema=PolicyConfigSchema({ALLOW: entries}),
        remediation_steps=rule.fix,
    )


def plain(value: object) -> object:
    """A property without the SDK's proxies, which raise where a value is known after an update only."""
    if isinstance(value, Mapping):
        return {key: plain(known(value, key)) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(known(value, index)) for index in range(len(value))]
    return value


def known(whole: Mapping[str, object] | Sequence[object], key: object) -> object:
    """The part of a property at `key`, or what stands for one that is not known yet."""
    try:
        return whole[key]  # type: ignore[index, call-overload]
    except UnknownValueError:
        return UNKNOWN


PolicyPack("delivery", [policy(rule) for rule in RULES], enforcement_level=EnforcementLevel.MANDATORY)
