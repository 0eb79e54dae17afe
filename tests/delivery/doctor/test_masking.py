"""No spelling of a secret gets through, and nothing else is touched."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.doctor.masking import Masking
from delivery.model.secret import SecretText

TOKEN = "ghp_öne+token/of=many"


def masked(text: str, *secrets: str) -> str:
    return Masking(map(SecretText, secrets or (TOKEN,))).masked(text)


@pytest.mark.parametrize(
    "spelled",
    [TOKEN, json.dumps(TOKEN)[1:-1], json.dumps(TOKEN, ensure_ascii=False)[1:-1], quote(TOKEN, safe="")],
    ids=["as it is", "JSON in ASCII", "JSON", "in an address"],
)
def test_a_secret_is_found_in_every_spelling(spelled: str) -> None:
    assert masked(f"before {spelled} after") == "before [secret] after"


@given(st.text(max_size=9), st.text(max_size=9), st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
def test_a_secret_is_found_within_what_is_encoded_as_a_whole(before: str, after: str, encode: type[bytes]) -> None:
    whole = encode(f"{before}{TOKEN}{after}".encode()).decode()
    shown = masked(f"data: {whole}")
    assert "[secret]" in shown
    # Of the secret no more is left than the characters that it shares with its neighbours.
    assert len(shown) - len("data: [secret]") <= 4 * (len(f"{before}{after}".encode()) // 3 + 2) + 2


def test_a_kubeconfig_is_hidden_with_every_login_in_it() -> None:
    kubeconfig = "users:\n- name: me\n  user:\n    token: of-the-cluster\n    port: 3\n"
    assert masked(json.dumps({"kubeconfig": kubeconfig}), kubeconfig) == '{"kubeconfig": "[secret]"}'
    assert masked("Bearer of-the-cluster", kubeconfig) == "Bearer [secret]"


def test_the_longer_of_two_secrets_goes_whole() -> None:
    assert masked("secret-and-more", "secret", "secret-and-more") == "[secret]"


@pytest.mark.parametrize("secret", ["none", "", "{junk: [", "a\nb", '{"users": 3}'])
def test_ordinary_words_stay(secret: str) -> None:
    assert masked("all is well, none of it is wrong", secret) == "all is well, none of it is wrong"


def test_without_a_secret_nothing_changes() -> None:
    assert Masking([]).masked("anything") == "anything"
