import json
import logging
from collections.abc import Callable

import pytest

from delivery.model.secret import SecretText


@pytest.mark.parametrize("shown", [str, repr, "{}".format, "{!r:>8}".format, "%s".__mod__, lambda each: str([each])])
def test_a_secret_shows_as_one_however_it_is_printed(shown: Callable[[object], str]) -> None:
    assert shown(SecretText("s3cret")).strip("[]") == "secret"


def test_a_secret_is_not_in_what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("delivery").warning("with %s", {"githubToken": SecretText("s3cret")})
    assert caplog.messages == ["with {'githubToken': [secret]}"]


def test_a_secret_is_no_json() -> None:
    with pytest.raises(TypeError):
        json.dumps(SecretText("s3cret"))
