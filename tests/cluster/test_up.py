"""`pulumi up` of both stages against a real API server: what is there afterwards, and whether it is accepted."""

import base64
import json

import pytest

from tests.cluster.api_server import Body, Refused
from tests.cluster.team import OWNER, TASK_TOKEN, Team, differences

STAGES = ("dev", "production")


def there(team: Team, body: Body) -> Body | None:
    metadata = body["metadata"]
    return team.server.get(body["kind"], metadata["name"], metadata.get("namespace", ""))


@pytest.mark.parametrize("stage", STAGES)
def test_every_object_is_there_as_declared(delivered: Team, stage: str) -> None:
    declared = [body | {"stringData": None} if body["kind"] == "Secret" else body for body in delivered.declared(stage)]

    tasks = {"dev": ["post-deployment", "promote"], "production": ["promote"]}[stage]
    assert [body["metadata"]["name"] for body in declared if body["kind"] == "KeptnTaskDefinition"] == tasks
    own = ["Application", "Namespace", "Role", "RoleBinding", "Secret", "ServiceAccount"]
    assert sorted({body["kind"] for body in declared} - {"KeptnTaskDefinition"}) == own
    assert [line for body in declared for line in differences(body, there(delivered, body), body["kind"])] == []


def test_the_secret_has_what_the_promotion_task_reads(delivered: Team) -> None:
    secret = delivered.server.get("Secret", "github-token", delivered.namespace("dev"))

    assert secret is not None
    assert list(secret["data"]) == ["SECURE_DATA"]
    assert json.loads(base64.b64decode(secret["data"]["SECURE_DATA"])) == {
        "githubRepo": "delivered",
        "githubRepoOwner": OWNER,
        "apiToken": TASK_TOKEN,
    }


@pytest.mark.parametrize("stage", STAGES)
def test_a_preview_after_the_update_has_nothing_to_change(delivered: Team, stage: str) -> None:
    done = delivered.preview(stage, "--expect-no-changes")

    assert done.status == 0, done.text


@pytest.mark.parametrize("stage", STAGES)
def test_the_server_takes_every_object_under_strict_validation(delivered: Team, stage: str) -> None:
    for body in delivered.declared(stage):
        delivered.server.validate(body)


def test_strict_validation_would_refuse_a_field_that_nobody_defines(delivered: Team) -> None:
    body = next(body for body in delivered.declared("dev") if body["kind"] == "Application")

    with pytest.raises(Refused, match="syncPolice"):
        delivered.server.validate(body | {"spec": body["spec"] | {"syncPolice": {}}})


@pytest.mark.parametrize(
    ("verb", "group", "resource", "allowed"),
    [
        ("list", "apps", "deployments", True),
        ("list", "apps", "statefulsets", True),
        ("list", "apps", "daemonsets", True),
        ("list", "apps", "replicasets", False),
        ("get", "lifecycle.keptn.sh", "keptnapps", True),
        ("get", "lifecycle.keptn.sh", "keptnappversions", True),
        ("create", "", "events", True),
        ("get", "", "secrets", False),
        ("patch", "apps", "deployments", False),
        ("delete", "lifecycle.keptn.sh", "keptnapps", False),
    ],
)
def test_the_promotion_task_may_look_and_leave_an_event_and_nothing_more(
    delivered: Team, verb: str, group: str, resource: str, allowed: bool
) -> None:
    own, other = delivered.namespace("dev"), delivered.namespace("production")
    account = f"system:serviceaccount:{own}:promote"

    what = {"verb": verb, "group": group, "resource": resource}

    assert delivered.server.may(account, what | {"namespace": own}) is allowed
    assert delivered.server.may(account, what | {"namespace": other}) is False
