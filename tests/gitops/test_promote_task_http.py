"""The promotion task's HTTP, which is the standard library's: proxies, certificates, and whom it trusts."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from gitops.tasks.http_client import Budget, Client, PassingError, PromotionError, send
from tests.gitops.loopback import Reply, loopback
from tests.gitops.task_lab import FIRST, Lab
from tests.messages import assert_message
from tests.rsa_keys import key_pair

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No proxy is set."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """The file of an authority, made as older tools did it (no key identifiers), and the server that it vouches for."""
    loaded = [load_pem_private_key(key_pair(number)[0].encode(), None) for number in range(2)]
    keys = [key for key in loaded if isinstance(key, RSAPrivateKey)]
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("authority", "127.0.0.1")]
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    for number, (name, key, extension) in enumerate(
        zip(names, keys, (x509.BasicConstraints(ca=True, path_length=None), address), strict=True)
    ):
        made = x509.CertificateBuilder(
            names[0], name, key.public_key(), number + 1, now - timedelta(1), now + timedelta(1)
        )
        certificate = made.add_extension(extension, critical=number == 0).sign(keys[0], hashes.SHA256())
        (tmp_path / ("ca.crt", "server.crt")[number]).write_bytes(certificate.public_bytes(Encoding.PEM))
    (tmp_path / "key").write_text(key_pair(1)[0])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "key")
    return tmp_path / "ca.crt", context


def get(client: Client, url: str) -> int:
    """The status of one answer, asked for once."""
    budget = Budget(monotonic=lambda: 0.0, deadline=0.5)
    return send(client, "GET", url, budget, lambda _: True).status


class TestProxies:
    @pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
    def test_are_taken_from_the_environment_for_github_and_never_for_the_cluster(
        self, lab: Lab, surroundings: pytest.MonkeyPatch, name: str
    ) -> None:
        context = lab.verify("v1", FIRST)
        with loopback(lambda asked: Reply() if "dispatches" in asked.path else Reply(404)) as proxy:
            surroundings.setenv(name, proxy.url)
            assert lab.run(context).code == 0
        assert {asked.path.partition("/api/")[0] for asked in proxy.asked} == {lab.forge.url}
        assert lab.calls == 0
        assert len(lab.cluster.requests) > 3

    def test_are_not_asked_where_no_proxy_says_so(self, lab: Lab, surroundings: pytest.MonkeyPatch) -> None:
        context = lab.verify("v1", FIRST)
        with loopback() as proxy:
            surroundings.setenv("http_proxy", proxy.url)
            surroundings.setenv("no_proxy", "example.com,127.0.0.1")
            assert lab.run(context).code == 0
        assert (len(proxy.asked), len(lab.dispatched)) == (0, 1)

    def test_see_no_token_of_a_request_by_https(self, surroundings: pytest.MonkeyPatch) -> None:
        with loopback() as proxy:
            surroundings.setenv("https_proxy", proxy.url)
            with pytest.raises(PassingError):
                get(Client({"Authorization": "Bearer secret"}), "https://github.example.com/")
        [asked] = proxy.asked
        assert (asked.method, asked.path) == ("CONNECT", "github.example.com:443")
        assert asked.headers["Authorization"] is None


class TestCertificates:
    def test_of_the_clusters_own_authority_are_trusted_although_an_old_tool_has_made_it(
        self, authority: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = ssl.create_default_context

        def as_from_python_3_13_on(**options: Any) -> ssl.SSLContext:
            context = made(**options)
            context.verify_flags |= ssl.VERIFY_X509_STRICT
            return context

        monkeypatch.setattr(ssl, "create_default_context", as_from_python_3_13_on)
        with loopback(tls=authority[1]) as server:
            assert get(Client({}, str(authority[0])), server.url) == 200

    def test_that_nobody_vouches_for_are_an_error_at_once(self, authority: tuple[Path, ssl.SSLContext]) -> None:
        with loopback(tls=authority[1]) as server, pytest.raises(PromotionError) as raised:
            get(Client({}), server.url)
        assert not isinstance(raised.value, PassingError)
        assert server.asked == []
        assert_message("task.no_trust", str(raised.value).replace(server.url.removeprefix("https://"), "HOST"))

    def test_cannot_be_checked_without_the_authoritys_file(
        self, authority: tuple[Path, ssl.SSLContext], tmp_path: Path
    ) -> None:
        with loopback(tls=authority[1]) as server, pytest.raises(PromotionError) as raised:
            get(Client({}, str(tmp_path / "none")), server.url)
        assert not isinstance(raised.value, PassingError)


@pytest.mark.parametrize("address", ["https://host:port/", "https://[half/", "https://-.-\u2024/"])
def test_an_address_that_cannot_work_is_an_error_at_once(address: str, surroundings: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    with pytest.raises(PromotionError) as raised:
        get(Client({}), address)
    assert not isinstance(raised.value, PassingError)


def test_a_plain_server_that_is_asked_by_https_is_an_error_at_once() -> None:
    with loopback() as server, pytest.raises(PromotionError) as raised:
        get(Client({}), server.url.replace("http:", "https:"))
    assert not isinstance(raised.value, PassingError)
