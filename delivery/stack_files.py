"""Reads a stack's configuration from its files, as the Pulumi CLI would hand it to the program.

A stack's value replaces the project's; structured values travel as JSON; encrypted ones are not decrypted
here, they become a placeholder that is treated as a secret all the way.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

PROJECT = "delivery"
MASKED = "[secret]"


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
        return StackConfig(self.values | plain | hidden, self.secret_keys | hidden.keys())


def read_stack_config(folder: Path, stack: str) -> StackConfig:
    """The configuration of `stack` from `Pulumi.yaml` and `Pulumi.<stack>.yaml` in `folder`.

    A stack without a file of its own has the project's configuration. Raises `StackFilesError`.
    """
    project = _config(folder / "Pulumi.yaml")
    shared = {key: entry["value"] for key, entry in project.items() if isinstance(entry, dict) and "value" in entry}
    shared |= {key: entry for key, entry in project.items() if not isinstance(entry, dict)}
    own_file = folder / f"Pulumi.{stack}.yaml"
    own = _config(own_file) if own_file.exists() else {}
    merged = {_full(key): value for key, value in (shared | own).items()}
    secret = {key for key, value in merged.items() if isinstance(value, dict) and set(value) == {"secure"}}
    values = {key: MASKED if key in secret else _text(value) for key, value in merged.items()}
    return StackConfig(values, frozenset(secret))


def _config(path: Path) -> dict[str, object]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StackFilesError(
            f"{path.name} cannot be read ({type(error).__name__}); run this in the project"
        ) from error
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise StackFilesError(f"{path.name} is no YAML: {reason}; mend that place") from error
    config = document.get("config", {}) if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise StackFilesError(f"{path.name} has no map under `config`; see README.md for an example")
    return {str(key): value for key, value in config.items()}


def _full(key: str) -> str:
    return key if ":" in key else f"{PROJECT}:{key}"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else json.dumps(value)
