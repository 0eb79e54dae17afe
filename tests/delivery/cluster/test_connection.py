import json
from contextlib import suppress
from pathlib import Path

import pytest

from delivery.cluster import ClusterError, RefusedError, connect
from delivery.cluster.connection import PATIENCE
from delivery.cluster.kubeconfig import logins
from delivery.model.secret import SecretText
from tests.delivery.cluster.kubernetes_api import CONTEXT, KubernetesApi
from tests.messages import assert_message


def test_the_kubeconfig_may_be_a_path(api: KubernetesApi, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(api.kubeconfig().reveal())
    assert connect(CONTEXT, SecretText(str(file))).get("/version") == {"gitVersion": "v1.37.2"}


def test_without_one_it_is_the_user_s_own(api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config"
    file.write_text(api.kubeconfig().reveal())
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'missing'}:{file}")
    assert connect(CONTEXT, None).address == api.url


def test_a_context_that_is_in_none_of_the_user_s_own_files_is_an_error(
    api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config"
    file.write_text(api.kubeconfig().reveal())
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'missing'}:{file}")
    with pytest.raises(ClusterError):
        connect("another", None)


def test_reading_leaves_the_kubeconfig_as_it_is(api: KubernetesApi, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(api.kubeconfig().reveal())
    connect(CONTEXT, SecretText(str(file))).get("/version")
    assert file.read_text() == api.kubeconfig().reveal()


def test_a_missing_file_is_an_error_that_says_how_to_give_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    with pytest.raises(ClusterError) as raised:
        connect("any", None)
    text = f"{raised.value.found}; fix: {raised.value.fix}"
    assert_message("cluster.no_kubeconfig", text.replace(str(tmp_path), "FOLDER"))


@pytest.mark.parametrize("text", ["{junk: [", "a: b\n", "[1, 2]\n", "contexts: 3\nx: y\n", "contexts:\n- 3\n"])
def test_junk_is_an_error_that_does_not_quote_it(text: str) -> None:
    with pytest.raises(ClusterError) as raised:
        connect(CONTEXT, SecretText(text))
    assert "delivery:kubeconfig" in raised.value.found
    assert text.strip() not in raised.value.found + raised.value.fix


def test_a_context_without_its_cluster_is_an_error_that_does_not_quote_the_file() -> None:
    text = "contexts: [{name: the-cluster, context: {cluster: gone, user: me}}]\n"
    text += "users: [{name: me, user: {token: abc}}]\n"
    with pytest.raises(ClusterError) as raised:
        connect(CONTEXT, SecretText(text))
    assert_message("cluster.unusable_context", f"{raised.value.found}; fix: {raised.value.fix}")


def test_an_answer_that_is_neither_success_nor_absence_is_told_on_one_line(api: KubernetesApi) -> None:
    api.objects["/apis/apps/v1/deployments"] = 403
    connection = connect(CONTEXT, api.kubeconfig())
    with pytest.raises(RefusedError) as raised:
        connection.items("/apis/apps/v1/deployments")
    assert connection.get("/apis/of/nobody") is None
    assert raised.value.status == 403
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("busy", "asked"), [(1, 2), (PATIENCE, PATIENCE)])
def test_a_server_that_asks_for_patience_is_asked_again_and_not_for_ever(
    api: KubernetesApi, busy: int, asked: int
) -> None:
    connection = connect(CONTEXT, api.kubeconfig())
    connection.pause_seconds, api.busy = 0, busy

    with suppress(RefusedError):
        assert connection.get("/version") == {"gitVersion": "v1.37.2"}
    assert len(api.requests) == asked


def test_a_login_command_that_fails_is_a_refused_login_and_nothing_is_logged(
    api: KubernetesApi, caplog: pytest.LogCaptureFixture
) -> None:
    login = "exec: {apiVersion: client.authentication.k8s.io/v1, command: 'false'}"
    text = api.kubeconfig().reveal().replace("token: token-of-the-cluster", login)
    connection = connect(CONTEXT, SecretText(text))
    with pytest.raises(ClusterError, match="is refused"):
        connection.get("/version")
    assert caplog.records == []


def test_a_login_that_does_not_end_is_an_error(api: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.cluster.kubeconfig.LOGIN_SECONDS", 0.3)
    login = "exec: {apiVersion: client.authentication.k8s.io/v1, command: sleep, args: ['2']}"
    text = api.kubeconfig().reveal().replace("token: token-of-the-cluster", login)
    with pytest.raises(ClusterError) as raised:
        connect(CONTEXT, SecretText(text))
    assert_message("cluster.login_timeout", f"{raised.value.found}; fix: {raised.value.fix}")


def test_the_logins_of_a_kubeconfig_are_known_so_that_they_can_be_masked() -> None:
    provider = {"name": "oidc", "config": {"id-token": "of-the-provider"}}
    users = [
        {"name": "me", "user": {"token": "of-me", "password": 3, "exec": {"command": "login"}}},
        {"name": "you", "user": {"client-key-data": "a2V5", "auth-provider": provider}},
    ]
    assert logins(json.dumps({"users": users})) == ["of-me", "a2V5", "of-the-provider"]


@pytest.mark.parametrize("text", ["{junk: [", "a\nb", "users: 3", "users: [1, {user: 2}, {name: me}]", "/a/path"])
def test_what_is_no_kubeconfig_has_no_logins(text: str) -> None:
    assert logins(text) == []


def test_the_address_of_the_server_is_shown_without_a_password() -> None:
    text = (
        "contexts: [{name: c, context: {cluster: a, user: b}}]\nusers: [{name: b, user: {}}]\n"
        "clusters: [{name: a, cluster: {server: 'http://me:hunter22@127.0.0.1:9'}}]\n"
    )
    connection = connect("c", SecretText(text))
    with pytest.raises(ClusterError) as raised:
        connection.get("/version")
    assert connection.address == "http://127.0.0.1:9"
    assert "hunter22" not in f"{raised.value.found}{raised.value.fix}"
