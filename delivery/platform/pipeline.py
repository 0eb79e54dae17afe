"""The project beside the platform's: the pipeline that it has, and what its commands call the platform's stack."""

import json
from pathlib import Path

from delivery.config.files import PROJECT, StackConfig
from delivery.config.reader import parse
from delivery.model.pipeline import Pipeline
from delivery.platform.keys import PLATFORM, STACK


def platform_stack(project: Path, stack: str) -> str:
    """The platform's stack that `stack` means for the project in a folder, empty where it means one of a stage.

    `platform` is the one that ships, `platform/NAME` another one, unless a stage is called so.
    """
    folder, _, name = stack.partition("/")
    is_platform = folder == PLATFORM.name and not (project / f"Pulumi.{stack}.yaml").exists()
    return (name or STACK) if is_platform else ""


def read_pipeline(config: StackConfig) -> Pipeline | None:
    """The pipeline of a project's configuration, read as its first stage's stack reads it; None where it has no stages.

    Raises `ConfigError`.
    """
    raw = {key.removeprefix(f"{PROJECT}:"): value for key, value in config.values.items()}
    try:
        stack = json.loads(raw.get("stages", ""))[0]["name"]
    except (ValueError, LookupError, TypeError):
        return None
    return parse(raw, stack, {key.removeprefix(f"{PROJECT}:") for key in config.secret_keys}).pipeline
