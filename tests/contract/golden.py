"""Golden files: what is kept of a surface, with all that differs from run to run replaced by words.

After a change that is meant: `UPDATE_GOLDEN=1 .venv/bin/python -m pytest tests/contract`, and review the difference
under `tests/contract/golden`. Prose, which may be reworded, is in files `*.prose.*` and `body.md` and below `help`;
a difference anywhere else breaks what users rely on.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "golden"


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and nothing as an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


@dataclass
class Words:
    """Replaces what is another in every run: addresses, folders, commits and traces."""

    known: dict[str, str] = field(default_factory=dict)
    """What is replaced by which word, the longest first; a commit also where it is shortened."""

    def __call__(self, text: str) -> str:
        for found in sorted(self.known, key=len, reverse=True):
            text = text.replace(found, f"<{self.known[found]}>")
            if re.fullmatch("[0-9a-f]{40}", found):
                text = re.sub(rf"\b{found[:7]}[0-9a-f]{{0,32}}\b", f"<{self.known[found]}, short>", text)
        text = re.sub(r"\b00-[0-9a-f]{32}-[0-9a-f]{16}-01\b", "<traceparent>", text)
        for length, word in ((64, "digest"), (40, "commit"), (32, "trace"), (16, "span")):
            text = re.sub(rf"\b(?=[0-9a-f]*[0-9])[0-9a-f]{{{length}}}\b", f"<{word}>", text)
        return text


def keep(path: str, value: object, words: Words | None = None) -> None:
    """Hold `value` against the golden file at `path`: text as it is, else as JSON or YAML, by the file's name."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if not isinstance(value, str) and path.endswith(".yaml"):
        text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
    text = words(text) if words else text
    golden = FOLDER / path
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_bytes(text.encode())
    assert golden.is_file(), f"{path} is not kept: UPDATE_GOLDEN=1"
    assert text == golden.read_bytes().decode(), f"{path} is not as it was"


def apart(value: Any, prose: frozenset[str], where: str = "") -> tuple[Any, dict[str, Any]]:
    """`value` without what stands at keys of that name, and those texts by their place in it."""
    if isinstance(value, Mapping):
        kept, texts = {}, {}
        for key, each in value.items():
            if key in prose and each:
                kept[key], texts[f"{where}{key}"] = "<prose>", each
            else:
                kept[key], more = apart(each, prose, f"{where}{key}.")
                texts |= more
        return kept, texts
    if isinstance(value, list):
        pairs = [apart(each, prose, f"{where}{number}.") for number, each in enumerate(value)]
        return [kept for kept, _ in pairs], {key: text for _, texts in pairs for key, text in texts.items()}
    return value, {}


def without_hidden(body: str) -> tuple[str, list[object]]:
    """The body of a pull request, and apart from it what programs read in it: its comments."""
    hidden: list[object] = []
    for comment in re.findall(r"<!--.*?-->", body, re.DOTALL):
        head, brace, data = comment.removesuffix(" -->").partition("{")
        block: object = {head: json.loads(brace + data) | {"digest": "<digest>"}} if brace else comment
        hidden.append(block)
    return re.sub(r"<!--.*?-->", "<!-- hidden -->", body, flags=re.DOTALL), hidden


def without_trailers(message: str) -> tuple[str, str]:
    """The message of a commit, and apart from it its trailers, which programs read."""
    text, _, trailers = message.strip().rpartition("\n\n")
    return f"{text}\n\n<trailers>\n", trailers
