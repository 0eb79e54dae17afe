"""What the promotion task decides: what is sent, what is not because the stage has moved on, and what must wait."""

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from delivery.stack.manifests import PROMOTION_ROLE_RULES
from gitops.tasks import promote
from lab.cluster_objects import TASK_ROLE, Access, Deployment, accesses
from tests.gitops.task_lab import APPLICATION, FIRST, NAMESPACE, ROOT, SECOND, THIRD, Lab, failed_on_one_line, task_lab


@pytest.fixture
def lab(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Lab]:
    with task_lab(tmp_path, capsys) as ready:
        yield ready


def traceparent(context: str) -> str:
    return str(json.loads(context)["metadata"]["traceparent"])


def inputs(context: str, version: str, commit: str, to: str = "production") -> dict[str, str]:
    identity = {"application": APPLICATION, "from": "dev", "to": to, "version": version}
    return {**identity, "commitID": commit, "traceParent": traceparent(context)}


class TestWhatIsSent:
    def test_a_verified_version_starts_the_workflow_with_all_six_inputs(self, lab: Lab) -> None:
        context = lab.verify("v0.3.1", FIRST)

        outcome = lab.run(context)

        assert (outcome.code, outcome.error) == (0, "")
        assert lab.dispatched == [inputs(context, "v0.3.1", FIRST)]
        assert lab.clock.slept == []

    def test_each_target_stage_gets_its_own_run_a_second_apart(self, lab: Lab) -> None:
        context = lab.verify("v0.3.1", FIRST)

        lab.run(context, to="production, canary,production")

        assert [run["to"] for run in lab.dispatched] == ["production", "canary"]
        assert lab.clock.slept == [1.0]

    def test_a_success_is_left_as_an_event_at_the_app(self, lab: Lab) -> None:
        lab.run(lab.verify("v0.3.1", FIRST))

        (event,) = lab.cluster.events
        assert (event["type"], event["reason"]) == ("Normal", "PromotionDispatched")
        assert event["message"] == f"podtato-head v0.3.1 ({FIRST}) to production"

    def test_the_request_says_who_asks_and_in_which_version_of_the_api(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent: list[requests.PreparedRequest] = []
        send = requests.Session.send

        def record(
            session: requests.Session, request: requests.PreparedRequest, **options: object
        ) -> requests.Response:
            sent.append(request)
            return send(session, request, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(requests.Session, "send", record)
        lab.run(lab.verify("v0.3.1", FIRST))

        headers = next(request.headers for request in sent if "dispatches" in str(request.url))
        assert headers["Accept"] == "application/vnd.github+json"
        assert headers["X-GitHub-Api-Version"] == "2022-11-28"
        assert headers["User-Agent"] == "delivery-promote"

    def test_a_netrc_file_does_not_replace_the_token(
        self, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

        assert lab.run(lab.verify("v0.3.1", FIRST)).code == 0

    @pytest.mark.parametrize(
        "value", [None, "", "junk", f"00-{'0' * 32}-{'b' * 16}-01", f"00-{'A' * 32}-{'b' * 16}-01", "00-a-b-01\n", 7]
    )
    def test_without_a_valid_traceparent_it_goes_on_and_says_so(self, lab: Lab, value: object) -> None:
        context = json.loads(lab.verify("v0.3.1", FIRST))
        context["metadata"]["traceparent"] = value

        outcome = lab.run(json.dumps(context))

        assert outcome.code == 0
        assert lab.dispatched[0]["traceParent"] == ""
        assert "OTelCollectorUrl" in outcome.out


class TestATaskThatRunsProvesNothing:
    """The cases in which Keptn runs the task although there is nothing to promote, and the one that looks alike."""

    def test_going_back_to_an_earlier_version_waits_for_its_pods(self, lab: Lab) -> None:
        lab.verify("v0.3.0", FIRST)
        lab.verify("v0.3.1", SECOND)
        context = lab.verify("v0.3.0", THIRD)
        lab.cluster.set_deployments(NAMESPACE, APPLICATION, Deployment(APPLICATION, "v0.3.0", available=0))

        def start_pods_in_the_third_look() -> None:
            if len(lab.clock.slept) == 2:
                lab.cluster.set_deployments(NAMESPACE, APPLICATION, Deployment(APPLICATION, "v0.3.0"))

        lab.clock.on_sleep = start_pods_in_the_third_look

        assert lab.run(context).code == 0
        assert lab.dispatched == [inputs(context, "v0.3.0", THIRD)]
        assert lab.clock.slept == [5.0, 5.0]

    def test_pods_that_stay_pending_fail_the_task_within_its_timeout_with_nothing_sent(self, lab: Lab) -> None:
        context = lab.verify("v0.3.0", FIRST)
        lab.cluster.set_deployments(NAMESPACE, APPLICATION, Deployment(APPLICATION, "v0.3.0", available=0))

        error = failed_on_one_line(lab.run(context, timeout="60"))

        assert "Deployment podtato-head has 1 updated and 0 available of 1 pods, and 1 are wanted" in error
        assert lab.clock.elapsed < 60
        assert (lab.calls, lab.reasons) == (0, ["PromotionFailed"])

    def test_a_version_that_never_started_is_not_promoted_when_the_next_replaces_it(self, lab: Lab) -> None:
        never_started = lab.verify("v0.3.1", FIRST)
        lab.verify("v0.3.2", SECOND)

        outcome = lab.run(never_started)

        assert outcome.code == 0
        assert f"superseded: podtato-head v0.3.1 ({FIRST}), the stage is at v0.3.2; nothing sent" in outcome.out
        assert lab.calls == 0

    def test_an_operator_restart_promotes_no_superseded_version_again(self, lab: Lab) -> None:
        for version, commit in (("v0.3.0", FIRST), ("v0.3.1", SECOND)):
            lab.keptn.verify(APPLICATION, NAMESPACE, version, commit, promotes=False)
        current = lab.keptn.verify(APPLICATION, NAMESPACE, "v0.3.2", THIRD, promotes=False)

        replayed = lab.keptn.restart()

        assert [lab.run(context).code for context in replayed] == [0, 0, 0]
        assert lab.dispatched == [inputs(current, "v0.3.2", THIRD)]

    def test_a_replay_of_the_current_version_is_sent_again_because_the_promoter_takes_it_for_what_it_is(
        self, lab: Lab
    ) -> None:
        context = lab.verify("v0.3.1", FIRST)

        lab.run(context)
        lab.run(context)

        assert lab.dispatched == [inputs(context, "v0.3.1", FIRST)] * 2

    @pytest.mark.parametrize("version", ["v0.3.0", "v0.3.0_Hotfix"])
    def test_an_earlier_rollout_of_the_version_that_runs_now_is_told_apart_by_its_commit(
        self, lab: Lab, version: str
    ) -> None:
        before = lab.verify(version, FIRST)
        lab.verify("v0.3.1", SECOND)
        lab.verify(version, THIRD)

        outcome = lab.run(before)

        assert outcome.code == 0
        assert f"the stage runs it from commit {THIRD}; nothing sent" in outcome.out
        assert lab.calls == 0

    def test_a_rollback_in_the_source_stage_is_a_promotion_like_any_other(self, lab: Lab) -> None:
        before = lab.verify("v0.3.0", FIRST)
        lab.verify("v0.3.1", SECOND)
        rollback = lab.verify("v0.3.0", THIRD)

        lab.run(rollback)

        assert lab.dispatched == [inputs(rollback, "v0.3.0", THIRD)]
        assert traceparent(rollback) != traceparent(before)

    def test_a_version_that_is_replaced_during_the_wait_is_not_promoted(self, lab: Lab) -> None:
        context = lab.verify("v0.3.1", FIRST)
        lab.cluster.set_deployments(NAMESPACE, APPLICATION, Deployment(APPLICATION, "v0.3.1", available=0))
        lab.clock.on_sleep = lambda: lab.cluster.set_stage(NAMESPACE, APPLICATION, "v0.3.2")

        outcome = lab.run(context)

        assert outcome.code == 0
        assert "the stage is at v0.3.2" in outcome.out
        assert lab.calls == 0

    def test_a_deployment_that_is_ahead_of_what_keptn_knows_supersedes(self, lab: Lab) -> None:
        context = lab.verify("v0.3.1", FIRST)
        lab.cluster.set_deployments(NAMESPACE, APPLICATION, Deployment(APPLICATION, "v0.3.2"))

        outcome = lab.run(context)

        assert "Deployment podtato-head is at v0.3.2; nothing sent" in outcome.out
        assert (outcome.code, lab.calls) == (0, 0)


class TestSeveralWorkloads:
    """Then the app's version is Keptn's hash, and each workload has a version of its own."""

    PAIR = (Deployment("frontend", "v2"), Deployment("backend", "v7", replicas=3))

    def verify(self, lab: Lab, *deployments: Deployment) -> str:
        lab.cluster.set_stage(NAMESPACE, APPLICATION, "1a1fad80cd", metadata={"commitID": FIRST}, deployments=self.PAIR)
        context = {"appName": APPLICATION, "appVersion": "1a1fad80cd", "metadata": {"commitID": FIRST}}
        if deployments:
            lab.cluster.set_deployments(NAMESPACE, APPLICATION, *deployments)
        return json.dumps(context)

    def test_are_promoted_together(self, lab: Lab) -> None:
        assert lab.run(self.verify(lab)).code == 0
        assert [run["version"] for run in lab.dispatched] == ["1a1fad80cd"]

    def test_are_not_promoted_while_one_of_them_is_not_available(self, lab: Lab) -> None:
        context = self.verify(lab, self.PAIR[0], Deployment("backend", "v7", replicas=3, available=2))

        assert "Deployment backend has 3 updated and 2 available" in failed_on_one_line(lab.run(context))

    def test_are_superseded_when_one_of_them_is_ahead_of_what_keptn_knows(self, lab: Lab) -> None:
        context = self.verify(lab, self.PAIR[0], Deployment("backend", "v8", replicas=3))

        assert "Deployment backend is at v8; nothing sent" in lab.run(context).out
        assert lab.calls == 0

    def test_are_superseded_when_one_of_them_has_the_version_of_another(self, lab: Lab) -> None:
        context = self.verify(lab, Deployment("frontend", "v7", replicas=2), self.PAIR[1])

        assert "Deployment frontend is at v7; nothing sent" in lab.run(context).out
        assert lab.calls == 0

    def test_whose_name_keptn_has_shortened_may_have_any_version_that_keptn_knows(self, lab: Lab) -> None:
        long = "a-very-long-name-of-a-workload"
        context = self.verify(lab, self.PAIR[0], Deployment(long, "v7"))

        assert lab.run(context).code == 0
        assert lab.calls == 1

    def test_of_another_application_do_not_matter(self, lab: Lab) -> None:
        context = self.verify(lab)
        lab.cluster.set_stage(NAMESPACE, "another", "v1", available=False)

        assert lab.run(context).code == 0


class TestAvailability:
    @pytest.mark.parametrize(
        ("deployment", "lack"),
        [
            (Deployment(APPLICATION, "v1", replicas=2, available=1), "has 2 updated and 1 available of 2 pods"),
            (Deployment(APPLICATION, "v1", replicas=2, updated=1), "has 1 updated and 2 available of 2 pods"),
            (Deployment(APPLICATION, "v1", replicas=2, total=3), "available of 3 pods, and 2 are wanted"),
            (Deployment(APPLICATION, "v1", generation=2, observed=1), "has a change that is not rolled out"),
            (Deployment(APPLICATION, "v1", replicas=0), "0 are wanted"),
            (Deployment(APPLICATION, "v1", observed=0), "has a change that is not rolled out"),
        ],
    )
    def test_is_every_replica_of_the_current_generation_and_no_other(
        self, lab: Lab, deployment: Deployment, lack: str
    ) -> None:
        context = lab.verify("v1", FIRST)
        lab.cluster.set_deployments(NAMESPACE, APPLICATION, deployment)

        assert lack in failed_on_one_line(lab.run(context))
        assert lab.calls == 0

    def test_needs_a_deployment_with_the_label_that_keptn_reads(self, lab: Lab) -> None:
        context = lab.verify("v1", FIRST)
        lab.cluster.set_deployments(NAMESPACE, APPLICATION)

        error = failed_on_one_line(lab.run(context))

        assert "no Deployment whose pods have app.kubernetes.io/part-of=podtato-head" in error

    def test_cannot_be_known_of_an_app_that_keptn_has_not(self, lab: Lab) -> None:
        context = lab.verify("v1", FIRST)
        lab.cluster.remove(NAMESPACE, APPLICATION)

        assert "KeptnApp podtato-head is not there" in failed_on_one_line(lab.run(context))

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

        error = failed_on_one_line(lab.run(lab.verify("v1", FIRST)))

        assert f"the cluster answers 403 to reading {access.resource}" in error
        assert lab.calls == 0

    @pytest.mark.parametrize(
        ("host", "url"), [("10.0.0.1", "https://10.0.0.1:6443"), ("fd00::1", "https://[fd00::1]:6443")]
    )
    def test_is_used_at_the_pods_own_api_server_with_its_own_authority_and_no_proxy(
        self, lab: Lab, host: str, url: str
    ) -> None:
        account = lab.cluster.service_account_dir(NAMESPACE)
        environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "6443"}
        environ["DELIVERY_SERVICE_ACCOUNT_DIR"] = str(account)

        kubernetes = promote.Kubernetes(environ, promote.Budget())

        assert (kubernetes.url, kubernetes.namespace) == (url, NAMESPACE)
        assert kubernetes.session.verify == str(account / "ca.crt")
        assert not kubernetes.session.trust_env


class TestTheFile:
    SOURCE = ROOT / "gitops/tasks/promote.py"

    def test_needs_nothing_but_what_keptns_python_runtime_has(self) -> None:
        tree = ast.parse(self.SOURCE.read_text(), feature_version=(3, 11))
        modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

        assert {name.partition(".")[0] for name in modules} - sys.stdlib_module_names == {"requests"}

    def test_is_short_enough_to_be_read_inside_a_task_definition(self) -> None:
        assert sum(1 for line in self.SOURCE.read_text().splitlines() if line.strip()) <= 300
