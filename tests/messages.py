"""The messages that people read, held in one golden file: to reword one is to change `messages.yaml`, and no test.

After a change that is meant: `UPDATE_GOLDEN=1 .venv/bin/python -m pytest -n 0 TEST`, and review the difference.
"""

import os
from functools import cache
from pathlib import Path

import yaml

_GOLDEN = Path(__file__).with_name("messages.yaml")


@cache
def _messages() -> dict[str, str]:
    return yaml.safe_load(_GOLDEN.read_text("utf-8")) or {}


def assert_message(key: str, text: str) -> None:
    """Assert that `text` is the message called `key` (`area.name`); the caller replaces what differs between runs."""
    if os.environ.get("UPDATE_GOLDEN"):
        _messages()[key] = text
        written = yaml.safe_dump(_messages(), sort_keys=True, allow_unicode=True, width=110)
        _GOLDEN.write_text(written, encoding="utf-8")
    assert text == _messages().get(key), key
