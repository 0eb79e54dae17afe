"""What is written as YAML reads back as it was, whatever is in it."""

import json
import subprocess
import sys
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from delivery.config.errors import Json
from delivery.stack.yaml_text import to_yaml

_TEXT = st.text(max_size=60)


def documents(texts: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Json]]:
    leaves: st.SearchStrategy[Json] = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | texts
    below = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
    return st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), below, max_size=4)


@given(documents(_TEXT))
def test_what_is_written_reads_back_as_it_was(value: dict[str, Json]) -> None:
    assert yaml.safe_load(to_yaml(value)) == value


def test_a_value_that_stands_twice_is_written_twice() -> None:
    shared: list[Json] = ["a", "b"]
    assert to_yaml({"one": shared, "other": shared}).count("- a") == 2


def test_where_pyyaml_has_no_libyaml_the_same_is_written() -> None:
    value: Json = {
        "on": "off",
        "list": ["", "1e3", None, 7],
        "code": "import os\n\n\tif os:\n  pass\n",
        "words": "a  b: c " * 40,
    }
    script = (
        "import json, sys\n"
        "sys.modules['yaml._yaml'] = None\n"
        "from delivery.stack.yaml_text import SafeDumper, to_yaml\n"
        "assert SafeDumper.__name__ == 'SafeDumper'\n"
        "sys.stdout.write(to_yaml(json.load(sys.stdin)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(value),
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == to_yaml(value)
