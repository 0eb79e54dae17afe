"""Declares what `resources.json` beside it says, as literals: the same resources, and no program to speak of.

Copied into a temporary project by `bench.site`; what the engine and the providers take is what this takes.
"""

import importlib
import json
from pathlib import Path

import pulumi

given = json.loads((Path(__file__).parent / "resources.json").read_text(encoding="utf-8"))
for module in given["modules"]:
    dir(importlib.import_module(module))
made: dict[str, pulumi.Resource] = {}
for each in given["resources"]:
    if each["type"].startswith("pulumi:providers:"):
        made[each["urn"]] = pulumi.ProviderResource(each["type"].rpartition(":")[2], each["name"], each["inputs"])
        continue
    provider = made[each["provider"]]
    assert isinstance(provider, pulumi.ProviderResource)  # noqa: S101 - declared before what it provides
    options = pulumi.ResourceOptions(
        provider=provider,
        depends_on=[made[urn] for urn in each["dependsOn"] if urn in made],
        ignore_changes=each["ignoreChanges"],
        retain_on_delete=each["retainOnDelete"],
    )
    made[each["urn"]] = pulumi.CustomResource(each["type"], each["name"], each["inputs"], options)
