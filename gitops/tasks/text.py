"""What JSON, environment variables and answers have at a place, and text as one printable line. Nothing raises."""

import json
import re
from collections.abc import Iterable
from typing import Any

MASK = "[secret]"


def at(value: Any, *path: str) -> Any:
    """What lies at `path` in a JSON document; None where nothing does, or a null on the way."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def parsed(text: str | bytes) -> Any:
    """The JSON document in a text; None when it is something else, such as the page of a proxy."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def without_passwords(text: str) -> str:
    """The text without user and password in the addresses that it has."""
    return re.sub(r"//[^/@\s]+@", f"//{MASK}@", text)


def line(text: str, secrets: Iterable[str] = ()) -> str:
    """One printable line without these secrets, whatever a server put into its answer."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))[:1000]
