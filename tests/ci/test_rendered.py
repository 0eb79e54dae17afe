"""Both sides of a pull request as files, and what differs: rendered by their own make, read without trust."""

from pathlib import Path

import pytest

from ci import render
from ci.rendered import FileChange, RenderedStack, differences

PIPELINE = "config:\n  delivery:stages:\n    value: [{{name: {}}}, {{name: production, after: [{}]}}]\n"
WRITES = "\t@mkdir -p $(OUT)/$(STACK)/manifests\n\t@echo {} > $(OUT)/$(STACK)/manifests/a.yaml\n"


def tree(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def project(folder: Path, first: str, rule: str) -> Path:
    """A project with a `make render` of its own, as a checkout has it."""
    tree(folder, {"Pulumi.yaml": PIPELINE.format(first, first), "Makefile": f"render:\n{rule}"})
    return folder


def rendered(tmp_path: Path, base: Path, head: Path) -> tuple[int, dict[str, RenderedStack]]:
    out = tmp_path / "out"
    status = render.main(["--base", str(base), "--head", str(head), "--out", str(out)])
    return status, {stack.stack: stack for stack in differences(out)}


def test_files_are_new_gone_changed_or_the_same(tmp_path: Path) -> None:
    assert differences(tmp_path) == ()
    tree(tmp_path, {"base/dev/a": "1\n2\n", "head/dev/a": "1\n3\n", "base/dev/b/c": "x\n", "head/dev/d": "y\n"})
    tree(tmp_path, {"base/dev/same": "1\n", "head/dev/same": "1\n", "head/staging/large": "x" * 1_000_001})
    dev, staging = differences(tmp_path)
    assert dev.changes == (
        FileChange("a", "changed", "@@ -1,2 +1,2 @@\n 1\n-2\n+3"),
        FileChange("b/c", "gone", "@@ -1 +0,0 @@\n-x"),
        FileChange("d", "new", "@@ -0,0 +1 @@\n+y"),
    )
    [large] = staging.changes
    assert (large.kind, len(large.diff) < 100) == ("new", True)


def test_a_head_that_cannot_be_rendered_shows_no_files_as_gone(tmp_path: Path) -> None:
    tree(tmp_path, {"base/dev/a": "1\n", "head/dev.error": "delivery:stages: found nothing\n"})
    assert differences(tmp_path) == (RenderedStack("dev", (), "delivery:stages: found nothing"),)


@pytest.mark.parametrize("link", ["", "base", "head", "head/dev", "head/dev/deeper", "head/dev.error", "base/dev/file"])
def test_of_what_has_a_link_in_it_nothing_is_shown(tmp_path: Path, link: str) -> None:
    tree(tmp_path, {"away/secret": "s"})
    folder = tmp_path / "rendered"
    if link:
        tree(folder, {"base/dev/a": "1\n", "head/dev/a": "2\n"})
    if (folder / link).exists():
        (folder / link).rename(tmp_path / "moved")
    (folder / link).symlink_to(tmp_path / "away" / ("secret" if link.endswith(("error", "file")) else ""))
    assert differences(folder) == ()


def test_each_side_is_rendered_by_its_own_make_for_its_own_stages(tmp_path: Path) -> None:
    base = project(tmp_path / "b", "dev", WRITES.format("old"))
    head = project(tmp_path / "h", "staging", WRITES.format("new"))
    status, found = rendered(tmp_path, base, head)
    assert status == 0
    kinds = {name: [change.kind for change in stack.changes] for name, stack in found.items()}
    assert kinds == {"dev": ["gone"], "production": ["changed"], "staging": ["new"]}


@pytest.mark.parametrize("side", ["base", "head"])
def test_a_refused_configuration_fails_the_head_and_not_the_base(tmp_path: Path, side: str) -> None:
    good = project(tmp_path / "g", "dev", WRITES.format("x"))
    bad = project(tmp_path / "b", "dev", "\t@echo 'delivery:stages: found a cycle' >&2; exit 1\n")
    status, found = rendered(tmp_path, *((bad, good) if side == "base" else (good, bad)))
    assert (status, "found a cycle" in found["dev"].failure) == ((0, False) if side == "base" else (1, True))


def test_a_pipeline_that_cannot_be_read_is_a_failure_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    status, found = rendered(tmp_path, project(tmp_path / "g", "dev", WRITES.format("x")), tmp_path / "bad")
    assert status == 1
    assert "delivery:stages" in found["Pulumi.yaml"].failure
