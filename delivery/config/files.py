"""Reads a stack's configuration from its files, as the Pulumi CLI would hand it to the program.

This is for what runs without the CLI: the lab, the doctor, CI. The program gets its configuration from the engine, and
asks here only what the engine does not tell: which keys the stack's own file sets, and how other stacks name what is
theirs. A stack's value replaces the project's; lists and maps travel as JSON; encrypted values are not decrypted, they
become a placeholder that is treated as a secret.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import yaml

from delivery.config.keys import PIPELINE
from delivery.config.keys import PROJECT as PROJECT
from delivery.model.identifiers import is_dns_label
from delivery.text import MASK

_DEEPEST = 30
_DECLARED = frozenset({"default", "description", "items", "secret", "type", "value"})
"""What may be said of a key in the project's file; with anything else the CLI refuses the whole file."""


class StackFilesError(Exception):
    """A configuration file cannot be read: the name of the file, the line (0: unknown) and what to do, in one line."""

    def __init__(self, file: str, reason: str, line: int = 0) -> None:
        super().__init__(f"{file}{f', line {line}' if line else ''}: {reason}")
        self.file, self.line = file, line


@dataclass(frozen=True)
class StackConfig:
    """Configuration as the program gets it: texts by full key, and which of them are secrets.

    `folder` has the files that it is from, None where it is from none.
    """

    values: dict[str, str]
    secret_keys: frozenset[str]
    folder: Path | None = None

    def override(self, values: dict[str, str], secrets: dict[str, str]) -> "StackConfig":
        """The same with more keys of the project's namespace: with other files, in effect."""
        plain = {f"{PROJECT}:{key}": value for key, value in values.items()}
        hidden = {f"{PROJECT}:{key}": value for key, value in secrets.items()}
        secret_keys = (self.secret_keys - plain.keys()) | hidden.keys()
        return StackConfig(self.values | plain | hidden, secret_keys, self.folder)

    def without(self, *keys: str) -> "StackConfig":
        """The same without these keys of the project's namespace, as `pulumi config rm` would leave it."""
        gone = {f"{PROJECT}:{key}" for key in keys}
        values = {key: value for key, value in self.values.items() if key not in gone}
        return StackConfig(values, self.secret_keys - gone, self.folder)


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
            reason = f"{key} has no value; give it one under its `value:`, or set it: pulumi config set {key}"
            raise StackFilesError("Pulumi.yaml", reason)
    return _handed_over(values, folder)


def read_project_config(folder: Path) -> StackConfig:
    """What every stack has from `Pulumi.yaml` in `folder`. Raises `StackFilesError`."""
    return _handed_over({key: value for key, value in _all_shared(folder).items() if value is not None}, folder)


def misplaced_keys(folder: Path, stack: str) -> frozenset[str]:
    """The pipeline's keys that the own file of `stack` in `folder` sets, without the namespace.

    Raises `StackFilesError` where a file that may set one cannot be read.
    """
    return frozenset(PIPELINE & _own(folder, stack, PIPELINE).keys())


def other_names(folder: Path, stack: str, keys: Collection[str]) -> dict[str, dict[str, str]]:
    """What the files of other stacks than `stack` in `folder` set under `keys`, by stack.

    Of a file that cannot be read nothing: its own stack says so.
    """
    found: dict[str, dict[str, str]] = {}
    for path in folder.glob("Pulumi.*.yaml") if keys else ():
        other = path.name.removeprefix("Pulumi.").removesuffix(".yaml")
        if other != stack:
            try:
                values = _own(folder, other, keys)
            except StackFilesError:
                continue
            found[other] = {key: text for key in keys if isinstance(text := values.get(key), str)}
    return found


def _own(folder: Path, stack: str, keys: Collection[str]) -> dict[str, object]:
    """What the own file of `stack` sets, without the namespace; nothing unless one of `keys` may be in it.

    Reading YAML takes longer than all the rest of the configuration, and few stacks have such a key.
    """
    path = folder / f"Pulumi.{stack}.yaml"
    try:
        text = path.read_text(encoding="utf-8-sig") if is_dns_label(stack) else ""
    except (OSError, UnicodeDecodeError):
        return {}
    if not any(key in text for key in keys):
        return {}
    return {key.removeprefix(f"{PROJECT}:"): value for key, value in _config(path).items()}


def _handed_over(values: dict[str, object], folder: Path) -> StackConfig:
    secret = frozenset(key for key, value in values.items() if _encrypted(value))
    return StackConfig({key: MASK if key in secret else _text(value) for key, value in values.items()}, secret, folder)


def _all_shared(folder: Path) -> dict[str, object]:
    return {key: _shared(key, entry) for key, entry in _config(folder / "Pulumi.yaml").items()}


def _shared(key: str, entry: object) -> object:
    """The value that the project's file gives to all stacks; None for a key that each stack has to set."""
    if not isinstance(entry, dict):
        return entry
    for word in entry:
        if word not in _DECLARED:
            reason = f"{key} has {word[:80]!r}, which Pulumi does not know there; the value belongs under `value:`"
            raise StackFilesError("Pulumi.yaml", reason)
    if "value" in entry and "default" in entry:
        raise StackFilesError("Pulumi.yaml", f"{key} has both `value` and `default`; remove one of them")
    return entry.get("value", entry.get("default"))


def _config(path: Path) -> dict[str, object]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)  # noqa: S506 - a safe loader
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise StackFilesError(path.name, "not UTF-8; save the file as UTF-8", line) from error
    except OSError as error:
        raise StackFilesError(path.name, f"cannot be read ({error.strerror}); run this in the project") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise StackFilesError(path.name, f"not valid YAML: {error.problem}", line) from error
    except yaml.YAMLError as error:
        raise StackFilesError(path.name, f"not valid YAML: {' '.join(str(error).split())}") from error
    if document is None and path.name != "Pulumi.yaml":
        return {}
    config = (document.get("config") or {}) if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise StackFilesError(path.name, "no map under `config`; see docs/tutorial.md for an example")
    found = {key if ":" in key else f"{PROJECT}:{key}": value for key, value in config.items()}
    for key, value in found.items():
        if value is None:
            raise StackFilesError(path.name, f"{key} has no value; give it one, or remove the line")
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
                None, None, "an alias (*name): repeat the value instead", event.start_mark
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
                raise yaml.constructor.ConstructorError(None, None, "a key that is not a text", key.start_mark)
            if key.value in values:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is repeated", key.start_mark)
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
