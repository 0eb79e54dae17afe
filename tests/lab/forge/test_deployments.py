"""Deployments and commit statuses over REST: what GitHub refuses, and what one success makes of those before it."""

from collections.abc import Callable

import pytest

from lab.forge import Forge
from tests.lab.forge.clients import NAME, Rest


@pytest.fixture
def commit(forge: Forge) -> str:
    return str(forge.branch(NAME, "main"))


def deploy(rest: Rest, commit: str, environment: str = "dev", task: str = "deploy:web", **more: object) -> int:
    asked = {"ref": commit, "environment": environment, "task": task, "auto_merge": False, "required_contexts": []}
    answer = rest("POST", "/deployments", asked | more)
    assert answer.status_code == 201, answer.text
    number: int = answer.json()["id"]
    return number


def say(rest: Rest, number: int, state: str = "success", **more: object) -> None:
    answer = rest("POST", f"/deployments/{number}/statuses", {"state": state, **more})
    assert (answer.status_code, answer.json()["state"]) == (201, state), answer.text


def states(rest: Rest, number: int) -> list[str]:
    return [status["state"] for status in rest("GET", f"/deployments/{number}/statuses").json()]


def test_a_deployment_is_shown_as_it_was_made_and_its_environment_is_there_then(
    forge: Forge, rest: Rest, commit: str
) -> None:
    payload = {"version": "v1", "values": {"image.tag": "v1"}}
    number = deploy(rest, commit, payload=payload, description="web v1")
    shown = rest("GET", f"/deployments/{number}").json()
    assert shown["sha"] == shown["ref"] == commit
    assert (shown["task"], shown["environment"], shown["description"]) == ("deploy:web", "dev", "web v1")
    assert (shown["payload"], shown["creator"]["login"]) == (payload, "octocat")
    assert (shown["production_environment"], shown["transient_environment"]) == (False, False)
    assert forge.settings(NAME).environments.keys() == {"dev"}


def test_a_list_is_newest_first_and_filtered_and_paged(forge: Forge, rest: Rest, commit: str) -> None:
    first, second, third = (deploy(rest, commit, *at) for at in (("dev",), ("production",), ("dev", "deploy:api")))
    other = deploy(rest, forge.commit(NAME, {"a": "1"}, "Next"))

    def listed(query: str) -> list[int]:
        return [found["id"] for found in rest("GET", f"/deployments?{query}").json()]

    assert listed("") == [other, third, second, first]
    assert listed("environment=dev&task=deploy:web") == [other, first]
    assert listed(f"sha={commit}&environment=dev&task=deploy:web") == [first]
    assert listed(f"ref={commit}") == [third, second, first]
    assert listed("per_page=2&page=2") == [second, first]


def test_a_success_sets_earlier_ones_of_its_environment_inactive_but_not_those_of_production(
    rest: Rest, commit: str
) -> None:
    old, failed, elsewhere = deploy(rest, commit), deploy(rest, commit), deploy(rest, commit, "production")
    for number, state in ((old, "success"), (failed, "failure"), (elsewhere, "success")):
        say(rest, number, state)
    new = deploy(rest, commit)
    say(rest, new)
    assert [states(rest, number) for number in (old, failed, elsewhere, new)] == [
        ["inactive", "success"],
        ["failure"],
        ["success"],
        ["success"],
    ]
    say(rest, deploy(rest, commit, "production"))
    assert states(rest, elsewhere) == ["success"]


def test_a_success_leaves_the_others_where_it_is_told_to(rest: Rest, commit: str) -> None:
    old = deploy(rest, commit)
    say(rest, old)
    say(rest, deploy(rest, commit), auto_inactive=False)
    assert states(rest, old) == ["success"]


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        ({"ref": "nowhere"}, 422, "No ref found for: nowhere"),
        ({}, 422, 'Invalid request.\n\n"ref" wasn\'t supplied.'),
        ({"auto_merge": True}, 409, "Conflict merging main into {}."),
        ({"required_contexts": None}, 409, "Conflict: Commit status checks failed for {}."),
        ({"required_contexts": ["missing"]}, 409, "Conflict: Commit status checks failed for {}."),
        ({"payload": [1]}, 422, "Invalid request.\n\nFor 'properties/payload', [1] is not an object or a string."),
    ],
)
def test_a_deployment_is_refused_in_githubs_words(
    forge: Forge, rest: Rest, commit: str, sent: dict[str, object], status: int, message: str
) -> None:
    rest("POST", f"/statuses/{commit}", {"state": "failure", "context": "tests"})
    forge.commit(NAME, {"a": "1"}, "Next")
    asked = {"ref": commit, "auto_merge": False, "required_contexts": []} | sent if sent else {}
    answer = rest("POST", "/deployments", asked)
    assert (answer.status_code, answer.json()["message"]) == (status, message.format(commit))
    assert rest("GET", "/deployments").json() == []


@pytest.mark.parametrize(
    ("sent", "field"),
    [({"state": "done"}, "state"), ({"state": "failure", "description": "x" * 141}, "description")],
)
@pytest.mark.parametrize("of_a_commit", [True, False])
def test_a_status_of_an_unknown_state_or_too_many_words_is_refused(
    rest: Rest, commit: str, of_a_commit: bool, sent: dict[str, str], field: str
) -> None:
    path = f"/statuses/{commit}" if of_a_commit else f"/deployments/{deploy(rest, commit)}/statuses"
    answer = rest("POST", path, sent)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])


def test_a_commit_has_statuses_by_context_newest_first(rest: Rest, commit: str) -> None:
    said = (("delivery/dev/web", "pending"), ("delivery/dev/web", "success"), ("tests", "failure"))
    for context, state in said:
        assert rest("POST", f"/statuses/{commit}", {"state": state, "context": context}).status_code == 201
    listed = rest("GET", f"/commits/{commit}/statuses").json()
    assert [(status["context"], status["state"]) for status in listed] == list(reversed(said))
    assert rest("POST", f"/statuses/{'0' * 40}", {"state": "success"}).status_code == 422
    assert rest("GET", "/commits/main").json()["sha"] == commit, "the way to a commit is still there"


@pytest.mark.parametrize(
    ("method", "path", "permissions", "needed"),
    [
        ("GET", "/deployments", {"actions": "write"}, "deployments=read"),
        ("POST", "/deployments", {"deployments": "read"}, "deployments=write"),
        ("POST", "/deployments/1/statuses", {"deployments": "read"}, "deployments=write"),
        ("POST", "/statuses/abc", {"deployments": "write"}, "statuses=write"),
    ],
)
def test_a_token_needs_the_permission_for_it(
    as_token: Callable[..., Rest], method: str, path: str, permissions: dict[str, str], needed: str
) -> None:
    answer = as_token(**permissions)(method, path, {})
    assert (answer.status_code, answer.headers["x-accepted-github-permissions"]) == (403, needed)


def test_while_actions_are_down_everything_else_answers(forge: Forge, rest: Rest, commit: str) -> None:
    forge.fail_next("*", "/actions/", status=503, times=None)
    sent = {"ref": "main", "inputs": {"application": "web"}}
    for _ in range(3):
        assert rest("POST", "/actions/workflows/promote.yaml/dispatches", sent).status_code == 503
        say(rest, deploy(rest, commit))
    forge.forget_faults()
    assert rest("POST", "/actions/workflows/promote.yaml/dispatches", sent).status_code == 204
