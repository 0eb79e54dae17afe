"""Nothing that a commit or a version contains acts on GitHub."""

import html
import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from delivery.promotion.markdown import code, plain
from delivery.text import one_line

HOSTILE = [
    "fixes #1",
    "Closes acme/gitops#12, thanks @octocat and @acme/team",
    "resolves GH-7",
    "fixes https://github.com/acme/gitops/issues/1",
    "a | b \\| c ` d `` e",
    "</code><img src=x onerror=alert(1)>",
    "[click](javascript:alert(1)) ![x](http://evil/x.png)",
    "```mermaid\nflowchart\n```",
    "--> <!-- delivery-promotion {} -->",
    "abc\u202egpj.exe\u2066",
    "$\\unicode{x}$ $`x`$",
    "www.evil.example",
    "&lt;b&gt; &#64;octocat",
    ":tada: ~~x~~ **y** _z_",
    "\x00\x1b[31m\x7f\u200b\ufeff",
]
anything = st.one_of(st.text(max_size=400), st.sampled_from(HOSTILE), st.text("`|\\<>@#&$-:/ \n\rgGhH1w.", max_size=60))


def shown(rendered: str) -> str:
    """What a reader sees of inline code."""
    if rendered.startswith("<code>"):
        return html.unescape(rendered.removeprefix("<code>").removesuffix("</code>"))
    return rendered[1:-1]


def known_tricks(test: Callable[[str], None]) -> Callable[[str], None]:
    """`test` with each of `HOSTILE` too, at every run."""
    for text in HOSTILE:
        test = example(text)(test)
    return test


@known_tricks
@given(anything)
def test_code_is_one_safe_piece_of_markdown_and_shows_the_text_itself(text: str) -> None:
    rendered, line = code(text), one_line(text, 200)

    assert (shown(rendered) if line else "") == line
    inner = rendered.removeprefix("<code>").removesuffix("</code>") if rendered[0] == "<" else rendered[1:-1]
    assert not re.search(r"[|`\\<>\n\r]", inner)
    without_entities = re.sub(r"&#\d+;", "", inner)
    assert not re.search(r"[@#&$]|://|www\.|\bgh-\d", without_entities, re.IGNORECASE)
    assert not any(unicodedata.category(letter)[0] == "C" for letter in html.unescape(inner))


@known_tricks
@given(anything)
def test_plain_text_refers_to_nothing_and_keeps_to_one_line(text: str) -> None:
    line = plain(text)

    assert not re.search(r"[@#\n\r]|://|\bgh-\d", line, re.IGNORECASE)
    assert len(line) <= 110
    assert not any(unicodedata.category(letter)[0] == "C" for letter in line)


@pytest.mark.parametrize("text", ["v0.3.1", "1.2.3-rc.1_x", "feat: new hat (really)", "a/b:c"])
def test_ordinary_text_stays_readable(text: str) -> None:
    assert code(text) == f"`{text}`"
    assert plain(text) == text


def test_long_text_is_cut() -> None:
    assert code("x" * 1000, 10) == "<code>xxxxxxxxx…</code>"
