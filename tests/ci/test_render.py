"""Both sides of a pull request, rendered by their own make, and what differs."""

from pathlib import Path

import pytest

from ci import DIFFERENCE, render

PIPELINE = "config:\n  delivery:stages:\n    value: [{{name: {}}}, {{name: production, after: [{}]}}]\n"
WRITES = "\t@mkdir -p $(OUT)/$(STACK)/manifests\n\t@echo {} > $(OUT)/$(STACK)/manifests/a.yaml\n"
REFUSES = "\t@echo 'delivery:stages: found a cycle' >&2; exit 1\n"


def project(folder: Path, first: str, rule: str) -> Path:
    """A project with a `make render` of its own, as a checkout has it."""
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(PIPELINE.format(first, first))
    (folder / "Makefile").write_text(f"render:\n{rule}")
    return folder


def compared(tmp_path: Path, base: Path, head: Path) -> tuple[int, str]:
    """The exit status, and the difference."""
    out = tmp_path / "out"
    status = render.main(["--base", str(base), "--head", str(head), "--out", str(out)])
    return status, (out / DIFFERENCE).read_text()


def test_each_side_is_rendered_by_its_own_make_for_its_own_stages(tmp_path: Path) -> None:
    base = project(tmp_path / "b", "dev", WRITES.format("old"))
    head = project(tmp_path / "h", "staging", WRITES.format("new"))
    status, text = compared(tmp_path, base, head)
    assert status == 0
    [dev, production, staging] = text.split("diff --git ")[1:]
    assert "-old" in dev
    assert "+new" not in dev
    assert "-old\n+new\n" in production
    assert "+new" in staging
    assert compared(tmp_path / "same", head, head) == (0, "")


@pytest.mark.parametrize("side", ["base", "head"])
def test_a_stack_that_cannot_be_rendered_fails_the_head_and_shows_no_files_as_deleted(
    tmp_path: Path, side: str
) -> None:
    good, bad = project(tmp_path / "g", "dev", WRITES.format("x")), project(tmp_path / "b", "dev", REFUSES)
    status, text = compared(tmp_path, *((bad, good) if side == "base" else (good, bad)))
    assert status == (side == "head")
    assert ("found a cycle" in text) == (side == "head")
    assert ("diff --git" in text) == (side == "base")


def test_a_pipeline_that_cannot_be_read_is_a_failure_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    status, text = compared(tmp_path, project(tmp_path / "g", "dev", WRITES.format("x")), tmp_path / "bad")
    assert status == 1
    assert text.startswith("Pulumi.yaml ")
