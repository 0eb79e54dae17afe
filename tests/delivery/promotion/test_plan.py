"""What a promotion changes, for files and histories that nobody thought of in advance."""

import re
from dataclasses import dataclass

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.model.promoted_keys import StageValues, in_values
from delivery.promotion import plan as planning
from delivery.promotion.plan import Change, Plan, words
from delivery.values.editor import ValuesError, promoted, read_keys, set_keys
from delivery.values.scalar import Scalar, Style, spell

TRACE = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"
LATER = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"
STAGES = ("dev", "production")
FILE = "production/values.yaml"
TARGET = b"""\
# production
serviceVersion: 'v0.3.0'  # promoted, do not edit
replicas: 3
commitID: ""
traceParent: ""
"""


@dataclass(frozen=True)
class Planned:
    """A plan for one file of values, and its text after that."""

    changes: tuple[Change, ...]
    text: bytes


def plan(source: bytes, target: bytes, keys: tuple[str, ...], trace: str | None) -> Planned:
    dev, production = (StageValues(stage, stage, in_values(*keys), f"{stage}/values.yaml") for stage in STAGES)
    found = planning.plan({"dev/values.yaml": source}, {FILE: target}, dev, production, {FILE: trace or ""})
    return _of_one_file(found, target)


def plan_values(values: dict[str, Scalar], target: bytes, trace: str | None) -> Planned:
    where = StageValues("production", "production", in_values(*values), FILE)
    return _of_one_file(planning.plan_values(values, {FILE: target}, where, {FILE: trace or ""}), target)


def _of_one_file(found: Plan, target: bytes) -> Planned:
    assert set(found.texts) == ({FILE} if found.changes else set())
    return Planned(found.changes, found.texts.get(FILE, target))


def test_a_promotion_takes_the_promoted_keys_and_the_trace_and_nothing_else() -> None:
    source = b"serviceVersion: v0.3.1\nreplicas: 1\ncommitID: abc\n"
    assert plan(source, TARGET, ("serviceVersion",), TRACE) == Planned(
        changes=(Change("serviceVersion", "v0.3.0", "v0.3.1"),),
        text=TARGET.replace(b"v0.3.0", b"v0.3.1").replace(b'traceParent: ""', f'traceParent: "{TRACE}"'.encode()),
    )


def test_equal_promoted_keys_are_no_promotion_even_with_a_new_trace() -> None:
    source = b'{"serviceVersion": "v0.3.0"}'
    assert plan(source, TARGET, ("serviceVersion",), TRACE) == Planned((), TARGET)


@pytest.mark.parametrize("traceparent", [None, "", "junk", TRACE.upper(), TRACE + "\n", f"00-{'0' * 32}-{'0' * 16}-01"])
def test_a_trace_that_cannot_be_linked_to_takes_the_former_one_away(traceparent: str | None) -> None:
    target = TARGET.replace(b'traceParent: ""', b"traceParent: " + LATER.encode())
    after = plan(b"serviceVersion: v0.3.1", target, ("serviceVersion",), traceparent).text
    assert after.endswith(b'\ntraceParent: ""\n')


def test_a_missing_trace_parent_is_added_once_in_double_quotes() -> None:
    first = plan(b"serviceVersion: v1", b"serviceVersion: v0\r\nlast: true", ("serviceVersion",), TRACE)
    assert first.text == f'serviceVersion: v1\r\nlast: true\r\ntraceParent: "{TRACE}"'.encode()
    second = plan(b"serviceVersion: v2", first.text, ("serviceVersion",), LATER)
    assert second.text == f'serviceVersion: v2\r\nlast: true\r\ntraceParent: "{LATER}"'.encode()


def test_a_key_that_the_target_lacks_was_nothing() -> None:
    planned = plan(b"image: {tag: 1.10}\n", b"", ("image.tag",), None)
    assert planned.changes == (Change("image.tag", None, "1.10"),)
    assert planned.text == b'image:\n  tag: 1.10\ntraceParent: ""\n'


@pytest.mark.parametrize(
    ("before", "was"),
    [
        ("v: |\n  a\n  b\n", Scalar("a\nb\n")),
        ("v: 'say \"hi\"'\n", Scalar('say "hi"')),
        ("v:\n", Scalar("null", "null")),
        ("v: off\n", Scalar("false", "boolean")),
        ("v: 'false'\n", Scalar("false")),
        ("v: 1.10\n", Scalar("1.10", "float")),
    ],
)
def test_a_former_value_is_kept_as_it_was(before: str, was: Scalar) -> None:
    [change] = plan(b"v: x", before.encode(), ("v",), None).changes
    assert change == Change("v", was.text, "x", was.kind)


@pytest.mark.parametrize(
    ("source", "target", "changes"),
    [
        (b"v: on", b"v: true", ()),
        (b"v: 1.10", b"v: '1.10'", (Change("v", "1.10", "1.10"),)),
        (b"v: 1.10", b"v: 1.1", (Change("v", "1.1", "1.10", "float"),)),
    ],
)
def test_values_are_compared_as_helm_reads_them(source: bytes, target: bytes, changes: tuple[Change, ...]) -> None:
    assert plan(source, target, ("v",), None).changes == changes


def test_a_former_value_is_told_on_one_line() -> None:
    said = words(plan(b"v: x", b"v: |\n  a\n  b\n", ("v",), None).changes)
    assert said == "v: a\\nb\\n → x"


@pytest.mark.parametrize(
    ("source", "target", "place"),
    [
        (b"a: 1\n", TARGET, "dev:1:1"),
        (b'serviceVersion: "a\\nb"\n', TARGET, "dev:1:17"),
        (b"serviceVersion: [a]\n", TARGET, "dev:1:17"),
        (b"\tserviceVersion: a\n", TARGET, "dev:1:1"),
        (b"serviceVersion: v1", b"serviceVersion: a\nserviceVersion: b\n", "production:2:1"),
        (b"serviceVersion: v1", b"serviceVersion: &v a\nb: *v\n", "production:1:17"),
        (b"serviceVersion: v1", b"serviceVersion: a\ntraceParent: [x]\n", "production:2:14"),
        (b"serviceVersion: v1", b"- a\n", "production:1:1"),
    ],
)
def test_an_error_names_the_file_it_is_in(source: bytes, target: bytes, place: str) -> None:
    with pytest.raises(ValuesError) as caught:
        plan(source, target, ("serviceVersion",), TRACE)
    stage, _, rest = place.partition(":")
    assert str(caught.value).startswith(f"{stage}/values.yaml:{rest}: ")


@pytest.mark.parametrize("values", [{"v": Scalar("a\nb")}, {"traceParent": Scalar(TRACE)}])
def test_given_values_are_held_to_the_same_rules(values: dict[str, Scalar]) -> None:
    with pytest.raises(ValuesError):
        plan_values(values, TARGET, None)


# Random values files: pieces of text, each either the text of one value or the text around it.

KEYS = st.sampled_from(["serviceVersion", "tag", "a", "b-c", "größe", "x y", "on", "1", "😀", "deep"])
ONE_LINE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp", "Cs"]), max_size=12)
TEXTS = ONE_LINE | st.sampled_from(
    ["v0.3.1", "1.10", "on", "null", "${{ x }}", "{{ .x }}", "a: b", "a #b", "- a", "'", '"', "*a", "&a", "---", "%x"]
)
SCALARS = st.builds(Scalar, TEXTS) | st.sampled_from(
    [Scalar("1.10", "float"), Scalar("1_000", "integer"), Scalar("0x1F", "integer"), Scalar("true", "boolean")]
)
STYLES: list[Style] = ["plain", "single", "double"]


@dataclass(frozen=True)
class Values:
    """A generated file: `pieces` are (key, text of its value) or (None, text between values)."""

    pieces: list[tuple[str | None, str]]

    @property
    def text(self) -> bytes:
        return "".join(text for _, text in self.pieces).encode()

    @property
    def keys(self) -> list[str]:
        return [key for key, _ in self.pieces if key is not None]


@st.composite
def values_files(draw: st.DrawFn) -> Values:
    """A map of scalars and maps, up to three levels, with comments, blank lines, and values of every style."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    pieces: list[tuple[str | None, str]] = [(None, draw(st.sampled_from(["", "\ufeff", "---" + newline])))]
    noise = st.sampled_from(["", "", newline, f"# note{newline}", f"#a: b{newline}{newline}"])
    step = draw(st.integers(1, 4))

    def level(path: tuple[str, ...], flow: bool) -> None:
        names = draw(st.lists(KEYS, min_size=1, max_size=4, unique=True))
        for position, name in enumerate(names):
            indent = "" if flow else draw(noise) + " " * step * len(path)
            before = ", " if flow and position else ""
            pieces.append((None, before + indent + spell(Scalar(name), "plain", flow=flow) + ":"))
            kind = draw(st.integers(0, 9)) if len(path) < 2 else 9
            if kind == 0 or (kind == 1 and flow):
                pieces.append((None, " {"))
                level((*path, name), flow=True)
                pieces.append((None, "}"))
            elif kind == 1:
                pieces.append((None, newline))
                level((*path, name), flow=False)
                continue
            elif kind == 2 and not flow:
                pieces.append((None, f"{newline}{' ' * step * len(path)}- [x, {{y: z}}]"))
            elif kind == 3 and not flow:
                inner = " " * (step * len(path) + 2)
                header = draw(st.sampled_from(["|", ">", "|-", ">-"]))
                pieces.append((None, " "))
                pieces.append((".".join((*path, name)), f"{header}{newline}{inner}one{newline}{inner}two"))
                pieces.append((None, newline))
                continue
            else:
                value = spell(draw(SCALARS), draw(st.sampled_from(STYLES)), flow=flow)
                pieces.append((None, " "))
                pieces.append((".".join((*path, name)), value))
            if not flow:
                pieces.append((None, draw(st.sampled_from(["", "", "  # why"])) + newline))

    level((), flow=False)
    if draw(st.booleans()) and pieces[-1][1] == newline and not pieces[-2][1].startswith(("|", ">")):
        pieces.pop()
    return Values(pieces)


def strings(text: bytes) -> dict[str, object]:
    """The file as another parser reads it, every scalar as its text."""
    loaded = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it builds nothing but strings
    assert isinstance(loaded, dict)
    return loaded


def plan_or_refusal(values: dict[str, Scalar], target: bytes) -> Planned | str:
    try:
        return plan_values(values, target, TRACE)
    except ValuesError as error:
        return str(error)


def replaced(tree: dict[str, object], key: str, value: str) -> dict[str, object]:
    first, _, rest = key.partition(".")
    if not rest:
        return tree | {first: value}
    below = tree.get(first, {})
    assert isinstance(below, dict)
    return tree | {first: replaced(below, rest, value)}


@settings(deadline=None, max_examples=150)
@given(file=values_files(), data=st.data())
def test_after_a_plan_the_target_is_what_it_was_but_for_the_promoted_keys_and_the_trace(
    file: Values, data: st.DataObject
) -> None:
    keys = data.draw(st.lists(st.sampled_from(file.keys), max_size=3, unique=True)) if file.keys else []
    wanted = {key: data.draw(SCALARS) for key in keys}
    planned = plan_values(wanted, file.text, TRACE)
    changed = {change.key for change in planned.changes}
    expected = strings(file.text)
    for key in changed:
        expected = replaced(expected, key, wanted[key].text)
    assert strings(planned.text) == (replaced(expected, "traceParent", TRACE) if changed else expected)
    assert changed == {key for key in keys if read_keys(file.text, [key], where="target")[key] != wanted[key]}
    assert plan_values(wanted, planned.text, LATER) == Planned((), planned.text)
    around = "".join("[^\r\n]*" if key in changed else re.escape(text) for key, text in file.pieces)
    assert re.fullmatch(around, re.sub(f'(\r?\n)?traceParent: "{TRACE}"', "", planned.text.decode(), count=1))


@settings(deadline=None, max_examples=150)
@given(file=values_files(), key=st.sampled_from(["new", "deep.new", "a.b.new"]), value=SCALARS)
def test_a_key_that_is_not_there_is_added_without_touching_a_line(file: Values, key: str, value: Scalar) -> None:
    planned = plan_or_refusal({key: value}, file.text)
    if isinstance(planned, str):
        assert "is no map" in planned or "is a list" in planned
        return
    assert read_keys(file.text, [key], where="target")[key] is None
    assert strings(planned.text) == replaced(replaced(strings(file.text), key, value.text), "traceParent", TRACE)
    lines = iter(planned.text.decode().splitlines())
    flow = re.compile(r"[{}]")
    assert all(line in lines for line in file.text.decode().splitlines() if not flow.search(line))


STEPS = st.lists(
    st.tuples(st.sampled_from(["commit", "commit", "own", "promote", "promote", "roll back"]), SCALARS), max_size=12
)


@settings(deadline=None, max_examples=60)
@given(source=values_files(), target=values_files(), steps=STEPS, traces=st.sampled_from([TRACE, LATER, "junk", None]))
def test_no_history_of_promotions_touches_what_is_the_targets_own(
    source: Values, target: Values, steps: list[tuple[str, Scalar]], traces: str | None
) -> None:
    keys = ("release.version", "release.channel")
    start = {key: Scalar("v0") for key in keys}
    dev = set_keys(source.text, start, where="dev")
    production = set_keys(target.text, {**start, "own": "mine"}, where="production")
    expected, older = strings(production), [production]
    for step, value in steps:
        if step == "commit":
            dev = set_keys(dev, {keys[len(older) % 2]: value}, where="dev")
        elif step == "own":
            production = set_keys(production, {"own": value}, where="production")
            expected = replaced(expected, "own", value.text)
        else:
            origin = dev if step == "promote" else older[len(value.text) % len(older)]
            if any("{{" in str(scalar) for scalar in read_keys(origin, keys, where="origin").values()):
                with pytest.raises(ValuesError):
                    plan(origin, production, keys, traces)
                continue
            planned = plan(origin, production, keys, traces)
            for key, scalar in promoted(origin, keys, "origin").items():
                expected = replaced(expected, key, scalar.text)
            if planned.changes:
                older.append(production)
                expected = replaced(expected, "traceParent", traces if traces in (TRACE, LATER) else "")
            production = planned.text
        assert strings(production) == expected
        assert production.count(b"traceParent") <= 1


@settings(deadline=None, max_examples=300)
@given(target=st.text("ab:{}[]-|>'\"&*!#%,? \n\t~<", max_size=40), value=SCALARS)
def test_any_text_at_all_is_planned_right_or_refused_in_one_line(target: str, value: Scalar) -> None:
    planned = plan_or_refusal({"a": value}, target.encode())
    if isinstance(planned, str):
        assert planned.isprintable()
        return
    try:
        before = yaml.load(target, Loader=yaml.BaseLoader) or {}  # noqa: S506 - it builds nothing but strings
    except yaml.YAMLError:
        return  # the two parsers disagree about what is YAML
    assert strings(planned.text) == (before | {"a": value.text, "traceParent": TRACE} if planned.changes else before)
