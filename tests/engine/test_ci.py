"""What the workflows run, by the real engine: a promotion alone, and previews as reports."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from ci.preview import preview
from ci.promotion import promote
from ci.report import Report
from tests.engine.team import REFRESH_RENDERED, REPOSITORY, Team


@pytest.fixture
def team(team: Team) -> Team:
    """Production is up, dev's files are there, and promotions are resources."""
    outcome = team.promoting().up("production")
    assert outcome.status == 0, outcome.text
    return team


def environment(team: Team, **more: str) -> dict[str, str]:
    return os.environ | team.engine.environment | team.environment | more


def previewed(team: Team, stack: str, *, refresh: bool = False) -> Report:
    """The report, without what only a test's rendered cluster has: being told to bear with it changes the provider."""
    more = REFRESH_RENDERED if refresh else {}
    report = preview(stack, environment(team, **more), refresh=refresh, project=team.engine.project)
    changes = (each for each in report.changes if not (refresh and each.type == "pulumi:providers:kubernetes"))
    return replace(report, changes=tuple(changes))


def promoted(team: Team, **inputs: str) -> int:
    given = {"application": "podtato-head", "from": "dev", "to": "production", "rollback": "", "again": False} | inputs
    variables = environment(team, TO="production", DELIVERY_PROMOTE=json.dumps(given), DELIVERY_PROMOTE_ONLY="true")
    return promote(variables, lambda _: pytest.fail("the stack is not locked"), project=team.engine.project)


def test_a_dispatch_promotes_alone_and_leaves_the_rest_of_the_stack_as_it_is(team: Team) -> None:
    commit = team.release("v0.3.1")
    team.configure("production")
    # Something else is waiting to be deployed, which no promotion may bring along.
    before = team.manifests("production")
    team.settings["argocdProject"] = "another"
    team.configure("production")

    assert promoted(team, version="v0.3.1", commitID=commit) == 0

    [pull] = team.pulls()
    assert pull.state == "open"
    assert team.version(ref=pull.head) == "v0.3.1"
    assert team.manifests("production") == before
    waiting = previewed(team, "production").drift
    assert [(change.operation, change.type.rpartition(":")[2]) for change in waiting] == [("update", "Application")]
    assert promoted(team, version="v0.3.1", commitID=commit) == 0
    assert len(team.pulls()) == 1


def test_a_version_that_the_commit_has_not_is_refused_before_anything_is_written(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    commit = team.release("v0.3.1")
    assert promoted(team, version="v9", commitID=commit) != 0
    assert team.pulls() == []
    said = capsys.readouterr()
    assert "v9" in said.out + said.err
    assert "Traceback" not in said.out + said.err


def test_after_a_merge_the_next_promotion_is_a_new_pull_request(team: Team) -> None:
    assert promoted(team, commitID=team.release("v0.3.1")) == 0
    team.forge.merge(REPOSITORY, team.pulls()[0].number, delete_branch=True)
    assert promoted(team, commitID=team.release("v0.3.2")) == 0
    assert [pull.merged for pull in team.pulls()] == [True, False]


def test_what_somebody_changed_by_hand_is_drift_and_what_git_owns_is_not(team: Team) -> None:
    assert team.up("dev").status == 0
    team.release("v0.3.1")
    untouched = previewed(team, "dev", refresh=True)
    assert (untouched.changes, untouched.failures) == ((), ())
    waiting = previewed(team, "production", refresh=True)
    assert [each.type.rpartition(":")[2] for each in waiting.changes] == [
        "Branch",
        "RepositoryFile",
        "RepositoryPullRequest",
    ]
    assert waiting.drift == ()
    assert any("v0.3.0 → v0.3.1" in note for note in waiting.notes)

    team.forge.commit(REPOSITORY, {"dev/Chart.yaml": "name: mine\n"}, "By hand")

    [change] = previewed(team, "dev", refresh=True).drift
    assert (change.operation, change.name, change.keys) == ("update", "podtato-head/dev/Chart.yaml", ("content",))


def test_a_token_that_was_replaced_is_no_drift_and_drift_is_found_all_the_same(team: Team) -> None:
    team.rotate()
    team.configure("production")
    unchanged = previewed(team, "production", refresh=True)
    team.forge.commit(REPOSITORY, {"production/Chart.yaml": None}, "Deleted by hand")
    deleted = previewed(team, "production", refresh=True)

    assert unchanged.failures == ()
    assert [change.name for change in unchanged.changes] == ["github"]
    assert unchanged.drift == ()
    assert [(change.operation, change.name) for change in deleted.drift] == [
        ("create", "podtato-head/production/Chart.yaml")
    ]


def test_a_report_of_the_real_engine_holds_no_secret_and_says_what_fails(team: Team, tmp_path: Path) -> None:
    wrong = environment(team, PULUMI_CONFIG_PASSPHRASE="of another stack")
    found = preview("production", wrong, refresh=False, project=team.engine.project)
    assert found.failures
    assert not any("of another stack" in line for line in (*found.failures, *found.notes))
    nowhere = preview(
        "production",
        environment(team, PULUMI_BACKEND_URL=tmp_path.as_uri()),
        refresh=False,
        project=team.engine.project,
    )
    assert any("no stack named" in line for line in nowhere.failures)
