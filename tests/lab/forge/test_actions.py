"""Workflow dispatches over REST, their runs, and the Actions settings."""

import threading
from collections.abc import Mapping

import pytest

from lab.forge import Forge
from tests.lab.forge.clients import NAME, Rest

DISPATCH = "/actions/workflows/promote.yaml/dispatches"


def test_a_dispatch_runs_the_callback_with_defaults_filled_in(forge: Forge, rest: Rest) -> None:
    calls: list[tuple[str, str, str, Mapping[str, str]]] = []
    forge.on_dispatch(lambda *call: calls.append(call))
    answer = rest("POST", DISPATCH, {"ref": "main", "inputs": {"application": "podtato-head"}})
    assert (answer.status_code, answer.content) == (204, b"")
    [run] = forge.wait_for_runs()
    assert calls == [(NAME, "promote.yaml", "main", {"application": "podtato-head", "stage": "dev", "again": "false"})]
    assert (run.status, run.conclusion, run.head_sha) == ("completed", "success", forge.branch(NAME, "main"))


def test_runs_go_side_by_side_and_end_with_what_the_callback_says(forge: Forge, rest: Rest) -> None:
    both = threading.Barrier(2)

    def carry_out(_repository: str, _workflow: str, _ref: str, inputs: Mapping[str, str]) -> str | None:
        both.wait(10)
        return "failure" if inputs["application"] == "b" else None

    forge.on_dispatch(carry_out)
    for application in ("a", "b"):
        assert rest("POST", DISPATCH, {"ref": "main", "inputs": {"application": application}}).status_code == 204
    assert [run.conclusion for run in forge.wait_for_runs()] == ["success", "failure"]


def test_an_exception_in_the_callback_fails_the_run_and_comes_out_of_the_wait(forge: Forge, rest: Rest) -> None:
    def carry_out(*_: object) -> str | None:
        raise ValueError("broken lab")

    forge.on_dispatch(carry_out)
    rest("POST", DISPATCH, {"ref": "main", "inputs": {"application": "a"}})
    with pytest.raises(ValueError, match="broken lab"):
        forge.wait_for_runs()
    assert [run.conclusion for run in forge.wait_for_runs()] == ["failure"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"ref": "none", "inputs": {"application": "a"}}, "No ref found for: none"),
        ({"inputs": {"application": "a"}}, 'Invalid request.\n\n"ref" wasn\'t supplied.'),
        ({"ref": "main", "inputs": {"application": ""}}, "Required input 'application' not provided"),
        ({"ref": "main", "inputs": {"application": "a", "x": "1"}}, 'Unexpected inputs provided: ["x"]'),
        (
            {"ref": "main", "inputs": {"application": "a", "again": "maybe"}},
            "Provided value 'maybe' for input 'again' is not a boolean",
        ),
    ],
)
def test_a_dispatch_that_does_not_fit_the_workflow_is_refused(
    forge: Forge, rest: Rest, body: dict[str, object], message: str
) -> None:
    answer = rest("POST", DISPATCH, body)
    assert (answer.status_code, answer.json()["message"]) == (422, message)
    assert forge.wait_for_runs() == []


def test_a_workflow_is_known_from_when_it_is_on_the_default_branch(forge: Forge, rest: Rest) -> None:
    path = ".github/workflows/other.yaml"
    forge.commit(NAME, {path: "on: [push]\n"}, "Elsewhere", branch="topic")
    assert rest("POST", "/actions/workflows/other.yaml/dispatches", {"ref": "topic"}).status_code == 404
    forge.commit(NAME, {path: "on: [push]\n"}, "Here")
    answer = rest("POST", "/actions/workflows/other.yaml/dispatches", {"ref": "main"})
    assert (answer.status_code, answer.json()["message"]) == (422, "Workflow does not have 'workflow_dispatch' trigger")
    assert rest("GET", "/actions/workflows/other.yaml").json()["state"] == "active"


def test_a_disabled_workflow_is_not_dispatched(forge: Forge, rest: Rest) -> None:
    forge.settings(NAME).disabled_workflows.add("promote.yaml")
    assert rest("GET", "/actions/workflows/promote.yaml").json()["state"] == "disabled_manually"
    body = {"ref": "main", "inputs": {"application": "a"}}
    assert "disabled workflow" in rest("POST", DISPATCH, body).json()["message"]


def test_the_settings_of_actions_are_read_and_changed(forge: Forge, rest: Rest) -> None:
    path = "/actions/permissions/workflow"
    assert rest("GET", path).json() == {
        "default_workflow_permissions": "read",
        "can_approve_pull_request_reviews": False,
    }
    change = {"default_workflow_permissions": "write", "can_approve_pull_request_reviews": True}
    assert rest("PUT", path, change).status_code == 204
    assert rest("GET", path).json() == change
    assert forge.settings(NAME).actions_may_open_pull_requests
    assert rest("PUT", path, {"default_workflow_permissions": "all"}).status_code == 422
    assert rest("GET", "/actions/permissions").json()["enabled"] is True
