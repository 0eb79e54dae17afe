"""The rules for names that more than one part of the program goes by."""

import pytest

from delivery.model.identifiers import is_loopback
from delivery.text import is_secret_variable


@pytest.mark.parametrize(
    "name",
    [
        "GITHUB_TOKEN",
        "PULUMI_ACCESS_TOKEN",
        "PULUMI_BACKEND_URL",
        "PULUMI_CONFIG_PASSPHRASE",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AZURE_STORAGE_KEY",
        "AZURE_STORAGE_CONNECTION_STRING",
        "GOOGLE_CREDENTIALS",
        "PGPASSWORD",
        "DB_PASS",
        "OPENAI_APIKEY",
        "SIGNING_KEYS",
        "SSH_PRIVATE_FILE",
        "NPM_CONFIG__AUTH",
        "PROXY_AUTHORIZATION",
        "npm_config_token",
    ],
)
def test_a_variable_that_may_hold_a_secret_is_known_by_its_name(name: str) -> None:
    assert is_secret_variable(name)


@pytest.mark.parametrize(
    "name",
    ["HOME", "PWD", "PATH", "AWS_REGION", "COMPASS_URL", "PASSENGERS", "KEYBOARD", "XKB_KEYMAP", "GIT_AUTHOR_NAME"],
)
def test_a_name_that_only_contains_such_a_word_is_no_secret(name: str) -> None:
    assert not is_secret_variable(name)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:16686/trace/x",
        "http://LOCALHOST",
        "https://jaeger.localhost/x",
        "http://127.0.0.1:8080",
        "http://127.1.2.3/",
        "http://[::1]:16686/x",
        "http://0.0.0.0:1",
        "http://localhost?trace=x",
    ],
)
def test_an_address_of_everybodys_own_machine_is_told(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://localhost.example.com/x",
        "https://jaeger.example/localhost",
        "http://12.7.0.1",
        "https://alocalhost",
    ],
)
def test_an_address_of_another_machine_is_told_from_ones_own(url: str) -> None:
    assert not is_loopback(url)
