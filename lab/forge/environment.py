"""The environment in which the forge runs git: nothing of the user's configuration, no prompts."""

import os


def git_environment(**extra: str) -> dict[str, str]:
    """The process environment without any `GIT_` variable of the caller's, and with user configuration off."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
        **extra,
    }
