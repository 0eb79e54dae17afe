"""The workflow file: what linters say of it, what it may do, and how its inputs reach the promoter."""

import re
from pathlib import Path

import pytest

from lab.workflow import Context, InputError, Workflow, check_inputs, evaluate, parse_workflow
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
DISPATCH = {
    "application": "podtato-head",
    "from": "dev",
    "to": "production",
    "version": "v0.3.1",
    "commitID": "a" * 40,
    "traceParent": "",
}


@pytest.fixture(scope="module")
def promote() -> Workflow:
    return parse_workflow(PROMOTE.read_text())


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


def test_the_promoter_may_push_and_open_pull_requests_and_nothing_else(promote: Workflow) -> None:
    assert promote.permissions == {"contents": "write", "pull-requests": "write"}


def test_a_dispatch_by_the_task_is_accepted_and_reaches_the_promoter_as_environment(promote: Workflow) -> None:
    environment = promoter_environment(promote, DISPATCH, {"GITHUB_TOKEN": "ghs_own"})
    assert environment == {
        "APPLICATION": "podtato-head",
        "FROM": "dev",
        "TO": "production",
        "VERSION": "v0.3.1",
        "COMMIT_ID": "a" * 40,
        "TRACEPARENT": "",
        "ROLLBACK": "",
        "AGAIN": "false",
        "GITHUB_TOKEN": "ghs_own",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "",
        "OTEL_EXPORTER_OTLP_HEADERS": "",
    }


def test_a_rollback_needs_no_version_and_a_token_of_its_own_is_preferred(promote: Workflow) -> None:
    inputs = {"application": "a", "from": "b", "to": "c", "rollback": "it burns", "again": "true"}
    environment = promoter_environment(promote, inputs, {"GITHUB_TOKEN": "ghs_own", "PROMOTION_TOKEN": "ghp_app"})
    assert environment["ROLLBACK"] == "it burns"
    assert environment["AGAIN"] == "true"
    assert environment["GITHUB_TOKEN"] == "ghp_app"


@pytest.mark.parametrize("missing", ["application", "from", "to"])
def test_a_dispatch_that_names_no_edge_is_refused(promote: Workflow, missing: str) -> None:
    with pytest.raises(InputError, match=f"Required input '{missing}' not provided"):
        check_inputs(promote, {key: value for key, value in DISPATCH.items() if key != missing})


def test_one_group_is_one_application_and_target(promote: Workflow) -> None:
    def group(application: str, source: str, target: str) -> str:
        return evaluate(promote.group, {"inputs": {"application": application, "from": source, "to": target}})

    assert group("a", "dev", "production") == group("a", "staging", "production")
    assert group("a", "dev", "production") != group("b", "dev", "production")
    assert group("a-b", "dev", "c") != group("a", "dev", "b-c")


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        ({"version": "v0.3.1"}, "Promote podtato-head v0.3.1: dev → production"),
        ({}, "Promote podtato-head: dev → production"),
        ({"rollback": "it returns 500"}, "Roll back podtato-head: dev → production"),
    ],
)
def test_the_run_is_named_after_what_it_does(path: Path, inputs: dict[str, str], name: str) -> None:
    edge = {"application": "podtato-head", "from": "dev", "to": "production"}
    given = dict.fromkeys(read(path)["on"]["workflow_dispatch"]["inputs"], "") | edge | inputs
    assert evaluate(read(path)["run-name"], {"inputs": given}) == name


def test_the_promoters_requirements_are_the_programs_own_versions_with_hashes() -> None:
    assert pins(REQUIREMENTS).items() <= pins(ROOT / "requirements.txt").items()
    assert {"requests", "ruamel-yaml", "opentelemetry-sdk"} <= pins(REQUIREMENTS).keys()
    hashed = re.findall(r"^[\w.-]+==.*\\\n    --hash=sha256:", REQUIREMENTS.read_text(), re.MULTILINE)
    assert len(hashed) == len(pins(REQUIREMENTS))


def pins(path: Path) -> dict[str, str]:
    """Each distribution of a lock file, with its version."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.MULTILINE))


def promoter_environment(promote: Workflow, inputs: dict[str, str], secrets: dict[str, str]) -> dict[str, str]:
    """What the step that runs the promoter has in its environment."""
    contexts: dict[str, Context] = {
        "inputs": check_inputs(promote, dict(inputs)),
        "github": {"token": secrets["GITHUB_TOKEN"]},
        "secrets": secrets,
        "vars": {},
    }
    [step] = [step for step in promote.steps if "promoter.py" in step.run]
    return {key: evaluate(value, contexts) for key, value in step.environment.items()}
