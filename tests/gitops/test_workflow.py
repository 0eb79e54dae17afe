"""The workflow files: what linters say of them, what they may do, and how their inputs reach the promoter."""

import re
from pathlib import Path

import pytest

from delivery.promotion.cli import main
from lab.actions import promoter_step
from tests.workflow_files import (
    ACTIONLINT,
    NO_ACTIONLINT,
    ROOT,
    check_actionlint,
    check_grants,
    check_pins,
    check_queues,
    check_scripts,
    check_zizmor,
    read,
)

WORKFLOWS = sorted((ROOT / "gitops" / "workflows").glob("*.yaml"))
PROMOTE = ROOT / "gitops" / "workflows" / "promote.yaml"
REQUIREMENTS = ROOT / "gitops" / "promoter" / "requirements.txt"
JOB = read(PROMOTE)["jobs"]["promote"]
INPUTS = read(PROMOTE)["on"]["workflow_dispatch"]["inputs"]


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def path(request: pytest.FixtureRequest) -> Path:
    chosen: Path = request.param
    return chosen


def test_zizmor_finds_nothing(path: Path) -> None:
    check_zizmor(path)


@pytest.mark.skipif(ACTIONLINT is None, reason=NO_ACTIONLINT)
def test_actionlint_finds_nothing(path: Path) -> None:
    check_actionlint(path)


def test_runs_that_wait_are_queued_with_a_value_that_github_knows(path: Path) -> None:
    check_queues(path)
    assert read(path)["concurrency"]["queue"] == "max"


def test_actions_are_pinned_by_commit_with_the_release_beside_it(path: Path) -> None:
    check_pins(path)


def test_no_expression_stands_in_a_script(path: Path) -> None:
    check_scripts(path)


def test_nothing_is_granted_but_by_each_job_for_itself(path: Path) -> None:
    check_grants(path)


def test_the_promoter_may_push_and_open_pull_requests_and_nothing_else() -> None:
    assert JOB["permissions"] == {"contents": "write", "pull-requests": "write"}


def test_every_input_reaches_the_promoter_as_one_variable() -> None:
    _, environment = promoter_step(JOB)
    variables = {"application": "APPLICATION", "from": "FROM", "to": "TO", "version": "VERSION"}
    variables |= {"commitID": "COMMIT_ID", "traceParent": "TRACEPARENT", "rollback": "ROLLBACK", "again": "AGAIN"}
    assert INPUTS.keys() == variables.keys()
    read_from = {f"${{{{ inputs.{name} }}}}": variable for name, variable in variables.items()}
    assert {text: name for name, text in environment.items() if "inputs." in text} == read_from


def test_the_promoter_reads_those_variables_those_of_actions_and_its_token(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"], {})
    read_by_promoter = set(re.findall(r"\[([A-Z_]+)(?:=true)?\]", capsys.readouterr().out))
    _, environment = promoter_step(JOB)
    given = {name for name, text in environment.items() if "inputs." in text}
    of_actions = {"GITHUB_REPOSITORY", "GITHUB_SERVER_URL", "GITHUB_API_URL"}
    of_a_person = {"DELIVERY_SETTINGS", "DELIVERY_REMOTE"}
    assert read_by_promoter == given | of_actions | of_a_person
    assert environment["GITHUB_TOKEN"] == "${{ secrets.PROMOTION_TOKEN || github.token }}"


def test_a_dispatch_has_to_name_the_edge_and_nothing_else() -> None:
    assert {name for name, given in INPUTS.items() if given["required"]} == {"application", "from", "to"}
    assert {given["default"] for given in INPUTS.values() if not given["required"]} == {"", False}


def test_one_group_is_one_application_and_target() -> None:
    assert read(PROMOTE)["concurrency"]["group"] == "promote/${{ inputs.application }}/${{ inputs.to }}"


def test_the_name_of_a_run_tells_what_it_does_from_where_to_where(path: Path) -> None:
    named = set(re.findall(r"inputs\.(\w+)", read(path)["run-name"]))
    assert named == {"rollback", "application", "version", "from", "to"}


def test_what_pip_downloads_is_cached_by_the_lock_that_it_installs() -> None:
    fetch, python, install, _ = JOB["steps"]
    assert python["with"]["cache"] == "pip"
    assert python["with"]["cache-dependency-path"] in install["run"]
    assert python["with"]["cache-dependency-path"].startswith(fetch["with"]["sparse-checkout"])


def test_the_promoters_requirements_are_the_programs_own_versions_with_hashes() -> None:
    assert pins(REQUIREMENTS).items() <= pins(ROOT / "requirements.txt").items()
    assert {"requests", "ruamel-yaml", "opentelemetry-sdk"} <= pins(REQUIREMENTS).keys()
    hashed = re.findall(r"^[\w.-]+==.*\\\n    --hash=sha256:", REQUIREMENTS.read_text(), re.MULTILINE)
    assert len(hashed) == len(pins(REQUIREMENTS))


def pins(path: Path) -> dict[str, str]:
    """Each distribution of a lock file, with its version."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.MULTILINE))
