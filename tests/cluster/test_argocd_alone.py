"""Stages that Argo CD alone verifies, where nothing of Keptn is defined; and stages whose verification changes."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from lab.forge import Forge
from tests.cluster.api_server import ApiServer, Body, Refused
from tests.cluster.team import Team, differences

STAGES = ("dev", "production")
ALONE = [{"name": "dev", "verification": "argocd"}, {"name": "production", "after": ["dev"], "verification": "argocd"}]
CHECKS = [
    {"name": "front", "url": "http://{application}.{namespace}:8080/"},
    {"name": "errors", "prometheus": "http://prometheus:9090", "query": 'rate(e{job="{application}"}[5m])', "max": 0.5},
]
SOURCE = 'print("$(DATA) {{ it }}")\n'
DECLARED = {"Application", "Namespace", "Role", "RoleBinding", "Secret", "ServiceAccount"}
needs_helm = pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not on PATH: run `make cluster-tools`")


@pytest.fixture(scope="module")
def alone(without_keptn: ApiServer, forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A team whose two stages are up, with a task before and after a deployment, and two checks."""
    team = Team("alone", without_keptn, forge, tmp_path_factory.mktemp("alone"))
    team.settings |= {
        "stages": json.dumps(ALONE),
        "tasks": json.dumps({"migrate": SOURCE, "smoke": SOURCE}),
        "preDeploymentTasks": '["migrate"]',
        "postDeploymentTasks": '["smoke"]',
        "checks": json.dumps(CHECKS),
    }
    for stage in STAGES:
        done = team.up(stage)
        assert done.status == 0, done.text
    return team


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_goes_up_without_anything_of_keptn_and_stays_as_it_is(alone: Team, stage: str) -> None:
    declared = [body | {"stringData": None} if body["kind"] == "Secret" else body for body in alone.declared(stage)]

    assert {body["kind"] for body in declared} == DECLARED
    assert [line for body in declared for line in differences(body, stored(alone, body), body["kind"])] == []
    namespace = alone.server.get("Namespace", alone.namespace(stage))
    assert namespace is not None
    assert "annotations" not in namespace["metadata"]
    for body in declared:
        alone.server.validate(body)
    again = alone.preview(stage, "--refresh", "--run-program", "--expect-no-changes")
    assert again.status == 0, again.text


@pytest.mark.parametrize(
    ("verb", "group", "resource", "allowed"),
    [
        ("list", "apps", "deployments", True),
        ("list", "apps", "replicasets", True),
        ("list", "batch", "jobs", True),
        ("list", "", "pods", True),
        ("create", "", "events", True),
        ("get", "lifecycle.keptn.sh", "keptnapps", False),
        ("get", "", "secrets", False),
        ("delete", "batch", "jobs", False),
    ],
)
def test_the_last_hook_may_read_what_ran_and_leave_an_event_and_nothing_more(
    alone: Team, verb: str, group: str, resource: str, allowed: bool
) -> None:
    own, other = (alone.namespace(stage) for stage in STAGES)
    what = {"verb": verb, "group": group, "resource": resource}

    assert alone.server.may(f"system:serviceaccount:{own}:promote", what | {"namespace": own}) is allowed
    assert alone.server.may(f"system:serviceaccount:{own}:promote", what | {"namespace": other}) is False


@needs_helm
@pytest.mark.parametrize("stage", STAGES)
def test_the_server_takes_every_hook_and_its_pod_where_only_restricted_ones_may_run(
    alone: Team, stage: str, tmp_path: Path
) -> None:
    jobs = hooks(alone, stage, tmp_path)
    assert [job["metadata"]["labels"]["delivery/task"] for job in jobs] == [
        "migrate",
        "smoke",
        "front",
        "errors",
        "promote",
        "record-failure",
    ]
    restricted = f"alone-restricted-{stage}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    alone.server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": restricted, "labels": labels}})

    for job in jobs:
        alone.server.validate(job)
        alone.server.validate(pod(job, restricted))

    careless = pod(jobs[0], restricted)
    del careless["spec"]["containers"][0]["securityContext"]
    with pytest.raises(Refused, match="violates PodSecurity"):
        alone.server.validate(careless)
    with pytest.raises(Refused, match="backoffLimits"):
        alone.server.validate(jobs[0] | {"spec": jobs[0]["spec"] | {"backoffLimits": 1}})


@pytest.mark.usefixtures("keptn")
def test_stages_of_one_pipeline_are_verified_differently_and_change_that_in_place(
    server: ApiServer, forge: Forge, tmp_path: Path
) -> None:
    team = Team("mixed", server, forge, tmp_path)
    verify(team, dev="argocd", production="keptn")
    before = {stage: identities(team, stage) for stage in STAGES}
    values = {stage: forge.read(team.repository, f"{stage}/values.yaml") for stage in STAGES}
    assert [task_definitions(team, stage) for stage in STAGES] == [[], ["promote"]]

    verify(team, dev="keptn", production="argocd")

    assert {stage: identities(team, stage) for stage in STAGES} == before
    assert [task_definitions(team, stage) for stage in STAGES] == [["post-deployment", "promote"], []]
    annotations = [
        (team.server.get("Namespace", team.namespace(stage)) or {})["metadata"].get("annotations") for stage in STAGES
    ]
    assert annotations == [{"keptn.sh/lifecycle-toolkit": "enabled"}, None]
    assert {stage: forge.read(team.repository, f"{stage}/values.yaml") for stage in STAGES} == values


def verify(team: Team, **by: str) -> None:
    """Bring both stages up, each verified as told."""
    stages = [
        {"name": "dev", "verification": by["dev"]},
        {"name": "production", "after": ["dev"], "verification": by["production"]},
    ]
    team.settings["stages"] = json.dumps(stages)
    for stage in STAGES:
        with team.server.collecting("KeptnTaskDefinition", team.namespace(stage)):
            done = team.up(stage)
        assert done.status == 0, done.text
        again = team.preview(stage, "--expect-no-changes")
        assert again.status == 0, again.text


def identities(team: Team, stage: str) -> dict[str, str]:
    """What makes each object the same one, by kind: those that a stage has however it is verified."""
    bodies = [body for body in team.declared(stage) if body["kind"] in DECLARED]
    assert {body["kind"] for body in bodies} == DECLARED
    return {body["kind"]: (stored(team, body) or {})["metadata"]["uid"] for body in bodies}


def task_definitions(team: Team, stage: str) -> list[str]:
    return sorted(team.server.names("KeptnTaskDefinition", team.namespace(stage)))


def stored(team: Team, body: Body) -> Body | None:
    metadata = body["metadata"]
    return team.server.get(body["kind"], metadata["name"], metadata.get("namespace", ""))


def hooks(team: Team, stage: str, folder: Path) -> list[Body]:
    """The Jobs that Argo CD would make of the chart that was committed."""
    paths = team.forge.settings(team.repository).git("ls-tree", "-r", "--name-only", "main", f"{stage}/").splitlines()
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(team.forge.read(team.repository, path) or b"")
    command = ["helm", "template", "podtato-head", str(folder / stage), f"--namespace={team.namespace(stage)}"]
    command += [f"--values={folder / stage}/platform.yaml", f"--set-string=commitID={team.tip()}"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [body for body in yaml.safe_load_all(text) if body and body["kind"] == "Job"]


def pod(job: Body, namespace: str) -> Body:
    """The first pod of a Job."""
    template = json.loads(json.dumps(job["spec"]["template"]))
    metadata = template["metadata"] | {"name": f"{job['metadata']['name']}-first", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
