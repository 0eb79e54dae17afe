"""Signatures of commits, as GitHub makes them with its own key for an App, a workflow's token and its web interface.

The lab has no such key: a signature is a digest of what is signed, in the place and the form of a real one, so that a
signed commit has another id than an unsigned one, and a changed commit is not taken for a signed one.
"""

import base64
import hashlib
import re

_HEADER = re.compile(r"^gpgsig (.*(?:\n .*)*)\n?", re.MULTILINE)


def signed(head: str, message: str) -> str:
    """The headers of a commit with `message`, and the signature as the last one."""
    # Every further line of a header begins with a space.
    signature = _signature(f"{head}\n\n{message}").replace("\n", "\n ")
    return f"{head}\ngpgsig {signature}"


def read(head: str, message: str) -> tuple[str, str]:
    """The signature in a commit's headers, and what it has to be of; both are empty when there is none."""
    found = _HEADER.search(head)
    if found is None:
        return "", ""
    rest = (head[: found.start()] + head[found.end() :]).rstrip("\n")
    return found[1].replace("\n ", "\n"), f"{rest}\n\n{message}"


def verification(signature: str, payload: str) -> dict[str, object]:
    """GitHub's object about the signature of a commit."""
    if not signature:
        return {"verified": False, "reason": "unsigned", "signature": None, "payload": None}
    verified = signature == _signature(payload)
    reason = "valid" if verified else "unknown_key"
    return {"verified": verified, "reason": reason, "signature": signature, "payload": payload}


def _signature(payload: str) -> str:
    digest = base64.b64encode(hashlib.sha256(payload.encode()).digest()).decode()
    return f"-----BEGIN PGP SIGNATURE-----\n\n{digest}\n-----END PGP SIGNATURE-----\n"
