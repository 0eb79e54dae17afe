"""A configured task in a stage that records: it runs as it did before, and its failure is recorded."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from delivery.config.errors import Json
from delivery.config.reader import parse
from delivery.stack.manifests import stage_task_specs
from delivery.stack.task_source import stage_task_source
from gitops.tasks.http_client import Budget
from gitops.tasks.stage_task import StageTask, run_stage_task
from tests.delivery.config.configurations import raw
from tests.gitops.task_lab import APPLICATION, TOKEN, Lab
from tests.messages import assert_message

FAILS = "import sys\nprint('out')\nprint('first', file=sys.stderr)\nsys.exit('the shop answers 500')\n"


class Stage:
    """The dev stage, and what Keptn tells a task of it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.allow("actions", "deployments", "statuses")
        self.commit = lab.commit("v0.3.1")
        self.context = json.loads(lab.verify("v0.3.1", self.commit)) | {"taskType": "post"}

    def run(self, source: str, environ: Mapping[str, str | None] | None = None, seconds: float = 30.0) -> int:
        task = StageTask("smoke", "dev", self.lab.forge.api_url, seconds, source)
        given = {"KEPTN_CONTEXT": json.dumps(self.context), "PATH": os.environ["PATH"], **(environ or {})}
        secure = self.lab.environ("{}")["SECURE_DATA"]
        known = {key: text for key, text in {"SECURE_DATA": secure, **given}.items() if text is not None}
        clock = self.lab.clock
        budget = Budget(clock.sleep, lambda: clock.elapsed, clock.wall, lambda _: None)
        return run_stage_task(task, known, budget)

    @property
    def records(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The commit of each record, and its statuses with their descriptions."""
        return [(found.sha, [(one.state, one.description) for one in found.statuses]) for found in self.lab.deployments]


@pytest.fixture
def capsys(capfd: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    """What the lab reads output from: that of processes too."""
    return capfd


@pytest.fixture
def stage(lab: Lab) -> Stage:
    return Stage(lab)


class TestTheTask:
    def test_runs_with_its_output_and_status_and_no_record_when_it_succeeds(
        self, stage: Stage, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert stage.run("import sys\nprint('é out')\nprint('warned', file=sys.stderr)\n") == 0
        assert capfd.readouterr() == ("é out\n", "warned\n")
        assert stage.lab.forge.requests == []

    @pytest.mark.parametrize(("end", "status"), [("sys.exit(7)", 7), ("1/0", 1), ("sys.exit('no')", 1)])
    def test_that_fails_keeps_its_status(self, stage: Stage, end: str, status: int) -> None:
        assert stage.run(f"import sys\n{end}\n") == status

    def test_sees_its_context_and_not_the_token(self, stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
        stage.run("import os, json\nprint(json.loads(os.environ['KEPTN_CONTEXT'])['appName'], os.environ)")
        printed = capfd.readouterr().out
        assert printed.startswith(APPLICATION)
        assert TOKEN not in printed
        assert "SECURE_DATA" not in printed

    def test_is_a_file_as_for_keptns_runtime(self, stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
        assert stage.run("import sys\nprint(__name__, __file__ == sys.argv[0], len(sys.argv))") == 0
        assert capfd.readouterr().out == "__main__ True 1\n"

    def test_that_does_not_end_is_ended_and_recorded(self, stage: Stage) -> None:
        assert stage.run("import time\ntime.sleep(60)", seconds=0.5) == 124
        assert stage.records == [(stage.commit, [("failure", "smoke: it was still running after 0 s")])]

    def test_may_leave_something_that_holds_its_output_open(
        self, stage: Stage, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gitops.tasks.stage_task.LEFT_SECONDS", 0.2)
        left = "left = subprocess.Popen(['sleep', '60'])\nprint(left.pid, flush=True)\n"
        began = time.monotonic()
        assert stage.run(f"import subprocess, sys\n{left}sys.exit('left')") == 1
        os.kill(int(capfd.readouterr().out.split()[0]), signal.SIGKILL)
        assert time.monotonic() - began < 30
        assert stage.records == [(stage.commit, [("failure", "smoke: left")])]


class TestTheRecord:
    def test_of_a_failure_has_the_last_line_of_what_it_said(
        self, stage: Stage, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert stage.run(FAILS) == 1
        [found] = stage.lab.deployments
        assert (found.task, found.environment) == (f"deploy:{APPLICATION}", "dev")
        traceparent = stage.context["metadata"]["traceparent"]
        assert found.payload == {
            "application": APPLICATION, "version": "v0.3.1", "traceparent": traceparent, "verifiedBy": "keptn",
        }  # fmt: skip
        assert stage.records == [(stage.commit, [("failure", "smoke: the shop answers 500")])]
        out, error = capfd.readouterr()
        assert error == "first\nthe shop answers 500\n"
        assert_message("stage_task.recorded", out.removeprefix("out\n").strip().replace(stage.commit, "COMMIT"))

    @pytest.mark.parametrize(
        ("source", "reason"),
        [
            ("raise ValueError('x')", "ValueError: x"),
            ("import sys; sys.exit(3)", "exit status 3"),
            ("import sys; sys.exit('https://me:hunter22@host/ says no')", "https://[secret]@host/ says no"),
            ("import sys; sys.stderr.write('x' * 20_000 + '\\n\\x1b[31mred\\n\\n'); sys.exit(1)", "?[31mred"),
            (f"import sys; sys.exit('{TOKEN}')", "[secret]"),
        ],
    )
    def test_says_how_it_ended(self, stage: Stage, source: str, reason: str) -> None:
        assert stage.run(source) != 0
        assert stage.records == [(stage.commit, [("failure", f"smoke: {reason}")])]

    def test_says_which_signal_ended_it_and_has_a_shells_status_for_that(self, stage: Stage) -> None:
        assert stage.run("import os; os.kill(os.getpid(), 9)") == 137
        assert stage.records == [(stage.commit, [("failure", "smoke: it was ended by signal 9")])]

    def test_is_written_once_by_a_task_that_is_repeated_and_gives_way_to_a_success(
        self, stage: Stage, capfd: pytest.CaptureFixture[str]
    ) -> None:
        stage.run(FAILS)
        capfd.readouterr()
        stage.run(FAILS)
        assert_message(
            "stage_task.recorded_already",
            capfd.readouterr().out.removeprefix("out\n").strip().replace(stage.commit, "COMMIT"),
        )
        assert stage.lab.run(json.dumps(stage.context), to="").code == 0
        [(_, statuses)] = stage.records
        assert sorted(state for state, _ in statuses) == ["failure", "success"]

    def test_of_a_success_is_kept_when_keptn_runs_the_task_again_after_a_restart(self, stage: Stage) -> None:
        assert stage.lab.run(json.dumps(stage.context), to="").code == 0
        assert stage.run(FAILS) == 1
        assert [[state for state, _ in statuses] for _, statuses in stage.records] == [["success"]]

    def test_of_a_task_of_a_workload_has_the_version_of_that(self, stage: Stage) -> None:
        stage.context |= {"appVersion": "", "workloadVersion": "v7", "objectType": "Workload", "workloadName": "web"}
        stage.run(FAILS)
        assert [found.description for found in stage.lab.deployments] == [f"{APPLICATION} v7"]

    def test_is_of_the_application_that_the_task_runs_for(self, stage: Stage) -> None:
        stage.context["appName"] = "neighbour"
        stage.run(FAILS)
        assert [found.task for found in stage.lab.deployments] == ["deploy:neighbour"]


class TestWhatCannotBeRecorded:
    @pytest.mark.parametrize(
        ("name", "environ"),
        [
            ("no_secret", {"SECURE_DATA": None}),
            ("no_json", {"SECURE_DATA": "ghp_verysecret"}),
            ("no_context", {"KEPTN_CONTEXT": None}),
            ("no_application", {"KEPTN_CONTEXT": '{"appName": ""}'}),
            ("no_commit", {"KEPTN_CONTEXT": '{"appName": "shop", "metadata": {}}'}),
        ],
    )
    def test_because_something_is_missing_is_said_and_the_status_is_the_tasks(
        self, stage: Stage, name: str, environ: dict[str, str | None], capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert stage.run("import sys; sys.exit(7)", environ) == 7
        assert_message(f"stage_task.{name}", capfd.readouterr().out.strip())
        assert stage.lab.forge.requests == []

    def test_for_want_of_a_permission_is_a_commit_status_or_said(
        self, stage: Stage, capfd: pytest.CaptureFixture[str]
    ) -> None:
        stage.lab.allow("actions", "statuses")
        assert stage.run("import sys; sys.exit(7)") == 7
        assert "recorded as a commit status" in capfd.readouterr().out
        stage.lab.allow("actions")
        assert stage.run("import sys; sys.exit(7)") == 7
        assert "not recorded at GitHub" in capfd.readouterr().out
        assert stage.records == []

    def test_because_github_is_away_is_given_up_soon(self, stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
        stage.lab.forge.fail_next("GET", "/deployments", status=502, times=100)
        assert stage.run("import sys; sys.exit(7)") == 7
        assert stage.lab.clock.elapsed < 20
        assert "the failure is not recorded" in capfd.readouterr().out


class TestTheText:
    def test_runs_by_itself_and_holds_any_source(self, stage: Stage, tmp_path: Path) -> None:
        source = "import sys\r\nprint('''\\n\"'ü\\\\n''')\nsys.exit('\U0001f600')"
        text = stage_task_source("smoke", "dev", stage.lab.forge.api_url, 30.0, source)
        (tmp_path / "function.py").write_text(text)
        environ = {
            "PATH": os.environ["PATH"],
            "NO_PROXY": "127.0.0.1",
            "PYTHONUTF8": "1",
            "KEPTN_CONTEXT": json.dumps(stage.context),
            "SECURE_DATA": stage.lab.environ("{}")["SECURE_DATA"],
        }
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(tmp_path / "function.py")],
            cwd=tmp_path, env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (1, "\U0001f600\n")
        assert done.stdout.startswith("\n\"'ü\\n\n")
        assert stage.records == [(stage.commit, [("failure", "smoke: \U0001f600")])]

    def test_changes_by_one_line_where_the_source_does(self) -> None:
        one, other = (stage_task_source("smoke", "dev", "u", 1.0, f"a = 1\n{line}\nb = 2\n") for line in ("x", "y"))
        differing = [pair for pair in zip(one.splitlines(), other.splitlines(), strict=True) if len(set(pair)) > 1]
        assert [tuple(part.strip() for part in pair) for pair in differing] == [("'x',", "'y',")]


class TestWhereItRuns:
    CHECKS: Mapping[str, Json] = {"tasks": {"smoke": "print(1)\n"}, "postDeploymentTasks": ["smoke"]}

    def specs(self, stack: str, *encrypted: str, **keys: Json) -> dict[str, Json]:
        configuration = parse(raw(stack, **self.CHECKS, **keys), stack, encrypted=encrypted)
        return stage_task_specs(configuration)["smoke"]

    def test_is_in_a_stage_that_records_and_reads_the_secret_that_this_has(self) -> None:
        for spec in (self.specs("dev"), self.specs("production", "promotionToken")):
            python = spec["python"]
            assert isinstance(python, dict)
            assert python["secureParameters"] == {"secret": "github-token"}
            inline = python["inline"]
            assert isinstance(inline, dict)
            assert {"        'print(1)',", "    sys.exit(run_stage_task(TASK))"} <= {*str(inline["code"]).splitlines()}

    def test_is_not_in_a_stage_without_a_token(self) -> None:
        assert self.specs("production")["python"] == {"inline": {"code": "print(1)\n"}}

    def test_ends_before_keptn_ends_the_task(self) -> None:
        spec = self.specs("dev")
        assert spec["timeout"] == "5m"
        assert "    seconds=270.0,\\n" in str(spec)
