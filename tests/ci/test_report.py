"""A preview as a report: what is a change, what is drift, what is left out, and what cannot be smuggled in."""

import json

import pytest

from ci.report import Change, Report, ReportError, read_preview
from tests.ci.tools import preview_json

FILE = "delivery:components:RepositoryFiles$github:index/repositoryFile:RepositoryFile"
PULL = "delivery:components:Promotion$github:index/repositoryPullRequest:RepositoryPullRequest"


def test_only_what_an_update_would_change_is_a_change() -> None:
    output = preview_json(
        ("refresh", FILE, "a"),
        ("same", FILE, "b"),
        ("update", FILE, "c"),
        ("update", "pulumi:pulumi:Stack", "delivery-dev"),
    )
    report = read_preview("dev", 0, output, "", [])
    assert report.changes == (Change("update", "github:index/repositoryFile:RepositoryFile", "c", ("content",)),)
    assert report.failures == ()


def test_a_replacement_is_one_change() -> None:
    steps = [(each, FILE, "a") for each in ("create-replacement", "replace", "delete-replaced")]
    assert [change.operation for change in read_preview("dev", 0, preview_json(*steps), "", []).changes] == ["replace"]


def test_a_promotion_that_is_due_is_a_change_and_no_drift() -> None:
    report = read_preview("production", 0, preview_json(("create", PULL, "p"), ("delete", FILE, "f")), "", [])
    assert len(report.changes) == 2
    assert [change.name for change in report.drift] == ["f"]


def test_a_provider_with_a_new_token_is_a_change_and_no_drift() -> None:
    report = read_preview("dev", 0, preview_json(("update", "pulumi:providers:github", "github")), "", [])
    assert [change.name for change in report.changes] == ["github"]
    assert report.drift == ()


def test_no_value_is_in_a_report() -> None:
    assert "a value that" not in read_preview("dev", 0, preview_json(("update", FILE, "c")), "", []).to_json()


def test_what_the_program_says_is_kept_once_and_without_secrets() -> None:
    said = (
        ("info", "podtato-head: dev → production: serviceVersion: v0.3.0 → v0.3.1"),
        ("info", "podtato-head: dev → production: serviceVersion: v0.3.0 → v0.3.1"),
        ("warning", "warning: using pulumi-resource-github from $PATH at /somewhere"),
        ("warning", "the token ghs_123456789 is about to end"),
    )
    report = read_preview("dev", 0, preview_json(diagnostics=said), "", ["ghs_123456789", "x"])
    assert report.notes == (
        "podtato-head: dev → production: serviceVersion: v0.3.0 → v0.3.1",
        "the token [secret] is about to end",
    )


def test_errors_are_failures() -> None:
    report = read_preview("dev", 1, preview_json(diagnostics=(("error", "error: no cluster"),)), "", [])
    assert report.failures == ("error: no cluster",)


@pytest.mark.parametrize("output", ["", "not JSON", "[]", "3"])
def test_a_cli_that_gives_up_early_is_quoted_without_secrets(output: str) -> None:
    report = read_preview("dev", 255, output, "error: no stack at postgres://u:pass@h/db\n", ["postgres://u:pass@h/db"])
    assert report.failures == ("error: no stack at [secret]",)
    assert read_preview("dev", 255, output, "", []).failures == ("pulumi ended with status 255 and said nothing",)


def test_a_failure_without_a_word_is_one_all_the_same() -> None:
    assert read_preview("dev", 3, preview_json(), "", []).failures == ("pulumi ended with status 3",)


def test_a_report_survives_the_way_to_another_job() -> None:
    report = Report("dev", (Change("update", "t", "n", ("k",), True),), ("a",), ("b",))
    assert Report.from_json(report.to_json()) == report


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "[" * 100_000,
        json.dumps({"stack": 1, "changes": [], "notes": [], "failures": []}),
        json.dumps({"stack": "dev", "changes": [{"operation": {}}], "notes": [], "failures": []}),
        json.dumps({"stack": "dev", "changes": {}, "notes": [], "failures": []}),
        json.dumps({"stack": "dev", "changes": [], "notes": "text", "failures": []}),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(ReportError, match="not a report"):
        Report.from_json(text)


def test_a_report_by_a_stranger_has_bounds() -> None:
    text = json.dumps({"stack": "s" * 9000, "changes": [], "notes": ["n" * 9000] * 9000, "failures": []})
    report = Report.from_json(text)
    assert len(report.stack) == len(report.notes[0]) == len(report.notes) == 2000
