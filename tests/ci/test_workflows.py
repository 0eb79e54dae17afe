"""The project's own workflows: what linters say, what they may do, and that they follow the pipeline."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ci.stacks import stages
from delivery.doctor.toolchain import locked_versions
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
    steps,
)

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yaml"))
COMMENT = FOLDER / "preview-comment.yaml"


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def path(request: pytest.FixtureRequest) -> Path:
    chosen: Path = request.param
    return chosen


def jobs(name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(FOLDER / f"{name}.yaml")["jobs"]
    return found


def is_approval(name: str) -> bool:
    """Whether the job of this name waits for the approval of a stage's update, and does nothing."""
    return name.removeprefix("approve-") in stages(ROOT).keys() - {name}


def kept(job: dict[str, Any], folder: str) -> None:
    """The job's folder is kept for the next one, whatever became of the job."""
    [step] = [step for step in job["steps"] if "upload-artifact@" in step.get("uses", "")]
    assert (step["if"], step["with"]["path"]) == ("always()", folder)


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@delivery.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def commit(repository: Path, name: str) -> None:
    (repository / name).touch()
    git("-C", str(repository), "add", name)
    git("-C", str(repository), "commit", "-q", "-m", name)


def test_zizmor_finds_nothing_but_the_one_trigger_that_is_explained_where_it_stands(path: Path) -> None:
    check_zizmor(path, ignored=1 if path == COMMENT else 0)


@pytest.mark.skipif(ACTIONLINT is None, reason=NO_ACTIONLINT)
def test_actionlint_finds_nothing(path: Path) -> None:
    check_actionlint(path)


def test_actions_are_pinned_by_commit_with_the_release_beside_it(path: Path) -> None:
    check_pins(path)


def test_an_action_has_one_pin_in_all_workflows() -> None:
    everywhere = [*WORKFLOWS, *(ROOT / "gitops" / "workflows").glob("*.yaml")]
    pins = {step["uses"] for path in everywhere for step in steps(path) if "uses" in step}
    assert len(pins) == len({pin.partition("@")[0] for pin in pins})


def test_scripts_are_single_commands_without_expressions(path: Path) -> None:
    check_scripts(path)


def test_nothing_is_granted_but_by_each_job_for_itself(path: Path) -> None:
    check_grants(path)


def test_queues_have_a_value_that_github_knows(path: Path) -> None:
    check_queues(path)


def test_no_pull_request_gets_the_repositorys_rights(path: Path) -> None:
    assert "pull_request_target" not in read(path)["on"]


def test_a_job_has_secrets_or_may_write_and_never_both(path: Path) -> None:
    for name, job in read(path)["jobs"].items():
        writes = [scope for scope, level in job["permissions"].items() if level == "write" and scope != "id-token"]
        secrets = "secrets." in str(job)
        assert not (writes and secrets), name
        assert secrets == ("environment" in job) or is_approval(name), name


def test_a_job_that_waits_for_a_person_holds_nothing_meanwhile() -> None:
    for name, job in jobs("deploy").items():
        if is_approval(name):
            assert job["environment"] == name
            assert job["permissions"] == {}
            assert "concurrency" not in job
            assert "secrets." not in str(job)


def test_what_runs_a_forks_code_has_neither_secret_nor_write_permission() -> None:
    render = jobs("preview")["render"]
    assert render["permissions"] == {"contents": "read"}
    assert "environment" not in render
    assert "secrets." not in str(render)
    own = jobs("preview")["preview"]["if"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in own


def test_a_pull_request_is_compared_with_what_it_is_merged_into_and_not_with_where_it_began(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    git("init", "-q", "-b", "main", str(origin))
    commit(origin, "there before")
    git("-C", str(origin), "switch", "-q", "-c", "change")
    commit(origin, "this one's")
    git("-C", str(origin), "switch", "-q", "main")
    commit(origin, "another's, merged since")
    git("-C", str(origin), "merge", "-q", "--no-ff", "-m", "as GitHub would merge it", "change")
    checkout, layout = jobs("preview")["render"]["steps"][:2]
    assert set(checkout["with"]) == {"path", "fetch-depth", "persist-credentials"}

    depth = f"--depth={checkout['with']['fetch-depth']}"
    git("clone", "-q", depth, origin.as_uri(), str(tmp_path / checkout["with"]["path"]))
    subprocess.run(layout["run"].split(), cwd=tmp_path, check=True, capture_output=True)

    def files(side: str) -> set[str]:
        return {each.name for each in (tmp_path / side).iterdir() if each.name != ".git"}

    assert files("base") == {"there before", "another's, merged since"}
    assert files("head") - files("base") == {"this one's"}


def test_what_was_rendered_is_kept_whole_though_a_workflow_lies_in_a_hidden_folder() -> None:
    [kept] = [step for step in jobs("preview")["render"]["steps"] if "upload-artifact@" in step.get("uses", "")]
    assert kept["with"]["include-hidden-files"] is True


def test_the_tools_that_tests_need_are_built_once_and_kept_whatever_the_tests_say() -> None:
    listed = list(steps(FOLDER / "test.yaml"))
    [restore] = [step for step in listed if "cache/restore@" in step.get("uses", "")]
    [save] = [step for step in listed if "cache/save@" in step.get("uses", "")]
    [build] = [step for step in listed if step.get("run") == "make cluster-tools"]
    [test] = [step for step in listed if step.get("run") == "make test"]
    assert listed.index(restore) < listed.index(build) < listed.index(save) < listed.index(test)
    assert "hashFiles('tools/cluster-tools.sh')" in restore["with"]["key"]
    assert (ROOT / "tools" / "cluster-tools.sh").is_file()
    assert build["if"] == save["if"] == f"steps.{restore['id']}.outputs.cache-hit != 'true'"
    assert {restore["with"]["path"], save["with"]["path"]} == {".tools/bin"}


def test_the_job_that_comments_fetches_the_default_branch_and_no_other_code() -> None:
    [checkout] = [step for step in steps(COMMENT) if "checkout@" in step.get("uses", "")]
    assert checkout["with"]["ref"] == "${{ github.event.repository.default_branch }}"


def test_the_stages_go_up_in_the_pipelines_order_each_after_what_it_comes_after_and_its_approval() -> None:
    expected: dict[str, set[str]] = {}
    for name, after in stages(ROOT).items():
        expected[name] = {f"approve-{name}"} if after else set()
        if after:
            expected[f"approve-{name}"] = set(after)
    found = {name: job.get("needs", []) for name, job in jobs("deploy").items()}
    assert {name: {needs} if isinstance(needs, str) else set(needs) for name, needs in found.items()} == expected


def test_what_is_merged_goes_up_where_that_is_switched_on() -> None:
    assert read(FOLDER / "deploy.yaml")["on"] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    for name, job in jobs("deploy").items():
        # What needs a job that was skipped is skipped with it; a condition of its own would end that.
        assert job.get("if") == (None if "needs" in job else "vars.DELIVERY_DEPLOY == 'true'"), name


def test_no_push_waits_for_another_one_or_is_left_out_for_it_before_it_gets_to_a_stack() -> None:
    group = {"group": "deploy/${{ github.run_id }}", "cancel-in-progress": False}
    assert read(FOLDER / "deploy.yaml")["concurrency"] == group


def test_each_stage_goes_up_in_its_own_environment_and_whole() -> None:
    updates = {name: job for name, job in jobs("deploy").items() if not is_approval(name)}
    for name, job in updates.items():
        assert job["environment"] == name
        update = job["steps"][-1]
        assert update["run"] == '.venv/bin/python -m ci.update --stack "$STACK"'
        assert update["env"]["STACK"] == name
        assert update["env"]["PULUMI_ORGANIZATION"] == "${{ vars.PULUMI_ORGANIZATION }}"
        assert "if" not in update


def test_a_stages_update_can_compare_its_commit_with_newer_ones() -> None:
    for name, job in jobs("deploy").items():
        if not is_approval(name):
            [checkout] = [step for step in job["steps"] if "checkout@" in step.get("uses", "")]
            assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}


def test_whatever_uses_a_stack_takes_turns_on_it_and_none_is_cancelled_or_left_out() -> None:
    turns = {name: job.get("concurrency") for name, job in jobs("deploy").items() if not is_approval(name)}
    turns["${{ matrix.stack }}"] = jobs("drift")["check"].get("concurrency")
    assert turns == {
        name: {"group": f"stack/{name}", "cancel-in-progress": False, "queue": "max"}
        for name in (*stages(ROOT), "${{ matrix.stack }}")
    }


def test_every_night_each_stack_is_compared_with_what_is_there() -> None:
    on = read(FOLDER / "drift.yaml")["on"]
    assert set(on) == {"schedule", "workflow_dispatch"}
    [night] = on["schedule"]
    # A minute and an hour, then every day: not on the hour, when everybody's start and some are dropped.
    assert re.fullmatch(r"[1-9]\d? \d{1,2} \* \* \*", night["cron"])
    check = jobs("drift")["check"]
    assert check["strategy"] == {
        "fail-fast": False,
        "matrix": {"stack": "${{ fromJSON(needs.stages.outputs.stages) }}"},
    }
    [compared] = [step for step in check["steps"] if "ci.preview" in step.get("run", "")]
    assert compared["run"] == '.venv/bin/python -m ci.preview --refresh --stack "$STACK" --out report'
    assert compared["env"]["STACK"] == "${{ matrix.stack }}"
    assert jobs("drift")["stages"]["if"] == "vars.DELIVERY_DEPLOY == 'true'"


def test_a_check_that_failed_is_told_too() -> None:
    kept(jobs("drift")["check"], "report")
    issue = jobs("drift")["issue"]
    assert set(issue["needs"]) == {"stages", "check"}
    assert issue["if"] == "${{ !cancelled() && needs.stages.result == 'success' }}"


def test_a_pull_request_is_rendered_always_and_previewed_where_that_is_switched_on() -> None:
    assert read(FOLDER / "preview.yaml")["on"] == {"pull_request": None}
    render, own = jobs("preview")["render"], jobs("preview")["preview"]
    assert "if" not in render
    assert own["if"].split(" && ")[0] == "vars.DELIVERY_PREVIEW == 'true'"
    [previewed] = [step for step in own["steps"] if "ci.preview" in step.get("run", "")]
    assert previewed["run"] == '.venv/bin/python -m ci.preview --stack "$STACK" --out preview/reports'
    assert previewed["env"]["STACK"] == "${{ matrix.stack }}"


def test_what_failed_on_a_pull_request_is_commented_too() -> None:
    for job in jobs("preview").values():
        kept(job, "preview")


def test_the_comment_comes_after_every_preview_of_a_pull_request_and_after_no_other_run() -> None:
    workflow = read(COMMENT)
    assert workflow["on"] == {
        "workflow_run": {"workflows": [read(FOLDER / "preview.yaml")["name"]], "types": ["completed"]}
    }
    assert workflow["jobs"]["comment"]["if"].split(" && ") == [
        "github.event.workflow_run.event == 'pull_request'",
        "github.event.workflow_run.conclusion != 'cancelled'",
    ]


def test_every_push_is_tested_and_none_is_left_out_for_a_later_one() -> None:
    workflow = read(FOLDER / "test.yaml")
    assert workflow["on"] == {"push": {"branches": ["**"]}, "pull_request": None}
    assert workflow["concurrency"] == {
        "group": "test/${{ github.event.pull_request.number || github.run_id }}",
        "cancel-in-progress": "${{ github.event_name == 'pull_request' }}",
    }
    own, fork = workflow["jobs"]["test"]["if"].split(" || ")
    assert own == "github.event_name == 'push'"
    assert fork == "github.event.pull_request.head.repo.full_name != github.repository"


def test_the_engine_is_there_before_the_tests_that_need_it() -> None:
    listed = list(steps(FOLDER / "test.yaml"))
    [cli] = [step for step in listed if "pulumi/actions@" in step.get("uses", "")]
    [providers] = [step for step in listed if step.get("run") == ".venv/bin/python -m ci.providers"]
    [test] = [step for step in listed if step.get("run") == "make test"]
    assert cli["with"] == {"pulumi-version-file": ".pulumi.version"}
    assert listed.index(cli) < listed.index(providers) < listed.index(test)
    assert not any("if" in step or "continue-on-error" in step for step in (cli, providers, test))


def test_a_failure_is_a_failure(path: Path) -> None:
    assert "continue-on-error" not in path.read_text()


def test_the_cli_is_the_release_of_the_locked_sdk() -> None:
    assert (ROOT / ".pulumi.version").read_text().strip() == locked_versions(ROOT)["pulumi"]


def test_the_modules_that_workflows_run_are_there(path: Path) -> None:
    words = [str(step.get("run", "")).split() for step in steps(path)]
    modules = [line[line.index("-m") + 1] for line in words if "-m" in line]
    for module in modules:
        if module.startswith("ci."):
            assert (ROOT / f"{module.replace('.', '/')}.py").is_file()
