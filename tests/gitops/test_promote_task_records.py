"""What the promotion task records at GitHub: once, before it promotes, and what becomes of a promotion without it."""

import json
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery.github.client import GitHub as ReadingGitHub
from delivery.github.records import Record, read_records
from gitops.tasks.github import GitHub
from gitops.tasks.http_client import Budget, PassingError
from gitops.tasks.records import Verdict, record
from tests.gitops.loopback import Asked, Reply, loopback
from tests.gitops.task_lab import APPLICATION, REPOSITORY, TOKEN, Lab
from tests.messages import assert_message

ALL = ("actions", "deployments", "statuses")
CREATE, LIST, STATUS = r"^/repos/[^?]*/deployments$", r"/deployments\?", r"/deployments/\d+/statuses$"
DISPATCHES = r"/dispatches$"


@pytest.fixture
def context(lab: Lab) -> str:
    """Keptn has verified a commit that the repository has, and the token may record it."""
    lab.allow(*ALL)
    return lab.verify("v0.3.1", lab.commit("v0.3.1"))


def commit_of(context: str) -> str:
    return str(json.loads(context)["metadata"]["commitID"])


class TestTheRecord:
    def test_is_a_deployment_of_the_verified_commit_written_before_the_workflow_starts(
        self, lab: Lab, context: str
    ) -> None:
        outcome = lab.run(context, autoInactive="true")
        assert (outcome.code, outcome.error) == (0, "")
        [found] = lab.deployments
        assert (found.sha, found.ref, found.environment) == (commit_of(context), commit_of(context), "dev")
        assert (found.task, found.description) == (f"deploy:{APPLICATION}", f"{APPLICATION} v0.3.1")
        traceparent = json.loads(context)["metadata"]["traceparent"]
        assert found.payload == {
            "application": APPLICATION,
            "version": "v0.3.1",
            "traceparent": traceparent,
            "verifiedBy": "keptn",
        }
        [status] = found.statuses
        assert status.state == "success"
        assert status.description == f"version=v0.3.1 traceparent={traceparent} verifiedBy=keptn"
        assert lab.writes == ["deployments", "statuses", "dispatches"]
        assert lab.clock.paced == [1.0, 1.0], "GitHub asks for a second between writes"

    def test_asks_for_no_checks_and_merges_nothing(self, lab: Lab) -> None:
        with loopback(created) as github:
            lab.run(lab.verify("v1", "a" * 40), apiUrl=github.url)
        [asked] = [json.loads(asked.body) for asked in github.asked if asked.path.endswith("/deployments")]
        assert (asked["auto_merge"], asked["required_contexts"]) == (False, [])

    @pytest.mark.parametrize(("said", "left"), [("true", "inactive"), ("false", "success"), (None, "success")])
    def test_sets_earlier_ones_inactive_only_in_a_stage_with_one_application(
        self, lab: Lab, context: str, said: str | None, left: str
    ) -> None:
        lab.run(context, autoInactive=said)
        lab.run(lab.verify("v0.3.2", lab.commit("v0.3.2")), autoInactive=said)
        assert [found.state for found in lab.deployments] == [left, "success"]

    def test_is_not_written_again_by_another_run_which_starts_the_workflow_again(self, lab: Lab, context: str) -> None:
        lab.run(context)
        lab.forge.forget_requests()
        assert lab.run(context).code == 0
        assert lab.writes == ["dispatches"]
        assert [found.state for found in lab.deployments] == ["success"]

    def test_that_a_later_one_made_inactive_is_still_there(self, lab: Lab, context: str) -> None:
        lab.run(context, autoInactive="true")
        lab.run(lab.verify("v0.3.2", lab.commit("v0.3.2")), autoInactive="true")
        back = lab.verify("v0.3.1", commit_of(context))
        lab.forge.forget_requests()
        assert lab.run(back, autoInactive="true").code == 0
        assert lab.writes == ["dispatches"]

    def test_that_an_earlier_run_left_without_a_status_gets_one(self, lab: Lab, context: str) -> None:
        lab.forge.fail_next("POST", STATUS, status=500, times=100)
        lab.run(context)
        lab.forge.forget_faults()
        assert lab.run(context).code == 0
        assert [[status.state for status in found.statuses] for found in lab.deployments] == [["success"]]

    @pytest.mark.parametrize("path", [CREATE, STATUS])
    @pytest.mark.parametrize("status", [None, 502])
    def test_whose_answer_was_lost_is_looked_for_and_not_written_twice(
        self, lab: Lab, context: str, path: str, status: int | None
    ) -> None:
        lab.forge.fail_next("POST", path, status=status, after_commit=True)
        assert lab.run(context).code == 0
        assert [[status.state for status in found.statuses] for found in lab.deployments] == [["success"]]
        assert lab.calls == 1

    def test_is_not_written_for_what_is_superseded(self, lab: Lab, context: str) -> None:
        lab.verify("v0.3.2", lab.commit("v0.3.2"))
        lab.superseded(context)
        assert lab.forge.requests == []

    def test_is_all_that_a_last_stage_does(self, lab: Lab, context: str) -> None:
        outcome = lab.run(context, to="")
        assert (outcome.code, outcome.error) == (0, "")
        assert_message("task.recorded", outcome.out.strip().replace(commit_of(context), "COMMIT"))
        assert lab.writes == ["deployments", "statuses"]
        assert lab.reasons == ["DeploymentRecorded"]

    def test_has_no_version_longer_than_what_github_takes(self) -> None:
        traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
        verdict = Verdict("shop", "dev", "c" * 40, "v" * 63, traceparent, "argocd")
        assert verdict.description == f"version={'v' * 63} traceparent={traceparent}"
        assert len(verdict.description) <= 140
        failed = Verdict("shop", "dev", "c" * 40, "v1", "", "argocd", state="failure", reason="a\n" + "b" * 200)
        assert failed.description == f"a {'b' * 137}…"

    def test_cannot_be_told_by_a_page_of_a_proxy(self, lab: Lab, context: str) -> None:
        lab.forge.fail_next("GET", LIST, status=200, body="<html>log in</html>")
        lab.forge.fail_next("POST", CREATE, status=200, body="<html>log in</html>")
        assert lab.run(context).code == 0
        assert [found.state for found in lab.deployments] == ["success"]


def created(asked: Asked) -> Reply:
    """GitHub's answers where nothing is there yet."""
    return Reply(201, b'{"id": 7}') if asked.method == "POST" else Reply(200, b"[]")


class TestATokenThatMayNotWriteDeployments:
    def test_leaves_a_commit_status(self, lab: Lab, context: str) -> None:
        lab.allow("actions", "statuses")
        outcome = lab.run(context)
        assert (outcome.code, outcome.error, lab.deployments) == (0, "", [])
        [status] = lab.statuses(commit_of(context))
        assert (status.name, status.state) == (f"delivery/dev/{APPLICATION}", "success")
        traceparent = json.loads(context)["metadata"]["traceparent"]
        assert status.description == f"version=v0.3.1 traceparent={traceparent} verifiedBy=keptn"
        assert_message("task.record_as_status", outcome.out.splitlines()[0])
        assert lab.calls == 1

    def test_writes_no_second_status_when_it_runs_again(self, lab: Lab, context: str) -> None:
        lab.allow("actions", "statuses")
        lab.run(context)
        lab.run(context)
        assert len(lab.statuses(commit_of(context))) == 1
        assert lab.calls == 2

    def test_nor_statuses_promotes_by_the_dispatch_alone_and_says_so(self, lab: Lab, context: str) -> None:
        lab.allow("actions")
        outcome = lab.run(context)
        assert (outcome.code, outcome.error) == (0, "")
        assert_message("task.record_refused", outcome.out.splitlines()[0])
        assert (lab.deployments, lab.statuses(commit_of(context)), lab.calls) == ([], [], 1)

    def test_and_a_dispatch_that_fails_is_no_promotion(self, lab: Lab, context: str) -> None:
        lab.allow("actions")
        lab.forge.fail_next("POST", DISPATCHES, status=503, times=None)
        assert lab.run(context, sweepMinutes="15").code == 1

    def test_lets_the_sweep_promote_from_a_status_too(self, lab: Lab, context: str) -> None:
        lab.allow("actions", "statuses")
        lab.forge.fail_next("POST", DISPATCHES, status=503, times=None)
        assert lab.run(context, sweepMinutes="15").code == 0

    def test_is_not_shown_when_it_comes_back_in_the_refusal(self, lab: Lab, context: str) -> None:
        lab.forge.fail_next("*", "/(deployments|statuses)", status=403, body={"message": f"no: {TOKEN}"}, times=None)
        outcome = lab.run(context)
        assert "(GitHub: no: [secret])" in outcome.out
        assert TOKEN not in outcome.out + json.dumps(lab.cluster.events)

    def test_may_read_them_in_a_public_repository(self, lab: Lab, context: str) -> None:
        lab.forge.fail_next("POST", CREATE, status=403, body={"message": "Resource not accessible"}, times=None)
        assert lab.run(context).code == 0
        assert [status.state for status in lab.statuses(commit_of(context))] == ["success"]


class TestWhoeverReadsTheRecords:
    """The promoter and the doctor read them by one query."""

    def read(self, lab: Lab, commit: str) -> Record:
        lab.forge.add_token("reader", permissions={"deployments": "read", "statuses": "read", "contents": "read"})
        owner, name = REPOSITORY.split("/")
        github = ReadingGitHub(lab.forge.api_url, owner, name, "reader")
        [found] = read_records(github, ["dev"], branches=["main"]).found
        assert (found.application, found.stage, found.commit) == (APPLICATION, "dev", commit)
        return found

    @pytest.mark.parametrize("permissions", [ALL, ("actions", "statuses")], ids=["Deployment", "commit status"])
    def test_has_what_the_task_has_written(self, lab: Lab, context: str, permissions: tuple[str, ...]) -> None:
        lab.allow(*permissions)
        lab.run(context)
        found = self.read(lab, commit_of(context))
        assert (found.state, found.version, found.verified_by) == ("success", "v0.3.1", "keptn")
        assert found.traceparent == json.loads(context)["metadata"]["traceparent"]

    def test_has_the_reason_of_a_failure_and_the_trace_of_a_success_behind_it(self, lab: Lab) -> None:
        lab.allow(*ALL)
        budget = Budget(lambda _: None, lambda: 0.0, lambda: 0.0, lambda _: None, deadline=600.0)
        github = GitHub(f"{lab.forge.api_url}/repos/{REPOSITORY}", TOKEN, budget)
        commit, first, then = lab.commit("v1"), f"00-{'1' * 32}-{'1' * 16}-01", f"00-{'2' * 32}-{'2' * 16}-01"
        record(github, Verdict(APPLICATION, "dev", commit, "v1", first, "argocd", state="failure", reason="smoke: no"))
        failed = self.read(lab, commit)
        assert (failed.state, failed.reason, failed.traceparent) == ("failure", "smoke: no", first)
        record(github, Verdict(APPLICATION, "dev", commit, "v1", then, "argocd"))
        found = self.read(lab, commit)
        assert (found.state, found.reason, found.traceparent, found.version) == ("success", "", then, "v1")


class TestADispatchThatFails:
    @pytest.mark.parametrize("status", [None, 500, 503, 429])
    def test_in_passing_is_left_to_the_sweep_where_the_version_is_recorded(
        self, lab: Lab, context: str, status: int | None
    ) -> None:
        lab.forge.fail_next("POST", DISPATCHES, status=status, times=None)
        outcome = lab.run(context, sweepMinutes="15")
        assert (outcome.code, outcome.error) == (0, "")
        assert [found.state for found in lab.deployments] == ["success"]
        said = outcome.out.splitlines()[-1]
        if status == 503:
            assert_message("task.left_to_the_sweep", said.replace(lab.forge.url.removeprefix("http://"), "HOST"))

    @pytest.mark.parametrize("minutes", ["0", None])
    def test_in_passing_fails_the_task_where_nothing_sweeps(self, lab: Lab, context: str, minutes: str | None) -> None:
        lab.forge.fail_next("POST", DISPATCHES, status=503, times=None)
        lab.fails(context, sweepMinutes=minutes)
        assert [found.state for found in lab.deployments] == ["success"]

    @pytest.mark.parametrize("status", [401, 403, 404, 422])
    def test_for_good_fails_the_task_although_it_is_recorded(self, lab: Lab, context: str, status: int) -> None:
        lab.forge.fail_next("POST", DISPATCHES, status=status)
        lab.fails(context, sweepMinutes="15")
        assert [found.state for found in lab.deployments] == ["success"]

    def test_for_good_to_one_target_of_two_fails_it(self, lab: Lab, context: str) -> None:
        lab.forge.fail_next("POST", DISPATCHES, status=422)
        lab.forge.fail_next("POST", DISPATCHES, status=503, times=None)
        lab.fails(context, to="production,canary", sweepMinutes="15")


class TestARecordThatCannotBeWrittenNow:
    def test_is_tried_again(self, lab: Lab, context: str) -> None:
        lab.forge.fail_next("GET", LIST, status=502)
        lab.forge.fail_next("POST", CREATE, status=429, headers={"retry-after": "7"})
        lab.forge.fail_next("POST", STATUS)
        assert lab.run(context).code == 0
        assert [found.state for found in lab.deployments] == ["success"]
        assert lab.clock.slept == [1.0, 7.0, 4.0]

    def test_keeps_the_version_from_no_dispatch(self, lab: Lab, context: str) -> None:
        lab.forge.fail_next("POST", CREATE, status=503, times=None)
        outcome = lab.run(context, timeout="60")
        assert (outcome.code, outcome.error, lab.calls) == (0, "", 1)
        said = outcome.out.splitlines()[0].replace(lab.forge.url.removeprefix("http://"), "HOST")
        assert_message("task.record_missed", said)

    def test_fails_the_task_when_the_dispatch_fails_too(self, lab: Lab, context: str) -> None:
        lab.forge.fail_next("POST", CREATE, status=503, times=None)
        lab.forge.fail_next("POST", DISPATCHES, status=503, times=None)
        lab.fails(context, timeout="60", sweepMinutes="15")

    def test_fails_the_task_where_it_is_all_there_is_to_do(self, lab: Lab, context: str) -> None:
        lab.forge.fail_next("POST", CREATE, status=503, times=None)
        lab.fails(context, to="", timeout="60")


class TestRepetitions:
    FAULTS = st.sampled_from(["", "GET", CREATE, STATUS]).flatmap(
        lambda path: st.tuples(st.just(path), st.sampled_from([None, 502]), st.booleans())
    )
    RUN = st.tuples(st.integers(0, 1), st.sampled_from(["web", "api"]), st.sampled_from(["success", "failure"]), FAULTS)
    EXAMPLES = count()

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(runs=st.lists(RUN, min_size=2, max_size=8))
    def test_in_any_order_leave_one_deployment_for_a_commit_an_application_and_a_stage(
        self, lab: Lab, runs: list[tuple[int, str, str, tuple[str, int | None, bool]]]
    ) -> None:
        lab.allow(*ALL)
        commits, stage = (lab.commit("v1"), lab.commit("v2")), f"stage-{next(self.EXAMPLES)}"
        last: dict[tuple[str, str], str] = {}
        for number, application, state, (path, status, after) in runs:
            if path:
                method = "GET" if path == "GET" else "POST"
                where = LIST if path == "GET" else path
                lab.forge.fail_next(method, where, status=status, after_commit=after and method == "POST")
            budget = Budget(lambda _: None, lambda: 0.0, lambda: 0.0, lambda _: None, deadline=600.0)
            github = GitHub(f"{lab.forge.api_url}/repos/{REPOSITORY}", TOKEN, budget)
            verdict = Verdict(application, stage, commits[number], "v1", "", "argocd", state=state)  # type: ignore[arg-type]
            assert record(github, verdict).where == "deployment"
            lab.forge.forget_faults()
            last[commits[number], f"deploy:{application}"] = state
        found = [one for one in lab.deployments if one.environment == stage]
        assert {(one.sha, one.task): one.state for one in found} == last
        assert len(found) == len(last)

    def test_that_never_reach_github_raise_what_may_pass(self, lab: Lab) -> None:
        lab.allow(*ALL)
        lab.forge.fail_next("GET", LIST, times=None)
        now = iter(range(1000))
        budget = Budget(lambda _: None, lambda: float(next(now)), lambda: 0.0, lambda _: None, deadline=30.0)
        github = GitHub(f"{lab.forge.api_url}/repos/{REPOSITORY}", TOKEN, budget)
        with pytest.raises(PassingError):
            record(github, Verdict(APPLICATION, "dev", "a" * 40, "v1", "", "keptn"))
