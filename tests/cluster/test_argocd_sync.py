"""What a real Argo CD makes of the program's hooks: `pulumi up`, a real repository, and a real sync of it.

First, with Jobs that end as they are told: when Argo CD runs which hook, for which commit, and what is left for those
who read it. Then the hooks run what they have, against the API server and the forge: what they record and send on.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.forge import Forge
from lab.forge.model import Deployment
from tests.cluster.api_server import ApiServer
from tests.cluster.argocd import NAMESPACE, ArgoCd, Delivery, missing_programs
from tests.cluster.team import TASK_TOKEN, TOKEN, Team

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
def fleet(without_keptn: ApiServer, forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    team = Team("fleet", without_keptn, forge, tmp_path_factory.mktemp("fleet"))
    forge.commit(team.repository, {**OWN_CHART}, "Add a chart")
    team.settings |= {
        "applications": json.dumps(APPLICATIONS),
        "stages": json.dumps(STAGES),
        "pathPattern": "{application}/{stage}",
        "argocdNamespace": NAMESPACE,
        "tasks": json.dumps({"migrate": "print()\n", "smoke": "print()\n"}),
        "preDeploymentTasks": '["migrate"]',
        "postDeploymentTasks": '["smoke"]',
        # What a repository of the forge answers to somebody without a token.
        "checks": json.dumps([{"name": "page", "url": f"{forge.url}/{team.repository}/info/refs", "status": 403}]),
    }
    forge.add_token(TASK_TOKEN, {"actions": "write", "deployments": "write"}, "deliveries[bot]")
    with ArgoCd(without_keptn, tmp_path_factory.mktemp("argocd") / "home") as argo_cd:
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
    delivery.nodes.runs = False


@pytest.fixture
def back(fleet: Fleet) -> Delivery:
    """The application `back`, which no test lets fail."""
    return fleet.deliveries["back"]


def everything(application: str) -> list[str]:
    """What a sync of a new version runs when all is well."""
    return [f"{application}-migrate", application, *(f"{application}-{name}" for name in ("smoke", "page", "promote"))]


ALL = everything("front")


def told(delivery: Delivery, count: int) -> list[Any]:
    """What the last hooks were told of the sync."""
    [*containers] = [job["spec"]["template"]["spec"]["containers"][0] for job in delivery.nodes.jobs[-count:]]
    return [
        json.loads(each["value"]) for all_ in containers for each in all_["env"] if each["name"] == "ARGOCD_CONTEXT"
    ]


@pytest.mark.parametrize("application", ["front", "back", "shop"])
def test_a_sync_runs_each_hook_once_before_and_after_the_deployment(fleet: Fleet, application: str) -> None:
    assert fleet.first[application] == everything(application)


def test_a_new_version_runs_the_hooks_of_its_application_alone_and_tells_them_its_commit(
    fleet: Fleet, front: Delivery, back: Delivery
) -> None:
    synced = back.operation["syncResult"]["revision"]

    commit = fleet.set_value("front", "serviceVersion", "v0.2.0")

    assert front.deliver(commit) == ALL
    assert [context["commitID"] for context in told(front, 4)] == [commit] * 4
    assert told(front, 1)[0]["values"] == {"serviceVersion": "v0.2.0"}
    assert front.operation["syncResult"]["revision"] == commit
    assert back.look(commit) == []
    assert back.status["sync"]["revision"] == commit
    assert back.operation["syncResult"]["revision"] == synced


def test_a_commit_that_changes_no_object_runs_no_hook(fleet: Fleet, back: Delivery) -> None:
    assert back.look(fleet.commit({"docs/a.md": "a"})) == []
    assert back.look(fleet.commit({"back/dev/tasks/smoke.py": "print('another')\n"})) == []


def test_a_new_trace_alone_runs_no_hook_and_comes_with_the_next_version(fleet: Fleet, back: Delivery) -> None:
    assert back.look(fleet.set_value("back", "traceParent", f'"{TRACE}"')) == []

    assert back.deliver(fleet.set_value("back", "serviceVersion", "v0.4.1")) == everything("back")
    assert told(back, 1)[0]["traceParent"] == TRACE


def test_a_sync_by_hand_runs_the_hooks_again_and_one_of_some_objects_runs_none(fleet: Fleet, back: Delivery) -> None:
    commit = fleet.set_value("back", "serviceVersion", "v0.5.0")
    back.deliver(commit)

    assert back.sync({"group": "apps", "kind": "Deployment", "name": "back"}) == []
    assert back.operation["phase"] == "Succeeded"
    back.look(fleet.commit({"docs/d.md": "d"}))
    assert back.sync() == [name for name in everything("back") if name != "back"]
    # Not of the commit that was synced: the folder has not changed since. The hooks record the version once.
    assert [context["commitID"] for context in told(back, 4)] == [commit] * 4


def test_what_heals_itself_runs_no_hook(fleet: Fleet, back: Delivery) -> None:
    server, namespace = fleet.team.server, back.nodes.namespace

    server.delete("Service", "back", namespace)

    assert back.heal(lambda: server.get("Service", "back", namespace) is not None) == []
    assert [each["kind"] for each in back.operation["syncResult"]["resources"]] == ["Service"]


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
    front.nodes.failing = {"front-smoke": "the page is blank"}
    earlier = fleet.set_value("front", "serviceVersion", "v0.8.0")
    front.deliver(earlier)
    front.nodes.failing = {"front-migrate": "the table is locked"}

    commit = fleet.set_value("front", "serviceVersion", "v0.8.1")

    assert front.deliver(commit) == ["front-migrate", "front-record-failure"]
    assert (told(front, 1)[0]["phase"], told(front, 1)[0]["commitID"]) == ("SyncFail", commit)
    # A hook of an earlier sync, which did not run in this one, is there too.
    assert failed(fleet, front) == {
        "front-migrate": (commit, "the table is locked"),
        "front-smoke": (earlier, "the page is blank"),
    }
    result = front.result("front-migrate", "Job")
    assert (result["hookType"], result["hookPhase"], result["message"]) == ("PreSync", "Failed", "the table is locked")
    assert (front.operation["phase"], front.status["sync"]["status"]) == ("Failed", "OutOfSync")
    assert image(fleet, front).endswith(":v0.8.0")


def test_a_failed_sync_is_repeated_for_a_new_commit_and_for_no_other_reason(fleet: Fleet, front: Delivery) -> None:
    front.nodes.failing = {"front-migrate": "the table is locked"}
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
    front.nodes.failing = {"front-smoke": "the page is blank"}

    commit = fleet.set_value("front", "serviceVersion", "v0.10.0")

    assert front.deliver(commit) == ["front-migrate", "front", "front-smoke", "front-record-failure"]
    assert failed(fleet, front) == {"front-smoke": (commit, "the page is blank")}
    assert (front.operation["phase"], front.status["sync"]["status"]) == ("Failed", "Synced")
    assert front.look(fleet.commit({"docs/c.md": "c"})) == []


def test_the_last_hook_records_the_commit_as_verified_and_sends_it_on_once(fleet: Fleet, front: Delivery) -> None:
    front.nodes.runs = True
    commit = fleet.set_value("front", "serviceVersion", "v1.0.0")

    assert front.deliver(commit) == ALL
    front.sync()

    [record] = records(fleet, commit)
    assert (record.environment, record.task, record.login) == ("dev", "deploy:front", "deliveries[bot]")
    assert [status.state for status in record.statuses] == ["success"]
    assert isinstance(record.payload, dict)
    assert (record.payload["values"], record.payload["verifiedBy"]) == ({"serviceVersion": "v1.0.0"}, "argocd")
    runs = [run.inputs for run in fleet.team.forge.wait_for_runs() if run.inputs.get("commitID") == commit]
    assert {(inputs["application"], inputs["from"], inputs["to"]) for inputs in runs} == {
        ("front", "dev", "production")
    }


def test_a_check_that_fails_is_recorded_with_its_last_words_and_nothing_is_sent_on(
    fleet: Fleet, front: Delivery
) -> None:
    front.nodes.runs = True
    source = "print('looking')\nraise SystemExit('the page is $(blank) for $$ 5')\n"
    fleet.commit({"front/dev/tasks/smoke.py": source})
    commit = fleet.set_value("front", "serviceVersion", "v1.1.0")

    assert front.deliver(commit) == ["front-migrate", "front", "front-smoke", "front-record-failure"]

    [record] = records(fleet, commit)
    [status] = record.statuses
    assert (status.state, status.description) == ("failure", "smoke: the page is $(blank) for $$ 5")
    assert commit not in [run.inputs.get("commitID") for run in fleet.team.forge.wait_for_runs()]


def test_a_rollout_that_fails_is_recorded_with_what_the_workload_lacks(fleet: Fleet, front: Delivery) -> None:
    front.nodes.runs, front.nodes.rollout = True, "degraded"
    commit = fleet.set_value("front", "serviceVersion", "v1.2.0")

    assert front.deliver(commit) == ["front-migrate", "front", "front-record-failure"]

    assert "progress deadline" in front.result("front", "Deployment")["message"]
    [record] = records(fleet, commit)
    [status] = record.statuses
    assert status.state == "failure"
    assert "front" in (status.description or "")


def records(fleet: Fleet, commit: str) -> list[Deployment]:
    """What is recorded of a commit on the forge."""
    return [each for each in fleet.team.forge.settings(fleet.team.repository).deployments if each.sha == commit]


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
