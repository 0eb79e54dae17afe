"""A workflow's own steps, run against a bare repository: what reaches them, what they leave, what is refused."""

import os
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.actions import RunResult, run_workflow
from lab.workflow import Context, InputError, Value, WorkflowError, evaluate, parse_workflow

PIN = "a" * 40
HEAD = """
name: try
run-name: Try ${{ inputs.application || 'nothing' }}
on:
  workflow_dispatch:
    inputs:
      application: {type: string, required: true}
      again: {type: boolean, default: false}
      level: {type: choice, options: [low, high], default: low}
concurrency: {group: 'try/${{ inputs.application }}', cancel-in-progress: false, queue: max}
permissions: {}
env: {WIDE: workflow}
jobs:
  try:
    runs-on: ubuntu-latest
    timeout-minutes: 1
    permissions: {contents: write, pull-requests: write}
    defaults: {run: {shell: bash}}
    env: {NARROW: job}
    steps:
"""


@dataclass(frozen=True)
class Folder:
    """Serves bare repositories from a folder, so that these tests need no server."""

    url: str
    api_url: str = "http://forge.invalid/api/v3"


@dataclass(frozen=True)
class Lab:
    root: Path

    def commit(self, files: Mapping[str, str]) -> None:
        work = self.root / "work"
        if not work.exists():
            git("init", "--quiet", "--bare", "--initial-branch=main", self.root / "acme" / "gitops.git")
            git("clone", "--quiet", self.root / "acme" / "gitops.git", work)
            git("-C", work, "checkout", "--quiet", "-B", "main")
        for name, text in files.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text(text)
        git("-C", work, "add", "--all")
        git("-C", work, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "files")
        git("-C", work, "push", "--quiet", "origin", "main")

    def run(self, steps: str, *, head: str = HEAD, again: Value = False, **options: object) -> RunResult:
        self.commit({".github/workflows/try.yaml": head + steps})
        inputs: dict[str, Value] = {"application": "podtato-head", "again": again}
        return self.start(inputs, **options)

    def start(self, inputs: Mapping[str, Value], **options: object) -> RunResult:
        forge = Folder(self.root.as_uri())
        token = options.pop("token", "ghs_secret")
        return run_workflow("try.yaml", inputs, forge, "acme/gitops", token, **options)  # type: ignore[arg-type]


def git(*arguments: str | Path) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_a_step_gets_its_inputs_by_environment_and_nothing_of_the_callers(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLERS_OWN", "leaked")
    step = """
      - run: echo "$APP|$AGAIN|$WIDE|$NARROW|$GITHUB_REPOSITORY|$GITHUB_API_URL|${CALLERS_OWN-unset}|$RUNNERS_OWN"
        env: {APP: '${{ inputs.application }}', AGAIN: '${{ inputs.again }}', NARROW: step}
"""
    result = lab.run(step, again="true", environ={"RUNNERS_OWN": "trace"})
    expected = "podtato-head|true|workflow|step|acme/gitops|http://forge.invalid/api/v3|unset|trace\n"
    assert result.steps[0].output == expected
    assert (result.name, result.group) == ("Try podtato-head", "try/podtato-head")


def test_hostile_inputs_reach_the_process_as_text(lab: Lab) -> None:
    hostile = '$(touch pwned) `id` "; exit 3; # ${{ github.token }}\nsecond line'
    lab.commit(
        {
            ".github/workflows/try.yaml": HEAD
            + "      - run: printf %s \"$A\"; ls\n        env: {A: '${{ inputs.application }}'}\n"
        }
    )
    result = lab.start({"application": hostile})
    assert result.exit_code == 0
    assert result.steps[0].output == hostile


def test_a_failing_step_ends_the_run_even_inside_a_pipe(lab: Lab) -> None:
    result = lab.run("      - run: |\n          false | cat\n          echo not here\n      - run: echo nor here\n")
    assert result.exit_code == 1
    assert [step.output for step in result.steps] == [""]
    assert "exit code 1" in result.log


def test_without_a_shell_of_its_own_a_pipe_hides_the_failure_as_on_github(lab: Lab) -> None:
    head = HEAD.replace("    defaults: {run: {shell: bash}}\n", "")
    assert lab.run("      - run: false | cat\n", head=head).exit_code == 0


def test_what_a_step_writes_to_the_files_reaches_the_next_one(lab: Lab) -> None:
    steps = """
      - run: |
          echo "PLAIN=one=two" >> "$GITHUB_ENV"
          printf 'BLOCK<<END\\nfirst\\nsecond\\nEND\\n' >> "$GITHUB_ENV"
          echo "number=7" >> "$GITHUB_OUTPUT"
          echo "## Done" >> "$GITHUB_STEP_SUMMARY"
          mkdir tools && printf '#!/bin/sh\\necho found' > tools/own-tool && chmod +x tools/own-tool
          echo "$PWD/tools" >> "$GITHUB_PATH"
      - run: echo "$PLAIN/$BLOCK"; own-tool
"""
    result = lab.run(steps)
    assert result.steps[1].output == "one=two/first\nsecond\nfound\n"
    assert result.outputs == {"number": "7"}
    assert result.summary == "## Done\n"


def test_the_token_is_masked_in_the_log_and_counted(lab: Lab) -> None:
    steps = """
      - run: echo "$TOKEN"; printf "x-access-token:$TOKEN" | base64 -w0; echo "$TOKEN" >> "$GITHUB_STEP_SUMMARY"
        env: {TOKEN: '${{ secrets.OWN_TOKEN || github.token }}'}
"""
    result = lab.run(steps)
    assert "ghs_secret" not in result.log + result.summary
    assert result.masked == 3
    own = lab.start({"application": "a"}, secrets={"OWN_TOKEN": "ghp_own"})
    assert "ghp_own" not in own.log
    assert own.masked == 3


def test_the_token_can_be_made_from_the_jobs_permissions(lab: Lab) -> None:
    asked = []

    def issue(permissions: Mapping[str, str]) -> str:
        asked.append(dict(permissions))
        return "ghs_made"

    lab.run("      - run: 'true'\n", token=issue)
    assert asked[-1] == {"contents": "write", "pull_requests": "write"}


def test_checkout_brings_the_default_branch_and_only_the_folders_asked_for(lab: Lab) -> None:
    lab.commit({".github/promoter/settings.json": "{}", "dev/values.yaml": "a: 1\n", "README.md": "hello\n"})
    checkout = f"""
      - uses: actions/checkout@{PIN}
        with:
          persist-credentials: false
          sparse-checkout: .github/promoter
          ref: ${{{{ github.event.repository.default_branch }}}}
      - run: ls -A | sort | tr '\\n' ' '; ls -A .github; git rev-list --count HEAD; git config --list --show-origin
"""
    result = lab.run(checkout)
    assert "stands in for actions/checkout" in result.steps[0].output
    assert result.steps[1].output.startswith(".git .github README.md promoter\n1\n")
    assert "ghs_secret" not in result.steps[1].output
    assert result.masked == 0


def test_setup_python_gives_the_labs_own_interpreter_without_a_package_index(lab: Lab) -> None:
    steps = f"""
      - uses: actions/setup-python@{PIN}
        with: {{python-version: "3.12"}}
      - run: python -c 'import requests'; echo "$PIP_NO_INDEX"
"""
    result = lab.run(steps)
    assert "stands in for actions/setup-python 3.12" in result.log
    assert result.steps[1].output == "1\n"


def test_a_job_that_outlives_its_time_is_ended(lab: Lab) -> None:
    head = HEAD.replace("timeout-minutes: 1", "timeout-minutes: 0.005")
    result = lab.run("      - run: tail -f /dev/null\n", head=head)
    assert result.exit_code != 0
    assert "maximum execution time" in result.log


def test_runs_of_one_group_wait_for_each_other_and_other_groups_do_not(lab: Lab) -> None:
    steps = """
      - run: |
          echo "start $NAME" >> "$MEETING/log"
          if [ "$NAME" = same ]; then read -r < "$MEETING/gate-$(grep -c 'start same' "$MEETING/log")"; fi
          echo "end $NAME" >> "$MEETING/log"
        env: {NAME: '${{ inputs.application }}'}
"""
    lab.commit({".github/workflows/try.yaml": HEAD + steps})
    environ = {"MEETING": str(lab.root)}
    gates = [lab.root / "gate-1", lab.root / "gate-2"]
    for gate in gates:
        os.mkfifo(gate)
    same = [
        threading.Thread(target=lab.start, args=[{"application": name}], kwargs={"environ": environ}, daemon=True)
        for name in ("same", "same")
    ]
    for thread in same:
        thread.start()
    lab.start({"application": "other"}, environ=environ)
    for gate in gates:
        gate.write_text("go on\n")
    for thread in same:
        thread.join(timeout=60)
    log = (lab.root / "log").read_text().splitlines()
    assert [line for line in log if "same" in line] == ["start same", "end same", "start same", "end same"]
    assert "end other" in log


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"application": "a", "colour": "red"}, "Unexpected inputs provided: ['colour']"),
        ({}, "Required input 'application' not provided"),
        ({"application": "a", "again": "maybe"}, "Provided value 'maybe' for input 'again' is not a boolean"),
        ({"application": "a", "level": "x"}, "Provided value 'x' for input 'level' not in the list of allowed values"),
    ],
)
def test_inputs_are_refused_with_the_forges_words(lab: Lab, inputs: dict[str, Value], message: str) -> None:
    lab.commit({".github/workflows/try.yaml": HEAD + "      - run: 'true'\n"})
    with pytest.raises(InputError) as error:
        lab.start(inputs)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("      - run: 'true'", "      - uses: acme/tool@" + PIN), "no stand-in for acme/tool"),
        (("      - run: 'true'", "      - uses: actions/checkout@v4"), "no stand-in for actions/checkout@v4"),
        (("      - run: 'true'", "      - if: always()\n        run: 'true'"), "does not know if"),
        (("      - run: 'true'", "      - run: echo ${{ hashFiles('x') }}"), "hashFiles"),
        (("      - run: 'true'", "      - run: echo ${{ inputs.colour }}"), "inputs.colour is not known"),
        (("queue: max", "queue: single"), "queue: max"),
        (("try/${{ inputs.application }}", "${{ secrets.NAME }}"), "there is no `secrets` in this place"),
        (("name: try\n", "name: try\nname: twice\n"), "no YAML"),
        (("  workflow_dispatch:", "  push: {}\n  workflow_dispatch:"), "does not know push"),
    ],
)
def test_what_the_lab_cannot_do_as_github_does_is_refused(lab: Lab, change: tuple[str, str], message: str) -> None:
    text = (HEAD + "      - run: 'true'\n").replace(*change)
    lab.commit({".github/workflows/try.yaml": text})
    with pytest.raises(WorkflowError) as error:
        lab.start({"application": "a"})
    assert message in str(error.value)


def test_a_workflow_that_is_not_on_the_default_branch_is_named(lab: Lab) -> None:
    lab.commit({"README.md": "hello\n"})
    with pytest.raises(WorkflowError, match=r"\.github/workflows/try\.yaml is not on main"):
        lab.start({"application": "a"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${{ inputs.again }}", "false"),
        ("a ${{ inputs.name }} b ${{inputs.name}}", "a x b x"),
        ("${{ vars.UNSET }}", ""),
        ("${{ secrets.UNSET || 'it''s' }}", "it's"),
        ("${{ secrets.SET || 'other' }}", "set"),
        ("${{ secrets.SET && 'yes' || 'no' }}", "yes"),
        ("${{ secrets.UNSET && 'yes' || 'no' }}", "no"),
        ("a${{ vars.UNSET && ' ' }}${{ vars.UNSET }}: ${{ inputs.name && inputs.again }}", "a: false"),
    ],
)
def test_expressions_give_what_github_gives(text: str, value: str) -> None:
    contexts: dict[str, Context] = {"inputs": {"again": False, "name": "x"}, "vars": {}, "secrets": {"SET": "set"}}
    assert evaluate(text, contexts) == value


def test_a_workflow_reads_into_its_parts() -> None:
    workflow = parse_workflow(HEAD + "      - run: 'true'\n")
    assert workflow.permissions == {"contents": "write", "pull-requests": "write"}
    assert workflow.timeout == 60
    assert [declared.name for declared in workflow.inputs] == ["application", "again", "level"]
