"""The workflow that promotes by an update of the target's stack: the same door as the promoter's, another engine."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from delivery.config.files import read_stack_config
from delivery.config.reader import parse
from delivery.stack.repository_files import repository_files
from tests.workflow_files import ROOT, read, steps

PROMOTER = ROOT / "gitops" / "workflows" / "promote.yaml"
PULUMI = ROOT / "gitops" / "workflows" / "promote-with-pulumi.yaml"
COMMITTED = ".github/workflows/promote.yaml"


def step(path: Path, run: str) -> dict[str, Any]:
    """The step whose script ends so."""
    [found] = [one for one in steps(path) if one.get("run", "").endswith(run)]
    return found


def committed(**settings: str) -> dict[str, str]:
    """The GitOps repository's files, by path, of the first stage's stack with these settings."""
    given = {key.removeprefix("delivery:"): text for key, text in read_stack_config(ROOT, "dev").values.items()}
    return {file.path: file.content for file in repository_files(parse(given | settings, "dev"))}


@pytest.mark.parametrize(("settings", "source"), [({}, PROMOTER), ({"promotionEngine": "pulumi"}, PULUMI)])
def test_one_configuration_value_chooses_what_is_committed_as_the_one_workflow(
    settings: dict[str, str], source: Path
) -> None:
    files = committed(**settings)
    minutes = re.compile(r"cron: .*")  # the repository's own
    assert minutes.sub("", files[COMMITTED]) == minutes.sub("", source.read_text())
    assert [path for path in files if path.startswith(".github/workflows/")] == [COMMITTED]


def test_the_promoter_is_committed_with_either_engine() -> None:
    ours, theirs = committed(), committed(promotionEngine="pulumi")
    assert ours.keys() == theirs.keys()
    assert {path for path in ours if ours[path] != theirs[path]} == {COMMITTED}


def test_the_promotion_task_and_people_dispatch_both_alike() -> None:
    ours, theirs = read(PROMOTER), read(PULUMI)
    assert {key: ours[key] for key in ("name", "run-name", "on")} == {
        key: theirs[key] for key in ("name", "run-name", "on")
    }


def test_what_was_dispatched_reaches_the_program_as_one_variable_that_it_reads() -> None:
    environment = step(PULUMI, "ci.promotion")["env"]
    assert environment["DELIVERY_PROMOTE"] == "${{ toJSON(inputs) }}"
    assert environment["DELIVERY_PROMOTE_ONLY"] == "true"
    assert environment["TO"] == "${{ inputs.to }}"
    inputs = {
        name: given.get("default", "") for name, given in read(PULUMI)["on"]["workflow_dispatch"]["inputs"].items()
    }
    inputs |= {"application": "podtato-head", "from": "dev", "to": "production", "version": "v0.3.1"}
    given = {key.removeprefix("delivery:"): text for key, text in read_stack_config(ROOT, "production").values.items()}
    request = parse(given | {"promote": json.dumps(inputs)}, "production").request
    assert (request.application, request.source, request.version, request.again) == (
        "podtato-head",
        "dev",
        "v0.3.1",
        False,
    )


def test_a_rollback_is_the_promoters_own_in_both() -> None:
    ours, theirs = step(PROMOTER, "promoter.py"), step(PULUMI, "promoter.py")
    # What a rollback does not need: it is no sweep, and reads no records.
    assert {key: text for key, text in ours["env"].items() if key not in ("SWEEP", "RECORDS_TOKEN")} == theirs["env"]
    assert theirs["if"] == "inputs.rollback != ''"
    conditions = {one["name"]: one.get("if", "") for one in read(PULUMI)["jobs"]["promote"]["steps"]}
    assert [name for name, condition in conditions.items() if "rollback" not in condition] == ["Set up Python"]


def test_one_run_at_a_time_updates_a_stack_and_none_reaches_a_cluster() -> None:
    workflow = read(PULUMI)
    assert workflow["concurrency"]["group"] == "promote/${{ inputs.to || 'sweep' }}"
    assert workflow["jobs"]["promote"]["environment"] == "promotion"
    assert "KUBECONFIG" not in PULUMI.read_text().upper()
