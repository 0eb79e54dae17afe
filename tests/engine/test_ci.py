"""What the workflows run, with the real engine: a promotion alone, the comparison with what is there, an update."""

import json
import os
import shlex

import pytest

from ci.promotion import promote
from tests.engine.outcome import Outcome
from tests.engine.team import REFRESH_RENDERED, REPOSITORY, Team
from tests.workflow_files import ROOT, steps


@pytest.fixture
def team(team: Team) -> Team:
    """Production is deployed, dev's files are there, and promotions are resources."""
    outcome = team.promoting().up("production")
    assert outcome.status == 0, outcome.text
    return team


def drift(team: Team, stack: str) -> Outcome:
    """What the workflow runs at night, on `stack`."""
    [step] = [
        step for step in steps(ROOT / ".github" / "workflows" / "stack.yaml") if "--refresh" in step.get("run", "")
    ]
    [_, pulumi, *options] = shlex.split(step["run"])
    assert pulumi == "pulumi"
    command = [option for option in options if option not in ("--stack", "$STACK")]
    return team.run(stack, *command, environment=REFRESH_RENDERED)


def promoted(team: Team, **inputs: str) -> int:
    given = {"application": "podtato-head", "from": "dev", "to": "production", "rollback": "", "again": False} | inputs
    variables = {"TO": "production", "DELIVERY_PROMOTE": json.dumps(given), "DELIVERY_PROMOTE_ONLY": "true"}
    environment = os.environ | team.engine.environment | team.environment | variables
    return promote(environment, lambda _: pytest.fail("the stack is not locked"), project=team.engine.project)


def test_a_dispatch_promotes_what_was_verified_and_leaves_the_rest_of_the_stack_as_it_is(team: Team) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    verified, newest = team.release("v0.3.1"), team.release("v0.3.2")
    # Something else is waiting to be deployed, which no promotion may bring along.
    before = team.manifests("production")
    team.settings["argocdProject"] = "another"
    team.configure("production")

    for _ in range(2):
        assert promoted(team, version="v0.3.1", commitID=verified, traceParent=trace) == 0

    [pull] = team.pulls()
    assert team.version(ref=pull.head) == "v0.3.1"
    assert trace in team.read("production/values.yaml", pull.head)
    assert verified in (pull.body or "")
    assert team.manifests("production") == before
    team.forge.merge(REPOSITORY, pull.number, delete_branch=True)
    assert promoted(team, commitID=newest) == 0
    assert team.states() == ["merged", "open"]
    assert team.preview("production").changes == {"Application podtato-head": "update"}


def test_a_version_that_the_commit_has_not_is_refused_before_anything_is_written(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    commit = team.release("v0.3.1")
    assert promoted(team, version="v9", commitID=commit) != 0
    assert team.pulls() == []
    output = "".join(capsys.readouterr())
    assert "v9" in output
    assert "Traceback" not in output


def test_what_somebody_changed_by_hand_is_drift_and_neither_promoted_values_nor_a_due_promotion(team: Team) -> None:
    # What a refresh finds of a rendered cluster is not what this is about; being told so changes the provider.
    team.run("production", "up", "--yes", "--skip-preview", environment=REFRESH_RENDERED)
    team.release("v0.3.1")
    team.release("v0.2.9", "production")
    waiting = drift(team, "production")
    assert waiting.status == 0, waiting.text
    assert len(team.preview("production").of("create")) > 1

    team.forge.commit(REPOSITORY, {"production/Chart.yaml": "name: mine\n"}, "By hand")
    changed = drift(team, "production")
    team.forge.commit(REPOSITORY, {"production/Chart.yaml": None}, "By hand")
    deleted = drift(team, "production")

    path = "RepositoryFile podtato-head/production/Chart.yaml"
    assert (changed.status, deleted.status) == (1, 1)
    assert [changed.changes, deleted.changes] == [{path: "update"}, {path: "create"}]
