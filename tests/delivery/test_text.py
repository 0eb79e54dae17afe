"""What is taken out of an error's text before it leaves the machine."""

import pytest

from delivery.text import has_credentials, redacted, without_credentials, without_secrets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("POST /repos/acme/gitops/pulls: 422", "POST /repos/acme/gitops/pulls: 422"),
        ("see https://github.com/acme/gitops/pull/3", "see https://github.com/acme/gitops/pull/3"),
        ("dev/values.yaml: line 3", "dev/values.yaml: line 3"),
        ("cannot read /home/runner/work/x/values.yaml", "cannot read …/values.yaml"),
        ("cannot read '/home/runner/a b.yaml'", "cannot read '…/a b.yaml'"),
        (r"cannot read C:\Users\me\values.yaml", "cannot read …/values.yaml"),
        ("fatal: https://x-access-token:abc@github.com/acme", "fatal: https://github.com/acme"),
        ("sent ghs_0123456789abcdef and github_pat_11AB_c", "sent [secret] and [secret]"),
        ("sent ghs_123456_eyJhbGciOi.eyJzdWIi.c2ln-1_x.", "sent [secret]."),
        ("Authorization: Bearer abcdefgh.ijkl", "Authorization: Bearer [secret]"),
        ("token=0123456789abcdef refused", "token [secret] refused"),
        ("jwt eyJhbGciOi.eyJzdWIi.c2ln", "jwt [secret]"),
        ("first\nTraceback (most recent call last):\n  File", "first"),
        ("\n\n  late  ", "late"),
        ("", ""),
    ],
)
def test_an_errors_text_keeps_what_helps_and_nothing_else(text: str, expected: str) -> None:
    assert redacted(text, {}) == expected


def test_the_value_of_a_variable_that_is_called_a_secret_is_one() -> None:
    environ = {"SECURE_TOKEN": "correct-horse", "NAME": "harmless-value", "MY_PASSWORD": "short"}
    assert redacted("correct-horse harmless-value short", environ) == "[secret] harmless-value short"


def test_a_long_text_is_cut() -> None:
    assert len(redacted("x" * 1000, {})) == 200


def test_an_address_loses_user_and_password_only() -> None:
    assert without_credentials("https://a:b@host:8443/x?y#z") == "https://host:8443/x?y#z"
    assert without_credentials("https://[broken") == ""


HELD = [
    "https://user:hunter22@host/path",
    "https://:hunter22@host/api/v3",
    "https://user:p@ss/hunter22@host/x",
    "https://hunter22@host/{trace_id}",
    "HTTPS://user:hunter22@host",
    "ssh://git:hunter22@host/x.git",
    "user:hunter22@host:acme/x.git",
    "https://host/api/v3?token=hunter22",
    "https://host/{trace_id}?a=b&access_token=hunter22",
    "https://host/?X-Amz-Signature=1&sig=hunter22",
    "https://host/#api_key=hunter22",
    "https://host/ghp_hunter22hunter22",
]


@pytest.mark.parametrize("url", HELD)
@pytest.mark.parametrize("within", ["{}", "unable to access '{}': 403", 'found "{}"; allowed', "{}/, https://b/c"])
def test_an_address_is_shown_without_what_is_secret_in_it(url: str, within: str) -> None:
    assert has_credentials(url)
    assert "hunter22" not in without_secrets(within.replace("{}", url))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://api.github.com",
        "http://localhost:16686/trace/{trace_id}?uiFind={span_id}",
        "https://grafana.example/explore?left={%22queries%22:[{%22query%22:%22{trace_id}%22}]}&orgId=1",
        "https://host/@team/{trace_id}",
        "https://host/authors?author=ada",
        "git@github.com:acme/gitops.git",
        "ssh://git@github.com/acme/gitops.git",
        "/a/folder/gitops.git",
        "file:///a/folder/gitops.git",
    ],
)
def test_an_address_without_a_secret_is_taken_and_shown(url: str) -> None:
    assert not has_credentials(url)
    assert without_secrets(url).split("?")[0] == url.split("?")[0] or url.startswith("ssh://")


@pytest.mark.parametrize("url", ["https://[::1", "https://host:port/", "https://user:pa/ss@host/"])
def test_an_address_that_cannot_be_taken_apart_is_not_trusted(url: str) -> None:
    assert has_credentials(url)
