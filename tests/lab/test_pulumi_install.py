"""The offer to install the Pulumi CLI: only to somebody who is there, only where it can be had, only when wanted."""

import io
from typing import cast

import pytest
from pulumi.automation import PulumiCommand

from lab.pulumi_install import offer
from lab.terminal import Terminal

CLI = cast(PulumiCommand, object())


@pytest.mark.parametrize(
    ("missing", "there", "reachable", "answer", "installed"),
    [
        ("pulumi", True, True, "y", True),
        ("pulumi", True, True, "", False),
        ("pulumi", True, True, "no", False),
        ("pulumi", False, True, None, False),
        ("pulumi", True, False, None, False),
        ("pulumi-resource-github", True, True, None, False),
    ],
)
def test_it_is_installed_only_where_somebody_is_asked_and_says_yes(
    missing: str, there: bool, reachable: bool, answer: str | None, installed: bool
) -> None:
    def ask(_: str) -> str:
        assert answer is not None, "nobody is to be asked"
        return answer

    out = io.StringIO()
    found = offer(
        Terminal(out),
        [missing],
        somebody_there=lambda: there,
        ask=ask,
        can_reach=lambda: reachable,
        install=lambda: CLI,
    )
    assert (found is CLI) is installed
    assert missing in out.getvalue()
