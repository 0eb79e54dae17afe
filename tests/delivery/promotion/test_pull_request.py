"""What pull requests say, and the metadata that is read back from them."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.git.commits import Commit
from delivery.model.edges import Edge
from delivery.model.promoted_keys import in_values
from delivery.model.settings import PromotionSettings
from delivery.promotion.body import Subject
from delivery.promotion.metadata import PromotionMetadata, parse_metadata
from delivery.promotion.plan import Change
from delivery.promotion.pull_request import BODY_LIMIT, TITLE_LIMIT, closed_body, render
from delivery.values.scalar import Scalar

TRACEPARENT = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"
EDGE = Edge("podtato-head", "dev", "production", "dev", "production", in_values("serviceVersion"))
SETTINGS = PromotionSettings(
    "acme",
    "gitops",
    "main",
    "https://api.github.com",
    "https://github.com/acme/gitops",
    {"dev": (), "staging": ("dev",), "production": ("dev", "staging")},
    (EDGE,),
    trace_url="https://jaeger.example/trace/{trace_id}?uiFind={span_id}",
)
HOSTILE = "--><script>fixes #1 @acme/team | `x` \u202e\n```\n<!-- -->"


def metadata(**changes: object) -> PromotionMetadata:
    usual: dict[str, object] = {
        "kind": "promotion",
        "application": "podtato-head",
        "source": "dev",
        "target": "production",
        "commit": "ab" * 20,
        "version": "v0.3.1",
        "traceparent": TRACEPARENT,
        "changes": (Change("serviceVersion", "v0.3.0", "v0.3.1"),),
    }
    return PromotionMetadata(**(usual | changes))  # type: ignore[arg-type]


def subject(of: PromotionMetadata | None = None, **changes: object) -> Subject:
    return Subject(EDGE, of or metadata(), **changes)  # type: ignore[arg-type]


def commit(message: str, author: str = "Ada") -> Commit:
    return Commit("cd" * 20, (), "ada@example.org", author, message, "")


def test_the_graph_and_the_command_are_fenced_and_what_follows_is_text_again() -> None:
    lines = render(subject(), SETTINGS).body.splitlines()

    assert [line for line in lines if "`" * 3 in line] == ["```mermaid", "```", "```sh", "```"]
    assert lines[lines.index("```mermaid") : lines.index("```") + 1] == [
        "```mermaid",
        "flowchart LR",
        '  s0["dev"]',
        '  s1["staging"]',
        '  s2["production"]',
        "  s0 --> s1",
        '  s0 == "this one" ==> s2',
        "  s1 --> s2",
        "```",
    ]


def test_of_very_many_changes_the_first_are_shown_and_the_others_counted() -> None:
    changes = tuple(Change(f"key{number}", "a", "b") for number in range(117))

    body = render(subject(metadata(changes=changes)), SETTINGS).body

    assert "| `key99` | `a` | `b` |\n| and 17 more | | |\n" in body


def test_the_body_tells_the_change_the_commit_the_trace_and_how_to_roll_back() -> None:
    body = render(subject(base="ef" * 20, commits=(commit("Release v0.3.1"),), more=3), SETTINGS).body

    assert "| `serviceVersion` | `v0.3.0` | `v0.3.1` |" in body
    assert f"https://github.com/acme/gitops/compare/{'ef' * 20}...{'ab' * 20}" in body
    assert "`Release v0.3.1` by `Ada`" in body
    assert "and 3 more" in body
    assert "https://jaeger.example/trace/23679963727bf63245f9b55983c73104?uiFind=b427a6fcfc56cd6a" in body
    assert "-f application=podtato-head -f from=dev -f to=production -f rollback=" in body


def test_notes_stand_directly_below_the_opening_line_and_a_rollback_s_below_its_reason() -> None:
    notes = ("dev has moved on.", "Merging this reverts it.")
    promotion = render(subject(notes=notes), SETTINGS).body
    rollback = render(subject(metadata(kind="rollback"), notes=notes, reason="it returns 500"), SETTINGS).body

    shown = "\n\n> dev has moved on.\n> Merging this reverts it.\n\n| key | was | becomes |\n"
    assert f" task gives.{shown}" in promotion
    assert f"**Why:** `it returns 500`{shown}" in rollback


LOCAL = "http://localhost:16686/trace/{trace_id}?uiFind={span_id}"


@pytest.mark.parametrize(
    ("traceparent", "trace_url", "web_url", "linked"),
    [
        ("", SETTINGS.trace_url, SETTINGS.web_url, False),
        (TRACEPARENT, LOCAL, SETTINGS.web_url, False),
        (TRACEPARENT, LOCAL, "http://127.0.0.1:8080/acme/gitops", True),
        (TRACEPARENT, "javascript:alert({trace_id})", SETTINGS.web_url, False),
    ],
    ids=["no trace", "on one's own machine", "both on one's own machine", "no web address"],
)
def test_a_trace_is_linked_where_a_reader_can_follow(
    traceparent: str, trace_url: str, web_url: str, linked: bool
) -> None:
    settings = replace(SETTINGS, trace_url=trace_url, web_url=web_url)

    body = render(subject(metadata(traceparent=traceparent)), settings).body

    address = trace_url.partition("{")[0]
    assert (address in body) is linked
    assert ("**Trace:**" in body) is (linked or bool(traceparent and trace_url == LOCAL))


def test_title_message_and_merge_method_are_as_the_team_wants_them() -> None:
    settings = replace(
        SETTINGS,
        title="chore({to}): {application} {version}",
        message="{application}: {from} to {to}",
        merge_method="squash",
    )
    rendered = render(subject(), settings)
    assert rendered.title == "chore(production): podtato-head v0.3.1"
    assert rendered.message.splitlines()[0] == "podtato-head: dev to production"
    assert "**To merge:** squash and merge." in rendered.body
    assert "To merge" not in render(subject(), SETTINGS).body


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"manual": ("production",)}, "merging deploys nothing by itself"),
        ({"windows": {"production": "Mon-Fri 9-17 UTC"}}, "only in its window, `Mon-Fri 9-17 UTC`"),
    ],
)
def test_a_stage_that_does_not_sync_at_once_says_what_follows_the_merge(changes: dict[str, Any], said: str) -> None:
    settings = replace(SETTINGS, **changes)
    assert PromotionSettings.from_json(settings.to_json()) == settings
    for kind in ("promotion", "rollback"):
        body = render(subject(metadata(kind=kind)), settings).body
        assert said in body
        assert ("**production:**" in body) is bool(said)


def test_hostile_text_breaks_nothing() -> None:
    hostile = metadata(version=HOSTILE, changes=(Change(HOSTILE, HOSTILE, HOSTILE),))

    rendered = render(subject(hostile, commits=(commit(HOSTILE, HOSTILE),)), SETTINGS)

    _, _, row = [line for line in rendered.body.splitlines() if line.startswith("| ")]
    assert row.count("|") == 4
    visible = re.sub(r"&#\d+;", "", rendered.body)
    assert "<script" not in visible
    for text in (rendered.title, rendered.message, visible):
        assert not re.search(r"#\d|@\w|\u202e", text)
    assert rendered.body.count("```") == 4
    assert rendered.body.count("<!--") == 2
    assert rendered.message.count("\n\n") == 2
    assert rendered.message.splitlines()[-1].startswith("Delivery-Promotion: podtato-head dev->production ab")


@given(st.text(), st.text(), st.none() | st.text())
def test_metadata_is_read_back_as_it_was_written(version: str, becomes: str, was: str | None) -> None:
    written = metadata(
        version=version, changes=(Change("a.b", was, becomes),), undoes=3, superseded_by="12" * 20, digest="x"
    )
    comment = written.to_comment()

    assert parse_metadata(f"text\n{comment}\nmore", EDGE) == written
    assert "--" not in comment.removeprefix("<!--").removesuffix("-->")
    assert not re.search(r"[<>&\n]", comment.removeprefix("<!--").removesuffix("-->"))


@pytest.mark.parametrize(
    "changed",
    [
        {"application": "other"},
        {"to": "staging"},
        {"commitID": "main"},
        {"commitID": None},
        {"changes": [{"key": 1}]},
        {"changes": 3},
        {"changes": [{"key": "a", "was": "x", "becomes": "y", "kind": "integer"}]},
        {"changes": [{"key": "a", "was": "x", "becomes": "y", "kind": "list"}]},
        {"undoes": "x"},
        {"undoes": 1e999},
        {"undoes": True},
    ],
)
def test_metadata_that_is_not_ours_is_none(changed: dict[str, object]) -> None:
    data = json.loads(metadata().to_comment().removeprefix("<!-- delivery-promotion ").removesuffix(" -->"))

    assert parse_metadata(f"<!-- delivery-promotion {json.dumps(data | changed)} -->", EDGE) is None


def test_metadata_that_no_parser_gets_through_is_none() -> None:
    deep = "[" * 60_000 + "]" * 60_000

    assert parse_metadata(f'<!-- delivery-promotion {{"changes": {deep}}} -->', EDGE) is None


@pytest.mark.parametrize("was", [Scalar("false", "boolean"), Scalar("null", "null"), Scalar("07", "integer")])
def test_metadata_keeps_of_what_kind_a_value_was(was: Scalar) -> None:
    written = metadata(changes=(Change("a", was.text, "b", was.kind),))

    assert parse_metadata(written.to_comment(), EDGE) == written


def test_that_nobody_named_the_commit_is_a_field_and_read_out_of_the_text_of_older_promoters_alone() -> None:
    unverified = metadata(verified=False)
    older = f"Promotes it.\n\n> No commit was given: make sure.\n\n{metadata().to_comment()}"

    assert parse_metadata(unverified.to_comment(), EDGE) == unverified
    assert "verified" not in metadata().to_comment()
    assert parse_metadata(older, EDGE) == unverified


def test_a_traceparent_that_somebody_edited_into_the_metadata_is_dropped() -> None:
    edited = metadata().to_comment().replace(TRACEPARENT, "x]({{evil}})")

    found = parse_metadata(edited, EDGE)

    assert found is not None
    assert found.traceparent == ""


@pytest.mark.parametrize("keys", [1, 300, 3000])
def test_titles_and_bodies_keep_to_githubs_limits(keys: int) -> None:
    changes = tuple(Change(f"key{number}", HOSTILE * 9, HOSTILE * 9) for number in range(keys))
    commits = tuple(commit(HOSTILE * 50) for _ in range(20))

    rendered = render(subject(metadata(version="v" * 500, changes=changes), commits=commits), SETTINGS)

    assert len(rendered.title) <= TITLE_LIMIT
    assert len(rendered.body) <= BODY_LIMIT
    assert parse_metadata(rendered.body, EDGE) is not None
    assert ("more | | |" in rendered.body) == (keys > 5)
    closed = closed_body(rendered.body, rendered.metadata, "pointless")
    assert len(closed) <= BODY_LIMIT
    assert len(rendered.over("x" * 60_000 + rendered.body)) <= BODY_LIMIT


def test_another_run_says_the_same_but_another_commit_does_not() -> None:
    first = render(subject(), SETTINGS)

    assert render(subject(metadata(run_traceparent=TRACEPARENT)), SETTINGS).says(first.metadata)
    assert not render(subject(metadata(commit="cd" * 20)), SETTINGS).says(first.metadata)
    assert not first.says(None)
