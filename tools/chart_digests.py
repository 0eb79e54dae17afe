"""`make chart-digests`: looks up the digest of each pinned chart in its OCI registry, and writes it beside the version.

Helm refuses a chart whose version has another digest than the one that stands in its address.
"""

import re
import sys
from pathlib import Path

import requests

from delivery.platform.charts import CHARTS, ChartPin

FILE = Path(__file__).resolve().parents[1] / "delivery" / "platform" / "charts.py"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class DigestError(Exception):
    """A registry did not tell a chart's digest; `str()` is one line."""


def digest_of(pin: ChartPin, scheme: str = "https") -> str:
    """The digest of a chart at its version, as its registry has it (`sha256:…`). Raises `DigestError`.

    A registry that asks for a login (ghcr.io does) gives anybody a token for what is public: see the `realm` in its
    answer, by the Docker registry's token authentication.
    """
    host, _, path = pin.repository.removeprefix("oci://").partition("/")
    name = f"{path}/{pin.name}"
    address, headers = f"{scheme}://{host}/v2/{name}/manifests/{pin.version}", {"Accept": _MANIFEST}
    try:
        answer = requests.head(address, headers=headers, timeout=30)
        if answer.status_code == 401:
            asked = dict(re.findall(r'(\w+)="([^"]*)"', answer.headers.get("WWW-Authenticate", "")))
            query = {"service": asked.get("service", ""), "scope": f"repository:{name}:pull"}
            token = requests.get(asked.get("realm", ""), params=query, timeout=30).json().get("token", "")
            answer = requests.head(address, headers={**headers, "Authorization": f"Bearer {token}"}, timeout=30)
    except (requests.RequestException, ValueError) as error:
        raise DigestError(f"{pin.name} {pin.version}: no answer from {host} ({type(error).__name__})") from error
    digest = answer.headers.get("Docker-Content-Digest", "")
    if not answer.ok or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise DigestError(f"{pin.name} {pin.version}: {host} answered {answer.status_code}, without a digest")
    return digest


def with_digest(text: str, pin: ChartPin, digest: str) -> str:
    """The module's text with this chart's digest in place of what it has."""
    pattern = rf'"{re.escape(pin.name)}": "[^"]*"'
    changed, count = re.subn(pattern, f'"{pin.name}": "{digest}"', text)
    if count != 1:
        raise DigestError(f"{pin.name}: not one entry in DIGESTS")
    return changed


def main() -> int:
    """The command. Exit status: 0 all are written, 1 nothing is."""
    text = FILE.read_text(encoding="utf-8")
    try:
        for pin in CHARTS:
            if pin.in_registry:
                digest = digest_of(pin)
                text = with_digest(text, pin, digest)
                print(f"{pin.name} {pin.version}: {digest}")
    except DigestError as error:
        print(error, file=sys.stderr)
        return 1
    FILE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
