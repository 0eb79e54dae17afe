import os
import time
from pathlib import Path

import pytest

from delivery.cluster import ClusterError, Refused, connect
from delivery.model.secret import SecretText
from tests.delivery.cluster.kubernetes_api import CONTEXT, KubernetesApi
from tests.slow_server import trickling


def test_the_kubeconfig_may_be_a_path(api: KubernetesApi, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(api.kubeconfig().reveal())
    with connect(CONTEXT, SecretText(str(file))) as connection:
        assert connection.get("/version") == {"gitVersion": "v1.37.2"}


def test_without_one_it_is_the_person_s_own(
    api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config"
    file.write_text(api.kubeconfig().reveal())
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'missing'}:{file}")
    with connect(CONTEXT, None) as connection:
        assert connection.address == api.url


def test_a_context_that_is_in_none_of_the_person_s_own_files_is_an_error_with_those_that_are(
    api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config"
    file.write_text(api.kubeconfig().reveal())
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'missing'}:{file}")
    with pytest.raises(ClusterError) as raised, connect("another", None):
        pass
    assert raised.value.found.startswith("no context 'another' in ")
    assert raised.value.found.endswith(f"; there are elsewhere, {CONTEXT}")
    assert raised.value.mend == "pulumi config set delivery:kubeContext elsewhere"


def test_reading_leaves_the_kubeconfig_as_it_is(api: KubernetesApi, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(api.kubeconfig().reveal())
    with connect(CONTEXT, SecretText(str(file))) as connection:
        connection.get("/version")
    assert file.read_text() == api.kubeconfig().reveal()


def test_a_missing_file_is_an_error_that_says_how_to_give_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    with pytest.raises(ClusterError, match=r"no kubeconfig with contexts in .*missing") as raised, connect("any", None):
        pass
    assert "pulumi config set --secret delivery:kubeconfig" in raised.value.mend


@pytest.mark.parametrize("text", ["{junk: [", "a: b\n", "[1, 2]\n", "contexts: 3\nx: y\n", "contexts:\n- 3\n"])
def test_junk_is_an_error_that_does_not_quote_it(text: str) -> None:
    with pytest.raises(ClusterError) as raised, connect(CONTEXT, SecretText(text)):
        pass
    assert str(raised.value) == "no kubeconfig with contexts in delivery:kubeconfig"


def test_a_context_without_its_cluster_is_an_error_that_does_not_quote_the_file() -> None:
    text = "contexts: [{name: the-cluster, context: {cluster: gone, user: me}}]\n"
    text += "users: [{name: me, user: {token: abc}}]\n"
    error = "context 'the-cluster' of delivery:kubeconfig cannot be used"
    with pytest.raises(ClusterError, match=error) as raised, connect(CONTEXT, SecretText(text)):
        pass
    assert "abc" not in str(raised.value)


def test_an_answer_that_is_neither_success_nor_absence_is_told_on_one_line(api: KubernetesApi) -> None:
    api.objects["/apis/apps/v1/deployments"] = 403
    with connect(CONTEXT, api.kubeconfig()) as connection:
        with pytest.raises(Refused) as raised:
            connection.items("/apis/apps/v1/deployments")
        assert connection.get("/apis/of/nobody") is None
    assert str(raised.value).startswith("the cluster answered 403: ")
    assert "\n" not in str(raised.value)


def test_a_login_plugin_that_fails_is_a_refused_login_and_nothing_is_logged(
    api: KubernetesApi, caplog: pytest.LogCaptureFixture
) -> None:
    login = "exec: {apiVersion: client.authentication.k8s.io/v1, command: 'false'}"
    text = api.kubeconfig().reveal().replace("token: token-of-the-cluster", login)
    with connect(CONTEXT, SecretText(text)) as connection, pytest.raises(ClusterError, match="is refused"):
        connection.get("/version")
    assert caplog.records == []


@pytest.mark.parametrize("ignoring", ["", "trap '' TERM; "])
def test_a_login_that_does_not_end_is_an_error_and_is_ended(
    api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ignoring: str
) -> None:
    monkeypatch.setattr("delivery.cluster.kubeconfig.LOGIN_SECONDS", 0.5)
    told = tmp_path / "pid"
    script = tmp_path / "login"
    script.write_text(f"#!/bin/sh\n{ignoring}echo $$ > {told}\nwhile :; do sleep 0.1; done\n")
    script.chmod(0o755)
    login = f"exec: {{apiVersion: client.authentication.k8s.io/v1, command: {script}}}"
    text = api.kubeconfig().reveal().replace("token: token-of-the-cluster", login)
    with pytest.raises(ClusterError) as raised, connect(CONTEXT, SecretText(text)):
        pass
    assert str(raised.value) == "the login of context 'the-cluster' has not ended after 0.5 s"
    assert raised.value.mend == "log in by hand, until this works: kubectl --context the-cluster get namespaces"
    for _ in range(50):
        try:
            os.kill(int(told.read_text()), 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("the login is still running")


def test_a_server_whose_answer_does_not_end_is_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.cluster.connection.ANSWER_SECONDS", 0.5)
    error = "its answer has not ended after 0.5 s"
    with (
        trickling() as server,
        connect(CONTEXT, KubernetesApi().kubeconfig(server=server)) as connection,
        pytest.raises(ClusterError, match=error),
    ):
        connection.get("/version")
