"""What Helm's and Kustomize's YAML library reads is read here too, and edited; what only they could get wrong is not.

Each accepted file was given to `helm template`, whose reading of it stands beside it.
"""

import pytest

from delivery.values.editor import Scalar, ValuesError, promoted, read_keys, set_keys
from tests.messages import assert_message

ACCEPTED = {
    "a: 1\t# c\nv: x\t# c\n": ("v", "x"),
    "v: x\t\nb: 2\n": ("v", "x"),
    'v: "x"\t# c\n': ("v", "x"),
    "v:\tx\n": ("v", "x"),
    "v\t: x\n": ("v", "x"),
    "v: x\ty\n": ("v", "x\ty"),
    "v: x\t\n  y\n": ("v", "x y"),
    "v: x\n  \ty\n": ("v", "x y"),
    "v: x\n\n  \ty\n": ("v", "x\ny"),
    "m:\t# c\n  v: x\n": ("m.v", "x"),
    "m: |\t# c\n  text\nv: x\n": ("v", "x"),
    "m: >2-\t\n  text\nv: x\n": ("v", "x"),
    "v: |-\t# c\n  x\n": ("v", "x"),
    "v: |+2\t# c\n  x\n": ("v", "x\n"),
    "a: &a\t1\nv: x\n": ("v", "x"),
    "a: &a 1\nb: *a\t# c\nv: x\n": ("v", "x"),
    "{a:\t1,\tv: x\t}\t# c\n": ("v", "x"),
    '{\n\t"a": [1,\n\t2],\n\t"v": "x"\n}\n': ("v", "x"),
    "---\t# c\nv: x\n": ("v", "x"),
    "l:\n- x\t# c\n": ("l.0", "x"),
    "v: x\n  \t# c\n": ("v", "x"),
    "v: x\n---\n": ("v", "x"),
    "v: x\n---\n# the end\n": ("v", "x"),
    "a: 1\nb: 1\na: 2\nv: x\n": ("v", "x"),
    "a: {x: 1, x: 2}\nv: x\n": ("v", "x"),
    "v: &unused x\n": ("v", "x"),
    "v: &unused # c\n  x\n": ("v", "x"),
    "v: &unused |-\n  x\n": ("v", "x"),
    "v: &unused 'x' # c\n": ("v", "x"),
    "{v: &unused x, b: 1}\n": ("v", "x"),
    "m: &unused {v: x}\n": ("m.v", "x"),
    "&unused\nv: x\n": ("v", "x"),
    "on: x\nb: 1\n": ("on", "x"),
    "&unused v: x\n": ("v", "x"),
    "b: &b {v: 1}\nm:\n  <<: *b\n  v: x\n": ("m.v", "x"),
    "b: &b {v: 1}\nm:\n  !!merge <<: *b\n  v: x\n": ("m.v", "x"),
    "b: &b {v: 1}\nm: {<<: [*b, *b], v: x}\n": ("m.v", "x"),
    "b: &b {a: 1}\nm:\n  v: x\n  <<: *b\n": ("m.v", "x"),
    "b: &b {v: 1}\nm:\n  '<<': *b\n  v: x\n": ("m.v", "x"),
    "!!str a: !x {b: !!int 1}\nv: x\n": ("v", "x"),
    "? a\n: 1\nv: x\n": ("v", "x"),
    '"\\u0076": x\n': ("v", "x"),
}


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_helm_reads_is_read_and_one_value_of_it_is_set(text: str) -> None:
    key, value = ACCEPTED[text]
    assert read_keys(text, [key], where="file") == {key: Scalar(value)}

    after = set_keys(text, {key: "changed"}, where="file").decode()

    assert read_keys(after, [key], where="file") == {key: Scalar("changed")}
    begin = next(at for at, (old, new) in enumerate(zip(text, after, strict=False)) if old != new)
    end = next(at for at, (old, new) in enumerate(zip(text[::-1], after[::-1], strict=False)) if old != new)
    assert after[begin : len(after) - end] in ("changed", "c", "changed # c", "changed\t# c")


@pytest.mark.parametrize(
    ("text", "key", "place", "kind"),
    [
        ("v: x\nb: 1\nv: y\n", "v", "3:1", "second_time"),
        ("m: {a: 1}\nm: {v: x}\n", "m.v", "2:1", ""),
        ("on: 1\nyes: 2\n", "true", "2:1", ""),
        ("x: &k v\nv: 1\n*k : 2\n", "v", "3:1", ""),
        ("l:\n- name: a\n  v: x\n  v: y\n", "l.[name=a].v", "4:3", ""),
        ("b: &b {v: 1}\nm:\n  a: 1\n  <<: *b\n", "m.v", "4:3", "merged"),
        ("b: &b {v: 1}\nm: {<<: [{a: 1}, *b]}\n", "m.v", "2:5", ""),
        ("b: &b {v: 1}\nc: &c {<<: *b}\nm: {!!merge <<: *c}\n", "m.v", "3:5", ""),
        ("b: &b {v: 1}\nm:\n  v: x\n  <<: *b\n", "m.v", "4:3", "merged_later"),
        ("m: &m {<<: *m, a: {v: 1}}\no: {<<: *m}\n", "o.a.v", "2:5", ""),
        ("!!str v: x\n", "v", "1:1", "key_tag"),
        ("!!str on: x\n", "on", "1:1", ""),
        ("v:\n  \t# c\n  b: x\n", "v", "2:3", ""),
        ("v: x\n\ty\n", "v", "2:1", "tab_indentation"),
        ("-\tx\n", "0", "1:2", ""),
        ("v: {{ .Values.tag }}\n", "v", "1:4", "template"),
        ("{{- if .Values.web }}\nv: x\n{{- end }}\n", "v", "1:1", ""),
        ("v: x\nm:\n  {{- toYaml .Values.m | nindent 2 }}\nb: 1\n", "v", "3:3", ""),
        ("v: x\nname: web-{{ .Release.Name }}: a\n", "v", "2:30", ""),
        ("v: x # {{ not a template\nb: c: d\n", "v", "2:5", ""),
        ("v: '{{ x }}\nb: 1\n", "v", "3:1", ""),
        ("m: |\n  {{ a text }}\nb: c: d\n", "v", "3:5", ""),
        (
            "{{- range .Values.all }}{{ $n := . }}\n---\nv:\n  {{- with $n }}\n  b: 1\n  {{- end }}\n{{- end }}\n",
            "v",
            "1:1",
            "",
        ),
        ("b: c: d\nv: {{ x }}\n", "v", "1:5", ""),
    ],
)
def test_what_decides_on_a_value_but_cannot_be_edited_is_refused_with_its_line(
    text: str, key: str, place: str, kind: str
) -> None:
    with pytest.raises(ValuesError) as caught:
        read_keys(text, [key], where="file")
    message = str(caught.value)
    assert message.startswith(f"file:{place}: ")
    if kind:
        assert_message(f"values.{kind}", message)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a: &a x\nv: *a\n", "v"),
        ("a: &a {v: x}\nm: *a\n", "m.v"),
        ("v: &v x\na: *v\n", "v"),
        ("m: &m {v: x}\na: {<<: *m}\n", "m.v"),
        ("l: [&a {name: x, v: 1}, *a]\n", "l.0.v"),
        ("l: [{name: y}, &a {name: x, v: 1}]\nm: [*a]\n", "m.0.v"),
    ],
)
def test_what_stands_for_several_values_is_read_and_never_set(text: str, key: str) -> None:
    assert read_keys(text, [key], where="file")[key] is not None
    with pytest.raises(ValuesError):
        set_keys(text, {key: "changed"}, where="file")


@pytest.mark.parametrize(("text", "key"), [("a: &a x\nv: *a\n", "v"), ("a: &a {v: x}\nm: *a\n", "m.v")])
def test_a_value_behind_an_alias_is_not_promoted_from_there(text: str, key: str) -> None:
    with pytest.raises(ValuesError) as caught:
        promoted(text, [key], "file")
    assert str(caught.value).startswith("file:2:4: ")
    assert promoted(text, [f"a{key[1:]}"], "file") == {f"a{key[1:]}": Scalar("x")}


@pytest.mark.parametrize("text", ["v: web:{{ .Values.tag }}\n", "v: '{{ .Values.tag }}'\n"])
def test_a_template_is_no_value_to_promote(text: str) -> None:
    with pytest.raises(ValuesError) as caught:
        promoted(text, ["v"], "file")
    if "'" in text:
        assert_message("values.promoted_template", str(caught.value))


def test_a_template_without_an_end_costs_no_more_than_its_size() -> None:
    for text in ("{{ " * 50_000, "{{}} " * 40_000 + "a: b: c", "{{\n" * 50_000):
        with pytest.raises(ValuesError):
            read_keys(text, ["v"], where="file")


def test_an_anchor_of_another_document_is_not_known() -> None:
    with pytest.raises(ValuesError):
        read_keys("kind: A\na: &a 1\n---\nkind: B\nb: *a\n", ["a"], where="file")
    assert set_keys("kind: A\nv: &a 1\n---\nkind: B\nb: &a 1\nc: *a\n", {"v": "x"}, where="file").startswith(
        b"kind: A\nv: &a x\n"
    )
