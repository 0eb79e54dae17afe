"""The hooks by which Argo CD alone verifies a stage: what the stack says of them, and what real helm makes of that."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.config.errors import Json
from delivery.config.reader import parse
from delivery.config.verification import LONGEST_SOURCE
from delivery.model.stack import StackConfiguration
from delivery.stack.hooks import hook_sources, hooks
from delivery.stack.manifests import argocd_application_spec
from delivery.stack.plan import plan_stack
from delivery.stack.repository_files import InitialValues, stage_files
from lab.argocd_hooks import read_hooks
from tests.components.stacks import OWN
from tests.delivery.config.configurations import raw

HELM = shutil.which("helm")
COMMIT = "6b86b273ff34fce19d6b804eff5a3f5747ada4ea"
LINK = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"
SOURCE = 'import os\nprint("$(DATA) {{ .Values }}", os.environ["DATA"])\n'
CHECKS: list[Json] = [
    {"name": "front", "url": "http://{application}.{namespace}:8080/$(DATA)"},
    {"name": "errors", "prometheus": "http://prometheus:9090", "query": 'rate(e{job="{application}"}[5m])', "max": 0.5},
]
needs_helm = pytest.mark.skipif(HELM is None, reason="helm is not on PATH")


def stack(stage: str = "dev", encrypted: tuple[str, ...] = ("promotionToken",), **changes: Json) -> StackConfiguration:
    stages: Json = [
        {"name": "dev", "verification": "argocd"},
        {"name": "production", "after": ["dev"], "verification": "argocd"},
    ]
    given: dict[str, Json] = {
        "stages": stages,
        "tasks": {"migrate": SOURCE, "warm-up": SOURCE, "smoke": SOURCE},
        "preDeploymentTasks": ["migrate", "warm-up"],
        "postDeploymentTasks": ["smoke"],
        "checks": CHECKS,
        **changes,
    }
    return parse(raw(stage, **given), stage, encrypted=encrypted)


def jobs(configuration: StackConfiguration, folder: Path, **values: str) -> dict[str, Any]:
    """The Jobs of the stage's first application by the hooks' names, as helm renders its chart."""
    [placed, *_] = configuration.stage_applications
    for file in stage_files(configuration, placed):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content, encoding="utf-8")
    chart = folder / placed.program_path
    set_values = [f"--set-string={key}={value}" for key, value in {"commitID": COMMIT, **values}.items()]
    command = ["helm", "template", "a", str(chart), "-f", str(chart / "platform.yaml"), "-n", "a-dev", *set_values]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [each for each in yaml.safe_load_all(done.stdout) if each]
    assert not [each["kind"] for each in found if "keptn" in each["apiVersion"]]
    return {each["metadata"]["labels"]["delivery/task"]: each for each in found if each["kind"] == "Job"}


def container(job: dict[str, Any]) -> dict[str, Any]:
    [found] = job["spec"]["template"]["spec"]["containers"]
    return dict(found)


def expanded(text: str) -> str:
    """What Kubernetes makes of a text without variables to fill in."""
    return text.replace("$$", "$")


def variables(job: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: expanded(each["value"]) for each in container(job)["env"] if "value" in each}


def test_tasks_checks_and_promotion_follow_each_other_in_phases_and_waves() -> None:
    configuration = stack()
    found = hooks(configuration, configuration.stage_applications[0])
    assert [(hook.name, hook.phase, hook.wave) for hook in found] == [
        ("migrate", "PreSync", 0),
        ("warm-up", "PreSync", 1),
        ("smoke", "PostSync", 0),
        ("front", "PostSync", 1),
        ("errors", "PostSync", 2),
        ("promote", "PostSync", 3),
        ("record-failure", "SyncFail", 0),
    ]


def test_the_last_run_of_a_check_ends_and_says_why_before_its_job_is_ended() -> None:
    configuration = stack()
    found = [
        hook for hook in hooks(configuration, configuration.stage_applications[0]) if hook.source.endswith("check.py")
    ]
    assert [hook.name for hook in found] == ["front", "errors"]
    for hook in found:
        pauses, start = sum(10 * 2**number for number in range(hook.retries)), 10
        assert (hook.retries + 1) * (float(hook.data["timeout"]) + start) + pauses < hook.seconds


def test_what_the_program_itself_has_hooks_run_fits_into_an_argument() -> None:
    assert {len(source.encode()) <= LONGEST_SOURCE for source in hook_sources(stack()).values()} == {True}


def test_only_what_reads_the_cluster_has_an_account_and_the_secret() -> None:
    configuration = stack()
    found = hooks(configuration, configuration.stage_applications[0])
    assert {hook.name for hook in found if hook.account or hook.secret} == {"promote", "record-failure"}


def test_a_job_is_called_by_its_application_and_has_a_name_that_a_label_can_hold() -> None:
    name = "a-name-of-an-application-that-is-nearly-as-long-as-it-may"
    configuration = stack(applications=[{"name": name, "image": "a/b"}], namespacePattern="a-{stage}")
    found = [hook.job for hook in hooks(configuration, configuration.stage_applications[0])]
    assert len(set(found)) == len(found)
    assert all(job.startswith(name[:50]) and len(job) <= 63 for job in found)


def test_no_two_applications_of_a_namespace_have_a_job_of_one_name() -> None:
    configuration = stack(
        applications=[{"name": name, "image": "a/b", "path": f"{name}/{{stage}}"} for name in ("web", "web-api")],
        namespacePattern="team-{stage}",
        tasks={"smoke": SOURCE, "api-smoke": SOURCE},
        preDeploymentTasks=[],
        postDeploymentTasks=["smoke", "api-smoke"],
    )
    found = [hook.job for placed in configuration.stage_applications for hook in hooks(configuration, placed)]
    assert len(set(found)) == len(found)
    assert {"web-smoke", "web.api-smoke", "web-api-smoke", "web-record-failure"} <= set(found)


def test_keptn_has_no_part_in_such_a_stage() -> None:
    plan = plan_stack(stack(), InitialValues())
    [application] = plan.applications
    assert application.tasks is None
    assert application.namespace_annotations == {}
    assert application.access is not None
    assert "keptn" not in json.dumps([dict(rule) for rule in application.access.rules])
    assert not [
        file.path for file in application.files if "lifecycle.keptn.sh" in file.content and "tasks/" not in file.path
    ]


def test_the_last_stage_has_the_promotion_hook_and_a_secret_only_with_a_token() -> None:
    for encrypted, secret in ((("promotionToken",), "github-token"), ((), None)):
        [application] = plan_stack(stack("production", encrypted=encrypted), InitialValues()).applications
        assert application.access is not None
        assert application.access.secret == secret


@pytest.mark.parametrize(("sync", "retry"), [({}, {"limit": 0}), ({"retry": {"limit": 3}}, {"limit": 3})])
def test_a_failed_verification_is_repeated_only_where_the_stage_says_so(
    sync: dict[str, Json], retry: dict[str, Json]
) -> None:
    configuration = stack(stages=[{"name": "dev", "verification": "argocd", "sync": sync}])
    spec: Any = argocd_application_spec(configuration, configuration.stage_applications[0])
    assert spec["syncPolicy"]["retry"] == retry


@needs_helm
def test_a_hook_runs_its_own_source_with_its_input_whatever_signs_are_in_it(tmp_path: Path) -> None:
    found = jobs(stack(), tmp_path, traceParent=LINK)
    assert expanded(container(found["migrate"])["args"][0]) == SOURCE
    assert json.loads(variables(found["front"])["DATA"]) == {
        "url": "http://podtato-head.podtato-head-dev:8080/$(DATA)",
        "status": "200",
        "timeout": "75",
    }
    assert json.loads(variables(found["errors"])["DATA"]) == {
        "prometheus": "http://prometheus:9090",
        "query": 'rate(e{job="podtato-head"}[5m])',
        "max": "0.5",
        "timeout": "75",
    }
    assert json.loads(variables(found["promote"])["ARGOCD_CONTEXT"]) == {
        "phase": "PostSync",
        "commitID": COMMIT,
        "version": "v0.3.0",
        "values": {"serviceVersion": "v0.3.0"},
        "traceParent": LINK,
    }
    for name, job in found.items():
        assert job["metadata"]["annotations"]["argocd.argoproj.io/hook-delete-policy"] == "BeforeHookCreation", name
        assert job["metadata"]["annotations"]["delivery/commit"] == COMMIT, name


@needs_helm
@pytest.mark.parametrize("own_files", [False, True])
def test_the_stand_in_of_the_lab_runs_what_helm_makes_of_the_hooks(tmp_path: Path, own_files: bool) -> None:
    keys: Json = ["$.image.tag", "$.other"]
    team: Json = {"name": "web", "source": "helm", "path": "web/{stage}", "promotedKeys": keys}
    generated: Json = {"name": "web", "image": "a/b", "firstVersion": "v1", "promotedKeys": ["image.tag", "replicas"]}
    configuration = stack(metadata={"team": "potato"}, applications=[team if own_files else generated])
    found = jobs(configuration, tmp_path, traceParent=LINK)
    chart = tmp_path / configuration.stage_applications[0].program_path
    values: dict[str, Any] = {"commitID": COMMIT, "traceParent": LINK}
    for name in ("values.yaml", "platform.yaml"):
        values = yaml.safe_load((chart / name).read_text()) | values
    for hook in read_hooks(values, lambda path: (chart / path).read_text()):
        job = found.pop(hook.name)
        assert expanded(container(job)["args"][0]) == hook.source
        sent = {name: json.loads(text) for name, text in hook.environment.items()}
        assert {name: json.loads(text) for name, text in variables(job).items()} == sent
        assert (job["metadata"]["name"], job["spec"]["activeDeadlineSeconds"]) == (hook.job, hook.seconds)
        assert job["spec"]["template"]["spec"]["automountServiceAccountToken"] is hook.has_account
        assert any(each["name"] == "SECURE_DATA" for each in container(job)["env"]) is hook.has_secret
    assert found == {}


@needs_helm
def test_hooks_run_without_root_and_without_what_they_do_not_need(tmp_path: Path) -> None:
    found = jobs(stack(), tmp_path)
    for name, job in found.items():
        pod, own = job["spec"]["template"]["spec"], name in ("promote", "record-failure")
        assert job["spec"]["activeDeadlineSeconds"] > 0
        assert job["spec"]["backoffLimit"] == 2
        assert pod["automountServiceAccountToken"] is own
        assert pod.get("serviceAccountName") == ("promote" if own else None)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container(job)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert [each["name"] for each in container(job)["env"] if "valueFrom" in each] == ["SECURE_DATA"] * own


@needs_helm
def test_the_commit_is_in_no_object_that_argo_cd_tracks(tmp_path: Path) -> None:
    configuration = stack()
    before = jobs(configuration, tmp_path)
    [placed] = configuration.stage_applications
    chart = tmp_path / placed.program_path
    tracked = []
    for commit in (COMMIT, "d" * 40):
        command = ["helm", "template", "a", str(chart), "-f", str(chart / "platform.yaml"), "--set-string"]
        out = subprocess.run([*command, f"commitID={commit}"], capture_output=True, text=True, check=True).stdout
        objects = [each for each in yaml.safe_load_all(out) if each]
        tracked.append(
            [each for each in objects if "argocd.argoproj.io/hook" not in each["metadata"].get("annotations", {})]
        )
    assert before
    assert tracked[0] == tracked[1] != []


@needs_helm
def test_beside_files_of_the_teams_own_the_hooks_are_all_that_the_chart_has(tmp_path: Path) -> None:
    found = jobs(stack(applications=OWN[:1], namespacePattern="shop-{stage}", pathPattern=None), tmp_path)
    assert {"migrate", "promote", "record-failure"} < found.keys()
    context = json.loads(variables(found["promote"])["ARGOCD_CONTEXT"])
    assert context["version"] == ""
    assert "values" not in context


@needs_helm
@pytest.mark.parametrize("own_files", [True, False], ids=["own files", "generated"])
@pytest.mark.parametrize(("before", "after"), [("keptn", "argocd"), ("argocd", "keptn")])
def test_between_the_commits_that_change_a_verification_the_chart_renders_as_before_as_after_or_not_at_all(
    tmp_path: Path, before: str, after: str, own_files: bool
) -> None:
    def files(verification: str) -> tuple[str, dict[str, str]]:
        stages: Json = [{"name": "dev", "verification": verification}]
        found = stack(stages=stages, checks=None)
        if own_files:
            own, names = OWN[:1], "shop-{stage}"
            found = stack(stages=stages, checks=None, applications=own, namespacePattern=names, pathPattern=None)
        [placed] = found.stage_applications
        return placed.program_path, {file.path: file.content for file in stage_files(found, placed)}

    def kinds(there: dict[str, str], folder: Path) -> frozenset[str]:
        for path, text in there.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        command = ["helm", "template", "a", str(folder / chart), "-f", str(folder / chart / "platform.yaml")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return frozenset(each["kind"] for each in yaml.safe_load_all(done.stdout) if each)

    (chart, there), (_, wanted) = files(before), files(after)
    # As Pulumi does it: what is new or changed in its order, one commit each, then what is no more.
    commits = [(path, text) for path, text in wanted.items() if there.get(path) != text]
    gone = [(path, None) for path in reversed(there) if path not in wanted]
    seen = [kinds(there, tmp_path / "first")]
    for number, (path, text) in enumerate([*commits, *gone]):
        there = {**there, path: text} if text is not None else {at: there[at] for at in there if at != path}
        seen.append(kinds(there, tmp_path / str(number)))
    assert there == wanted
    steps = [found for number, found in enumerate(seen) if number == 0 or found != seen[number - 1]]
    assert steps in ([seen[0], frozenset(), seen[-1]], [seen[0], seen[-1]])
    assert ("KeptnAppContext" in seen[0]) is ("Job" in seen[-1]) is (before == "keptn")
