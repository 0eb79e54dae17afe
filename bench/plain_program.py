"""Declares what `resources.json` beside it says, as literals: the same resources, and no program to speak of.

Copied into a temporary project by `bench.site`; what the engine, the providers and their SDKs take for these
resources is what this takes.
"""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pulumi

given = json.loads((Path(__file__).parent / "resources.json").read_text(encoding="utf-8"))
for module in given["modules"]:
    dir(importlib.import_module(module))


def _class(token: str) -> Any:
    """The SDK's class for `kubernetes:core/v1:Secret` or `github:index/repositoryFile:RepositoryFile`."""
    package, module, name = token.split(":")
    folder = "" if package == "github" else "." + module.replace(".authorization.k8s.io", "").replace("/", ".")
    try:
        return getattr(importlib.import_module(f"pulumi_{package}{folder}"), name)
    except ModuleNotFoundError:
        return importlib.import_module("pulumi_kubernetes.apiextensions").CustomResource


made: dict[str, pulumi.Resource] = {}
for each in given["resources"]:
    inputs = each["inputs"] | {key: pulumi.Output.secret(each["inputs"][key]) for key in each["secrets"]}
    if each["type"].startswith("pulumi:providers:"):
        made[each["urn"]] = pulumi.ProviderResource(each["type"].rpartition(":")[2], each["name"], inputs)
        continue
    provider = made[each["provider"]]
    assert isinstance(provider, pulumi.ProviderResource)  # noqa: S101 - declared before what it provides
    options = pulumi.ResourceOptions(
        provider=provider,
        depends_on=[made[urn] for urn in each["dependsOn"] if urn in made],
        ignore_changes=each["ignoreChanges"],
        retain_on_delete=each["retainOnDelete"],
    )
    named = {re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key): value for key, value in inputs.items()}
    made[each["urn"]] = _class(each["type"])(each["name"], **named, opts=options)
