"""The promotion task as a hook of Argo CD: what it takes for verified, what it does then, and why a sync failed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitops.tasks.trace import StageDeployment
from lab.cluster_objects import HOOK_ROLE, Access, DaemonSet, Deployment, Job
from lab.monitoring import Monitoring
from tests.gitops.task_lab import APPLICATION, NAMESPACE, REPOSITORY, Lab
from tests.messages import assert_message

ALL = ("actions", "deployments", "statuses")
NOW = 1_800_000_000
LINK = f"00-{'1' * 32}-{'2' * 16}-01"
VALUES = {"serviceVersion": "v0.3.1", "image": "ghcr.io/acme/web:7"}


@pytest.fixture
def commit(lab: Lab) -> str:
    """Argo CD has synced a commit that the repository has, and its version runs; the token may record it."""
    lab.allow(*ALL)
    lab.cluster.set_stage(NAMESPACE, APPLICATION, "v0.3.1")
    return lab.commit("v0.3.1")


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Monitoring]:
    """A collector, which the task is told of as `collector.url`."""
    with Monitoring(tmp_path / "spans.jsonl") as running:
        yield running


def spans(tmp_path: Path) -> list[dict[str, Any]]:
    """What the collector got."""
    file = tmp_path / "spans.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [
        span
        for line in lines
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def traceparent(commit: str, error: str = "") -> str:
    """The id that a deployment of this commit hands on."""
    return StageDeployment(
        APPLICATION, "dev", NAMESPACE, REPOSITORY, "v0.3.1", commit, {}, NOW, NOW, error=error
    ).traceparent


def job(task: str, phase: str, commit: str, *, wave: int = 0, began: int = NOW - 60, **more: Any) -> Job:
    """A hook's Job, which took ten seconds unless told otherwise."""
    name = f"{APPLICATION}-{task}"
    return Job(name, APPLICATION, task, phase, wave, commit, began=began, **{"ended": began + 10, **more})


class TestAfterASync:
    def test_what_was_synced_is_recorded_with_its_values_and_then_promoted(self, lab: Lab, commit: str) -> None:
        outcome = lab.hook(commit, values=VALUES)
        assert (outcome.code, outcome.error) == (0, "")
        [found] = lab.deployments
        assert (found.sha, found.environment, found.state) == (commit, "dev", "success")
        assert found.payload == {
            "application": APPLICATION,
            "version": "v0.3.1",
            "values": VALUES,
            "traceparent": traceparent(commit),
            "verifiedBy": "argocd",
        }
        assert lab.dispatched == [
            {
                "application": APPLICATION,
                "from": "dev",
                "to": "production",
                "version": "v0.3.1",
                "commitID": commit,
                "traceParent": traceparent(commit),
            }
        ]
        [event] = lab.cluster.events
        assert (event["reason"], event["involvedObject"]) == (
            "PromotionDispatched",
            {"apiVersion": "v1", "kind": "Pod", "name": f"{APPLICATION}-promote-x7k2p", "namespace": NAMESPACE},
        )

    def test_nothing_of_keptns_is_read(self, lab: Lab, commit: str) -> None:
        lab.hook(commit)
        assert {access.resource for access in lab.cluster.seen} == {
            "deployments",
            "statefulsets",
            "daemonsets",
            "events",
        }

    def test_another_sync_of_the_same_commit_writes_no_second_record_and_hands_the_same_ids_on(
        self, lab: Lab, commit: str
    ) -> None:
        lab.hook(commit)
        lab.forge.forget_requests()
        assert lab.hook(commit).code == 0
        assert lab.writes == ["dispatches"]
        assert lab.dispatched[0] == lab.dispatched[1]

    def test_workloads_without_labels_need_none(self, lab: Lab, commit: str) -> None:
        lab.deploy()
        assert lab.hook(commit, version="").code == 0
        assert lab.dispatched[0]["version"] == ""

    @pytest.mark.parametrize(
        ("deployments", "version"),
        [
            ((Deployment("web", "v7"), DaemonSet("agent", "v7")), "v7"),
            ((Deployment("web", "v7"), Deployment("worker", "v8")), ""),
            ((Deployment("web", ""),), ""),
        ],
        ids=["one version", "several", "none"],
    )
    def test_the_version_of_own_files_is_the_one_that_all_workloads_have(
        self, lab: Lab, commit: str, deployments: tuple[Deployment, ...], version: str
    ) -> None:
        lab.deploy(*deployments)
        lab.hook(commit, version="")
        assert lab.dispatched[0]["version"] == version
        [found] = lab.deployments
        assert isinstance(found.payload, dict)
        assert found.payload["version"] == version
        assert "values" not in found.payload

    def test_a_workload_that_is_not_available_any_more_is_not_promoted(self, lab: Lab, commit: str) -> None:
        lab.deploy(Deployment(APPLICATION, "v0.3.1", replicas=2, available=1))
        outcome = lab.hook(commit)
        assert (outcome.code, lab.forge.requests, lab.clock.slept) == (1, [], [])
        assert_message("task.hook_unavailable", outcome.error.strip().replace(commit, "COMMIT"))

    def test_a_last_stage_without_a_token_says_that_it_records_nothing(self, lab: Lab, commit: str) -> None:
        outcome = lab.hook(commit, secret=False, data={"to": ""})
        assert (outcome.code, outcome.error, lab.forge.requests) == (0, "", [])
        assert_message("task.hook_without_token", outcome.out.strip())

    def test_a_last_stage_with_a_token_records(self, lab: Lab, commit: str) -> None:
        assert lab.hook(commit, data={"to": ""}).code == 0
        assert [found.state for found in lab.deployments] == ["success"]
        assert lab.calls == 0

    def test_a_stage_that_promotes_needs_the_token(self, lab: Lab, commit: str) -> None:
        outcome = lab.hook(commit, secret=False)
        assert outcome.code == 1
        assert "SECURE_DATA is missing" in outcome.error
        assert lab.reasons == ["PromotionFailed"]

    @pytest.mark.parametrize(
        ("context", "found"),
        [
            ({"commitID": ""}, "commitID is missing"),
            ({"commitID": "1.2.3"}, "commitID is not valid"),
            ({"phase": "PreSync"}, "phase is not valid"),
            ({"phase": None}, "phase is missing"),
            ({"version": "v1\n"}, "version is not valid"),
        ],
    )
    def test_a_context_that_is_wrong_is_named(self, lab: Lab, commit: str, context: dict[str, Any], found: str) -> None:
        outcome = lab.main(
            {
                **lab.environ("", verification="argocd"),
                "ARGOCD_CONTEXT": json.dumps({"phase": "PostSync", "commitID": commit, **context}),
            }
        )
        assert f"ARGOCD_CONTEXT: {found}" in outcome.error

    def test_a_context_that_is_missing_is_named(self, lab: Lab, commit: str) -> None:  # noqa: ARG002
        assert_message("task.no_argocd_context", lab.main(lab.environ("", verification="argocd")).error.strip())


class TestTheTrace:
    def told(self, collector: Monitoring) -> dict[str, str]:
        return {"otlpEndpoint": collector.url}

    def sync(self, lab: Lab, commit: str) -> None:
        """A hook before, a rollout, a hook after it, and this task, which runs."""
        lab.cluster.set_job(NAMESPACE, job("migrate", "PreSync", commit, began=NOW - 60))
        lab.deploy(Deployment(APPLICATION, "v0.3.1", began=NOW - 45, ended=NOW - 25))
        lab.cluster.set_job(NAMESPACE, job("smoke", "PostSync", commit, began=NOW - 20))
        lab.cluster.set_job(NAMESPACE, job("promote", "PostSync", commit, wave=1, began=NOW - 5, ended=0))

    def test_is_the_deployment_from_its_first_hook_to_now_with_hooks_and_rollouts(
        self, lab: Lab, commit: str, collector: Monitoring, tmp_path: Path
    ) -> None:
        self.sync(lab, commit)
        lab.hook(commit, data=self.told(collector), traceParent=f"{LINK},junk", metadata={"team": "shop"})
        found = {
            span["name"]: (int(span["startTimeUnixNano"]) // 10**9 - NOW, int(span["endTimeUnixNano"]) // 10**9 - NOW)
            for span in spans(tmp_path)
        }
        assert found == {
            f"deploy {APPLICATION}/dev": (-60, 0),
            "AppPreDeployTasks": (-60, -50),
            "migrate": (-60, -50),
            "AppDeploy": (-45, -25),
            APPLICATION: (-45, -25),
            "AppPostDeployTasks": (-20, -10),
            "smoke": (-20, -10),
            "PromotionTasks": (-5, 0),
            "promote": (-5, 0),
        }
        root = spans(tmp_path)[0]
        assert [(link["traceId"], link["spanId"]) for link in root["links"]] == [("1" * 32, "2" * 16)]
        assert {"key": "team", "value": {"stringValue": "shop"}} in root["attributes"]
        [phase] = [span for span in spans(tmp_path) if span["name"] == "PromotionTasks"]
        assert lab.dispatched[0]["traceParent"] == f"00-{phase['traceId']}-{phase['spanId']}-01"

    def test_has_a_promotion_phase_that_lasts_as_long_as_github_lets_it_wait(
        self, lab: Lab, commit: str, collector: Monitoring, tmp_path: Path
    ) -> None:
        self.sync(lab, commit)
        lab.forge.fail_next("POST", r"/dispatches$", status=429, headers={"retry-after": "30"})
        assert lab.hook(commit, data=self.told(collector)).code == 0
        [phase] = [span for span in spans(tmp_path) if span["name"] == "PromotionTasks"]
        assert int(phase["endTimeUnixNano"]) // 10**9 - NOW == 30

    def test_leaves_out_what_is_of_an_earlier_sync_or_rollout(
        self, lab: Lab, commit: str, collector: Monitoring, tmp_path: Path
    ) -> None:
        self.sync(lab, commit)
        lab.cluster.set_job(NAMESPACE, job("old", "PostSync", commit, wave=3, began=NOW - 900))
        lab.cluster.set_job(NAMESPACE, job("other", "PostSync", "c" * 40, began=NOW - 30))
        lab.deploy(Deployment(APPLICATION, "v0.3.1", began=NOW - 90_000, ended=NOW - 80_000))
        lab.hook(commit, data=self.told(collector))
        assert {span["name"] for span in spans(tmp_path)}.isdisjoint({"old", "other", "AppDeploy"})

    def test_is_sent_once_for_a_record(self, lab: Lab, commit: str, collector: Monitoring, tmp_path: Path) -> None:
        lab.hook(commit, data=self.told(collector))
        sent = len(spans(tmp_path))
        lab.hook(commit, data=self.told(collector))
        assert (len(spans(tmp_path)), sent > 0) == (sent, True)

    def test_is_sent_although_the_promotion_failed(
        self, lab: Lab, commit: str, collector: Monitoring, tmp_path: Path
    ) -> None:
        lab.forge.fail_next("POST", r"/dispatches$", status=422)
        assert lab.hook(commit, data=self.told(collector)).code == 1
        assert spans(tmp_path) != []

    @pytest.mark.parametrize("secret", [True, False])
    def test_is_sent_where_nothing_may_be_recorded(
        self, lab: Lab, commit: str, collector: Monitoring, tmp_path: Path, secret: bool
    ) -> None:
        lab.allow("actions")
        lab.hook(commit, secret=secret, data={**self.told(collector), "to": "", "repository": REPOSITORY})
        assert spans(tmp_path)[0]["traceId"] == traceparent(commit).split("-")[1]

    def test_that_no_collector_takes_fails_nothing(self, lab: Lab, commit: str) -> None:
        outcome = lab.hook(commit, data={"otlpEndpoint": "http://127.0.0.1:1"})
        assert (outcome.code, outcome.error) == (0, "")
        assert "otlpEndpoint" in outcome.out
        assert lab.dispatched[0]["traceParent"] == traceparent(commit)

    def test_has_no_tasks_where_the_role_lacks_what_it_takes(
        self, lab: Lab, commit: str, collector: Monitoring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.sync(lab, commit)
        monkeypatch.setattr("tests.gitops.task_lab.HOOK_ROLE", HOOK_ROLE - {Access("list", "apps", "replicasets")})
        assert lab.hook(commit, data=self.told(collector)).code == 0
        assert {span["name"] for span in spans(tmp_path)} == {f"deploy {APPLICATION}/dev", "PromotionTasks"}


class TestAfterASyncThatFailed:
    def failed(self, lab: Lab, commit: str, *jobs: Job, **data: str) -> str:
        """The hook for failures runs after these; the reason that is recorded."""
        for one in (*jobs, job("record-failure", "SyncFail", commit, began=NOW, ended=0)):
            lab.cluster.set_job(NAMESPACE, one)
        outcome = lab.hook(commit, "SyncFail", data=data)
        assert (outcome.code, outcome.error, lab.calls) == (0, "", 0)
        [found] = lab.deployments
        assert found.state == "failure"
        assert found.statuses[-1].description in outcome.out
        return found.statuses[-1].description

    def failure(self, task: str, phase: str, commit: str, said: str, **more: Any) -> Job:
        return job(task, phase, commit, said=said, error="BackoffLimitExceeded", **more)

    def test_the_reason_is_the_last_line_of_the_hook_that_failed(self, lab: Lab, commit: str) -> None:
        said = "checking\nAssertionError: 500 is not 200\n\n"
        assert self.failed(lab, commit, self.failure("smoke", "PostSync", commit, said)) == (
            "smoke: AssertionError: 500 is not 200"
        )
        [found] = lab.deployments
        assert isinstance(found.payload, dict)
        assert found.payload["traceparent"] == traceparent(commit, "BackoffLimitExceeded")
        assert lab.reasons == ["VerificationFailed"]

    def test_the_reason_has_no_password_of_an_address(self, lab: Lab, commit: str) -> None:
        said = "cannot reach https://somebody:word@registry.example.com/v2"
        assert self.failed(lab, commit, self.failure("smoke", "PostSync", commit, said)) == (
            "smoke: cannot reach https://[secret]@registry.example.com/v2"
        )

    def test_a_hook_without_a_pod_is_told_by_its_job(self, lab: Lab, commit: str) -> None:
        assert self.failed(lab, commit, job("smoke", "PostSync", commit, error="DeadlineExceeded")) == (
            "smoke: Job failed: DeadlineExceeded"
        )

    def test_hooks_of_another_commit_and_older_failures_of_this_one_are_not_the_reason(
        self, lab: Lab, commit: str
    ) -> None:
        assert self.failed(
            lab,
            commit,
            self.failure("lint", "PostSync", "c" * 40, "another commit", began=NOW - 15),
            self.failure("old", "PostSync", commit, "long ago", began=NOW - 900),
            self.failure("smoke", "PostSync", commit, "this", began=NOW - 30),
        ) == ("smoke: this")

    def test_without_a_hook_that_failed_it_is_what_the_workloads_lack(self, lab: Lab, commit: str) -> None:
        lab.deploy(Deployment(APPLICATION, "v0.3.1", replicas=2, available=1))
        assert_message("task.sync_failed_workload", self.failed(lab, commit))

    def test_a_failure_of_an_earlier_sync_of_the_commit_is_not_why_the_workloads_lack_something(
        self, lab: Lab, commit: str
    ) -> None:
        lab.deploy(Deployment(APPLICATION, "v0.3.1", replicas=2, available=1))
        old = self.failure("smoke", "PostSync", commit, "long ago", began=NOW - 900)
        assert "1 available" in self.failed(lab, commit, old)

    def test_nothing_that_the_cluster_tells_is_said_too(self, lab: Lab, commit: str) -> None:
        assert_message("task.sync_failed_unknown", self.failed(lab, commit))

    def test_where_only_the_promotion_failed_no_failure_is_recorded(self, lab: Lab, commit: str) -> None:
        for one in (
            job("smoke", "PostSync", commit),
            self.failure("promote", "PostSync", commit, "error: 422", wave=1),
            job("record-failure", "SyncFail", commit, began=NOW, ended=0),
        ):
            lab.cluster.set_job(NAMESPACE, one)
        outcome = lab.hook(commit, "SyncFail")
        assert (outcome.code, lab.forge.requests, lab.reasons) == (0, [], [])
        assert_message("task.only_promotion_failed", outcome.out.strip().replace(commit, "COMMIT"))

    def test_a_promotion_that_found_workloads_unavailable_is_a_failure(self, lab: Lab, commit: str) -> None:
        lab.deploy(Deployment(APPLICATION, "v0.3.1", replicas=2, available=1))
        assert "1 available" in self.failed(lab, commit, self.failure("promote", "PostSync", commit, "error"))

    def test_a_success_that_follows_for_the_same_commit_is_what_counts(self, lab: Lab, commit: str) -> None:
        self.failed(lab, commit, self.failure("smoke", "PostSync", commit, "no"))
        lab.hook(commit)
        [found] = lab.deployments
        assert [status.state for status in found.statuses] == ["failure", "success"]
        assert traceparent(commit) in found.statuses[-1].description, "its trace is another one than the failure's"

    def test_a_failure_that_follows_a_success_is_what_counts(self, lab: Lab, commit: str) -> None:
        lab.hook(commit)
        lab.forge.wait_for_runs()
        lab.forge.forget_requests()
        self.failed(lab, commit, self.failure("smoke", "PostSync", commit, "now it fails"))
        assert [status.state for status in lab.deployments[0].statuses] == ["success", "failure"]

    def test_the_same_failure_again_is_not_written_again(self, lab: Lab, commit: str) -> None:
        self.failed(lab, commit, self.failure("smoke", "PostSync", commit, "no"))
        self.failed(lab, commit)
        assert len(lab.deployments[0].statuses) == 1

    def test_its_trace_is_sent_with_the_failed_hook(
        self, lab: Lab, commit: str, collector: Monitoring, tmp_path: Path
    ) -> None:
        self.failed(lab, commit, self.failure("smoke", "PostSync", commit, "no"), otlpEndpoint=collector.url)
        failed = {span["name"] for span in spans(tmp_path) if span["status"]["code"] == 2}
        assert failed == {f"deploy {APPLICATION}/dev", "AppPostDeployTasks", "smoke"}

    def test_a_record_that_cannot_be_written_fails_the_hook(self, lab: Lab, commit: str) -> None:
        lab.forge.fail_next("*", "/deployments", status=503, times=None)
        assert lab.hook(commit, "SyncFail").code == 1

    def test_reads_what_its_role_allows_and_nothing_else(self, lab: Lab, commit: str, collector: Monitoring) -> None:
        self.failed(lab, commit, self.failure("smoke", "PostSync", commit, "no"), otlpEndpoint=collector.url)
        assert lab.cluster.seen == HOOK_ROLE
