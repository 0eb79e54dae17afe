"""What a real Argo CD makes of the program's hooks: `pulumi up`, a real repository, and a real sync of it.

The node agent ends Jobs without running them (what they run has tests of its own), so that what is seen here is when
Argo CD runs which hook, for which commit, and what is left for those who read it.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.forge import Forge
from tests.cluster.api_server import ApiServer
from tests.cluster.argocd import NAMESPACE, ArgoCd, Delivery, missing_programs
from tests.cluster.team import TOKEN, Team

pytestmark = pytest.mark.skipif(
    bool(missing_programs()), reason=f"Argo CD is not here: {', '.join(missing_programs())} not on PATH"
)

TRACE = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"
OWN_CHART = {
    "charts/shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
    "charts/shop/values.yaml": "version: v1\n",
    "charts/shop/templates/shop.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, labels: {app.kubernetes.io/part-of: shop}}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: "shop:{{ .Values.version }}"}]}
""",
    "values/shop-dev.yaml": "version: v1\n",
    "values/shop-production.yaml": "version: v1\n",
}
APPLICATIONS: list[dict[str, Any]] = [
    {"name": "front", "image": "ghcr.io/acme/front"},
    {"name": "back", "image": "ghcr.io/acme/back"},
    {
        "name": "shop",
        "source": "helm",
        "path": "charts/shop",
        "valueFiles": ["/values/shop-{stage}.yaml"],
        "promotedKeys": [{"file": "/values/shop-{stage}.yaml", "key": "version"}],
    },
]
STAGES = [
    {"name": "dev", "verification": "argocd"},
    {"name": "production", "after": ["dev"], "verification": "argocd"},
]


class Fleet:
    """Three applications of one repository in their first stage: two with the generated chart, one with its own."""

    def __init__(self, argo_cd: ArgoCd, team: Team) -> None:
        self.team = team
        self.deliveries = {
            each["name"]: Delivery(argo_cd, f"{each['name']}-dev", f"{team.name}-{each['name']}-dev")
            for each in APPLICATIONS
        }
        self.first = {name: delivery.first_sync() for name, delivery in self.deliveries.items()}
        self.begun_at = team.tip()

    def commit(self, files: dict[str, str | bytes | None]) -> str:
        """Commit to the default branch."""
        return self.team.forge.commit(self.team.repository, files, "Change")

    def set_value(self, application: str, key: str, value: str) -> str:
        """Commit a value of an application with the generated chart."""
        path = f"{application}/dev/values.yaml"
        lines = (self.team.forge.read(self.team.repository, path) or b"").decode().splitlines()
        kept = [line for line in lines if not line.startswith(f"{key}:")]
        return self.commit({path: "\n".join([*kept, f"{key}: {value}", ""])})


@pytest.fixture(scope="module")
def fleet(server: ApiServer, forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    team = Team("fleet", server, forge, tmp_path_factory.mktemp("fleet"))
    forge.commit(team.repository, {**OWN_CHART}, "Add a chart")
    team.settings |= {
        "applications": json.dumps(APPLICATIONS),
        "stages": json.dumps(STAGES),
        "pathPattern": "{application}/{stage}",
        "argocdNamespace": NAMESPACE,
        "tasks": json.dumps({"migrate": "print()\n", "smoke": "print()\n"}),
        "preDeploymentTasks": '["migrate"]',
        "postDeploymentTasks": '["smoke"]',
        "checks": json.dumps([{"name": "page", "url": "http://{application}.{namespace}/"}]),
    }
    with ArgoCd(server, tmp_path_factory.mktemp("argocd") / "home") as argo_cd:
        argo_cd.give_access(f"{forge.url}/{team.repository}", TOKEN)
        done = team.up("dev")
        assert done.status == 0, done.text
        yield Fleet(argo_cd, team)


@pytest.fixture
def front(fleet: Fleet) -> Iterator[Delivery]:
    """The application `front`, on nodes where all is well."""
    delivery = fleet.deliveries["front"]
    yield delivery
    delivery.nodes.failing.clear()
    delivery.nodes.rollout = "available"


ALL = ["front-migrate", "front", "front-smoke", "front-page", "front-promote"]
"""What a sync runs when all is well."""


def told(delivery: Delivery, count: int) -> list[Any]:
    """What the last hooks were told of the sync."""
    [*containers] = [job["spec"]["template"]["spec"]["containers"][0] for job in delivery.nodes.jobs[-count:]]
    return [
        json.loads(each["value"]) for all_ in containers for each in all_["env"] if each["name"] == "ARGOCD_CONTEXT"
    ]


@pytest.mark.parametrize("application", ["front", "back", "shop"])
def test_a_sync_runs_each_hook_once_before_and_after_the_deployment(fleet: Fleet, application: str) -> None:
    names = [f"{application}-migrate", application, *(f"{application}-{name}" for name in ("smoke", "page", "promote"))]

    assert fleet.first[application] == names


def test_a_new_version_runs_the_hooks_of_its_application_alone_and_tells_them_its_commit(
    fleet: Fleet, front: Delivery
) -> None:
    back = fleet.deliveries["back"]
    synced = back.operation["syncResult"]["revision"]

    commit = fleet.set_value("front", "serviceVersion", "v0.2.0")

    assert front.deliver(commit) == ALL
    assert [context["commitID"] for context in told(front, 4)] == [commit] * 4
    assert told(front, 1)[0]["values"] == {"serviceVersion": "v0.2.0"}
    assert front.operation["syncResult"]["revision"] == commit
    assert back.look(commit) == []
    assert back.status["sync"]["revision"] == commit
    assert back.operation["syncResult"]["revision"] == synced


def test_a_commit_that_changes_no_object_runs_no_hook(fleet: Fleet, front: Delivery) -> None:
    front.deliver(fleet.set_value("front", "serviceVersion", "v0.3.0"))

    assert front.look(fleet.commit({"docs/a.md": "a"})) == []
    assert front.look(fleet.commit({"front/dev/tasks/smoke.py": "print('another')\n"})) == []


def test_a_new_trace_alone_runs_no_hook_and_comes_with_the_next_version(fleet: Fleet, front: Delivery) -> None:
    front.deliver(fleet.set_value("front", "serviceVersion", "v0.4.0"))

    assert front.look(fleet.set_value("front", "traceParent", f'"{TRACE}"')) == []

    assert front.deliver(fleet.set_value("front", "serviceVersion", "v0.4.1")) == ALL
    assert told(front, 1)[0]["traceParent"] == TRACE


def test_a_sync_by_hand_runs_the_hooks_again_and_one_of_some_objects_runs_none(fleet: Fleet, front: Delivery) -> None:
    commit = fleet.set_value("front", "serviceVersion", "v0.5.0")
    front.deliver(commit)

    assert front.sync({"group": "apps", "kind": "Deployment", "name": "front"}) == []
    assert front.operation["phase"] == "Succeeded"
    front.look(fleet.commit({"docs/d.md": "d"}))
    assert front.sync() == [name for name in ALL if name != "front"]
    # Not of the commit that was synced: the folder has not changed since. The hooks record the version once.
    assert [context["commitID"] for context in told(front, 4)] == [commit] * 4


def test_what_heals_itself_runs_no_hook(fleet: Fleet, front: Delivery) -> None:
    front.deliver(fleet.set_value("front", "serviceVersion", "v0.6.0"))
    server, namespace = fleet.team.server, front.nodes.namespace

    server.delete("Service", "front", namespace)

    assert front.heal(lambda: server.get("Service", "front", namespace) is not None) == []
    assert [each["name"] for each in front.operation["syncResult"]["resources"]] == ["front"]


def test_with_two_sources_the_hooks_are_told_the_commit_and_the_result_lists_both(fleet: Fleet) -> None:
    shop = fleet.deliveries["shop"]

    commit = fleet.commit({"values/shop-dev.yaml": "version: v2\n"})

    assert shop.deliver(commit) == ["shop-migrate", "shop", "shop-smoke", "shop-page", "shop-promote"]
    assert [context["commitID"] for context in told(shop, 4)] == [commit] * 4
    result = shop.operation["syncResult"]
    assert (result.get("revision", ""), result["revisions"]) == ("", [commit, commit])


def test_hooks_after_a_deployment_wait_until_it_is_healthy_and_so_does_the_next_version(
    fleet: Fleet, front: Delivery
) -> None:
    front.nodes.rollout = "progressing"
    first = fleet.set_value("front", "serviceVersion", "v0.7.0")
    assert front.look_until_it_waits(first) == ["front-migrate"]

    second = fleet.set_value("front", "serviceVersion", "v0.7.1")
    assert front.look_until_it_waits(second) == []
    assert front.operation["syncResult"]["revision"] == first

    front.nodes.rollout = "available"
    assert front.deliver(second) == [*ALL[1:], *ALL]
    assert [context["commitID"] for context in told(front, 7)] == [first] * 3 + [second] * 4


def test_a_hook_that_fails_before_the_deployment_stops_it_and_its_reason_is_there_for_the_record(
    fleet: Fleet, front: Delivery
) -> None:
    front.deliver(fleet.set_value("front", "serviceVersion", "v0.8.0"))
    front.nodes.failing["front-migrate"] = "the table is locked"

    commit = fleet.set_value("front", "serviceVersion", "v0.8.1")

    assert front.deliver(commit) == ["front-migrate", "front-record-failure"]
    assert (told(front, 1)[0]["phase"], told(front, 1)[0]["commitID"]) == ("SyncFail", commit)
    assert failed(fleet, front) == {"front-migrate": (commit, "the table is locked")}
    result = front.result("front-migrate", "Job")
    assert (result["hookType"], result["hookPhase"], result["message"]) == ("PreSync", "Failed", "the table is locked")
    assert (front.operation["phase"], front.status["sync"]["status"]) == ("Failed", "OutOfSync")
    assert image(fleet, front).endswith(":v0.8.0")


def test_a_failed_sync_is_repeated_for_a_new_commit_and_for_no_other_reason(fleet: Fleet, front: Delivery) -> None:
    front.nodes.failing["front-migrate"] = "the table is locked"
    commit = fleet.set_value("front", "serviceVersion", "v0.9.0")
    front.deliver(commit)

    assert front.look(commit) == []
    front.nodes.failing.clear()
    assert front.look(commit) == []
    later = fleet.commit({"docs/b.md": "b"})
    assert front.deliver(later) == ALL
    # The folder has not changed since.
    assert told(front, 1)[0]["commitID"] == commit


def test_a_hook_that_fails_after_the_deployment_leaves_it_in_sync_and_its_reason_for_the_record(
    fleet: Fleet, front: Delivery
) -> None:
    front.nodes.failing["front-smoke"] = "the page is blank"

    commit = fleet.set_value("front", "serviceVersion", "v0.10.0")

    assert front.deliver(commit) == ["front-migrate", "front", "front-smoke", "front-record-failure"]
    assert failed(fleet, front) == {"front-smoke": (commit, "the page is blank")}
    assert (front.operation["phase"], front.status["sync"]["status"]) == ("Failed", "Synced")
    assert front.look(fleet.commit({"docs/c.md": "c"})) == []


def test_hooks_of_an_earlier_sync_are_there_too_with_its_commit(fleet: Fleet, front: Delivery) -> None:
    front.nodes.failing["front-smoke"] = "the page is blank"
    first = fleet.set_value("front", "serviceVersion", "v0.11.0")
    front.deliver(first)
    front.nodes.failing = {"front-migrate": "the table is locked"}

    second = fleet.set_value("front", "serviceVersion", "v0.11.1")
    front.deliver(second)

    assert failed(fleet, front) == {
        "front-migrate": (second, "the table is locked"),
        "front-smoke": (first, "the page is blank"),
    }


def test_a_rollout_that_fails_is_recorded_without_any_failed_hook(fleet: Fleet, front: Delivery) -> None:
    front.nodes.rollout = "degraded"

    commit = fleet.set_value("front", "serviceVersion", "v0.12.0")

    assert front.deliver(commit) == ["front-migrate", "front", "front-record-failure"]
    assert told(front, 1)[0]["commitID"] == commit
    assert "front-migrate" not in failed(fleet, front)
    assert "progress deadline" in front.result("front", "Deployment")["message"]


def failed(fleet: Fleet, delivery: Delivery) -> dict[str, tuple[str, str]]:
    """The failed hooks that are there, as `record-failure` finds them: their commit, and why."""
    found = {}
    for job in fleet.team.server.items("Job", delivery.nodes.namespace):
        for condition in job["status"].get("conditions", ()):
            if condition["type"] == "Failed":
                commit = job["metadata"]["annotations"]["delivery/commit"]
                found[job["metadata"]["name"]] = commit, condition["message"]
    return found


def image(fleet: Fleet, delivery: Delivery) -> str:
    body = fleet.team.server.get("Deployment", "front", delivery.nodes.namespace)
    assert body is not None
    return str(body["spec"]["template"]["spec"]["containers"][0]["image"])
