"""Reads a stack's configuration from its files, as the Pulumi CLI would hand it to the program.

A stack's value replaces the project's; structured values travel as JSON; encrypted ones are not decrypted
here, they become a placeholder that is treated as a secret all the way.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from delivery.config.naming_rules import OWN
from delivery.model.identifiers import is_dns_label
from delivery.text import MASK

PROJECT = "delivery"

_DEEPEST = 30
_DECLARED = frozenset({"default", "description", "items", "secret", "type", "value"})
"""What may be said of a key in the project's file; with anything else the CLI refuses the whole file."""


class StackFilesError(Exception):
    """A configuration file cannot be read: which, where, and what to do."""


@dataclass(frozen=True)
class StackConfig:
    """Configuration as the program gets it: texts by full key, and which of them are secrets."""

    values: dict[str, str]
    secret_keys: frozenset[str]

    def override(self, values: dict[str, str], secrets: dict[str, str]) -> "StackConfig":
        """The same with more keys of the project's namespace, as `pulumi config set` would add them."""
        plain = {f"{PROJECT}:{key}": value for key, value in values.items()}
        hidden = {f"{PROJECT}:{key}": value for key, value in secrets.items()}
        return StackConfig(self.values | plain | hidden, (self.secret_keys - plain.keys()) | hidden.keys())

    def without(self, *keys: str) -> "StackConfig":
        """The same without these keys of the project's namespace, as `pulumi config rm` would leave it."""
        gone = {f"{PROJECT}:{key}" for key in keys}
        values = {key: value for key, value in self.values.items() if key not in gone}
        return StackConfig(values, self.secret_keys - gone)


def read_stack_config(folder: Path, stack: str) -> StackConfig:
    """The configuration of `stack` from `Pulumi.yaml` and `Pulumi.<stack>.yaml` in `folder`.

    A stack without a file of its own has the project's configuration. Raises `StackFilesError`, also where the CLI
    would refuse the project's file: what it reads there a preview must not leave out or make up.
    """
    own_file = folder / f"Pulumi.{stack}.yaml"
    own = _config(own_file) if own_file.exists() else {}
    values = _all_shared(folder) | own
    for key, value in values.items():
        if value is None:
            raise StackFilesError(
                f"Pulumi.yaml: {key} has no value; put one under its `value:`, or set it: pulumi config set {key}"
            )
    return _handed_over(values)


def read_project_config(folder: Path) -> StackConfig:
    """What every stack has from `Pulumi.yaml` in `folder`. Raises `StackFilesError`."""
    return _handed_over({key: value for key, value in _all_shared(folder).items() if value is not None})


def shared_texts(folder: Path) -> dict[str, str]:
    """What every stack has from `Pulumi.yaml` in `folder`, by key without the namespace.

    For mends, which must not throw that away. None where the file cannot be used: whoever reads it says so.
    """
    try:
        values = read_project_config(folder).values
    except StackFilesError:
        return {}
    prefix = f"{PROJECT}:"
    return {key.removeprefix(prefix): text for key, text in values.items() if key.startswith(prefix)}


def own_names(folder: Path, stack: str) -> dict[str, str]:
    """The names that `stack` sets for its own stage in its file in `folder`, by key without the namespace.

    For the other stacks, which must not take the same ones. None where the file cannot be used: its own stack says so.
    """
    path = folder / f"Pulumi.{stack}.yaml"
    try:
        # Reading YAML takes longer than all the rest, and few stacks have such a key.
        if not is_dns_label(stack) or not any(key in path.read_text(encoding="utf-8-sig") for key in OWN):
            return {}
        values = _config(path)
    except (OSError, UnicodeDecodeError, StackFilesError):
        return {}
    return {key: text for key in OWN if isinstance(text := values.get(f"{PROJECT}:{key}"), str)}


def _handed_over(values: dict[str, object]) -> StackConfig:
    secret = frozenset(key for key, value in values.items() if _encrypted(value))
    return StackConfig({key: MASK if key in secret else _text(value) for key, value in values.items()}, secret)


def _all_shared(folder: Path) -> dict[str, object]:
    return {key: _shared(key, entry) for key, entry in _config(folder / "Pulumi.yaml").items()}


def _shared(key: str, entry: object) -> object:
    """The value that the project's file gives to all stacks; None for a key that each stack has to set."""
    if not isinstance(entry, dict):
        return entry
    for word in entry:
        if word not in _DECLARED:
            raise StackFilesError(
                f"Pulumi.yaml: {key} holds {word[:80]!r}, which Pulumi does not know there; "
                "what the key is to be belongs under `value:`"
            )
    if "value" in entry and "default" in entry:
        raise StackFilesError(f"Pulumi.yaml: {key} has both `value` and `default`; take one of them away")
    return entry.get("value", entry.get("default"))


def _config(path: Path) -> dict[str, object]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)  # noqa: S506 - a safe loader
    except UnicodeDecodeError as error:
        before = error.object[: error.start].count(b"\n")
        raise StackFilesError(f"{path.name}, line {before + 1}: not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise StackFilesError(f"{path.name} cannot be read: {error.strerror}; run this in the project") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise StackFilesError(f"{path.name}{where}: no YAML: {error.problem}; mend that place") from error
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise StackFilesError(f"{path.name}: no YAML: {reason}; mend that place") from error
    if document is None and path.name != "Pulumi.yaml":
        return {}
    config = (document.get("config") or {}) if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise StackFilesError(f"{path.name} has no map under `config`; see README.md for an example")
    found = {key if ":" in key else f"{PROJECT}:{key}": value for key, value in config.items()}
    for key, value in found.items():
        if value is None:
            raise StackFilesError(f"{path.name}: {key} has no value; give it one, or take the line away")
    return found


def _encrypted(value: object) -> bool:
    """Whether a value, or anything in it, is encrypted: then Pulumi treats all of the key as a secret."""
    if isinstance(value, dict):
        return (value.keys() == {"secure"} and isinstance(value["secure"], str)) or any(map(_encrypted, value.values()))
    return isinstance(value, list) and any(map(_encrypted, value))


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class _Loader(yaml.SafeLoader):
    """Reads YAML as the Pulumi CLI does: no key twice, `on` and dates are texts. Aliases are refused: a few of them
    can stand for more than any machine holds."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """One node, which must not be an alias, nor deeper than a person would write it."""
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, "an alias (*name); write the value out here", event.start_mark
            )
        self.depth += 1
        if self.depth > _DEEPEST:
            raise yaml.composer.ComposerError(None, None, "nested too deep", self.get_mark())
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        """A map whose keys are texts, each once."""
        values: dict[object, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key that is no text", key.start_mark)
            if key.value in values:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands here twice", key.start_mark)
            values[key.value] = self.construct_object(value, deep)
        return values


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", "-+0123456789."),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))
