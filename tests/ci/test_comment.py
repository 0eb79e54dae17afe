"""The comment's text: readable, within GitHub's limit, and deaf to whatever a pull request puts into its files."""

import re

from hypothesis import given
from hypothesis import strategies as st

from ci.comment import LIMIT, MARKER, comment, fenced
from ci.rendered import FileChange, RenderedStack
from tests.messages import assert_message

RUN = "https://github.com/acme/delivery/actions/runs/7"
DIFF = FileChange("manifests/namespace-a.yaml", "changed", "@@ -1 +1 @@\n-a: 1\n+a: 2")


def written(*stacks: RenderedStack) -> str:
    return comment("a" * 40, RUN, stacks)


def test_every_stack_is_summed_up_and_every_difference_is_shown() -> None:
    refused = RenderedStack("staging", (), "delivery:stages: found nothing")
    assert_message(
        "ci.comment", written(RenderedStack("dev", (DIFF,), ""), refused, RenderedStack("production", (), ""))
    )


def test_text_cannot_end_its_code_block_or_hide_in_it() -> None:
    assert fenced("```\n@everyone\n````", "diff") == "`````diff\n```\n@everyone\n````\n`````"
    assert "\u202e" not in fenced("a\u202eb\x1b[31m")


def test_a_path_cannot_be_markup() -> None:
    evil = FileChange("</summary><img src=x>@octocat#1.yaml", "new", "+a")
    line = next(line for line in written(RenderedStack("dev", (evil,), "")).splitlines() if "<summary>" in line)
    assert not re.search(r"<img|@|#1", line.removeprefix("<details><summary>"))


def test_what_does_not_fit_is_counted_and_every_stack_is_named() -> None:
    long = FileChange("long", "new", "\n".join(f"+{number}" for number in range(1000)))
    assert "… 750 more lines" in written(RenderedStack("dev", (long,), ""))
    many = tuple(FileChange(f"{number}", "new", "+" + "x" * 5000) for number in range(40))
    text = written(RenderedStack("dev", many, ""), RenderedStack("production", (DIFF,), ""))
    [left] = re.findall(r"^(\d+) more do", text, re.MULTILINE)
    assert int(left) + text.count("<details>") == 41
    assert "`production`" in text


def test_stacks_that_are_too_many_are_counted() -> None:
    text = written(*(RenderedStack(f"{'|' * 60}{number}", (DIFF,) * 50, "x" * 10_000) for number in range(1500)))
    assert len(text.encode()) <= LIMIT
    assert "\n- and 1450 more\n" in text


TEXTS = st.text(max_size=300)
FILES = st.builds(FileChange, TEXTS, st.sampled_from(["new", "gone", "changed"]), st.text(max_size=3000))
STACKS = st.builds(RenderedStack, TEXTS, st.lists(FILES, max_size=5).map(tuple), TEXTS)


@given(st.lists(STACKS, max_size=4))
def test_whatever_is_in_it_the_comment_begins_with_its_marker_and_fits(stacks: list[RenderedStack]) -> None:
    text = written(*stacks)
    assert text.startswith(MARKER)
    assert len(text.encode()) <= LIMIT
    assert text.endswith("</sub>")
