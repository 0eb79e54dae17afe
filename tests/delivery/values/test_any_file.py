"""Random files of several documents, with lists, comments and every way to write a text: one value changes, alone.

What a file says before and after is read by another YAML library, which also tells where the value stands.
"""

import copy
import random
from dataclasses import dataclass

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery.values.editor import FieldPath, Scalar, read_keys, set_keys

Tree = str | dict[str, "Tree"] | list["Tree"]
Step = str | int

KEYS = st.sampled_from(["name", "image", "tag", "a.b", "app.kubernetes.io/version", "x-1", "env", "a b", "ü", "0"])
PLAIN = ["v1.2.3", "web", "1.10", "true", "two words", "https://h:1/p?q#r", "ü", "{{x", "-1", "a:b"]
TEXTS = [*PLAIN, "", "it's", 'say "x"', "a: b", "# none", " x", "two\nlines", "{{ .x }}", "\\", "*a", "&a", "- x"]
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.sampled_from(TEXTS),
    lambda inner: st.dictionaries(KEYS, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=12,
)
MAPS = st.dictionaries(KEYS, TREES, min_size=1, max_size=4)
CHOICES = st.integers(0, 2**32).map(random.Random)
TRIES = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@dataclass
class Writer:
    """Writes trees as YAML in the ways that people do, none twice the same."""

    choose: random.Random
    anchors: int = 0

    def file(self, documents: list[dict[str, Tree]]) -> str:
        """A file of these documents, one after the other."""
        texts = ["\n".join(self.block(document, 0)) + "\n" for document in documents]
        begin = self.choose.choice(["", "---\n", "# first\n---\t# begin\n", "%YAML 1.1\n---\n"])
        text = begin + "---\n".join(texts) + self.choose.choice(["", "---\n", "# end\n", "\n\n", "...\n"])
        newline = self.choose.choice(["\n", "\n", "\r\n"])
        return self.choose.choice(["", "\ufeff"]) + text.replace("\n", newline)

    def block(self, tree: dict[str, Tree], indent: int) -> list[str]:
        """The lines of a map."""
        lines = []
        for key, value in tree.items():
            lines += self.choose.choice([[], [], [], [""], ["# about: it"], [" " * indent + "# the 'next"]])
            name = key if self.choose.random() < 0.8 and not key.isdecimal() else f'"{key}"'
            lines += self.entry(" " * indent + name + ":", value, indent)
        return lines

    def entry(self, begin: str, value: Tree, indent: int) -> list[str]:
        """The lines of a key or an element, and what is in it."""
        if not value or self.choose.random() < 0.15 or isinstance(value, str):
            begin += self.anchor()
            literal = isinstance(value, str) and value.isprintable() and value.strip() == value != ""
            if literal and self.choose.random() < 0.1:
                return [f"{begin} {self.choose.choice(['|-', '>-', '|-  # why'])}", f"{' ' * indent}   {value}"]
            return [f"{begin} {self.flow(value, inside=False)}{self.comment()}"]
        if begin.endswith(":"):
            begin += self.anchor()
        if isinstance(value, dict):
            if begin.endswith("-") and self.choose.random() < 0.8:
                first, *rest = self.block(value, len(begin) + 1)
                while not first.strip() or first.strip().startswith("#"):
                    first, *rest = rest
                return [f"{begin} {first.strip()}", *rest]
            return [begin + self.comment(begin), *self.block(value, indent + self.choose.randint(1, 4))]
        deeper = indent + self.choose.choice([0, 2] if not begin.endswith("-") else [2])
        items = [line for item in value for line in self.entry(" " * deeper + "-", item, deeper)]
        return [begin + self.comment(begin), *items]

    def flow(self, value: Tree, *, inside: bool = True) -> str:
        """A value on one line."""
        if isinstance(value, dict):
            return "{" + ", ".join(f'"{key}": {self.flow(inner)}' for key, inner in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self.flow, value)) + "]"
        if value in PLAIN and not inside and not value.startswith("{") and self.choose.random() < 0.6:
            return value
        if value.isprintable() and self.choose.random() < 0.5:
            return "'" + value.replace("'", "''") + "'"
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    def anchor(self) -> str:
        """An anchor that nothing uses."""
        self.anchors += 1
        return f" &u{self.anchors:05}" if self.choose.random() < 0.1 else ""

    def comment(self, begin: str = "") -> str:
        """What follows on the line, where nothing is between it and `begin`: after a `-` no tab may stand."""
        return self.choose.choice(["", "", "", " # c", " # c" if begin.endswith("-") else "\t# tab: 'c", "  "])


def leaves(tree: Tree, steps: tuple[Step, ...] = ()) -> list[tuple[Step, ...]]:
    """The way to each single value."""
    if isinstance(tree, str):
        return [steps]
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return [found for step, inner in pairs for found in leaves(inner, (*steps, step))]


def at(tree: Tree, steps: tuple[Step, ...]) -> Tree:
    for step in steps:
        tree = tree[step]  # type: ignore[index]
    return tree


def path(tree: Tree, steps: tuple[Step, ...], choose: random.Random) -> str:
    """A path to the value: elements of lists by a key where one tells them apart, otherwise by number."""
    levels = []
    for depth, step in enumerate(steps):
        inside = at(tree, steps[:depth])
        if isinstance(step, str):
            levels.append(f"[{step}]" if choose.random() < 0.2 else step.replace(".", "\\."))
            continue
        assert isinstance(inside, list)
        names = [item.get("name") if isinstance(item, dict) else None for item in inside]
        name = names[step]
        if isinstance(name, str) and name and names.count(name) == 1 and "]" not in name and depth + 1 < len(steps):
            levels.append(f"[name={name}]")
        else:
            levels.append("-" if step == len(inside) - 1 and choose.random() < 0.3 else str(step))
    return ".".join(levels)


def readable(text: str) -> str:
    """The same for the other library, which knows no tab before a comment and no byte order mark in a text."""
    return text.removeprefix("\ufeff").replace("\t#", " #")


def said(text: str) -> list[object]:
    return [document for document in yaml.safe_load_all(readable(text)) if document is not None]


def documents(maps: list[dict[str, Tree]]) -> list[dict[str, Tree]]:
    return [{"kind": f"K{number}", "metadata": {"name": "x"}, "of": tree} for number, tree in enumerate(maps)]


@TRIES
@given(maps=st.lists(MAPS, min_size=1, max_size=3), choose=CHOICES, new=st.sampled_from(TEXTS))
def test_one_value_is_set_and_every_other_byte_stays(
    maps: list[dict[str, Tree]], choose: random.Random, new: str
) -> None:
    trees = documents(maps)
    text = Writer(choose).file(trees)
    number = choose.randrange(len(trees))
    steps = choose.choice([steps for steps in leaves(trees[number]) if steps[0] == "of"] or [("metadata", "name")])
    key = FieldPath(path(trees[number], steps, choose), f"K{number}")
    before = said(text)
    was = at(before[number], steps)  # type: ignore[arg-type]
    read = read_keys(text, [key], where="file")[key]
    assert read is not None
    if isinstance(was, str):
        assert read == Scalar(was)

    after = set_keys(text, {key: new}, where="file").decode()

    expected = copy.deepcopy(before)
    at(expected[number], steps[:-1])[steps[-1]] = new  # type: ignore[index, arg-type]
    assert said(after) == expected
    node = [node for node in yaml.compose_all(readable(text), yaml.SafeLoader) if node.tag != "tag:yaml.org,2002:null"][
        number
    ]
    for step in steps:
        pairs = {name.value: value for name, value in node.value} if isinstance(step, str) else node.value
        node = pairs[step]
    bom = len(text) - len(readable(text))
    start, end = node.start_mark.index + bom, node.end_mark.index + bom
    end = start + len(text[start:end].rstrip())
    start += 8 if text.startswith("&u0", start) else 0
    assert (after[:start], after[len(after) - len(text) + end :]) == (text[:start], text[end:])


@TRIES
@given(maps=st.lists(MAPS, min_size=1, max_size=3), choose=CHOICES, new=st.sampled_from(TEXTS))
def test_one_key_is_added_and_every_byte_stays(maps: list[dict[str, Tree]], choose: random.Random, new: str) -> None:
    trees = documents(maps)
    text = Writer(choose).file(trees)
    number = choose.randrange(len(trees))
    around = [steps[: depth + 1] for steps in leaves(trees[number]) for depth in range(len(steps))]
    steps = choose.choice([steps for steps in around if isinstance(at(trees[number], steps), dict)] or [()])
    levels = path(trees[number], (*steps, "added"), choose)
    expected = said(text)

    after = set_keys(text, {FieldPath(levels, f"K{number}"): new}, where="file").decode()

    at(expected[number], steps)["added"] = new  # type: ignore[index, arg-type, call-overload]
    assert said(after) == expected
    same = next((at for at, (old, now) in enumerate(zip(text, after, strict=False)) if old != now), len(text))
    assert any(text[at:] == after[at + len(after) - len(text) :] for at in range(same + 1))
