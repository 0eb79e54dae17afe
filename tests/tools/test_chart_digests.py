"""The digests of pinned charts, from a registry on this machine that asks for a token as ghcr.io does."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from delivery.platform.charts import CHARTS, DIGESTS, JAEGER_CHART, ChartPin
from tools.chart_digests import FILE, DigestError, digest_of, with_digest

CHART = "apiVersion: v2\nname: jaeger\nversion: {version}\n"


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Registry:
    """An OCI registry with one chart at one version; `token` is what it asks for, empty for nothing."""

    def __init__(self, version: str, package: bytes) -> None:
        self.token = ""
        config = json.dumps({"name": "jaeger", "version": version}).encode()
        layers = (
            ("config", "application/vnd.cncf.helm.config.v1+json", config),
            ("layer", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", package),
        )
        described = [{"mediaType": type_, "digest": digest(body), "size": len(body)} for _, type_, body in layers]
        manifest = json.dumps({"schemaVersion": 2, "config": described[0], "layers": described[1:]}).encode()
        self.digest = digest(manifest)
        base = "/v2/charts/jaeger"
        self.content = {f"{base}/blobs/{digest(body)}": body for _, _, body in layers}
        self.content |= {f"{base}/manifests/{name}": manifest for name in (version, self.digest)}
        self.content["/token"] = json.dumps({"token": "for-anybody"}).encode()
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self._answer()

            def do_GET(self) -> None:
                self._answer()

            def _answer(self) -> None:
                path, may = self.path.partition("?")[0], self.headers.get("Authorization") == f"Bearer {registry.token}"
                body = registry.content.get(path)
                status = 404 if body is None else 401 if registry.token and path != "/token" and not may else 200
                self.send_response(status)
                if status == 401:
                    self.send_header("WWW-Authenticate", f'Bearer realm="{registry.url}/token",service="the-registry"')
                if status == 200 and body is not None and "/manifests/" in path:
                    self.send_header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
                    self.send_header("Docker-Content-Digest", digest(body))
                sent = body if status == 200 and body is not None else b""
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(sent)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}"


@pytest.fixture
def package(tmp_path: Path) -> bytes:
    """The chart as Helm packs it, or any bytes where there is no Helm."""
    if shutil.which("helm") is None:
        return b"a package"
    (tmp_path / "Chart.yaml").write_text(CHART.format(version=JAEGER_CHART.version), encoding="utf-8")
    subprocess.run(["helm", "package", tmp_path, "-d", tmp_path], check=True, capture_output=True)
    return next(tmp_path.glob("*.tgz")).read_bytes()


@pytest.fixture
def registry(package: bytes) -> Iterator[Registry]:
    found = Registry(JAEGER_CHART.version, package)
    Thread(target=found.server.serve_forever, args=(0.05,), daemon=True).start()
    yield found
    found.server.shutdown()
    found.server.server_close()


def pin(registry: Registry) -> ChartPin:
    return replace(JAEGER_CHART, repository=f"oci://{registry.host}/charts")


@pytest.mark.parametrize("token", ["", "for-anybody"])
def test_it_is_what_the_registry_has_for_the_version(registry: Registry, token: str) -> None:
    registry.token = token

    assert digest_of(pin(registry), "http") == registry.digest


def test_a_version_that_the_registry_does_not_have_is_one_line(registry: Registry) -> None:
    with pytest.raises(DigestError, match=r"jaeger 0\.0\.1: 127\.0\.0\.1:[0-9]+ answered 404, without a digest"):
        digest_of(replace(pin(registry), version="0.0.1"), "http")


def test_it_is_written_beside_the_version_of_every_chart_in_a_registry() -> None:
    text = FILE.read_text(encoding="utf-8")
    for chart in CHARTS:
        if chart.in_registry:
            text = with_digest(text, chart, f"sha256:{'a' * 64}")
    space: dict[str, object] = {"__name__": "delivery.platform.charts"}
    exec(compile(text, str(FILE), "exec"), space)  # noqa: S102 - the module as it will be

    assert space["DIGESTS"] == dict.fromkeys(DIGESTS, f"sha256:{'a' * 64}")


@pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not on PATH: run `make cluster-tools`")
def test_helm_takes_the_chart_with_its_digest_and_refuses_it_with_another_one(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render(found: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setitem(DIGESTS, "jaeger", found)
        command = ["helm", "template", "jaeger", pin(registry).reference, "--version", JAEGER_CHART.version]
        return subprocess.run([*command, "--plain-http"], capture_output=True, text=True, check=False)

    assert render(registry.digest).returncode == 0
    assert "digest mismatch" in render(f"sha256:{'0' * 64}").stderr
