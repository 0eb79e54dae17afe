"""The comment's text: readable, within GitHub's limit, and deaf to whatever a pull request puts into its files."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lab.render
from ci.comment import LIMIT, MARKER, Preview, comment, fenced
from ci.rendered import FileChange, RenderedStack
from ci.report import Change, Report

RUN = "https://github.com/acme/delivery/actions/runs/7"
DIFF = FileChange("manifests/namespace-a.yaml", "changed", "@@ -1 +1 @@\n-a: 1\n+a: 2")


def written(*rendered: RenderedStack, **reports: Report) -> str:
    return comment(Preview("a" * 40, RUN, reports, rendered))


def test_a_fork_sees_the_rendered_files_and_their_diffs() -> None:
    text = written(RenderedStack("dev", (DIFF,), ""), RenderedStack("production", (), ""))
    assert (
        text
        == f"""{MARKER}
### Preview of `aaaaaaaaaaaa`

#### `dev`

1 rendered file differs.

<details><summary>changed manifests/namespace-a.yaml</summary>

```diff
@@ -1 +1 @@
-a: 1
+a: 2
```

</details>

#### `production`

The rendered files are the same.

<sub>[The run]({RUN}) has everything. This comment is updated with each push.</sub>"""
    )


def test_a_preview_by_the_engine_is_a_table_with_what_the_program_says() -> None:
    report = Report(
        "dev", (Change("update", "github:index/x:RepositoryFile", "a.yaml", ("content",)),), ("dev → b: 1",)
    )
    text = written(dev=report)
    assert "`pulumi preview`: 1 change." in text
    assert "| `update` | `a.yaml` | `RepositoryFile` | `content` |" in text
    assert "- <code>dev → b&#58; 1</code>" in text


def test_a_failed_preview_and_a_refused_configuration_say_why() -> None:
    text = written(
        RenderedStack("dev", (), "delivery:stages: found a cycle"), dev=Report("dev", failures=("no state",))
    )
    assert "The preview failed:\n\n```\nno state\n```" in text
    assert "The configuration is refused:\n\n```\ndelivery:stages: found a cycle\n```" in text


@pytest.mark.parametrize(
    "failure",
    [
        "delivery:stages: found []; allowed: a list; mend: pulumi config rm delivery:stages",
        "making .venv from requirements.txt (once, about a minute)\ndelivery:tasks: found 5; allowed: a map; mend: x",
        "Pulumi.dev.yaml, line 2, column 1: no YAML: found character; mend that place",
        "Pulumi.yaml has no readable list delivery:stages (KeyError): see README.md",
    ],
)
def test_a_configuration_that_was_refused_is_called_so(failure: str) -> None:
    assert f"The configuration is refused:\n\n```\n{failure}\n```" in written(RenderedStack("dev", (), failure))


@pytest.mark.parametrize(
    "failure",
    [
        "making .venv from requirements.txt (once, about a minute)\nThe virtual environment was not created",
        "ModuleNotFoundError: No module named 'delivery'",
        "cannot write to out: No space left on device; choose another folder with OUT=",
        "rendering failed and said nothing",
    ],
)
def test_any_other_failure_of_rendering_is_not_laid_at_the_configurations_door(failure: str) -> None:
    text = written(RenderedStack("dev", (), failure))
    assert f"The stack could not be rendered:\n\n```\n{failure}\n```" in text
    assert "refused" not in text


def test_what_the_renderer_says_of_a_mistake_is_known_as_a_refusal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("config:\n  delivery:stages: {value: []}\n", encoding="utf-8")
    for text in ("", "config: ["):
        (tmp_path / "Pulumi.dev.yaml").write_text(text, encoding="utf-8")
        assert lab.render.main(["--project", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
        assert "The configuration is refused:" in written(RenderedStack("dev", (), capsys.readouterr().err.strip()))


def test_nothing_found_is_said() -> None:
    assert "Nothing was previewed" in written()


def test_text_cannot_end_its_code_block_or_hide_in_it() -> None:
    assert fenced("```\n@everyone\n````", "diff") == "`````diff\n```\n@everyone\n````\n`````"
    assert "\u202e" not in fenced("a\u202eb\x1b[31m")


def test_a_path_cannot_be_markup() -> None:
    evil = FileChange("</summary><img src=x>@octocat#1.yaml", "new", "+a")
    line = next(line for line in written(RenderedStack("dev", (evil,), "")).splitlines() if "<summary>" in line)
    assert not re.search(r"<img|@|#1", line.removeprefix("<details><summary>"))


def test_names_cannot_break_the_table() -> None:
    report = Report("dev", (Change("up|date", "a:b", "x | y\n| z", ("k`",)),))
    rows = [line for line in written(dev=report).splitlines() if line.startswith("| ") and "---" not in line]
    assert [row.count("|") for row in rows] == [5, 5]


def test_a_diff_that_is_too_long_is_cut_and_the_files_that_do_not_fit_are_counted() -> None:
    long = FileChange("long", "new", "\n".join(f"+{number}" for number in range(1000)))
    assert "… 750 more lines" in written(RenderedStack("dev", (long,), ""))
    many = tuple(FileChange(f"{number}", "new", "+" + "x" * 5000) for number in range(40))
    text = written(RenderedStack("dev", many, ""), RenderedStack("production", (DIFF,), ""))
    assert len(text.encode()) <= LIMIT
    assert re.search(r"\d+ more files differ: their diffs do not fit here\.", text)
    assert "changed manifests/namespace-a.yaml" in text


TEXTS = st.text(max_size=300)
CHANGES = st.builds(Change, TEXTS, TEXTS, TEXTS, st.tuples(TEXTS), st.booleans())
REPORTS = st.builds(Report, TEXTS, st.lists(CHANGES, max_size=5).map(tuple), st.tuples(TEXTS), st.tuples(TEXTS))
FILES = st.builds(FileChange, TEXTS, st.sampled_from(["new", "gone", "changed"]), st.text(max_size=3000))
STACKS = st.builds(RenderedStack, TEXTS, st.lists(FILES, max_size=5).map(tuple), TEXTS)


@given(st.dictionaries(TEXTS, REPORTS, max_size=3), st.lists(STACKS, max_size=4))
def test_whatever_is_in_it_the_comment_has_one_marker_and_fits(
    reports: dict[str, Report], rendered: list[RenderedStack]
) -> None:
    text = comment(Preview("a" * 40, RUN, reports, rendered))
    assert text.startswith(MARKER)
    assert len(text.encode()) <= LIMIT
    assert text.endswith("</sub>")


def test_the_largest_reports_fit_too() -> None:
    many = tuple(Change("update", "t" * 2000, "n" * 2000, ("k" * 2000,)) for _ in range(2000))
    report = Report("dev", many, ("n€" * 1000,) * 2000)
    text = comment(Preview("a" * 40, RUN, {f"s{number}": report for number in range(30)}, ()))
    assert len(text.encode()) <= LIMIT
    assert text.count("#### ") == 30


def test_stacks_that_are_too_many_are_counted() -> None:
    refused = [RenderedStack(f"{'|' * 60}{number}", (DIFF,) * 50, "x" * 10_000) for number in range(1500)]
    text = comment(Preview("a" * 40, RUN, {f"s{number}": Report("s") for number in range(200)}, refused))
    assert len(text.encode()) <= LIMIT
    assert text.count("#### ") == 50
    assert "1650 more stacks of 1700: too many to be shown here." in text
    text = comment(Preview("a" * 40, RUN, {f"s{number}": Report("s") for number in range(51)}, ()))
    assert "1 more stack of 51:" in text
    assert "more stack" not in comment(Preview("a" * 40, RUN, {f"s{number}": Report("s") for number in range(50)}, ()))
