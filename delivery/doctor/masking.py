"""Takes secrets out of what is shown or written: as they are, and as JSON, URLs and base64 spell them.

A kubeconfig is a secret as a whole; what is met of it elsewhere are the logins inside.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

import yaml

from delivery.model.secret import SecretText

MASK = "[secret]"
_SHORTEST = 6  # a shorter text is no secret, and would be found in ordinary words


class Masking:
    """Replaces these secrets wherever they stand. Make one for many lines: their forms are worked out at the start."""

    def __init__(self, secrets: Iterable[SecretText]) -> None:
        forms = {form for secret in secrets for part in _parts(secret.reveal()) for form in _forms(part)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._any = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def masked(self, text: str) -> str:
        """`text` without the secrets."""
        return self._any.sub(MASK, text) if self._any else text


def _forms(part: str) -> Iterator[str]:
    yield part
    yield json.dumps(part)[1:-1]
    yield json.dumps(part, ensure_ascii=False)[1:-1]
    yield quote(part, safe="")
    # Within a longer text that is encoded as a whole, three spellings are possible. The characters at both ends
    # depend on what stands beside it.
    for before, mixed in ((0, 0), (1, 2), (2, 3)):
        raw = b"\0" * before + part.encode("utf-8")
        for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
            text = encoded.decode("ascii")[mixed:].rstrip("=")
            form = text[:-1] if len(raw) % 3 else text
            if len(form) >= _SHORTEST:
                yield form


def _parts(text: str) -> Iterator[str]:
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
