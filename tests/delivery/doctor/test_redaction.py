import json

from delivery.doctor.check import Check
from delivery.doctor.redaction import presentable
from delivery.model.secret import SecretText


def shown(detail: str, *secrets: str, mend: str = "") -> Check:
    return presentable(Check("name", "wrong", detail, mend), "dev", [SecretText(each) for each in secrets])


def test_a_secret_is_shown_nowhere() -> None:
    check = shown("the server said: ghp_secret!", "ghp_secret", mend="curl -H 'Bearer ghp_secret'")
    assert (check.detail, check.mend) == ("the server said: [secret]!", "curl -H 'Bearer [secret]'")


def test_the_longer_of_two_secrets_goes_whole() -> None:
    assert shown("secret-and-more", "secret", "secret-and-more").detail == "[secret]"


def test_a_login_inside_a_kubeconfig_is_shown_nowhere() -> None:
    kubeconfig = json.dumps({"users": [{"name": "me", "user": {"token": "of-the-cluster", "password": 3}}]})
    assert shown("refused of-the-cluster", kubeconfig).detail == "refused [secret]"


def test_a_kubeconfig_that_is_none_is_no_obstacle() -> None:
    for text in ("{junk: [", "{}", "a\nb", '{"users": 3}', '{"users": [1, {"user": 2}]}'):
        assert shown("all is well", text).detail == "all is well"


def test_a_short_text_is_not_cut_out_of_words() -> None:
    assert shown("none of them", "none").detail == "none of them"


def test_a_check_is_one_line() -> None:
    assert str(shown("first\nsecond\r\n", mend="a\n b")) == "wrong    name: first second; mend: a b"


def test_a_command_of_pulumi_s_names_the_stack() -> None:
    mend = "pulumi config set delivery:a 'b' && pulumi config rm delivery:c && pulumi up -s production"
    assert shown("", mend=mend).mend == (
        "pulumi config set -s dev delivery:a 'b' && pulumi config rm -s dev delivery:c && pulumi up -s production"
    )
