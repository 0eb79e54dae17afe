"""What `make render` writes for the shipped configuration, file by file, as a reviewer reads it.

After a change that is meant: `UPDATE_GOLDEN=1 .venv/bin/python -m pytest tests/components/test_golden.py`, and
review the difference under `tests/components/golden`. What is committed or declared verbatim from a source in this
repository is held against that source instead of a copy.
"""

import os
from pathlib import Path

import pytest
import yaml

from delivery.stack.repository_files import PROMOTER, PROMOTER_FOLDER
from lab import render
from tests.components.stacks import ROOT

GOLDEN = Path(__file__).parent / "golden"
SOURCES = {
    f"repository/{PROMOTER_FOLDER}/requirements.txt": "gitops/promoter/requirements.txt",
    "repository/.github/workflows/promote.yaml": "gitops/workflows/promote.yaml",
}
CODE = "the text of gitops/tasks/promote.py"


def rendered(stack: str, folder: Path) -> dict[str, str]:
    assert render.main(["--stack", stack, "--out", str(folder)]) == 0
    paths = sorted(path for path in (folder / stack).rglob("*") if path.is_file())
    return {path.relative_to(folder / stack).as_posix(): path.read_bytes().decode("utf-8") for path in paths}


def source(path: str) -> Path | None:
    """The file of this repository that `path` is a copy of, where it is one."""
    if path.endswith("/templates/application.yaml"):
        return ROOT / "gitops/chart/templates/application.yaml"
    return ROOT / SOURCES[path] if path in SOURCES else None


def without_code(path: str, text: str) -> str:
    """The task definition without the task, which is a file of its own and compared with that."""
    if not path.endswith("_promote.yaml") or "kind: KeptnTaskDefinition" not in text:
        return text
    code = (ROOT / "gitops/tasks/promote.py").read_text("utf-8")
    assert yaml.safe_load(text)["spec"]["python"]["inline"]["code"] == code
    head, _, rest = text.partition("      code: |\n")
    lines = rest.splitlines(keepends=True)
    after = next(number for number, line in enumerate(lines) if line.strip() and not line.startswith(" " * 8))
    return f"{head}      code: {CODE}\n{''.join(lines[after:])}"


@pytest.mark.parametrize("stack", ["dev", "production"])
def test_the_shipped_configuration_renders_as_reviewed(stack: str, tmp_path: Path) -> None:
    files = rendered(stack, tmp_path)
    for path, text in files.items():
        origin = source(path)
        assert origin is None or text.encode() == origin.read_bytes(), path
    kept = {
        path: without_code(path, text)
        for path, text in files.items()
        if source(path) is None and not path.endswith(PROMOTER)
    }
    golden = GOLDEN / stack
    if os.environ.get("UPDATE_GOLDEN"):
        render.write(kept, golden)
    paths = {path.relative_to(golden).as_posix() for path in golden.rglob("*") if path.is_file()}
    assert paths == kept.keys()
    for path, text in kept.items():
        assert text == (golden / path).read_text("utf-8"), path


@pytest.mark.parametrize("stack", ["dev", "production"])
def test_rendering_again_gives_the_same_bytes(stack: str, tmp_path: Path) -> None:
    first = rendered(stack, tmp_path / "first")
    assert all(rendered(stack, tmp_path / str(number)) == first for number in range(4))
