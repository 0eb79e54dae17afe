"""What the promotion task decides: what is sent, what is not because the stage has moved on, and what must wait."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from delivery.stack.manifests import PROMOTION_ROLE_RULES
from delivery.stack.task_source import task_source
from gitops.tasks.http_client import Budget
from gitops.tasks.kubernetes import Kubernetes
from lab.cluster_objects import TASK_ROLE, Access, DaemonSet, Deployment, StatefulSet, accesses
from tests.gitops.loopback import Reply, loopback
from tests.gitops.task_lab import APPLICATION, FIRST, NAMESPACE, ROOT, SECOND, THIRD, TOKEN, Lab
from tests.messages import assert_message
from tests.sources import parsed


def inputs(context: str, version: str, commit: str) -> dict[str, str]:
    traceparent = json.loads(context)["metadata"]["traceparent"]
    edge = {"application": APPLICATION, "from": "dev", "to": "production"}
    return {**edge, "version": version, "commitID": commit, "traceParent": traceparent}


class TestWhatIsSent:
    def test_a_verified_version_starts_the_workflow_with_all_six_inputs(self, lab: Lab) -> None:
        context = lab.verify("v0.3.1", FIRST)
        outcome = lab.run(context)
        assert (outcome.code, outcome.error) == (0, "")
        assert_message("task.dispatched", outcome.out.splitlines()[-1])
        assert lab.dispatched == [inputs(context, "v0.3.1", FIRST)]
        assert lab.clock.slept == []
        [event] = lab.cluster.events
        assert (event["type"], event["reason"]) == ("Normal", "PromotionDispatched")
        assert_message("task.dispatched_event", str(event["message"]))

    def test_another_application_in_the_same_namespace_that_is_not_available_does_not_hold_it(self, lab: Lab) -> None:
        lab.cluster.set_stage(NAMESPACE, "neighbour", "v9", available=False)
        context = lab.verify("v0.3.1", FIRST)
        assert lab.run(context).code == 0
        assert lab.dispatched == [inputs(context, "v0.3.1", FIRST)]
        assert lab.clock.slept == []

    def test_each_target_stage_gets_its_own_run_a_second_apart(self, lab: Lab) -> None:
        lab.run(lab.verify("v0.3.1", FIRST), to="production, canary,production")
        assert [run["to"] for run in lab.dispatched] == ["production", "canary"]
        assert lab.clock.paced == [1.0]

    def test_the_request_says_who_asks_in_which_version_of_the_api_whatever_a_netrc_file_says(
        self, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        context = lab.verify("v0.3.1", FIRST)
        with loopback(lambda asked: Reply() if "dispatches" in asked.path else Reply(404)) as github:
            lab.run(context, apiUrl=github.url)
        asked = github.asked[-1]
        assert (asked.method, asked.path) == ("POST", "/repos/example/gitops/actions/workflows/promote.yaml/dispatches")
        assert asked.headers["Accept"] == "application/vnd.github+json"
        assert asked.headers["X-GitHub-Api-Version"] == "2022-11-28"
        assert asked.headers["User-Agent"] == "delivery-promote"
        assert asked.headers["Content-Type"] == "application/json"
        assert asked.headers["Authorization"] == f"Bearer {TOKEN}"

    @pytest.mark.parametrize(
        "value", [None, "", "junk", f"00-{'0' * 32}-{'b' * 16}-01", f"00-{'A' * 32}-{'b' * 16}-01", "00-a-b-01\n", 7]
    )
    def test_without_a_valid_traceparent_it_goes_on_and_says_so(self, lab: Lab, value: object) -> None:
        context = json.loads(lab.verify("v0.3.1", FIRST))
        context["metadata"]["traceparent"] = value
        outcome = lab.run(json.dumps(context))
        assert outcome.code == 0
        assert lab.dispatched[0]["traceParent"] == ""
        assert_message("task.no_traceparent", outcome.out.splitlines()[0])


class TestATaskThatRunsProvesNothing:
    """The cases in which Keptn runs the task although there is nothing to promote, and the one that looks alike."""

    def test_going_back_to_an_earlier_version_waits_for_its_pods(self, lab: Lab) -> None:
        lab.verify("v0.3.0", FIRST)
        lab.verify("v0.3.1", SECOND)
        context = lab.verify("v0.3.0", THIRD)
        lab.deploy(Deployment(APPLICATION, "v0.3.0", available=0))

        def start_pods_in_the_third_look() -> None:
            if len(lab.clock.slept) == 2:
                lab.deploy(Deployment(APPLICATION, "v0.3.0"))

        lab.clock.on_sleep = start_pods_in_the_third_look
        assert lab.run(context).code == 0
        assert lab.dispatched == [inputs(context, "v0.3.0", THIRD)]
        assert lab.clock.slept == [5.0, 5.0]

    def test_a_version_that_never_started_is_not_promoted_when_the_next_replaces_it(self, lab: Lab) -> None:
        never_started = lab.verify("v0.3.1", FIRST)
        lab.verify("v0.3.2", SECOND)
        assert_message("task.superseded_version", lab.superseded(never_started))

    def test_an_operator_restart_promotes_no_superseded_version_and_the_current_one_again(self, lab: Lab) -> None:
        for version, commit in (("v0.3.0", FIRST), ("v0.3.1", SECOND)):
            lab.keptn.verify(APPLICATION, NAMESPACE, version, commit, promotes=False)
        current = lab.keptn.verify(APPLICATION, NAMESPACE, "v0.3.2", THIRD, promotes=False)
        replayed = lab.keptn.restart()
        assert [lab.run(context).code for context in replayed] == [0, 0, 0]
        assert lab.dispatched == [inputs(current, "v0.3.2", THIRD)]

    @pytest.mark.parametrize("version", ["v0.3.0", "v0.3.0_Hotfix"])
    def test_an_earlier_rollout_of_the_version_that_runs_now_is_told_apart_by_its_commit(
        self, lab: Lab, version: str
    ) -> None:
        before = lab.verify(version, FIRST)
        lab.verify("v0.3.1", SECOND)
        rollback = lab.verify(version, THIRD)
        assert_message("task.superseded_rollout", lab.superseded(before).replace(version.lower(), "VERSION"))
        assert lab.run(rollback).code == 0
        assert lab.dispatched == [inputs(rollback, version.lower(), THIRD)]

    def test_a_version_that_is_replaced_during_the_wait_is_not_promoted(self, lab: Lab) -> None:
        context = lab.verify("v0.3.1", FIRST)
        lab.deploy(Deployment(APPLICATION, "v0.3.1", available=0))
        lab.clock.on_sleep = lambda: lab.cluster.set_stage(NAMESPACE, APPLICATION, "v0.3.2")
        lab.superseded(context)

    @pytest.mark.parametrize("kind", [Deployment, StatefulSet, DaemonSet])
    def test_a_workload_that_is_ahead_of_what_keptn_knows_supersedes(self, lab: Lab, kind: type[Deployment]) -> None:
        context = lab.verify("v0.3.1", FIRST)
        lab.deploy(kind(APPLICATION, "v0.3.2"))
        assert_message(f"task.superseded_{kind.__name__.lower()}", lab.superseded(context))


class TestSeveralWorkloads:
    """Then the app's version is Keptn's hash, and each workload has a version of its own."""

    PAIR = (Deployment("frontend", "v2"), Deployment("backend", "v7", replicas=3))

    def verify(self, lab: Lab, *deployments: Deployment) -> str:
        lab.cluster.set_stage(NAMESPACE, APPLICATION, "1a1fad80cd", metadata={"commitID": FIRST}, deployments=self.PAIR)
        context = {"appName": APPLICATION, "appVersion": "1a1fad80cd", "metadata": {"commitID": FIRST}}
        if deployments:
            lab.deploy(*deployments)
        return json.dumps(context)

    def test_are_promoted_together_whatever_another_application_does(self, lab: Lab) -> None:
        context = self.verify(lab)
        lab.cluster.set_stage(NAMESPACE, "another", "v1", available=False)
        assert lab.run(context).code == 0
        assert [run["version"] for run in lab.dispatched] == ["1a1fad80cd"]

    def test_are_not_promoted_while_one_of_them_is_not_available(self, lab: Lab) -> None:
        lab.fails(self.verify(lab, self.PAIR[0], Deployment("backend", "v7", replicas=3, available=2)))
        assert lab.calls == 0

    @pytest.mark.parametrize(
        "deployments",
        [
            (PAIR[0], Deployment("backend", "v8", replicas=3)),
            (Deployment("frontend", "v7", replicas=2), PAIR[1]),
        ],
        ids=["one is ahead", "one has the version of another"],
    )
    def test_are_superseded_by_a_version_that_keptn_does_not_know_of_that_workload(
        self, lab: Lab, deployments: tuple[Deployment, ...]
    ) -> None:
        lab.superseded(self.verify(lab, *deployments))

    def test_have_their_names_and_versions_from_labels_that_keptn_writes_in_lower_case(self, lab: Lab) -> None:
        pair = (Deployment("Front_End", "V2-RC1"), Deployment("backend", "v7"))
        lab.cluster.set_stage(NAMESPACE, APPLICATION, "1a1fad80cd", metadata={"commitID": FIRST}, deployments=pair)
        context = self.verify(lab, *pair)
        assert lab.run(context).code == 0
        assert lab.calls == 1

    def test_whose_name_keptn_has_shortened_may_have_any_version_that_keptn_knows(self, lab: Lab) -> None:
        context = self.verify(lab, self.PAIR[0], Deployment("a-very-long-name-of-a-workload", "v7"))
        assert lab.run(context).code == 0
        assert lab.calls == 1


class TestAvailability:
    @pytest.mark.parametrize(
        "deployment",
        [
            Deployment(APPLICATION, "v1", available=0),
            Deployment(APPLICATION, "v1", replicas=2, available=1),
            Deployment(APPLICATION, "v1", replicas=2, updated=1),
            Deployment(APPLICATION, "v1", replicas=2, total=3),
            Deployment(APPLICATION, "v1", replicas=0),
            Deployment(APPLICATION, "v1", generation=2, observed=1),
            Deployment(APPLICATION, "v1", observed=0),
            StatefulSet(APPLICATION, "v1", replicas=2, available=1),
            StatefulSet(APPLICATION, "v1", replicas=2, updated=1),
            StatefulSet(APPLICATION, "v1", replicas=2, updated=1, strategy="OnDelete"),
            StatefulSet(APPLICATION, "v1", revised=False),
            StatefulSet(APPLICATION, "v1", replicas=0),
            StatefulSet(APPLICATION, "v1", generation=2, observed=1),
            DaemonSet(APPLICATION, "v1", replicas=2, available=1),
            DaemonSet(APPLICATION, "v1", replicas=2, updated=1),
            DaemonSet(APPLICATION, "v1", replicas=2, total=1, updated=1, available=1),
            DaemonSet(APPLICATION, "v1", generation=2, observed=1),
            DaemonSet(APPLICATION, "v1", replicas=0),
        ],
    )
    def test_is_every_replica_of_the_current_generation_and_no_other(self, lab: Lab, deployment: Deployment) -> None:
        context = lab.verify("v1", FIRST)
        lab.deploy(deployment)
        lab.fails(context, timeout="60")
        assert lab.calls == 0
        assert 50 < lab.clock.elapsed < 60, "it waits, within its timeout"

    @pytest.mark.parametrize(
        "workloads",
        [
            (StatefulSet(APPLICATION, "v1", replicas=3),),
            (StatefulSet(APPLICATION, "v1", strategy="OnDelete", revised=False),),
            (DaemonSet(APPLICATION, "v1", replicas=5),),
            (Deployment(APPLICATION, "v1"), StatefulSet("store", "v1"), DaemonSet("agent", "v1", replicas=2)),
            (Deployment(APPLICATION, "v1"), DaemonSet("agent", "v1", replicas=0)),
        ],
        ids=["StatefulSet", "OnDelete, all deleted", "DaemonSet", "one of each", "no node for one of them"],
    )
    def test_is_told_by_the_status_of_each_kind_of_workload(self, lab: Lab, workloads: tuple[Deployment, ...]) -> None:
        context = lab.verify("v1", FIRST)
        lab.deploy(*workloads)
        assert lab.run(context).code == 0
        assert lab.calls == 1

    def test_that_is_missing_is_said(self, lab: Lab) -> None:
        context = lab.verify("v1", FIRST)
        for name, deployments in {
            "pods": (Deployment(APPLICATION, "v1", replicas=2, updated=1, available=0, total=3),),
            "rollout": (Deployment(APPLICATION, "v1", generation=2, observed=1),),
            "on_delete": (StatefulSet(APPLICATION, "v1", replicas=2, updated=1, strategy="OnDelete"),),
            "no_node": (DaemonSet(APPLICATION, "v1", replicas=0),),
            "no_deployment": (),
        }.items():
            lab.cluster.events.clear()
            lab.deploy(*deployments)
            assert_message(f"task.unavailable_{name}", lab.fails(context))

    def test_cannot_be_known_of_an_app_that_keptn_has_not(self, lab: Lab) -> None:
        context = lab.verify("v1", FIRST)
        lab.cluster.remove(NAMESPACE, APPLICATION)
        assert_message("task.no_app", lab.fails(context))

    def test_is_asked_again_when_the_cluster_has_a_bad_moment(self, lab: Lab) -> None:
        context = lab.verify("v1", FIRST)
        lab.cluster.fail_next(503)
        lab.cluster.fail_next(429, {"Retry-After": "7"})
        assert lab.run(context).code == 0
        assert lab.clock.slept == [1.0, 7.0]


class TestTheRole:
    def test_allows_all_that_the_task_does_and_the_task_does_all_that_the_lab_allows(self, lab: Lab) -> None:
        lab.run(lab.verify("v1", FIRST))
        assert lab.cluster.seen == TASK_ROLE
        assert accesses(PROMOTION_ROLE_RULES) >= TASK_ROLE

    @pytest.mark.parametrize("access", sorted(TASK_ROLE - {Access("create", "", "events")}))
    def test_that_lacks_a_read_is_an_error_which_names_it(self, lab: Lab, access: Access) -> None:
        lab.cluster.allowed = TASK_ROLE - {access}
        line = lab.fails(lab.verify("v1", FIRST))
        assert access.resource in line
        assert_message("task.no_right", line.partition(access.resource)[0])
        assert lab.calls == 0

    @pytest.mark.parametrize(
        ("host", "url"), [("10.0.0.1", "https://10.0.0.1:6443"), ("fd00::1", "https://[fd00::1]:6443")]
    )
    def test_is_used_at_the_pods_own_api_server_with_its_own_authority_and_no_proxy(
        self, lab: Lab, host: str, url: str
    ) -> None:
        account = lab.cluster.service_account_dir(NAMESPACE)
        environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "6443"}
        kubernetes = Kubernetes(environ | {"DELIVERY_SERVICE_ACCOUNT_DIR": str(account)}, Budget())
        assert (kubernetes.url, kubernetes.namespace) == (url, NAMESPACE)
        assert kubernetes.client.authority == str(account / "ca.crt")
        assert kubernetes.client.proxies == {}


class TestTheText:
    """What runs: the modules as one text, without a file and without this project."""

    TASKS = ("promote", "stage_task")
    MODULES = sorted(path for path in (ROOT / "gitops/tasks").glob("*.py"))

    @pytest.mark.parametrize("task", TASKS)
    def test_needs_nothing_but_pythons_standard_library(self, task: str) -> None:
        tree = parsed(task_source(task), (3, 11))
        modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {name.partition(".")[0] for name in modules} - sys.stdlib_module_names == set()

    @pytest.mark.parametrize("task", TASKS)
    def test_is_short_enough_to_be_an_argument_of_a_process(self, task: str) -> None:
        assert len(task_source(task).encode()) < 120_000, "Linux takes 131,071 bytes"

    @pytest.mark.parametrize("task", TASKS)
    def test_has_every_name_once(self, task: str) -> None:
        origins: dict[str, set[str]] = {}
        for node in parsed(task_source(task)).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                where = node.module if isinstance(node, ast.ImportFrom) else ""
                bound = {alias.asname or alias.name: f"{where}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                bound = {node.name: f"line {node.lineno}"}
            else:
                targets = [*getattr(node, "targets", ()), *filter(None, [getattr(node, "target", None)])]
                bound = {target.id: f"line {node.lineno}" for target in targets if isinstance(target, ast.Name)}
            for name, origin in bound.items():
                origins.setdefault(name, set()).add(origin)
        assert {name: found for name, found in origins.items() if len(found) > 1} == {}

    @pytest.mark.parametrize("how", ["file", "-c"])
    def test_promotes_as_a_file_and_as_an_argument(self, lab: Lab, tmp_path: Path, how: str) -> None:
        context = lab.verify("v0.3.1", FIRST)
        (tmp_path / "task").write_text(task_source())
        what = ["-c", task_source()] if how == "-c" else [str(tmp_path / "task")]
        environ = {"NO_PROXY": "127.0.0.1", **lab.environ(context)}
        done = subprocess.run(
            [sys.executable, "-B", "-I", *what], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert lab.dispatched == [inputs(context, "v0.3.1", FIRST)]

    @pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
    def test_comes_from_modules_that_are_short_enough_to_be_read(self, module: Path) -> None:
        assert sum(1 for line in module.read_text().splitlines() if line.strip()) <= 200
