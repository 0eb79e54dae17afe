"""Files that are no usable values: each is refused in one line that names the place and the fix."""

import pytest

from delivery.values.document import MAX_BYTES, ValuesError
from delivery.values.editor import Scalar, read_keys
from delivery.values.parser import load
from tests.messages import assert_message


def refusal(text: str | bytes) -> str:
    with pytest.raises(ValuesError) as caught:
        load(text, "values")
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "place", "kind"),
    [
        ("a:\n\tb: 1\n", "2:1", "token"),
        ("a: b: c\n", "1:5", "syntax"),
        ("a: 'b\nc: 1\n", "3:1", "end_of_stream"),
        ("{a: 1\n", "2:1", "flow"),
        ("a: 1\nb: %x\n", "2:4", ""),
        ("a: *x\n", "1:4", "no_anchor"),
        ("a: \x07\n", "1:4", "character"),
        ("a: 1\nb: \u2028c: 2\n", "2:4", "ambiguous_character"),
        ("# \x85a: 2\n", "1:3", ""),
        ("a: 1\n\ufeffb: 1\n", "2:1", ""),
        ("a: \ud800\n", "1:4", ""),
        ("ä: 1\nä: ü".encode() + b"\xfc\n", "2:5", "no_utf8"),
        (b"\xef\xbb\xbfa: \xff", "1:4", ""),
        ("a: 1\n".encode("utf-16"), "1:1", ""),
        ("a: 1\n".encode("utf-16-le"), "1:1", ""),
        ("a: 1\n".encode("utf-32"), "1:1", "utf16"),
        ("[" * 10_000 + "]" * 10_000, "1:101", "levels"),
        ("- " * 10_000, "1:201", ""),
        ("#" * (MAX_BYTES + 1), "1:1", "size"),
        ('a: 1\nb: "\\UFFFFFFFF"\n', "2:5", "overflow"),
        ('a: "\\U0001F600\\U00110000"\n', "1:15", ""),
        ("k" * 5000 + ": 1\n", "1:5001", ""),
    ],
    ids=lambda value: None if isinstance(value, bytes) or len(value) > 40 else value,
)
def test_an_unusable_file_is_refused_with_its_place_and_the_fix(text: str | bytes, place: str, kind: str) -> None:
    message = refusal(text)
    assert message.startswith(f"values:{place}: ")
    if kind:
        assert_message(f"values.{kind}", message)


def test_a_key_in_an_error_is_one_short_line_whatever_it_is() -> None:
    assert len(refusal(f"a: *{'x' * 2000}\n")) < 200


@pytest.mark.parametrize("text", ["", "\n", "# nothing but a comment", "---\n", "\ufeff", "---\n...\n"])
def test_a_file_without_content_has_no_root(text: str) -> None:
    assert [document.root for document in load(text, "values").documents] in ([], [None])


def test_tags_are_not_constructed_and_aliases_not_expanded() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 200))
    document = load(bomb + "b: !!python/object/apply:os.abort []\n", "values")
    assert len(document.content) < 2000


def test_a_map_that_contains_itself_is_read() -> None:
    assert read_keys("a: &a {b: *a, c: 1}\n", ["a.b.b.c"], where="values")["a.b.b.c"] == Scalar("1", "integer")
