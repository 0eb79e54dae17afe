"""The pipeline that a platform is for, out of the project that has it."""

import json

from delivery.config.files import PROJECT, StackConfig
from delivery.config.reader import parse
from delivery.model.pipeline import Pipeline


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
