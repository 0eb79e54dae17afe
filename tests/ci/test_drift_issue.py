"""One issue for drift: opened once, updated while something differs, closed when nothing does, never on a guess."""

import json

import pytest

from ci import drift_issue
from ci.drift_issue import LABEL, MARKER
from ci.report import Change, Report
from lab.forge.issues_model import Issue
from tests.ci.conftest import REPOSITORY, TOKEN, Project

DRIFT = Change("update", "kubernetes:core/v1:Namespace", "podtato-head", ("metadata",))
PROMOTION = Change("create", "github:index/branch:Branch", "p", (), True)


@pytest.fixture
def nightly(project: Project) -> Project:
    project.token(issues="write", contents="read")
    return project


def run(project: Project, *reports: Report, **environment: str) -> int:
    project.folder.mkdir(exist_ok=True)
    for path in project.folder.iterdir():
        path.unlink()
    for report in reports:
        (project.folder / f"{report.stack}.json").write_text(report.to_json())
    stages = json.dumps(["dev", "production"])
    return drift_issue.main([str(project.folder)], project.environment(STAGES=stages) | environment)


def issues(project: Project) -> list[Issue]:
    return list(project.forge._state.issues[REPOSITORY].values())


CLEAN = (Report("dev"), Report("production"))
DRIFTED = (Report("dev", (DRIFT,)), Report("production"))


def test_without_drift_there_is_no_issue(nightly: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(nightly, *CLEAN) == 0
    assert issues(nightly) == []
    assert capsys.readouterr().out == "no drift, no issue\n"


def test_drift_opens_one_issue_that_is_updated_and_closed(nightly: Project) -> None:
    for _ in range(2):
        assert run(nightly, *DRIFTED) == 0
    [issue] = issues(nightly)
    assert (issue.state, issue.labels) == ("open", [LABEL])
    assert "| `update` | `podtato-head` | `Namespace` | `metadata` |" in (issue.body or "")
    assert "`pulumi up --refresh --run-program -s STACK`" in (issue.body or "")
    assert "production" not in (issue.body or "")

    assert run(nightly, *(Report(stack, (DRIFT,)) for stack in ("dev", "production"))) == 0
    assert [each.number for each in issues(nightly)] == [issue.number]
    assert "`production`" in (issue.body or "")

    assert run(nightly, *CLEAN) == 0
    assert issue.state == "closed"
    assert [comment.body for comment in issue.comments] == [
        "Nothing differs any more: https://github.com/acme/delivery/actions/runs/7"
    ]

    assert run(nightly, *DRIFTED) == 0
    assert [each.state for each in issues(nightly)] == ["closed", "open"]


def test_the_same_drift_is_not_written_twice(nightly: Project) -> None:
    run(nightly, *DRIFTED)
    nightly.forge.forget_requests()
    run(nightly, *DRIFTED)
    assert [record.method for record in nightly.forge.requests] == ["GET"]


def test_a_promotion_that_is_due_is_no_drift(nightly: Project) -> None:
    run(nightly, Report("dev"), Report("production", (PROMOTION,)))
    assert issues(nightly) == []


@pytest.mark.parametrize(
    "second", [[], [Report("production", failures=("unreachable @octocat",))]], ids=["gone", "failed"]
)
def test_a_stack_that_was_not_checked_keeps_the_issue_open_and_is_named(nightly: Project, second: list[Report]) -> None:
    run(nightly, *DRIFTED)
    run(nightly, Report("dev"), *second)
    [issue] = issues(nightly)
    assert issue.state == "open"
    assert "#### `production`\n\nCould not be checked:" in (issue.body or "")


def test_a_report_that_cannot_be_read_is_no_clean_one(nightly: Project) -> None:
    run(nightly, *CLEAN)
    (nightly.folder / "dev.json").write_text("{}")
    drift_issue.main([str(nightly.folder)], nightly.environment(STAGES='["dev"]'))
    [issue] = issues(nightly)
    assert "not a report" in (issue.body or "")


def test_a_persons_issue_is_left_alone_whatever_it_says(nightly: Project) -> None:
    theirs = Issue(1, "octocat", "Mine", f"{MARKER}\nmine", labels=[LABEL])
    nightly.forge._state.issues[REPOSITORY][1] = theirs
    run(nightly, *DRIFTED)
    run(nightly, *CLEAN)
    assert (theirs.state, theirs.body) == ("open", f"{MARKER}\nmine")
    assert [each.state for each in issues(nightly)] == ["open", "closed"]


def test_more_than_an_issue_holds_is_counted_by_stack(nightly: Project) -> None:
    # The table has bounds of its own; many stages reach the limit all the same.
    many = tuple(Change("update", "t:" + "k" * 60, "n" * 120, ("p" * 120,)) for _ in range(60))
    reports = [Report(f"stage-{number}", many) for number in range(40)]
    assert run(nightly, *reports, STAGES=json.dumps([each.stack for each in reports])) == 0
    [issue] = issues(nightly)
    assert len((issue.body or "").encode()) <= 65_536
    assert "stage-39" in (issue.body or "")


def test_a_token_that_may_not_is_told_what_it_needs(nightly: Project, capsys: pytest.CaptureFixture[str]) -> None:
    nightly.token(issues="read")
    assert run(nightly, *DRIFTED) == 1
    said = capsys.readouterr().err
    assert "issues=write" in said
    assert TOKEN not in said


@pytest.mark.parametrize("stages", [None, "", "[]", "{}", "dev", "[null]", '[""]'])
def test_without_stages_nothing_is_closed_by_mistake_and_the_variable_is_named(
    nightly: Project, stages: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    run(nightly, *DRIFTED)
    environment = nightly.environment() if stages is None else nightly.environment(STAGES=stages)
    assert drift_issue.main([str(nightly.folder)], environment) == 2
    assert [each.state for each in issues(nightly)] == ["open"]
    assert capsys.readouterr().err == (
        'error: STAGES has to be set, to the stacks as a JSON list (["dev", "production"]), which python -m ci.stacks '
        "prints: run this in the workflow\n"
    )
