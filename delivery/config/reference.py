"""`python -m delivery.config.reference`: writes the reference of the configuration from the table of keys."""

import json
from collections.abc import Sequence
from pathlib import Path

from delivery.config.entries import APPLICATION, CHECK, PROMOTE, STAGE, SYNC
from delivery.config.key import Key, Type
from delivery.config.keys import PIPELINE_KEYS, PROJECT, STACK_KEYS
from delivery.config.rules import TEXT

FILE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "configuration.md"
_HEAD = f"""# Configuration

Generated from `delivery/config/keys.py` by `make reference`. All keys are in the namespace `{PROJECT}:`. A number or a
flag may be a text, a list or a map is JSON where it is set by `pulumi config set`. Whatever is wrong is one line with
the key, what was found, what is allowed and what fixes it.
"""
_SECTIONS = (
    (
        "The pipeline",
        "Set in `Pulumi.yaml` alone, each under a `value:` of its own. In a stack's own file they are refused, so that "
        "no two stacks can differ.",
        PIPELINE_KEYS,
    ),
    (
        "An entry of `applications`",
        "A name or folder is a pattern: a text with `{application}` and `{stage}`.",
        APPLICATION,
    ),
    ("An entry of `stages`", "What promotions into a stage need to know of it.", STAGE),
    ("`sync` of a stage", "How Argo CD syncs the stage's Applications.", SYNC),
    (
        "A stack's own",
        "Set in `Pulumi.<stack>.yaml`, as by `pulumi config set`; or in `Pulumi.yaml`, for all stacks that do not set "
        "them.",
        STACK_KEYS,
    ),
    (
        "An entry of `checks`",
        "Either an address and its status, or a query with bounds. A failed one is run twice more.",
        CHECK,
    ),
    ("`promote`", "What was left out may also be an empty text.", PROMOTE),
)


def reference() -> str:
    """The whole page, as Markdown."""
    return "\n".join([_HEAD, *(section(*each) for each in _SECTIONS)])


def section(title: str, text: str, keys: Sequence[Key]) -> str:
    """One table of keys, below its title and a text."""
    rows = ("| key | type | what it is | allowed | default |", "| --- | --- | --- | --- | --- |", *map(_row, keys))
    return "\n".join([f"## {title}\n", f"{text}\n", *rows, ""])


def described(key: Key) -> str:
    """The same as a row says, in sentences: for whoever writes a program in another language."""
    allowed, default = _allowed(key), _default(key)
    ends = (f"Allowed: {allowed}." if allowed else "", "" if key.required else f"Default: {default}.")
    return " ".join(filter(None, (_about(key), *ends)))


def _about(key: Key) -> str:
    return key.about + (f" For one stage: `{key.for_stage}` of its entry in `stages`." if key.for_stage else "")


def _allowed(key: Key) -> str:
    allowed = "" if key.keys or key.rule is TEXT else key.rule.words
    if key.type is Type.MAP and not key.keys:
        allowed = "; ".join(filter(None, (f"names: {key.names.words}", allowed and f"values: {allowed}")))
    return allowed


def _row(key: Key) -> str:
    cells = (f"`{key.name}`", key.type.value, _about(key), _allowed(key), _default(key))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(key: Key) -> str:
    if key.default in (None, [], {}):
        return "required" if key.required else key.otherwise or "none"
    return f"`{key.default if isinstance(key.default, str) else json.dumps(key.default)}`"


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
