"""Both sides of a pull request as files, and what differs: rendered by their own make, read without trust."""

from pathlib import Path

import pytest

from ci import render
from ci.rendered import FileChange, RenderedStack, differences

PIPELINE = "config:\n  delivery:stages:\n    value: [{{name: {}}}, {{name: production, after: [{}]}}]\n"


def tree(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def project(folder: Path, first: str, rule: str) -> Path:
    """A project with a `make render` of its own, as a checkout has it."""
    tree(folder, {"Pulumi.yaml": PIPELINE.format(first, first), "Makefile": f"render:\n{rule}"})
    return folder


WRITES = "\t@mkdir -p $(OUT)/$(STACK)/manifests\n\t@echo {} > $(OUT)/$(STACK)/manifests/a.yaml\n"


def test_what_is_the_same_on_both_sides_is_no_change(tmp_path: Path) -> None:
    tree(tmp_path, {"base/dev/a.yaml": "x: 1\n", "head/dev/a.yaml": "x: 1\n"})
    assert differences(tmp_path) == (RenderedStack("dev", (), ""),)


def test_files_are_new_gone_or_changed(tmp_path: Path) -> None:
    tree(tmp_path, {"base/dev/a": "1\n2\n", "head/dev/a": "1\n3\n", "base/dev/b/c": "x\n", "head/dev/d": "y\n"})
    [stack] = differences(tmp_path)
    assert stack.changes == (
        FileChange("a", "changed", "@@ -1,2 +1,2 @@\n 1\n-2\n+3"),
        FileChange("b/c", "gone", "@@ -1 +0,0 @@\n-x"),
        FileChange("d", "new", "@@ -0,0 +1 @@\n+y"),
    )


def test_a_stack_that_only_the_head_has_is_all_new(tmp_path: Path) -> None:
    tree(tmp_path, {"base/dev/a": "1\n", "head/dev/a": "1\n", "head/staging/a": "1\n"})
    assert [(stack.stack, [each.kind for each in stack.changes]) for stack in differences(tmp_path)] == [
        ("dev", []),
        ("staging", ["new"]),
    ]


def test_a_head_that_cannot_be_rendered_says_why_and_shows_no_files_as_gone(tmp_path: Path) -> None:
    tree(tmp_path, {"base/dev/a": "1\n", "head/dev.error": "delivery:stages: found nothing\n"})
    assert differences(tmp_path) == (RenderedStack("dev", (), "delivery:stages: found nothing"),)


def test_links_lead_nowhere_and_large_files_are_not_read(tmp_path: Path) -> None:
    tree(tmp_path, {"secret": "s", "base/dev/a": "1\n", "head/dev/a": "1\n", "head/dev/large": "x" * 1_000_001})
    (tmp_path / "head/dev/link").symlink_to(tmp_path / "secret")
    (tmp_path / "head/dev.error").symlink_to(tmp_path / "secret")
    [stack] = differences(tmp_path)
    assert stack.changes == (FileChange("large", "new", "@@ -0,0 +1 @@\n+too large to be shown"),)
    assert stack.failure == ""


def test_a_stacks_folder_that_is_a_link_is_no_stack(tmp_path: Path) -> None:
    tree(tmp_path, {"secret/x": "s", "base/dev/a": "1\n", "head/dev/a": "1\n"})
    (tmp_path / "head/link").symlink_to(tmp_path / "secret")
    (tmp_path / "head/dev/deeper").symlink_to(tmp_path / "secret")
    assert differences(tmp_path) == (RenderedStack("dev", (), ""),)
    (tmp_path / "base/link").mkdir()
    assert differences(tmp_path) == (RenderedStack("dev", (), ""), RenderedStack("link", (), ""))


@pytest.mark.parametrize("link", [".", "base", "head"])
def test_of_what_lies_behind_a_link_nothing_is_shown(tmp_path: Path, link: str) -> None:
    tree(tmp_path / "real", {"base/dev/a": "1\n", "head/dev/a": "2\n"})
    folder = tmp_path / "found"
    if link == ".":
        folder.symlink_to(tmp_path / "real")
    else:
        tree(folder, {"base/dev/a": "1\n", "head/dev/a": "2\n"})
        (folder / link).rename(folder / "away")
        (folder / link).symlink_to(tmp_path / "real" / link)
    assert differences(folder) == ()


def test_without_anything_rendered_there_is_nothing(tmp_path: Path) -> None:
    assert differences(tmp_path) == ()


def test_each_side_is_rendered_by_its_own_make_for_its_own_stages(tmp_path: Path) -> None:
    base = project(tmp_path / "b", "dev", WRITES.format("old"))
    head = project(tmp_path / "h", "staging", WRITES.format("new"))
    status = render.main(["--base", str(base), "--head", str(head), "--out", str(tmp_path / "out")])
    assert status == 0
    kinds = {stack.stack: [each.kind for each in stack.changes] for stack in differences(tmp_path / "out")}
    assert kinds == {"dev": ["gone"], "production": ["changed"], "staging": ["new"]}


def test_a_refused_configuration_fails_the_head_and_not_the_base(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refuses = "\t@echo 'delivery:stages: found a cycle' >&2; exit 1\n"
    good, bad = project(tmp_path / "g", "dev", WRITES.format("x")), project(tmp_path / "b", "dev", refuses)
    assert render.main(["--base", str(good), "--head", str(bad), "--out", str(tmp_path / "1")]) == 1
    assert "dev cannot be rendered: delivery:stages: found a cycle" in capsys.readouterr().err
    assert render.main(["--base", str(bad), "--head", str(good), "--out", str(tmp_path / "2")]) == 0


def test_a_pipeline_that_cannot_be_read_is_a_failure_of_its_own(tmp_path: Path) -> None:
    good = project(tmp_path / "g", "dev", WRITES.format("x"))
    (tmp_path / "bad").mkdir()
    assert render.main(["--base", str(good), "--head", str(tmp_path / "bad"), "--out", str(tmp_path / "out")]) == 1
    failures = {stack.stack: stack.failure for stack in differences(tmp_path / "out")}
    assert "no readable list delivery:stages" in failures["Pulumi.yaml"]
