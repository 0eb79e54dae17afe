"""What is taken out of an error's text before it leaves the machine."""

import pytest

from delivery.text import redacted, without_credentials


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
