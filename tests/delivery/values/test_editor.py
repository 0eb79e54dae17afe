"""Single keys of a values file: read as Helm reads them, set without another byte changing."""

from collections.abc import Callable, Iterator

import pytest
from ruamel.yaml import YAML
from ruamel.yaml.events import Event

from delivery.values import parser
from delivery.values.document import MAX_BYTES, YamlFile
from delivery.values.editor import Scalar, ValuesError, may_have, promoted, read_keys, read_list, set_keys
from tests.delivery.values.work import work
from tests.messages import assert_message


def set_one(text: str, value: Scalar | str = "v0.3.1", key: str = "serviceVersion") -> str:
    return set_keys(text, {key: value}, where="values").decode()


def refusal(text: str, value: Scalar | str = "v0.3.1", key: str = "serviceVersion") -> str:
    with pytest.raises(ValuesError) as caught:
        set_keys(text, {key: value}, where="values")
    assert str(caught.value).isprintable()
    return str(caught.value)


def refused(message: str, place: str, kind: str) -> None:
    """The message names this place, and is the golden one where its kind is new."""
    assert message.startswith(f"values:{place}: ")
    if kind:
        assert_message(f"values.{kind}", message)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("serviceVersion: v0.3.0 # pinned\n", "serviceVersion: v0.3.1 # pinned\n"),
        ("serviceVersion:   'v0.3.0'\n", "serviceVersion:   'v0.3.1'\n"),
        ('"serviceVersion" : "v0.3.0"\n', '"serviceVersion" : "v0.3.1"\n'),
        ("a: 1\r\nserviceVersion: x\r\nb: 2", "a: 1\r\nserviceVersion: v0.3.1\r\nb: 2"),
        ("\ufeffserviceVersion: x\n", "\ufeffserviceVersion: v0.3.1\n"),
        ("serviceVersion: x", "serviceVersion: v0.3.1"),
        ("serviceVersion: 1.10\n", "serviceVersion: v0.3.1\n"),
        ("serviceVersion:\n  x\n", "serviceVersion:\n  v0.3.1\n"),
        ("serviceVersion: one\n  two\nb: 1\n", "serviceVersion: v0.3.1\nb: 1\n"),
        ("serviceVersion: 'one\n\n  two' # c\nb: 1\n", "serviceVersion: 'v0.3.1' # c\nb: 1\n"),
        ("serviceVersion: |\n  one\n  two\n\n# c\nb: 1\n", "serviceVersion: v0.3.1\n\n# c\nb: 1\n"),
        ("serviceVersion: >-  # why\n  one\n\nb: 1\n", "serviceVersion: v0.3.1  # why\n\nb: 1\n"),
        ("serviceVersion: |2-\n    x", "serviceVersion: v0.3.1"),
        ("serviceVersion:\nb: 1\n", "serviceVersion: v0.3.1\nb: 1\n"),
        ("serviceVersion:", "serviceVersion: v0.3.1"),
        ("serviceVersion: # none yet\n", "serviceVersion: v0.3.1 # none yet\n"),
        ("serviceVersion: ~\n", "serviceVersion: v0.3.1\n"),
        ("{a: 1, serviceVersion: x, b: 2}\n", "{a: 1, serviceVersion: v0.3.1, b: 2}\n"),
        ("{serviceVersion: , b: 2}\n", "{serviceVersion: v0.3.1 , b: 2}\n"),
        ("{serviceVersion, b: 2}\n", "{serviceVersion: v0.3.1, b: 2}\n"),
        ("? serviceVersion\n: x\n", "? serviceVersion\n: v0.3.1\n"),
        ("%YAML 1.1\n---\nserviceVersion: x\n...\n", "%YAML 1.1\n---\nserviceVersion: v0.3.1\n...\n"),
        ("😀: 1\nserviceVersion: x\n", "😀: 1\nserviceVersion: v0.3.1\n"),
        ("a: &a [1]\nb: *a\nserviceVersion: x\n", "a: &a [1]\nb: *a\nserviceVersion: v0.3.1\n"),
        ("a: !!python/name:os.abort x\nserviceVersion: x\n", "a: !!python/name:os.abort x\nserviceVersion: v0.3.1\n"),
    ],
)
def test_only_the_value_changes(before: str, after: str) -> None:
    assert set_one(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'k: "1.0"\n'),
        ("# only a comment", '# only a comment\nk: "1.0"'),
        ("---\n", '---\nk: "1.0"\n'),
        ("{}", '{k: "1.0"}'),
        ("{ }\n", '{k: "1.0" }\n'),
        ("{a: 1}\n", '{a: 1, k: "1.0"}\n'),
        ("{a: 1,}\n", '{a: 1, k: "1.0",}\n'),
        ("{a: }\n", '{a: , k: "1.0" }\n'),
        ("{\n  a: {b: 1} # c\n}\n", '{\n  a: {b: 1}, k: "1.0" # c\n}\n'),
        ("a: 1", 'a: 1\nk: "1.0"'),
        ("a: 1\r\nb: 2", 'a: 1\r\nb: 2\r\nk: "1.0"'),
        ("a: 1 # c\n\n# the end\n", 'a: 1 # c\nk: "1.0"\n\n# the end\n'),
        ("a:\n  - b:\n      c: [1,\n 2] # c\n", 'a:\n  - b:\n      c: [1,\n 2] # c\nk: "1.0"\n'),
        ("a: |\n  x\n\n# c\n", 'a: |\n  x\n\nk: "1.0"\n# c\n'),
        ("a:\n", 'a:\nk: "1.0"\n'),
        ("a: 1\n...\n", 'a: 1\nk: "1.0"\n...\n'),
    ],
)
def test_a_missing_key_is_added_at_the_end_of_its_map(before: str, after: str) -> None:
    assert set_one(before, "1.0", "k") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("image:\n  tag: x\n  b: 1\n", "image:\n  tag: v0.3.1\n  b: 1\n"),
        ("image:\n    b: 1\n    # in\n\n# out\nc: 1\n", "image:\n    b: 1\n    tag: v0.3.1\n    # in\n\n# out\nc: 1\n"),
        ("image: {b: 1}\n", "image: {b: 1, tag: v0.3.1}\n"),
        ("image: {}\nc: 1\n", "image: {tag: v0.3.1}\nc: 1\n"),
        ("c: 1\r\n", "c: 1\r\nimage:\r\n  tag: v0.3.1\r\n"),
        ("{c: 1}\n", "{c: 1, image: {tag: v0.3.1}}\n"),
    ],
)
def test_a_key_with_dots_is_found_or_added_level_by_level(before: str, after: str) -> None:
    assert set_one(before, key="image.tag") == after


def test_a_literal_dot_in_a_key_of_the_file_is_no_level() -> None:
    assert set_one('"image.tag": x\n', key="image.tag") == '"image.tag": x\nimage:\n  tag: v0.3.1\n'


def test_a_new_key_that_would_read_as_something_else_is_quoted() -> None:
    assert set_one("a: 1\n", "x", "on") == 'a: 1\n"on": x\n'


def test_several_keys_are_set_at_once_whatever_their_order_in_the_file() -> None:
    text = "a: 1\nb: {c: 2}\n"
    after = set_keys(text, {"new": "x", "b.c": Scalar("3", "integer"), "a": "é", "b.d": "x"}, where="values")
    assert after.decode() == "a: é\nb: {c: 3, d: x}\nnew: x\n"


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("k: 'x'\n", Scalar("it's"), "k: 'it''s'\n"),
        ("k: 'x'\n", Scalar("a\nb"), 'k: "a\\nb"\n'),
        ("k: x\n", Scalar("1.10"), 'k: "1.10"\n'),
        ('k: "x"\n', Scalar("1.10", "float"), "k: 1.10\n"),
        ("k: x\n", Scalar("true"), 'k: "true"\n'),
        ("k: x\n", Scalar("true", "boolean"), "k: true\n"),
        ("k: x\n", Scalar("0x1F", "integer"), "k: 0x1F\n"),
        ("k: x\n", Scalar("a: b # c"), 'k: "a: b # c"\n'),
        ("{k: x}\n", Scalar("a, b]}"), '{k: "a, b]}"}\n'),
        ("{k: x}\n", Scalar("http://x"), '{k: "http://x"}\n'),
        ("k: x\n", Scalar("${{ github.token }}"), 'k: "${{ github.token }}"\n'),
        ("k: x\n", Scalar("{{ .Values.x }}"), 'k: "{{ .Values.x }}"\n'),
        ("k: x\n", Scalar("\x00\u2028\x85"), 'k: "\\x00\\u2028\\x85"\n'),
        ("k: x\n", Scalar("😀"), 'k: "😀"\n'),
        ("k: x\n", Scalar(""), 'k: ""\n'),
    ],
)
def test_a_value_keeps_its_type_and_the_quotes_that_it_can_keep(before: str, value: Scalar, after: str) -> None:
    assert set_one(before, value, "k") == after
    assert read_keys(after, ["k"], where="values")["k"] == value


def test_a_very_long_value_travels_on_one_line() -> None:
    value = "x y: " * 20_000
    assert read_keys(set_one("k: 1\n", value, "k"), ["k"], where="values")["k"] == Scalar(value)


@pytest.mark.parametrize(
    ("text", "place", "kind"),
    [
        ("a: &v v0.3.0\nserviceVersion: *v\n", "2:17", "shared"),
        ("serviceVersion: &v v0.3.0\nb: *v\n", "1:17", "anchor"),
        ("&all\nserviceVersion: x\na: *all\n", "1:1", ""),
        ("serviceVersion: !!str 1.10\n", "1:17", ""),
        ("serviceVersion: !x v\n", "1:17", "tag"),
        ("serviceVersion: [x]\n", "1:17", "list"),
        ("serviceVersion: {x: 1}\n", "1:17", "map"),
        ("- serviceVersion\n", "1:1", "file_list"),
        ("just text\n", "1:1", "file_no_map"),
        ("? serviceVersion\nb: 1\n", "1:17", "cannot_be_set"),
        ("a: 1\nb: |\n  x", "3:4", "cannot_be_added"),
    ],
)
def test_what_cannot_be_set_safely_is_refused_with_its_place(text: str, place: str, kind: str) -> None:
    refused(refusal(text), place, kind)


@pytest.mark.parametrize(
    ("text", "value", "key"),
    [
        *((text, "x", "image.tag") for text in ("image: x\n", "image:\n", "image: [a]\n")),
        *((text, "x", "image.tag") for text in ("a: &i {tag: 1}\nimage: *i\n", "image: &i {tag: 1}\na: *i\n")),
        *(("a: 1\n", "x", key) for key in ("", ".", "a.", ".a", "a..b")),
        ("k: x\n", "\udc80", "k"),
    ],
)
def test_no_map_a_shared_map_a_level_without_a_name_and_no_unicode_are_refused(text: str, value: str, key: str) -> None:
    assert f"`{key.partition('.')[0]}" in refusal(text, value, key)


def test_two_paths_to_one_value_are_refused() -> None:
    with pytest.raises(ValuesError) as caught:
        set_keys("l:\n- {name: a, v: 1}\n", {"l.0.v": "x", "l.[name=a].v": "x"}, where="values")
    refused(str(caught.value), "2:16", "one_value")


def test_the_reason_is_that_of_the_file_that_would_come_of_it() -> None:
    message = refusal("# " + "x" * (MAX_BYTES - 20) + "\na: 1\n", "v" * 40)
    assert_message("values.would_be_larger", message)
    assert "larger than" not in refusal("a: 1\nb: |\n  x")


def test_reading_follows_aliases_without_changing_anything() -> None:
    text = "base: &b {tag: &t 'on'}\nimage: *b\nserviceVersion: *t\n"
    assert read_keys(text, ["image.tag"], where="values")["image.tag"] == Scalar("on")
    assert read_keys(text, ["serviceVersion"], where="values")["serviceVersion"] == Scalar("on")


def test_a_missing_key_reads_as_none() -> None:
    assert read_keys("a: {b: 1}\n", ["a.c"], where="values")["a.c"] is None
    assert read_keys("", ["a"], where="values")["a"] is None


@pytest.mark.parametrize(
    ("text", "place", "kind"),
    [
        ("a: 1\n", "1:1", "nothing_to_promote"),
        ("", "1:1", ""),
        ("a: 1\nk:\n", "2:1", "no_value"),
        ("k: |\n  v0.3.1\n", "1:4", "promoted_character"),
        ('k: "a\\u2028b"\n', "1:4", ""),
        ('k: "\\u202Ea"\n', "1:4", ""),
        ('k: "\\0"\n', "1:4", ""),
        ('k: "\\uD83D"\n', "1:4", ""),
    ],
)
def test_what_must_not_be_promoted_is_refused_with_its_place(text: str, place: str, kind: str) -> None:
    with pytest.raises(ValuesError) as caught:
        promoted(text, ("k",), "values")
    refused(str(caught.value), place, kind)


def test_promoted_keys_come_in_their_own_order() -> None:
    values = promoted("b: 1.10\na: |-\n  v1\n", ("a", "b"), "values")
    assert list(values.items()) == [("a", Scalar("v1")), ("b", Scalar("1.10", "float"))]


def test_an_edit_says_the_same_to_a_parser_that_expands_everything() -> None:
    text = "x: &x [1, {y: 2}]\nz: *x\nk: >\n  folded\n  text\nlast: end\n"
    load = YAML(typ="safe", pure=True).load
    assert load(set_one(text, "new", "k")) == load(text) | {"k": "new"}


@pytest.mark.parametrize(
    "text",
    [
        "a:\n  b: 1\n",
        "a:\n  b: 1",
        "a:\n  b:\n    c: 1\nz: 2\n",
        "a:\n  b:\n    c: 1 # end\n\n# last\n",
        "a: {b: {c: 1}}\n",
        "a: {b: {}}\nz: {}\n",
        "a: {\n  b: {c: }\n}\n",
        "a:\r\n  b: |\r\n    text\r\n",
        "# nothing but this\n",
        "",
    ],
)
def test_many_keys_are_added_at_once_as_they_are_one_by_one(text: str) -> None:
    values = {
        "n": "1",
        "a.n": "x",
        "a.b.n": "x: y",
        "a.b.m.n": "x",
        "a.b.m.o": "x",
        "n2": "2",
        "z.n": "x",
        "o.p.q": "x",
    }
    usable = {}
    for key, value in values.items():
        try:
            set_keys(text, {key: value}, where="values")
        except ValuesError:
            continue
        usable[key] = value
    one_by_one = text.encode()
    for key, value in usable.items():
        one_by_one = set_keys(one_by_one, {key: value}, where="values")

    assert len(usable) >= 4
    assert set_keys(text, usable, where="values") == one_by_one


@pytest.mark.parametrize("keys", [("a", "a.b"), ("a.b", "a"), ("a.b", "a.b.c.d")])
def test_a_key_that_is_to_be_a_value_and_a_map_is_refused(keys: tuple[str, str]) -> None:
    with pytest.raises(ValuesError) as caught:
        set_keys("x: 1\n", dict.fromkeys(keys, "v"), where="values")
    refused(str(caught.value), "1:1", "value_and_map" if keys == ("a", "a.b") else "")


def test_a_key_that_would_be_too_deep_is_refused() -> None:
    assert "100 levels" in refusal("x: 1\n", key=".".join("a" * 5000))


def test_a_file_is_parsed_once_for_all_that_is_asked_of_it_and_once_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[YamlFile] = []
    build = parser._build

    def counted(document: YamlFile, events: Iterator[Event]) -> None:
        parsed.append(document)
        build(document, events)

    monkeypatch.setattr(parser, "_build", counted)
    text = b"serviceVersion: v1 # of this test alone\nlist: [a]\n"
    for key in ("serviceVersion", "other"):
        read_keys(text, [key], where=f"values for {key}")
    promoted(text, ["serviceVersion"], "values")
    assert read_list(text, "list", where="values") == ("a",)
    new = set_keys(text, {"serviceVersion": "v2"} | {f"new{n}.x": "1" for n in range(50)}, where="values")
    read_keys(new, ["serviceVersion"], where="values")
    assert len(parsed) == 3, "as it was, with its value replaced, with its keys added"


MANY: dict[str, Callable[[int], str]] = {
    "entries": lambda number: "".join(f"k{n}: v\n" for n in range(number)),
    "in a map": lambda number: "a:\n" + "".join(f"  k{n}: v\n" for n in range(number)),
    "list": lambda number: "a:\n" + "- v\n" * number,
    "flow": lambda number: f"a: [{'v, ' * number}v]\n",
    "flow map": lambda number: "a: {" + ", ".join(f"k{n}: v" for n in range(number)) + "}\n",
    "maps in a list": lambda number: "a:\n" + "- name: x\n  value: y\n" * number,
    "deep": lambda number: (
        ("a" + "".join(":\n" + " " * depth + "k" for depth in range(1, 90)) + ": v\n")
        + "".join(f"{'b' * n}:\n  k: v\n" for n in range(1, number // 16))
    ),
    "anchors": lambda number: "".join(f"k{n}: &a{n} v\n" for n in range(number)),
    "merge keys": lambda number: (
        "k: &k0 {x: 1}\n" + "".join(f"k{n}: &k{n} {{<<: *k{n - 1}}}\n" for n in range(1, number))
    ),
    "merge keys in a map": lambda number: "k: &k {x: 1}\n" + "<<: *k\n" * number,
    "one key again and again": lambda number: "k: v\n" * number,
    "tabs": lambda number: "k:\tv\t# text\t\n" * number,
    "comments": lambda number: "# text\n" * number,
    "lines": lambda number: "a: v\n" + "  text\n" * number,
    "block": lambda number: "a: |\n" + "  text\n" * number,
    "quoted": lambda number: 'a: "v\n' + "  text\n" * number + '  "\n',
    "line ends": lambda number: "".join(f"k{n}: v\r\n" for n in range(number)),
    "a long line": lambda number: "a: " + "v #v:" * number + "\n",
}


@pytest.mark.parametrize("make", MANY.values(), ids=MANY)
@pytest.mark.parametrize("keys", [1, 50], ids=["one key", "many keys"])
def test_the_work_grows_with_the_size_of_the_file_and_not_with_its_square(
    make: Callable[[int], str], keys: int
) -> None:
    values = {"serviceVersion": "v2"} | {f"new{n}": "v" for n in range(keys - 1)}

    def setting(number: int) -> int:
        text = f"serviceVersion: v{number}\n{make(number)}".encode()
        return work(lambda: set_keys(text, values, where="values"))

    assert setting(400) < 6 * setting(100)


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("a: v1\n", True),
        ("a: 'v1'\n", True),
        ('a: "\\x761"\n', True),  # an escape
        ("a: v2 # v1\n", True),  # it may, as far as can be told
        ("a: v2\n", False),
        ("a: v 1\n", False),
        ("", False),
    ],
)
def test_a_file_without_a_word_does_not_have_it_for_a_value(text: str, may: bool) -> None:
    assert may_have(text.encode(), {"a": "v1"}) is may


@pytest.mark.parametrize("spelled", ["on", "yes", "~", "'a b'", '"\\u00e4"', "a\n  b", "1_0", "'it''s'"])
def test_what_a_file_may_spell_in_another_way_is_left_to_the_parser(spelled: str) -> None:
    text = f"a: {spelled}\n"
    value = read_keys(text, ["a"], where="values")["a"]
    assert may_have(text.encode(), {"a": str(value)})
    assert may_have(text.encode(), {"b": None})
