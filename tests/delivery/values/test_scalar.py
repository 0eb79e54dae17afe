"""Scalars read as Helm reads them, and written so that every reader of YAML reads the same."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from delivery.values.scalar import Scalar, Style, resolve, spell

# What sigs.k8s.io/yaml, the reader in Helm, makes of each of these.
BOOLEANS = ["on", "On", "ON", "off", "yes", "no", "Yes", "y", "N", "true", "True", "FALSE"]
NUMBERS = [
    "1e3", "1.10", "0.3", ".5", "5.", "-.5", "+1", "0x1F", "0o7", "017", "089", "0b11", "-0b11", "1_000", "1__0",
    ".1_0", "18446744073709551616", "0xFFFFFFFFFFFFFFFF", "-0x8000000000000000",
]  # fmt: skip
NULLS = ["", "~", "null", "Null", "NULL"]
STRINGS = [
    "v0.3", "0.3.1", "oN", "tRue", "nUll", "1:30", "190:20:30", "2024-01-01", "6b86b273", "123e4567", "1e400",
    "0xFFFFFFFFFFFFFFFFFF", "0x10000000000000000", "+0x8000000000000000", "-0x8000000000000001", "_1", "._5", "1e",
    "e5", "0x", "0b2", "0o8",
]  # fmt: skip


@pytest.mark.parametrize("text", BOOLEANS)
def test_a_bare_word_that_helm_takes_for_a_boolean_is_one(text: str) -> None:
    assert resolve(text, plain=True).kind == "boolean"


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_keeps_the_spelling_of_its_file(text: str) -> None:
    scalar = resolve(text, plain=True)
    assert scalar.kind in ("integer", "float")
    assert spell(scalar, "double") == text


@pytest.mark.parametrize("text", NULLS)
def test_nothing_and_its_names_are_null(text: str) -> None:
    assert resolve(text, plain=True) == Scalar("null", "null")


@pytest.mark.parametrize("text", STRINGS)
def test_what_only_looks_like_a_number_is_a_string(text: str) -> None:
    assert resolve(text, plain=True) == Scalar(text)


@pytest.mark.parametrize("text", [*BOOLEANS, *NUMBERS, *NULLS])
def test_quotes_make_anything_a_string_and_it_is_never_written_without_them(text: str) -> None:
    assert resolve(text, plain=False) == Scalar(text)
    assert spell(Scalar(text), "plain") == f'"{text}"'


@pytest.mark.parametrize("text", ["2024-01-01", "1:30", "123e4567", "1e400"])
def test_a_string_that_another_reader_takes_for_a_date_or_number_is_quoted(text: str) -> None:
    assert spell(Scalar(text), "plain") == f'"{text}"'


@pytest.mark.parametrize(
    "text", ["v0.3.1", "0.3.1", "6b86b273", "registry:5000/app:v1", "two words", "größe", "a/b@sha"]
)
def test_an_ordinary_string_stays_without_quotes(text: str) -> None:
    assert spell(Scalar(text), "plain") == text


@pytest.mark.parametrize(
    "text", ["a ", " a", "a: b", "a:", "a #b", "- a", "*a", "&a", "!a", "%a", "@a", "`a", "a, b]", ""]
)
def test_a_string_that_would_not_survive_without_quotes_gets_them(text: str) -> None:
    assert spell(Scalar(text), "plain") == f'"{text}"'


def test_line_breaks_and_what_cannot_be_seen_are_written_as_escapes() -> None:
    assert spell(Scalar('a\n\t"\\\x07\x85\u2028\u00a0\U000e0001😀'), "single") == (
        '"a\\n\\t\\"\\\\\\x07\\x85\\u2028\\xa0\\U000e0001😀"'
    )


STYLES: list[Style] = ["plain", "single", "double"]
TRICKY = st.sampled_from(
    [*BOOLEANS, *NUMBERS, *NULLS, *STRINGS, "a: b", "a #b", "- a", "a:", " a", "a ", "${{ x }}", "{{ x }}"]
)


@settings(deadline=None)
@given(text=TRICKY | st.text() | st.text("0123456789.-+:_eExXoOTZ"), style=st.sampled_from(STYLES), flow=st.booleans())
def test_every_reader_reads_back_the_string_that_was_written(text: str, style: Style, flow: bool) -> None:
    value = spell(Scalar(text), style, flow=flow)
    document = f"{{a: {value}, b: c}}" if flow else f"a: {value} # comment\nb: c\n"
    assert yaml.safe_load(document) == {"a": text, "b": "c"}
    assert YAML(typ="safe", pure=True).load(document) == {"a": text, "b": "c"}
