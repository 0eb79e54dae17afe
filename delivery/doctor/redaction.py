"""The last thing before a check is shown: one line, for the stack in question, and no secret in it.

Whatever a server or a tool has said may be quoted in a check, so this is done to all of them.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

import yaml

from delivery.doctor.check import Check
from delivery.secret_text import SecretText

_CONFIG = re.compile(r"(pulumi config (?:set|rm)) (?!-s )")
_SHORTEST = 6  # a shorter text is no secret, and would be found in ordinary words


def presentable(check: Check, stack: str, secrets: Iterable[SecretText]) -> Check:
    """`check` with every secret, and every login inside a kubeconfig, replaced.

    A command of Pulumi's names the stack, which need not be the one that a person has selected.
    """
    detail, mend = (" ".join(text.split()) for text in (check.detail, check.mend))
    mend = _CONFIG.sub(rf"\1 -s {stack} ", mend)
    parts = sorted({part for secret in secrets for part in _parts(secret.reveal())}, key=len, reverse=True)
    if parts:
        any_part = re.compile("|".join(map(re.escape, parts)))
        detail, mend = any_part.sub("[secret]", detail), any_part.sub("[secret]", mend)
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
