"""Field paths: single values in any YAML file that Helm and Kustomize read, in one document of several."""

from collections.abc import Callable

import pytest

from delivery.values.editor import Scalar, ValuesError, promoted, read_keys, set_keys
from delivery.values.path import FieldPath, path_problem
from tests.delivery.values.work import work
from tests.messages import assert_message

IMAGES = "images:\n- name: web\n  newTag: v1 # web's\n- name: ghcr.io/acme/shop\n  newTag: 'v2'\n"
MANIFESTS = """\
# two objects
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
        - name: proxy
          image: proxy:v1
        - name: web
          image: web:v1 # by digest later
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: worker
spec: {template: {spec: {containers: [{name: web, image: "worker:v1"}]}}}
---
apiVersion: v1
kind: Service
metadata:
  name: web
"""
IMAGE = "spec.template.spec.containers.[name=web].image"


def set_one(text: str, key: str | FieldPath, value: str = "new") -> str:
    return set_keys(text, {key: value}, where="file").decode()


def refusal(text: str, key: str | FieldPath, kind: str = "") -> str:
    with pytest.raises(ValuesError) as caught:
        set_one(text, key)
    message = str(caught.value)
    assert message.isprintable()
    if kind:
        assert_message(f"values.{kind}", message)
    return message.removeprefix("file:").partition(": ")[0]


@pytest.mark.parametrize(
    ("text", "key", "was"),
    [
        (IMAGES, "images.[name=ghcr.io/acme/shop].newTag", "v2"),
        (IMAGES, "images.[name=web].newTag", "v1"),
        (IMAGES, "images.0.newTag", "v1"),
        (IMAGES, "images.-.newTag", "v2"),
        ("args: [--a, --tag=v1]\n", "args.1", "--tag=v1"),
        ("- {name: a.b, v: x}\n- {name: c, v: y}\n", "[name=a.b].v", "x"),
        ("p: [{port: 80, v: x}]\n", "p.[port=80].v", "x"),
        ("p: [{at: a=b, v: x}, text, ~]\n", "p.[at=a=b].v", "x"),
        ("p: [{at: 'a.b]c', v: x}]\n", "p.[at=a.b]c].v", "x"),
        ("m: {a.b/c: x, d: y}\n", r"m.a\.b/c", "x"),
        ("m: {a.b/c: x, d: y}\n", "m.[a.b/c]", "x"),
        ("m: {0: x, '-': why}\n", "m.0", "x"),
        ("m: {0: x, '-': why}\n", "m.-", "why"),
        (MANIFESTS, FieldPath(IMAGE, "Deployment", "web"), "web:v1"),
        (MANIFESTS, FieldPath(IMAGE, "", "worker"), "worker:v1"),
        (MANIFESTS, FieldPath(IMAGE, "Deployment", "worker"), "worker:v1"),
        (MANIFESTS, "spec.template.spec.containers.[name=proxy].image", "proxy:v1"),
        (MANIFESTS, FieldPath("metadata.name", "Service"), "web"),
    ],
)
def test_a_path_reads_and_sets_one_value_and_leaves_every_other_byte(text: str, key: str | FieldPath, was: str) -> None:
    assert read_keys(text, [key], where="file") == {key: Scalar(was)}
    assert promoted(text, [key], "file") == {key: Scalar(was)}
    after = set_one(text, key, "a-new-value")
    kept = [(old, new) for old, new in zip(text.splitlines(), after.splitlines(), strict=True) if old != new]
    assert [new.replace("a-new-value", was) for _, new in kept] == [old for old, _ in kept]
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("before", "key", "after"),
    [
        ("images:\n- name: w # c\nz: 1\n", "images.[name=w].newTag", "images:\n- name: w # c\n  newTag: new\nz: 1\n"),
        ("images: [{name: w}]\n", "images.[name=w].newTag", "images: [{name: w, newTag: new}]\n"),
        ("l:\r\n  - a: 1\r\n", "l.0.b.c", "l:\r\n  - a: 1\r\n    b:\r\n      c: new\r\n"),
        ("m: {}\n", r"m.a\.b", "m: {a.b: new}\n"),
        ("m:\n  a: 1\n", "m.0", 'm:\n  a: 1\n  "0": new\n'),
        ("m: &unused\n  a: 1\n", "m.b", "m: &unused\n  a: 1\n  b: new\n"),
        ("m: &unused {}\n", "m.b", "m: &unused {b: new}\n"),
        ("kind: A\n---\nkind: B\n", FieldPath("v", "A"), "kind: A\nv: new\n---\nkind: B\n"),
        ("kind: A\n---\nkind: B", FieldPath("v", "B"), "kind: A\n---\nkind: B\nv: new"),
        ("a: 1\n---\n", "b", "a: 1\nb: new\n---\n"),
    ],
)
def test_a_missing_key_is_added_in_its_element_and_its_document(before: str, key: str | FieldPath, after: str) -> None:
    assert set_one(before, key) == after


@pytest.mark.parametrize(
    ("text", "key", "place", "kind"),
    [
        (IMAGES, "images.[name=api].newTag", "2:1", "no_element"),
        (IMAGES, "images.2.newTag", "2:1", ""),
        ("a: 1\n", "images.[name=api].newTag", "1:1", ""),
        ("a: 1\n", "images.0.newTag", "1:1", ""),
        ("", "images.-.newTag", "1:1", ""),
        (IMAGES, "images.newTag", "2:1", "element_needed"),
        (IMAGES, "images.*.newTag", "2:1", ""),
        ("images: {a: 1}\n", "images.[name=a].b", "1:9", "no_list"),
        ("images:\n", "images.[name=a].b", "1:1", ""),
        ("l:\n- name: a\n- name: a\n", "l.[name=a].b", "3:3", "two_elements"),
        (MANIFESTS, IMAGE, "2:1", "several_documents"),
        (MANIFESTS, "spec.nothing", "2:1", "no_document_has"),
        (MANIFESTS, FieldPath(IMAGE, "StatefulSet"), "2:1", "no_such_document"),
        (MANIFESTS, FieldPath(IMAGE, "Deployment"), "2:1", "several_such_documents"),
        ("kind: A\n", FieldPath("v", "A", "b"), "1:1", ""),
        ("kind: A\n---\n" * 20, "v", "1:1", "many_documents"),
        ("a: 1\n---\nb: 1\n", "b", "2:1", "document_not_read"),
        ("---\n---\nb: 1\n", "b", "2:1", ""),
        ("---\n---\n", "b", "3:1", ""),
    ],
)
def test_what_a_path_cannot_name_is_refused_with_its_place(
    text: str, key: str | FieldPath, place: str, kind: str
) -> None:
    assert refusal(text, key, kind) == place


@pytest.mark.parametrize(
    "text",
    ["a", "a.b", r"a\.b", "a.[b=c].d", "a.[b=c.d/e:f].g", "a.[b.c]", "a.0", "a.-.b", "[a=b].c", "a.[b=c=d].e", "a b/c"],
)
def test_a_path_to_a_value_has_no_problem(text: str) -> None:
    assert path_problem(text) == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "path_no_name"),
        ("a..b", ""),
        ("a.", ""),
        (".a", ""),
        ("a.[b=c", "path_open"),
        ("a.[b=c].", ""),
        ("a.[b=c]", "path_element"),
        ("a.[=b]", "path_own_value"),
        ("a.[]", "path_nothing_inside"),
        ("a.[b=].c", ""),
        ("a[0].b", "path_bracket"),
        ("a[b=c].d", ""),
        (".".join("a" * 101), "path_levels"),
    ],
)
def test_what_is_no_path_is_told_without_a_file_and_by_the_editor(text: str, kind: str) -> None:
    problem = path_problem(text)
    assert problem.count(" — ") == 1
    if kind:
        assert_message(f"values.{kind}", problem)
    with pytest.raises(ValuesError):
        read_keys("a: 1\n", [text], where="file")


FOUND: dict[str, tuple[Callable[[int], str], list[str | FieldPath]]] = {
    "documents": (
        lambda number: "".join(f"kind: K{n}\nv: 1\n---\n" for n in range(number)),
        [FieldPath("v", f"K{n}") for n in range(50)],
    ),
    "documents of which one has the path": (
        lambda number: "".join(f"kind: K\nk{n}: {{v: 1}}\n---\n" for n in range(number)),
        [f"k{n}.v" for n in range(20)],
    ),
    "elements": (
        lambda number: "l:\n" + "".join(f"- {{name: n{n}, v: 1}}\n" for n in range(number)),
        [f"l.[name=n{n}].v" for n in range(50)],
    ),
    "merge keys": (
        lambda number: (
            "k0: &k0 {x: 1}\n"
            + "".join(f"k{n}: &k{n} {{<<: [*k{n - 1}, *k{n - 1}]}}\n" for n in range(1, number))
            + f"m: {{<<: *k{number - 1}}}\n"
        ),
        [f"m.v{n}" for n in range(20)],
    ),
}


@pytest.mark.parametrize(("make", "keys"), FOUND.values(), ids=FOUND)
def test_the_work_of_finding_grows_with_the_size_of_the_file_and_not_with_its_square(
    make: Callable[[int], str], keys: list[str | FieldPath]
) -> None:
    def finding(number: int) -> int:
        return work(lambda: read_keys(make(number), keys, where="file"))

    assert finding(400) < 6 * finding(100)
