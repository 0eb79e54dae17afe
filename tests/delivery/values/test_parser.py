"""Files that are no usable values: each is refused in one line that names the place and the mend."""

import pytest

from delivery.values.document import MAX_BYTES, ValuesError
from delivery.values.parser import load


def refusal(text: str | bytes) -> str:
    with pytest.raises(ValuesError) as caught:
        load(text, "dev/values.yaml")
    message = str(caught.value)
    assert message.isprintable()
    assert " — " in message
    return message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: 1\n", "dev/values.yaml:2:1: found character '\\t' that cannot start any token — use spaces"),
        ("a: 1\nb: 2\na: 3\n", "dev/values.yaml:3:1: `a` is here a second time, first on line 1 — keep one"),
        ("m:\n  a: 1\n  'a': 3\n", "dev/values.yaml:3:3: `a` is here a second time, first on line 2 — keep one"),
        ("{a: 1, a: 2}", "dev/values.yaml:1:8: `a` is here a second time, first on line 1"),
        ("on: 1\nyes: 2\n", "dev/values.yaml:2:1: `true` is here a second time, first on line 1"),
        ("x: &k a\na: 1\n*k : 2\n", "dev/values.yaml:3:1: `a` is here a second time, first on line 2"),
        ("a: 1\n---\nb: 2\n", "dev/values.yaml:2:1: a second YAML document begins — keep one document"),
        ("a: b: c\n", "dev/values.yaml:1:5: mapping values are not allowed here"),
        ("a: 'b\nc: 1\n", "dev/values.yaml:3:1: found unexpected end of stream, while scanning a quoted scalar that"),
        ("{a: 1\n", "dev/values.yaml:2:1: expected ',' or '}', but got '<stream end>', while parsing a flow mapping"),
        ("a: 1\nb: %x\n", "dev/values.yaml:2:4: found character '%'"),
        ("a: *x\n", "dev/values.yaml:1:4: `*x` has no anchor before it"),
        ("!!str a: 1\n", "dev/values.yaml:1:1: a key has the tag `tag:yaml.org,2002:str`"),
        ("a: \x07\n", "dev/values.yaml:1:4: the character U+0007 may not stand in YAML"),
        ("a: 1\nb: \u2028c: 2\n", "dev/values.yaml:2:4: the character U+2028 is not the same to all readers"),
        ("# \x85a: 2\n", "dev/values.yaml:1:3: the character U+0085"),
        ("a: 1\n\ufeffb: 1\n", "dev/values.yaml:2:1: the character U+FEFF"),
        ("a: \ud800\n", "dev/values.yaml:1:4: the character U+D800"),
        ("ä: 1\nä: ü".encode() + b"\xfc\n", "dev/values.yaml:2:5: the byte 0xFC is not UTF-8 — save the file as UTF-8"),
        (b"\xef\xbb\xbfa: \xff", "dev/values.yaml:1:4: the byte 0xFF is not UTF-8"),
        ("a: 1\n".encode("utf-16"), "dev/values.yaml:1:1: this is UTF-16"),
        ("a: 1\n".encode("utf-16-le"), "dev/values.yaml:1:1: this is UTF-16"),
        ("a: 1\n".encode("utf-32"), "dev/values.yaml:1:1: this is UTF-16 or UTF-32"),
        ("[" * 10_000 + "]" * 10_000, "dev/values.yaml:1:101: more than 100 levels"),
        ("- " * 10_000, "dev/values.yaml:1:201: more than 100 levels"),
        ("#" * (MAX_BYTES + 1), "dev/values.yaml:1:1: larger than 256 KiB"),
        ('a: "\\UFFFFFFFF"\n', "dev/values.yaml:1:1: no YAML (OverflowError)"),
        ('a: "\\U00110000"\n', "dev/values.yaml:1:1: no YAML (ValueError)"),
        ("k" * 5000 + ": 1\n", "dev/values.yaml:1:5001: "),
    ],
    ids=lambda value: None if isinstance(value, bytes) or len(value) > 40 else value,
)
def test_an_unusable_file_is_refused_with_its_place_and_the_mend(text: str | bytes, expected: str) -> None:
    assert refusal(text).startswith(expected)


def test_a_key_in_an_error_is_one_short_line_whatever_it_is() -> None:
    key = '"' + "x\\n" * 400 + '"'
    assert len(refusal(f"{key}: 1\n{key}: 2\n")) < 200


@pytest.mark.parametrize("text", ["", "\n", "# nothing but a comment", "---\n", "\ufeff", "---\n...\n"])
def test_a_file_without_content_has_no_root(text: str) -> None:
    assert load(text, "values").root is None


def test_tags_are_not_constructed_and_aliases_not_expanded() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 200))
    document = load(bomb + "b: !!python/object/apply:os.abort []\n", "values")
    assert len(document.content) < 2000


def test_a_map_that_contains_itself_is_read() -> None:
    assert load("a: &a {b: *a}\n", "values").root is not None
