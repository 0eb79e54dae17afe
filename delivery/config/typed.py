"""The package's inputs as Python's types, written from the table of keys (`make reference`).

Other languages get theirs from these: the host of the package makes a schema of them, and of each sentence of the table
a description.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from delivery.config.entries import APPLICATION, CHART, CHECK, PROMOTE, PROMOTED_KEY, STAGE, SYNC
from delivery.config.key import Key, Type
from delivery.config.keys import PIPELINE_KEYS, STACK_KEYS
from delivery.config.reference import described

FILE = Path(__file__).resolve().parents[2] / "program" / "package" / "inputs.py"
_HEAD = '''\
"""What the package's components take. Generated from `delivery/config/keys.py` by `make reference`.

Structure is plain, because what is declared depends on it; secrets are inputs, and stay secret.
"""

# ruff: noqa: E501 - a description is one line

from typing import Any, NotRequired, TypedDict

import pulumi'''
_MAPS = (
    (PROMOTED_KEY, "PromotedKey", "A value that promotions bring along, or that has a version."),
    (CHART, "Chart", "A Helm chart in a registry."),
    (APPLICATION, "Application", "An application: what is delivered."),
    (SYNC, "Sync", "How Argo CD syncs the Applications of a stage."),
    (STAGE, "PipelineStage", "A stage, and what promotions into it need to know."),
    (CHECK, "Check", "A check after a deployment: an address and its status, or a query with bounds."),
    (PROMOTE, "Promote", "One promotion to declare."),
)
"""The type of each map with keys of its own, those that another one has before that one."""
_PLAIN = {
    Type.TEXT: "str",
    Type.CHOICE: "str",
    Type.NUMBER: "int",
    Type.FLAG: "bool",
    Type.LIST: "list[str]",
    Type.SECRET: "pulumi.Input[str]",
    Type.JSON: "Any",
}
_STAGE = ("stage", "str", "Which of `stages` it is. Default: the name of the resource.")
_SETTINGS = ("stageSettings", "dict[str, StageSettings]", "What is one stage's own, by its name. Default: none.")


def typed_inputs() -> str:
    """The module with the types."""
    # The host finds descriptions in the class itself, not in one that it inherits from.
    every = (*PIPELINE_KEYS, *STACK_KEYS)
    own = "What is one stage's own, in place of what all stages have."
    classes = [
        *(_class(name, about, keys) for keys, name, about in _MAPS),
        _class("StageSettings", own, STACK_KEYS),
        _class("StageArgs", "The pipeline, and what is the stage's own.", every, _STAGE),
        _class("PipelineArgs", "The pipeline, and what stages have of their own.", every, _SETTINGS),
    ]
    return "\n\n\n".join([_HEAD, *classes]) + "\n"


def _class(name: str, about: str, keys: Sequence[Key], more: tuple[str, str, str] | None = None) -> str:
    lines = [f"class {name}(TypedDict):", f'    """{about}"""', ""]
    for key in keys:
        # The host leaves the last `_` of a name out.
        kind, field = _type(key), f"{key.name}_" if key.name == "from" else key.name
        # Links of the reference lead nowhere from here.
        about = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", described(key))
        quoted = f'{"r" if chr(92) in about else ""}"""{about}"""'
        lines += [f"    {field}: {kind if key.required else f'NotRequired[{kind}]'}", f"    {quoted}"]
    if more:
        lines += [f"    {more[0]}: NotRequired[{more[1]}]", f'    """{more[2]}"""']
    return "\n".join(lines)


def _type(key: Key) -> str:
    if key.keys:
        name = next(name for keys, name, _ in _MAPS if keys is key.keys)
        return name if key.type is Type.MAP else f"list[{name}]"
    return "dict[str, str]" if key.type is Type.MAP else _PLAIN[key.type]
