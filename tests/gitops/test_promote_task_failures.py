"""How the promotion task fails: what it tries again, what it says, where it leaves that, and what it never shows."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from gitops.tasks import promote
from lab.cluster_objects import TASK_ROLE, Access
from tests.gitops.task_lab import APPLICATION, FIRST, NAMESPACE, TOKEN, Lab, Outcome, failed_on_one_line, task_lab


@pytest.fixture
def lab(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Lab]:
    with task_lab(tmp_path, capsys) as ready:
        yield ready


class TestWhatTheForgeAnswers:
    DISPATCHES = r"/actions/workflows/promote\.yaml/dispatches$"

    @pytest.mark.parametrize(
        ("status", "mend"),
        [
            (401, "give the stack a new one"),
            (403, "Actions: write"),
            (404, "the repository or its workflow is not there"),
            (422, "run `pulumi up --refresh --run-program` for the first stage"),
            (301, "the repository has moved"),
            (307, "the repository has moved"),
            (418, "check apiUrl"),
        ],
    )
    def test_is_final_and_explained_when_no_waiting_can_mend_it(self, lab: Lab, status: int, mend: str) -> None:
        elsewhere = {"Location": f"{lab.forge.api_url}/repositories/1/actions/workflows/promote.yaml/dispatches"}
        lab.forge.fail_next("POST", self.DISPATCHES, status=status, headers=elsewhere, body={"message": "Said so"})

        error = failed_on_one_line(lab.run(lab.verify("v1", FIRST)))

        assert f"production: {status}, " in error
        assert mend in error
        assert "(GitHub: Said so)" in error
        assert (lab.calls, lab.clock.slept, lab.reasons) == (1, [], ["PromotionFailed"])

    def test_names_the_permission_that_a_token_lacks(self, lab: Lab) -> None:
        lab.forge.add_token(TOKEN, permissions={"contents": "read"})

        error = failed_on_one_line(lab.run(lab.verify("v1", FIRST)))

        assert "[x-accepted-github-permissions: actions=write]" in error

    def test_an_unknown_token_is_said_to_be_wrong(self, lab: Lab) -> None:
        lab.forge.remove_token(TOKEN)

        assert "401, the token is wrong or has expired" in failed_on_one_line(lab.run(lab.verify("v1", FIRST)))

    def test_a_branch_that_is_not_there_is_named_in_the_forges_words(self, lab: Lab) -> None:
        error = failed_on_one_line(lab.run(lab.verify("v1", FIRST), ref="gone"))

        assert "422" in error
        assert "No ref found for: gone" in error

    def test_a_passing_failure_is_tried_again(self, lab: Lab) -> None:
        lab.forge.fail_next("POST", self.DISPATCHES, status=502)
        lab.forge.fail_next("POST", self.DISPATCHES)  # a reset
        lab.forge.fail_next("POST", self.DISPATCHES, status=503, headers={"retry-after": "9"})

        assert lab.run(lab.verify("v1", FIRST)).code == 0
        assert lab.clock.slept == [1.0, 2.0, 9.0]
        assert len(lab.dispatched) == 1

    @pytest.mark.parametrize(
        ("status", "headers", "body", "waits"),
        [
            (429, {"retry-after": "30"}, {}, [30.0]),
            (403, {"retry-after": "30"}, {}, [30.0]),
            (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000050"}, {}, [50.0]),
            (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1799999999"}, {}, [1.0]),
            (429, {"retry-after": "soon"}, {}, [60.0]),
            (403, {}, {"message": "You have exceeded a secondary rate limit"}, [60.0]),
        ],
    )
    def test_a_limit_is_waited_out_as_the_server_asks(
        self, lab: Lab, status: int, headers: dict[str, str], body: dict[str, str], waits: list[float]
    ) -> None:
        lab.forge.fail_next("POST", self.DISPATCHES, status=status, headers=headers, body=body)

        assert lab.run(lab.verify("v1", FIRST)).code == 0
        assert lab.clock.slept == waits

    def test_a_limit_that_says_no_time_is_waited_for_a_minute_and_then_longer(self, lab: Lab) -> None:
        lab.forge.fail_next("POST", self.DISPATCHES, status=429, times=2)

        assert lab.run(lab.verify("v1", FIRST)).code == 0
        assert lab.clock.slept == [60.0, 120.0]

    def test_a_wait_that_would_outlast_the_timeout_is_not_begun(self, lab: Lab) -> None:
        lab.forge.fail_next("POST", self.DISPATCHES, status=429, headers={"retry-after": "3600"})

        error = failed_on_one_line(lab.run(lab.verify("v1", FIRST)))

        assert "answers 429; waiting another 3600 s would outlast the task's timeout" in error
        assert lab.clock.slept == []

    def test_a_server_that_never_recovers_fails_the_task_within_its_timeout(self, lab: Lab) -> None:
        lab.forge.fail_next("POST", self.DISPATCHES, status=500, times=100)

        failed_on_one_line(lab.run(lab.verify("v1", FIRST), timeout="90"))

        assert 60 < lab.clock.elapsed < 90

    def test_a_server_that_says_nothing_is_waited_for_no_longer_than_half_a_minute_or_what_is_left(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited: list[object] = []

        def request(session: requests.Session, method: str, url: str, **options: object) -> requests.Response:
            if method == "POST" and "dispatches" in url:
                waited.append(options["timeout"])
                lab.clock.elapsed += float(str(options["timeout"]))
                raise requests.ReadTimeout
            return asked(session, method, url, **options)  # type: ignore[arg-type]

        asked = requests.Session.request
        context = lab.verify("v1", FIRST)
        monkeypatch.setattr(requests.Session, "request", request)

        failed_on_one_line(lab.run(context, timeout="70"))

        assert waited == [30.0, 30.0, 7.0]
        assert lab.clock.elapsed <= 70

    def test_a_server_that_is_not_there_is_named(self, lab: Lab) -> None:
        error = failed_on_one_line(lab.run(lab.verify("v1", FIRST), apiUrl="http://127.0.0.1:1/api/v3"))

        assert "127.0.0.1:1 cannot be reached" in error

    def test_one_target_that_fails_keeps_no_other_from_its_run(self, lab: Lab) -> None:
        lab.forge.fail_next("POST", self.DISPATCHES, status=404)

        error = failed_on_one_line(lab.run(lab.verify("v1", FIRST), to="production,canary"))

        assert "not dispatched to production: 404" in error
        assert "canary" not in error
        assert [run["to"] for run in lab.dispatched] == ["canary"]

    def test_a_target_whose_server_took_all_the_time_leaves_the_next_one_its_one_try(self, lab: Lab) -> None:
        lab.forge.fail_next("POST", self.DISPATCHES, status=429, headers={"retry-after": "239"}, times=2)

        failed_on_one_line(lab.run(lab.verify("v1", FIRST), to="production,canary"))

        assert [run["to"] for run in lab.dispatched] == ["canary"]


class TestBadInput:
    def run(self, lab: Lab, **environ: str) -> str:
        error = failed_on_one_line(lab.run(lab.verify("v1", FIRST), environ=environ))
        assert lab.calls == 0
        assert lab.reasons == ["PromotionFailed"]
        assert "pulumi up" in error or "KeptnTaskDefinition" in error or "label" in error or "ARGOCD" in error
        return error

    @pytest.mark.parametrize("name", ["DATA", "SECURE_DATA", "KEPTN_CONTEXT"])
    @pytest.mark.parametrize(
        ("text", "found"), [("", "missing"), ("{", "not a JSON"), ("null", "not a JSON"), ('["a"]', "not a JSON")]
    )
    def test_a_variable_that_is_no_json_object_is_named(self, lab: Lab, name: str, text: str, found: str) -> None:
        assert f"{name} is {found}" in self.run(lab, **{name: text})

    @pytest.mark.parametrize(
        ("key", "value", "found"),
        [
            ("application", None, "missing"),
            ("from", "", "missing"),
            ("from", "Dev", "not valid"),
            ("to", None, "missing"),
            ("to", "production,", "not valid"),
            ("to", "production\n", "not valid"),
            ("apiUrl", "http://github.example.com/api/v3", "not valid"),
            ("apiUrl", "http://127.0.0.1.example.com", "not valid"),
            ("apiUrl", "https://user:word@github.example.com", "not valid"),
            ("apiUrl", "https://api.github.com/?a=b", "not valid"),
            ("workflow", "../promote.yaml", "not valid"),
            ("workflow", "promote", "not valid"),
            ("ref", "a branch", "not valid"),
            ("timeout", "0", "not valid"),
            ("timeout", "4m", "not valid"),
            ("timeout", None, "missing"),
        ],
    )
    def test_a_parameter_that_is_wrong_is_named(self, lab: Lab, key: str, value: str | None, found: str) -> None:
        data = lab.environ("", **{key: value})["DATA"]

        assert f"DATA: {key} is {found}" in self.run(lab, DATA=data)

    @pytest.mark.parametrize(
        ("key", "value", "found"),
        [
            ("githubRepo", None, "missing"),
            ("githubRepo", "..", "not valid"),
            ("githubRepo", "a/b", "not valid"),
            ("githubRepoOwner", "", "missing"),
            ("githubRepoOwner", "..", "not valid"),
            ("apiToken", None, "missing"),
            ("apiToken", f"{TOKEN}\n", "not valid"),
            ("apiToken", 5, "not valid"),
        ],
    )
    def test_a_secret_that_is_wrong_is_named_and_not_shown(
        self, lab: Lab, key: str, value: str | int | None, found: str
    ) -> None:
        secret = {"githubRepo": "gitops", "githubRepoOwner": "example", "apiToken": TOKEN, key: value}

        error = self.run(lab, SECURE_DATA=json.dumps(secret))

        assert f"SECURE_DATA: {key} is {found}" in error
        assert TOKEN not in error

    @pytest.mark.parametrize("metadata", [None, {}, {"commitID": None}, {"commitID": ""}])
    def test_a_missing_commit_says_which_parameter_gives_it(self, lab: Lab, metadata: object) -> None:
        context = {"appName": APPLICATION, "appVersion": "v1", "metadata": metadata}

        error = self.run(lab, KEPTN_CONTEXT=json.dumps(context))

        assert "KEPTN_CONTEXT: commitID is missing" in error
        assert "Helm parameter commitID=$ARGOCD_APP_REVISION" in error

    @pytest.mark.parametrize(
        ("change", "found"),
        [
            ({"metadata": {"commitID": "main"}}, "commitID is not valid"),
            ({"metadata": {"commitID": FIRST.upper()}}, "commitID is not valid"),
            ({"metadata": {"commitID": FIRST + "\n"}}, "commitID is not valid"),
            ({"appVersion": "v1\n"}, "appVersion is not valid"),
            ({"appVersion": "${{ github.token }}"}, "appVersion is not valid"),
            ({"appVersion": ""}, "appVersion is missing"),
            ({"appName": "another"}, "appName is not podtato-head"),
        ],
    )
    def test_a_context_that_is_wrong_is_named(self, lab: Lab, change: dict[str, object], found: str) -> None:
        context = {"appName": APPLICATION, "appVersion": "v1", "metadata": {"commitID": FIRST}, **change}

        assert found in self.run(lab, KEPTN_CONTEXT=json.dumps(context))

    def test_no_service_account_is_said_although_no_event_can_be_left(self, lab: Lab, tmp_path: Path) -> None:
        error = failed_on_one_line(
            lab.run(lab.verify("v1", FIRST), environ={"DELIVERY_SERVICE_ACCOUNT_DIR": str(tmp_path)})
        )

        assert "no service account token" in error
        assert lab.cluster.events == []


class TestEvents:
    def test_a_failure_is_left_at_the_app_with_the_line_that_was_printed(self, lab: Lab) -> None:
        lab.forge.remove_token(TOKEN)

        error = failed_on_one_line(lab.run(lab.verify("v1", FIRST)))

        (event,) = lab.cluster.events
        assert (event["type"], event["reason"]) == ("Warning", "PromotionFailed")
        assert error == f"error: {event['message']}\n"
        involved = event["involvedObject"]
        assert isinstance(involved, dict)
        assert (involved["kind"], involved["name"], involved["namespace"]) == ("KeptnApp", APPLICATION, NAMESPACE)
        assert len(str(involved["uid"])) == 36

    def test_that_cannot_be_left_change_no_outcome(self, lab: Lab) -> None:
        lab.cluster.allowed = TASK_ROLE - {Access("create", "", "events")}

        outcome = lab.run(lab.verify("v1", FIRST))

        assert (outcome.code, outcome.error) == (0, "")
        assert "note: no Event left: 403" in outcome.out
        assert len(lab.dispatched) == 1

    def test_a_cluster_that_is_not_there_fails_the_task_with_its_line(self, lab: Lab) -> None:
        outcome = lab.run(lab.verify("v1", FIRST), environ={"DELIVERY_KUBERNETES_URL": "http://127.0.0.1:1"})

        assert "127.0.0.1:1 cannot be reached" in failed_on_one_line(outcome)
        assert "note: no Event left: " in outcome.out


class TestSecrecy:
    def everything(self, lab: Lab, outcome: Outcome) -> str:
        return outcome.out + outcome.error + json.dumps(lab.cluster.events)

    def test_a_token_that_comes_back_in_an_answer_is_not_passed_on(self, lab: Lab) -> None:
        lab.forge.fail_next("POST", "dispatches", status=422, body={"message": f"bad:\n {TOKEN}"})

        outcome = lab.run(lab.verify("v1", FIRST))

        assert "(GitHub: bad: ***)" in failed_on_one_line(outcome)
        assert TOKEN not in self.everything(lab, outcome)

    def test_an_unforeseen_exception_is_one_line_without_its_text(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def explode(*_: object) -> str:
            raise RuntimeError(f"it was {TOKEN}")

        monkeypatch.setattr(promote, "verify", explode)
        outcome = lab.run(lab.verify("v1", FIRST))

        assert "unexpected RuntimeError" in failed_on_one_line(outcome)
        assert TOKEN not in self.everything(lab, outcome)
        assert lab.reasons == ["PromotionFailed"]

    def test_a_redirect_does_not_carry_the_token_away(self, lab: Lab) -> None:
        lab.forge.fail_next("POST", "dispatches", status=307, headers={"Location": f"{lab.cluster.url}/elsewhere"})

        lab.run(lab.verify("v1", FIRST))

        assert not [request for request in lab.cluster.requests if "elsewhere" in request]
