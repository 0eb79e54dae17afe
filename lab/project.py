"""The configuration files of a copied project, edited as a team would: each key in the file that it belongs to."""

import json
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

import yaml

from delivery.config.keys import PIPELINE, PROJECT

_one_at_a_time = Lock()
"""Stacks of one project are prepared at the same time, and all of them write `Pulumi.yaml`."""


def set_keys(project: Path, stack: str, keys: Mapping[str, object]) -> None:
    """Set keys of `delivery:`: those of the pipeline in `Pulumi.yaml`, the others in the file of `stack`."""
    shared = {key: {"value": value} for key, value in keys.items() if key in PIPELINE}
    own = {key: value for key, value in keys.items() if key not in PIPELINE}
    with _one_at_a_time:
        _update(project / "Pulumi.yaml", shared)
        _update(project / f"Pulumi.{stack}.yaml", own)


def _update(file: Path, keys: Mapping[str, object]) -> None:
    document = yaml.safe_load(file.read_text(encoding="utf-8")) if keys else {}
    changed = {**document, "config": document.get("config", {}) | {f"{PROJECT}:{key}": keys[key] for key in keys}}
    if keys and changed != document:
        # Through JSON, a value that is used twice is written twice, as the CLI would: no anchor.
        text = yaml.safe_dump(json.loads(json.dumps(changed)), sort_keys=False)
        # A command that runs meanwhile reads the one text or the other.
        new = file.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(file)
