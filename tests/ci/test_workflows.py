"""The project's own workflows: what linters find, what they may do, and that they follow the pipeline."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ci.promotion import TARGETS
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
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yaml"))
COMMENT = FOLDER / "preview-comment.yaml"
CALLED = "./.github/workflows/stack.yaml"
files = pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.parent.name + "/" + path.name)
workflows = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def workflow(name: str) -> dict[str, Any]:
    return read(FOLDER / f"{name}.yaml")


def jobs(name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = workflow(name)["jobs"]
    return found


def calls() -> dict[tuple[str, str], dict[str, Any]]:
    """The jobs that call the workflow of one stack, by workflow and name."""
    found = {(path.stem, name): job for path in WORKFLOWS for name, job in jobs(path.stem).items()}
    return {where: job for where, job in found.items() if job.get("uses") == CALLED}


def used(listed: list[dict[str, Any]], action: str) -> dict[str, Any]:
    """The one step that uses this action, or runs this."""
    [step] = [step for step in listed if step.get("uses", "").startswith(action) or step.get("run") == action]
    return step


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@delivery.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@files
def test_zizmor_finds_nothing_but_the_one_trigger_that_is_explained_where_it_stands(path: Path) -> None:
    check_zizmor(path, ignored=1 if path == COMMENT else 0)


@workflows
@pytest.mark.skipif(ACTIONLINT is None, reason=NO_ACTIONLINT)
def test_actionlint_finds_nothing(path: Path) -> None:
    check_actionlint(path)


@files
def test_actions_are_pinned_and_scripts_are_single_commands_without_expressions(path: Path) -> None:
    check_pins(path)
    check_scripts(path)
    assert "continue-on-error" not in path.read_text()


def test_an_action_has_one_pin_in_all_files() -> None:
    everywhere = [*WORKFLOWS, *ACTIONS, *(ROOT / "gitops" / "workflows").glob("*.yaml")]
    pins = {step["uses"] for path in everywhere for step in steps(path) if "uses" in step}
    assert len(pins) == len({pin.partition("@")[0] for pin in pins})


@workflows
def test_nothing_is_granted_but_by_each_job_for_itself_and_none_has_secrets_and_may_write(path: Path) -> None:
    check_grants(path)
    check_queues(path)
    assert "pull_request_target" not in read(path)["on"]
    for job in read(path)["jobs"].values():
        writes = [scope for scope, level in job["permissions"].items() if level == "write" and scope != "id-token"]
        assert not (writes and "secrets." in str(job))


def test_every_secret_of_a_stack_is_passed_to_the_one_job_that_has_an_environment_for_it() -> None:
    names = workflow("stack")["on"]["workflow_call"]["secrets"].keys()
    for (_, name), job in calls().items():
        assert job["secrets"] == {secret: f"${{{{ secrets.{secret} }}}}" for secret in names}, name
        assert job["permissions"] == {"contents": "read", "id-token": "write"}
    others = [job for path in WORKFLOWS for job in read(path)["jobs"].values() if job.get("uses") != CALLED]
    assert [job["environment"] for job in others if "secrets." in str(job)] == ["${{ inputs.environment }}"]


def test_a_forks_code_gets_neither_secret_nor_write_permission() -> None:
    render, own = jobs("preview")["render"], jobs("preview")["preview"]["if"]
    assert render["permissions"] == {"contents": "read"}
    assert "environment" not in render
    assert "secrets." not in str(render)
    assert "github.event.pull_request.head.repo.full_name == github.repository" in own


def test_a_pull_request_is_compared_with_what_it_is_merged_into_and_not_with_where_it_began(tmp_path: Path) -> None:
    def commit(name: str) -> None:
        (origin / name).touch()
        git("-C", str(origin), "add", name)
        git("-C", str(origin), "commit", "-q", "-m", name)

    origin, head = tmp_path / "origin", tmp_path / "head"
    git("init", "-q", "-b", "main", str(origin))
    commit("there before")
    git("-C", str(origin), "switch", "-q", "-c", "change")
    commit("this one's")
    git("-C", str(origin), "switch", "-q", "main")
    commit("another's, merged since")
    git("-C", str(origin), "merge", "-q", "--no-ff", "-m", "as GitHub would merge it", "change")
    checkout, layout = jobs("preview")["render"]["steps"][:2]
    assert "ref" not in checkout["with"]

    git("clone", "-q", f"--depth={checkout['with']['fetch-depth']}", origin.as_uri(), str(head))
    subprocess.run(["sh", "-c", layout["run"]], cwd=head, env={"RUNNER_TEMP": str(tmp_path)}, check=True)

    base_files, head_files = ({path.name for path in side.iterdir()} for side in (tmp_path / "base", head))
    assert base_files - {".git"} == {"there before", "another's, merged since"}
    assert head_files - base_files == {"this one's"}


def test_what_was_rendered_is_handed_over_whole_whatever_became_of_it() -> None:
    kept = used(jobs("preview")["render"]["steps"], "actions/upload-artifact@")
    fetched = used(jobs("preview-comment")["comment"]["steps"], "actions/download-artifact@")
    assert kept["if"] == "always()"
    # A workflow lies in a hidden folder.
    assert kept["with"]["include-hidden-files"] is True
    assert kept["with"]["name"] == fetched["with"]["pattern"]
    assert fetched["with"]["merge-multiple"] is True


def test_the_comment_comes_after_a_preview_and_runs_the_default_branchs_code() -> None:
    preview, comment = workflow("preview"), workflow("preview-comment")
    assert preview["on"] == {"pull_request": None}
    assert "if" not in preview["jobs"]["render"]
    assert comment["on"] == {"workflow_run": {"workflows": [preview["name"]], "types": ["completed"]}}
    job = comment["jobs"]["comment"]
    assert "github.event.workflow_run.event == 'pull_request'" in job["if"]
    checkout = used(job["steps"], "actions/checkout@")
    assert checkout["with"]["ref"] == "${{ github.event.repository.default_branch }}"


def test_a_stage_is_deployed_after_those_that_it_comes_after_and_its_approval() -> None:
    expected: dict[str, set[str]] = {}
    for name, after in stages(ROOT).items():
        expected[name] = {f"approve-{name}"} if after else set()
        if after:
            expected[f"approve-{name}"] = set(after)
    found = {name: job.get("needs", []) for name, job in jobs("deploy").items()}
    assert {name: {needs} if isinstance(needs, str) else set(needs) for name, needs in found.items()} == expected


def test_each_stage_is_deployed_in_its_own_environment_and_whoever_waits_for_a_person_holds_nothing() -> None:
    deploy = workflow("deploy")
    assert deploy["on"] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    assert "github.run_id" in deploy["concurrency"]["group"]
    for name, job in deploy["jobs"].items():
        # What needs a job that was skipped is skipped with it; a condition of its own would end that.
        assert job.get("if") == (None if "needs" in job else "vars.DELIVERY_DEPLOY == 'true'"), name
        if name in stages(ROOT):
            assert job["with"] == {"command": "up", "stack": name, "environment": name}
        else:
            assert (job["environment"], job["permissions"]) == (name, {})
            assert "concurrency" not in job
            assert "secrets." not in str(job)


def test_updates_and_comparisons_take_turns_on_a_stack_and_none_is_left_out() -> None:
    [job] = jobs("stack").values()
    group = "${{ inputs.command == 'preview' && format('preview/{0}', github.run_id) || 'stack' }}/${{ inputs.stack }}"
    assert job["concurrency"] == {"group": group, "cancel-in-progress": False, "queue": "max"}


def test_an_update_is_made_where_it_is_due_and_sees_when_the_run_is_cancelled() -> None:
    [job] = jobs("stack").values()
    listed = job["steps"]
    decided = used(listed, '.venv/bin/python -m ci.update --stack "$STACK"')
    [update] = [step for step in listed if step.get("run", "").startswith("exec pulumi up ")]
    assert {"--yes", "--non-interactive"} < set(update["run"].split())
    assert "--skip-preview" not in update["run"]
    assert listed.index(decided) < listed.index(update)
    assert update["if"] == f"{decided['if']} && steps.{decided['id']}.outputs.due == 'true'"
    assert used(listed, "actions/checkout@")["with"]["fetch-depth"] == 0


def test_an_update_and_a_preview_are_judged_by_the_policy_pack_which_is_there_before() -> None:
    [job] = jobs("stack").values()
    listed = job["steps"]
    [update] = [step for step in listed if step.get("run", "").startswith("exec pulumi up ")]
    shown = used(listed, "pulumi/actions@")
    options = update["run"].split()
    assert options[options.index("--policy-pack") + 1] == shown["with"]["policyPacks"] == "policy"
    assert options[options.index("--policy-pack-config") + 1] == shown["with"]["policyPackConfigs"]
    assert json.loads((ROOT / shown["with"]["policyPackConfigs"]).read_text()) == {}
    assert listed.index(used(listed, "make policy")) < min(listed.index(update), listed.index(shown))


def test_every_night_each_stack_is_compared_with_what_is_there_but_for_promotions() -> None:
    drift = workflow("drift")
    [night] = drift["on"]["schedule"]
    # Not on the hour, when everybody's start and some are dropped.
    assert night["cron"].split()[0] not in ("0", "*")
    assert drift["jobs"]["stages"]["if"] == "vars.DELIVERY_DEPLOY == 'true'"
    check = drift["jobs"]["check"]
    assert check["strategy"]["matrix"] == {"stack": "${{ fromJSON(needs.stages.outputs.stages) }}"}
    assert check["strategy"]["fail-fast"] is False
    assert check["with"] == {"command": "drift", "stack": "${{ matrix.stack }}", "environment": "preview"}
    [compare] = [step["run"] for step in steps(FOLDER / "stack.yaml") if step.get("if") == "inputs.command == 'drift'"]
    assert {"--refresh", "--run-program", "--expect-no-changes"} < set(compare.split())
    assert f"'{TARGETS[-1]}'" in compare.split()


def test_the_engine_and_the_built_tools_are_there_before_the_tests_that_need_them() -> None:
    listed = list(steps(FOLDER / "test.yaml"))
    order = [
        used(listed, "./.github/actions/setup"),
        used(listed, "pulumi plugin install"),
        restore := used(listed, "actions/cache/restore@"),
        build := used(listed, "make cluster-tools"),
        save := used(listed, "actions/cache/save@"),
        used(listed, "make test"),
    ]
    assert [listed.index(step) for step in order] == sorted(listed.index(step) for step in order)
    assert "hashFiles('tools/cluster-tools.sh')" in restore["with"]["key"]
    assert build["if"] == save["if"] == f"steps.{restore['id']}.outputs.cache-hit != 'true'"
    assert {restore["with"]["path"], save["with"]["path"]} == {".tools"}


def test_the_cli_is_the_release_of_the_locked_sdk() -> None:
    assert (ROOT / ".pulumi.version").read_text().strip() == locked_versions(ROOT)["pulumi"]


def test_the_modules_that_workflows_run_are_there() -> None:
    words = [str(step.get("run", "")).split() for path in WORKFLOWS for step in steps(path)]
    modules = {line[line.index("-m") + 1] for line in words if "-m" in line} - {"pip"}
    assert {"ci.stacks", "ci.render", "ci.preview_comment", "ci.update"} == modules
    assert all((ROOT / f"{module.replace('.', '/')}.py").is_file() for module in modules)
