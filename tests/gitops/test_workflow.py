"""The workflow files: what linters say of them, what they may do, as whom, and how their inputs reach the promoter."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.model.pipeline import ENGINES, IDENTITIES
from delivery.promotion.cli import main
from delivery.stack.workflow import has_environment, workflow
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

COMMITTED = [(engine, identity) for engine in ENGINES for identity in IDENTITIES]
PROMOTE = ROOT / "gitops" / "workflows" / "promote.yaml"
REQUIREMENTS = ROOT / "gitops" / "promoter" / "requirements.txt"
JOB = read(PROMOTE)["jobs"]["promote"]
INPUTS = read(PROMOTE)["on"]["workflow_dispatch"]["inputs"]


@pytest.fixture(params=COMMITTED, ids="-".join)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The workflow as it is committed for an engine and an identity."""
    file = tmp_path / f"{'-'.join(request.param)}.yaml"
    file.write_text(workflow(*request.param))
    return file


def test_zizmor_finds_nothing_but_the_one_secret_for_which_no_environment_is_declared(path: Path) -> None:
    check_zizmor(path, ignored=1 if path.stem == "promoter-workflow" else 0)


def test_a_finding_of_zizmor_is_ignored_where_the_line_above_says_why(path: Path) -> None:
    lines = path.read_text().splitlines()
    for above, line in pairwise(lines):
        assert "zizmor: ignore" not in line or above.strip().startswith("# No environment holds it, because")


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


def test_the_promoter_may_push_and_open_pull_requests_and_read_records_and_nothing_else() -> None:
    reads = {"deployments": "read", "statuses": "read"}
    assert JOB["permissions"] == {"contents": "write", "pull-requests": "write"} | reads


@pytest.mark.parametrize(("engine", "identity"), COMMITTED)
def test_the_pull_request_is_opened_by_the_configured_identity_and_no_other_has_the_right_to(
    engine: str, identity: str
) -> None:
    text = workflow(engine, identity)
    job = yaml.safe_load(text)["jobs"]["promote"]
    token = {
        "workflow": "${{ github.token }}",
        "token": "${{ secrets.PROMOTION_TOKEN }}",
        "app": "${{ steps.app.outputs.token }}",
    }[identity]
    assert {step["env"]["GITHUB_TOKEN"] for step in job["steps"] if "GITHUB_TOKEN" in step.get("env", {})} == {token}
    writes = {scope for scope, level in job["permissions"].items() if level == "write"} - {"id-token"}
    assert writes == ({"contents", "pull-requests"} if identity == "workflow" else set())
    assert ("PROMOTION_TOKEN" in text, "create-github-app-token" in text) == (identity == "token", identity == "app")
    assert (job.get("environment") == "promotion") == has_environment(engine, identity)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_apps_token_is_for_this_repository_and_for_a_promotion_alone(engine: str) -> None:
    [step] = [one for one in yaml.safe_load(workflow(engine, "app"))["jobs"]["promote"]["steps"] if "id" in one][:1]
    granted = {key: value for key, value in step["with"].items() if key.startswith("permission-")}
    assert granted == {"permission-contents": "write", "permission-pull-requests": "write"}
    assert step["with"]["repositories"] == "${{ github.event.repository.name }}"
    assert not {"owner", "skip-token-revoke"} & step["with"].keys()


@pytest.mark.parametrize("identity", ["token", "app"])
def test_a_place_that_another_identity_needs_and_the_file_lacks_is_reported(
    identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.stack.workflow.read_gitops", lambda _: "jobs: {}\n")
    with pytest.raises(ValueError, match="the workflow has no"):
        workflow.__wrapped__("promoter", identity)


def test_every_input_reaches_the_promoter_as_one_variable() -> None:
    _, environment = promoter_step(JOB)
    variables = {"application": "APPLICATION", "from": "FROM", "to": "TO", "version": "VERSION"}
    variables |= {"commitID": "COMMIT_ID", "traceParent": "TRACEPARENT", "rollback": "ROLLBACK", "again": "AGAIN"}
    assert INPUTS.keys() == variables.keys()
    read_from = {f"${{{{ inputs.{name} }}}}": variable for name, variable in variables.items()}
    read_from["${{ !inputs.application }}"] = "SWEEP"
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


def test_a_dispatch_of_nothing_is_a_sweep(path: Path) -> None:
    inputs = read(path)["on"]["workflow_dispatch"]["inputs"]
    assert {(given["required"], given["default"]) for given in inputs.values()} == {(False, ""), (False, False)}


def test_one_group_is_one_application_and_target_and_one_is_the_sweep() -> None:
    group = read(PROMOTE)["concurrency"]["group"]
    assert group == "promote/${{ inputs.application || 'sweep' }}/${{ inputs.to || 'all' }}"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("minutes", [5, 6, 10, 12, 15, 20, 30, 60])
def test_the_schedule_is_as_often_as_configured_and_never_at_the_full_hour(engine: str, minutes: int) -> None:
    [cron] = {
        one["cron"]
        for one in read_text(workflow(engine, "workflow", repository="acme/gitops", sweep_minutes=minutes))["schedule"]
    }
    listed = [int(minute) for minute in cron.removesuffix(" * * * *").split(",")]
    assert len(listed) == 60 // minutes
    assert {later - earlier for earlier, later in pairwise(listed)} <= {minutes}
    assert 0 < min(listed) <= max(listed) < 60


def test_repositories_sweep_at_other_minutes_each() -> None:
    names = [f"acme/gitops-{number}" for number in range(50)]
    assert len({workflow("promoter", "workflow", repository=name) for name in names}) > 10


@pytest.mark.parametrize("engine", ENGINES)
def test_without_a_schedule_a_sweep_is_still_made_by_hand(engine: str) -> None:
    text = workflow(engine, "workflow", sweep_minutes=0)
    assert read_text(text).keys() == {"workflow_dispatch"}


@pytest.mark.parametrize(("engine", "identity"), COMMITTED)
@pytest.mark.skipif(ACTIONLINT is None, reason=NO_ACTIONLINT)
def test_for_a_server_of_ones_own_there_is_no_queue_and_a_plain_actionlint_finds_nothing(
    engine: str, identity: str, tmp_path: Path
) -> None:
    file = tmp_path / "workflow.yaml"
    file.write_text(workflow(engine, identity, api_url="https://git.example/api/v3"))
    assert "queue" not in read(file)["concurrency"]
    check_actionlint(file, plain=True)


def read_text(text: str) -> dict[str, Any]:
    """What starts the workflow, by its own name: this parser takes `on` for a boolean."""
    on: dict[str, Any] = yaml.safe_load(text)[True]
    return on


def test_only_the_sweep_that_starts_runs_may_start_runs() -> None:
    jobs = yaml.safe_load(workflow("pulumi", "app"))["jobs"]
    assert {name for name, job in jobs.items() if "actions" in job["permissions"]} == {"sweep"}
    writes = {scope for scope, level in jobs["sweep"]["permissions"].items() if level == "write"}
    assert (writes, jobs["sweep"]["if"], jobs["promote"]["if"]) == (
        {"actions"},
        "inputs.application == ''",
        "inputs.application != ''",
    )


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
