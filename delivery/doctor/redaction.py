"""The last thing before a check is shown: no secret stands in it, whatever a server or a tool has said."""

from collections.abc import Iterable
from dataclasses import replace

import yaml

from delivery.doctor.check import Check
from delivery.secret_text import SecretText

_SHORTEST = 6  # a shorter text is no secret, and would be found in ordinary words


def redacted(check: Check, secrets: Iterable[SecretText]) -> Check:
    """`check` on one line each, with every secret, and every login inside a kubeconfig, replaced."""
    detail, mend = (" ".join(text.split()) for text in (check.detail, check.mend))
    for text in sorted({part for secret in secrets for part in _parts(secret.reveal())}, key=len, reverse=True):
        detail, mend = detail.replace(text, "[secret]"), mend.replace(text, "[secret]")
    return replace(check, detail=detail, mend=mend)


def _parts(text: str) -> Iterable[str]:
    if len(text) >= _SHORTEST:
        yield text
    if "\n" not in text and not text.lstrip().startswith("{"):
        return
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return
    users = document.get("users") if isinstance(document, dict) else None
    for user in users if isinstance(users, list) else []:
        values = user.get("user") if isinstance(user, dict) else None
        for value in values.values() if isinstance(values, dict) else []:
            if isinstance(value, str) and len(value) >= _SHORTEST:
                yield value
