"""How the promotion task fails: what it tries again, what it says, where it leaves that, and what it never shows."""

import json
import time
from pathlib import Path

import pytest

from gitops.tasks import promote
from gitops.tasks.http_client import Answer, Client
from lab.cluster_objects import TASK_ROLE, Access
from tests.gitops.task_lab import APPLICATION, FIRST, NAMESPACE, TOKEN, Lab
from tests.messages import assert_message
from tests.slow_server import trickling

DISPATCHES = r"/actions/workflows/promote\.yaml/dispatches$"


class TestWhatTheForgeAnswers:
    @pytest.mark.parametrize("status", [401, 403, 404, 422, 301, 307, 418])
    def test_is_final_and_explained_when_no_waiting_can_help(self, lab: Lab, status: int) -> None:
        elsewhere = {"Location": f"{lab.cluster.url}/elsewhere"}
        lab.forge.fail_next("POST", DISPATCHES, status=status, headers=elsewhere, body={"message": "Said so"})
        line = lab.fails(lab.verify("v1", FIRST))
        assert_message(f"task.answer_{status}", line)
        assert (lab.calls, lab.clock.slept) == (1, [])
        assert "GET /elsewhere" not in lab.cluster.requests, "a redirect does not carry the token away"

    def test_names_the_permission_that_a_token_lacks(self, lab: Lab) -> None:
        lab.forge.add_token(TOKEN, permissions={"contents": "read"})
        assert_message("task.no_permission", lab.fails(lab.verify("v1", FIRST)))

    def test_that_a_branch_does_not_exist_is_passed_on(self, lab: Lab) -> None:
        assert "No ref found for: gone" in lab.fails(lab.verify("v1", FIRST), ref="gone")

    def test_is_asked_for_again_after_a_passing_failure(self, lab: Lab) -> None:
        lab.forge.fail_next("POST", DISPATCHES, status=502)
        lab.forge.fail_next("POST", DISPATCHES)  # a reset
        lab.forge.fail_next("POST", DISPATCHES, status=503, headers={"retry-after": "9"})
        assert lab.run(lab.verify("v1", FIRST)).code == 0
        assert lab.clock.slept == [1.0, 2.0, 9.0]
        assert len(lab.dispatched) == 1

    @pytest.mark.parametrize(
        ("status", "headers", "body", "times", "waits"),
        [
            (429, {"retry-after": "30"}, {}, 1, [30.0]),
            (403, {"retry-after": "30"}, {}, 1, [30.0]),
            (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000050"}, {}, 1, [50.0]),
            (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1799999999"}, {}, 1, [1.0]),
            (429, {"retry-after": "soon"}, {}, 1, [60.0]),
            (403, {}, {"message": "You have exceeded a secondary rate limit"}, 1, [60.0]),
            (429, {}, {}, 2, [60.0, 120.0]),
        ],
    )
    def test_that_is_a_limit_is_waited_out_as_the_server_asks(
        self, lab: Lab, status: int, headers: dict[str, str], body: dict[str, str], times: int, waits: list[float]
    ) -> None:
        lab.forge.fail_next("POST", DISPATCHES, status=status, headers=headers, body=body, times=times)
        assert lab.run(lab.verify("v1", FIRST)).code == 0
        assert lab.clock.slept == waits

    def test_is_not_waited_for_when_that_would_outlast_the_timeout(self, lab: Lab) -> None:
        lab.forge.fail_next("POST", DISPATCHES, status=429, headers={"retry-after": "3600"})
        line = lab.fails(lab.verify("v1", FIRST)).replace(lab.forge.url.removeprefix("http://"), "HOST")
        assert_message("task.too_long_a_wait", line)
        assert lab.clock.slept == []

    def test_that_never_becomes_better_fails_the_task_within_its_timeout(self, lab: Lab) -> None:
        lab.forge.fail_next("POST", DISPATCHES, status=500, times=100)
        lab.fails(lab.verify("v1", FIRST), timeout="90")
        assert 60 < lab.clock.elapsed < 90

    def test_that_does_not_come_is_waited_for_no_longer_than_half_a_minute_or_what_is_left(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited: list[object] = []

        def request(client: Client, method: str, url: str, body: object = None, timeout: float = 30.0) -> Answer:
            if method == "POST" and "dispatches" in url:
                waited.append(timeout)
                lab.clock.elapsed += timeout
                raise TimeoutError
            return asked(client, method, url, body, timeout)

        asked = Client.request
        context = lab.verify("v1", FIRST)
        monkeypatch.setattr(Client, "request", request)
        lab.fails(context, timeout="70")
        assert waited == [30.0, 30.0, 7.0]
        assert lab.clock.elapsed <= 70

    def test_cannot_come_from_a_server_that_is_not_there(self, lab: Lab) -> None:
        assert_message(
            "task.unreachable", lab.fails(lab.verify("v1", FIRST), apiUrl="http://127.0.0.1:1/api/v3", timeout="1")
        )

    def test_about_one_target_keeps_no_other_from_its_run(self, lab: Lab) -> None:
        lab.forge.fail_next("POST", DISPATCHES, status=404)
        assert "canary" not in lab.fails(lab.verify("v1", FIRST), to="production,canary")
        assert [run["to"] for run in lab.dispatched] == ["canary"]

    def test_that_took_all_the_time_leaves_the_next_target_its_one_try(self, lab: Lab) -> None:
        lab.forge.fail_next("POST", DISPATCHES, status=429, headers={"retry-after": "239"}, times=2)
        lab.fails(lab.verify("v1", FIRST), to="production,canary")
        assert [run["to"] for run in lab.dispatched] == ["canary"]


NOT_THE_APIS = {
    "a page": b"<html>Please log in</html>",
    "other bytes": b'{"items": "\xff"}',
    "deep": b'{"items":' + b"[" * 100_000,
    "null": b"null",
    "a list": b'[{"spec": {}, "items": []}]',
    "a text": b'"text"',
}


class TestWhatIsNotTheApisAnswer:
    """A success from something in between, such as a proxy before the API server."""

    def replace(
        self, monkeypatch: pytest.MonkeyPatch, where: str, content: bytes, *, times: int = 1000, status: int = 200
    ) -> None:
        """Let these answers have this content."""
        asked, left = Client.request, [times]

        def replaced(client: Client, method: str, url: str, body: object = None, timeout: float = 30.0) -> Answer:
            answer = asked(client, method, url, body, timeout)
            if where in url and left[0]:
                left[0] -= 1
                return Answer(status, answer.headers, content)
            return answer

        monkeypatch.setattr(Client, "request", replaced)

    WHERE = ("/deployments", "/keptnapps/", "/keptnappversions/", "/dispatches")

    @pytest.mark.parametrize("content", NOT_THE_APIS.values(), ids=NOT_THE_APIS)
    @pytest.mark.parametrize("where", WHERE)
    def test_is_asked_for_again(self, lab: Lab, monkeypatch: pytest.MonkeyPatch, where: str, content: bytes) -> None:
        context = lab.verify("v1", FIRST)
        self.replace(monkeypatch, where, content, times=2)
        assert lab.run(context).code == 0
        assert lab.clock.slept == [1.0, 2.0]
        assert len(lab.dispatched) == (3 if where == "/dispatches" else 1)

    @pytest.mark.parametrize("where", WHERE)
    def test_fails_the_task_in_one_line_when_it_stays(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch, where: str
    ) -> None:
        context = lab.verify("v1", FIRST)
        self.replace(monkeypatch, where, NOT_THE_APIS["a page"])
        line = lab.fails(context, timeout="60")
        assert "unexpected" not in line

    @pytest.mark.parametrize("content", [b'{"items": [7, "x", null, {"spec": 5}]}', b'{"items": [{"spec": [[]]}]}'])
    def test_is_no_deployment_either_where_the_items_are_no_objects(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch, content: bytes
    ) -> None:
        context = lab.verify("v1", FIRST)
        self.replace(monkeypatch, "/deployments", content)
        assert "no Deployment" in lab.fails(context)
        assert lab.calls == 0

    @pytest.mark.parametrize("content", [b'{"spec": {}}', b'{"spec": {"version": ["v1"]}}'])
    def test_supersedes_nothing_where_an_app_has_no_version(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch, content: bytes
    ) -> None:
        context = lab.verify("v1", FIRST)
        self.replace(monkeypatch, "/keptnapps/", content)
        assert_message("task.no_app_version", lab.fails(context))

    @pytest.mark.parametrize("workloads", [b"7", b'"x"', b'{"a": 1}', b'[7, null, {"name": {}}]'])
    def test_may_have_odd_workloads(self, lab: Lab, monkeypatch: pytest.MonkeyPatch, workloads: bytes) -> None:
        context = lab.verify("v1", FIRST)
        self.replace(monkeypatch, "/keptnapps/", b'{"spec": {"version": "v1", "workloads": %s}}' % workloads)
        outcome = lab.run(context)
        assert (outcome.code, outcome.error) == (0, "")

    @pytest.mark.parametrize("content", [*NOT_THE_APIS.values(), rb'{"message": "\ud800 \u202e"}'])
    def test_is_explained_by_its_status_where_it_is_a_refusal(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch, content: bytes
    ) -> None:
        context = lab.verify("v1", FIRST)
        self.replace(monkeypatch, "/dispatches", content, status=404)
        line = lab.fails(context)
        assert "no such repository or workflow" in line
        assert line.isprintable()

    def test_is_not_awaited_when_it_drips(self) -> None:
        with trickling() as url:
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                Client({}).request("GET", url, timeout=0.3)
        assert time.monotonic() - began < 5


class TestBadInput:
    def fails(self, lab: Lab, **environ: str) -> str:
        line = lab.fails(lab.verify("v1", FIRST), environ=environ)
        assert lab.calls == 0
        assert TOKEN not in line
        return line

    @pytest.mark.parametrize("name", ["DATA", "SECURE_DATA", "KEPTN_CONTEXT"])
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("", "missing"),
            ("{", "no_object"),
            ("null", "no_object"),
            ('["a"]', "no_object"),
            ("[" * 100_000, "no_object"),
        ],
    )
    def test_a_variable_that_is_no_json_object_is_named(self, lab: Lab, name: str, text: str, found: str) -> None:
        assert_message(f"task.variable_{found}_{name.lower()}", self.fails(lab, **{name: text}))

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
        assert f"DATA: {key} is {found}" in self.fails(lab, DATA=data)

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
    def test_a_secret_that_is_wrong_is_named(self, lab: Lab, key: str, value: str | int | None, found: str) -> None:
        secret = {"githubRepo": "gitops", "githubRepoOwner": "example", "apiToken": TOKEN, key: value}
        assert f"SECURE_DATA: {key} is {found}" in self.fails(lab, SECURE_DATA=json.dumps(secret))

    @pytest.mark.parametrize(
        ("change", "found"),
        [
            ({"metadata": None}, "commitID is missing"),
            ({"metadata": {"commitID": None}}, "commitID is missing"),
            ({"metadata": {"commitID": ""}}, "commitID is missing"),
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
        assert f"KEPTN_CONTEXT: {found}" in self.fails(lab, KEPTN_CONTEXT=json.dumps(context))

    def test_a_missing_commit_says_which_helm_parameter_gives_it(self, lab: Lab) -> None:
        context = {"appName": APPLICATION, "appVersion": "v1", "metadata": {}}
        assert_message("task.no_commit", self.fails(lab, KEPTN_CONTEXT=json.dumps(context)))

    def test_no_service_account_is_said_although_no_event_can_be_created(self, lab: Lab, tmp_path: Path) -> None:
        outcome = lab.run(lab.verify("v1", FIRST), environ={"DELIVERY_SERVICE_ACCOUNT_DIR": str(tmp_path)})
        assert_message("task.no_account", outcome.error.strip())
        assert (outcome.code, lab.cluster.events) == (1, [])


class TestEvents:
    def test_a_failure_is_left_at_the_app(self, lab: Lab) -> None:
        lab.forge.remove_token(TOKEN)
        lab.fails(lab.verify("v1", FIRST))
        [event] = lab.cluster.events
        assert (event["type"], event["reason"]) == ("Warning", "PromotionFailed")
        involved = event["involvedObject"]
        assert isinstance(involved, dict)
        assert (involved["kind"], involved["name"], involved["namespace"]) == ("KeptnApp", APPLICATION, NAMESPACE)
        assert len(str(involved["uid"])) == 36

    def test_that_cannot_be_created_change_no_outcome(self, lab: Lab) -> None:
        lab.cluster.allowed = TASK_ROLE - {Access("create", "", "events")}
        outcome = lab.run(lab.verify("v1", FIRST))
        assert (outcome.code, outcome.error) == (0, "")
        assert_message("task.no_event", outcome.out.splitlines()[-1])
        assert len(lab.dispatched) == 1

    def test_that_cannot_be_created_in_a_cluster_that_is_not_there_leave_the_line(self, lab: Lab) -> None:
        outcome = lab.run(lab.verify("v1", FIRST), environ={"DELIVERY_KUBERNETES_URL": "http://127.0.0.1:1"})
        assert (outcome.code, outcome.error.count("\n"), lab.reasons) == (1, 1, [])
        assert "127.0.0.1:1" in outcome.error


class TestSecrecy:
    def test_a_token_that_comes_back_in_an_answer_is_masked(self, lab: Lab) -> None:
        lab.forge.fail_next("POST", DISPATCHES, status=422, body={"message": f"bad:\n {TOKEN}"})
        line = lab.fails(lab.verify("v1", FIRST))
        assert "(GitHub: bad: [secret])" in line
        assert TOKEN not in line + json.dumps(lab.cluster.events)

    def test_an_unforeseen_exception_is_one_line_without_its_text(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def explode(*_: object) -> str:
            raise RuntimeError(f"it was {TOKEN}")

        monkeypatch.setattr(promote, "verify", explode)
        line = lab.fails(lab.verify("v1", FIRST))
        assert_message("task.unforeseen", line)
        assert TOKEN not in line + json.dumps(lab.cluster.events)
