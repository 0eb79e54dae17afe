"""What is waited for, how that is told, and port-forwards that end by themselves."""

import io
import socket

import pytest

from delivery.cluster import connect
from delivery.laptop.errors import LaptopError
from delivery.laptop.forwards import Forwards, Target, local_ports
from delivery.laptop.health import unanswered, unhealthy
from delivery.laptop.programs import Programs
from delivery.laptop.progress import Progress, wait_until_nothing
from delivery.laptop.workspace import Answers
from delivery.timeouts import Deadline
from tests.delivery.cluster.kubernetes_api import ARGOCD, CONTEXT, Body, KubernetesApi, configured
from tests.delivery.laptop.machine import Laptop, synced, version

APPLICATION = f"{ARGOCD}/applications/podtato-head-dev"
VERSIONS = "/apis/lifecycle.keptn.sh/v1/namespaces/podtato-head-dev/keptnappversions"
FAILED = [{"definitionName": "post-deployment", "name": "task", "status": "Failed"}]


def waits(api: KubernetesApi) -> list[str]:
    return unhealthy(connect(CONTEXT, api.kubeconfig()), [configured("dev")])


def with_condition(body: Body) -> Body:
    condition = {"type": "ComparisonError", "message": "https://me:secret@example.com/a: not found"}
    return body | {"status": body["status"] | {"conditions": [condition]}}


@pytest.mark.parametrize(
    ("application", "keptn", "expected"),
    [
        (404, None, "no Application yet"),
        (synced("OutOfSync", "Missing"), None, "OutOfSync, Missing"),
        (synced(health="Progressing"), None, "Synced, Progressing"),
        (synced(phase="Running"), None, "sync Running"),
        (with_condition(synced()), None, "ComparisonError: https://example.com/a: not found"),
        (synced(), None, "Synced, Healthy; Keptn has no version yet"),
        (synced(), version("Progressing", currentPhase="AppDeploy"),
         "Synced, Healthy; Keptn: v0.3.0 Progressing in AppDeploy"),
        (synced(), version("Failed", currentPhase="AppPostDeployTasks", postDeploymentTaskStatus=FAILED),
         "Synced, Healthy; Keptn: v0.3.0 Failed in AppPostDeployTasks, failed: post-deployment"),
    ],
)  # fmt: skip
def test_what_a_stage_waits_for_is_told(
    api: KubernetesApi, application: Body | int, keptn: Body | None, expected: str
) -> None:
    api.objects |= {APPLICATION: application, VERSIONS: {"items": [keptn] if keptn else []}}
    assert waits(api) == [f"podtato-head-dev: {expected}"]


def test_a_stage_is_healthy_once_argo_cd_and_keptn_are_done(api: KubernetesApi) -> None:
    api.objects |= {APPLICATION: synced(), VERSIONS: {"items": [version("Completed")]}}
    assert waits(api) == []


def test_without_keptn_its_word_is_not_asked_for(api: KubernetesApi) -> None:
    api.objects |= {APPLICATION: synced(), VERSIONS: 403}
    stage = configured("dev", stages='[{"name": "dev", "verification": "argocd"}]')
    assert unhealthy(connect(CONTEXT, api.kubeconfig()), [stage]) == []


def test_a_server_that_does_not_answer_is_waited_for(api: KubernetesApi) -> None:
    silent = connect(CONTEXT, api.kubeconfig(server="http://127.0.0.1:1"))
    assert len(unanswered(silent)) == len(unhealthy(silent, [configured("dev")])) == 1
    assert unanswered(connect(CONTEXT, api.kubeconfig())) == []


def told(live: bool, *texts: str, seconds: float = 60.0) -> str:
    """What is printed while that is waited for, each text for so many seconds."""
    left, out = [[text] for text in texts], io.StringIO()
    deadline = Deadline(1000, clock=lambda: 0.0, sleep=lambda _: None)
    wait_until_nothing(lambda: left.pop(0) if left else [], Progress(out, live=live), deadline, "", pause=seconds)
    return out.getvalue()


def test_in_a_log_a_line_is_printed_when_it_changes_and_now_and_then_when_it_does_not() -> None:
    assert told(False, "a", "a", "b", seconds=10).splitlines() == ["0:00 waiting for a", "0:20 waiting for b"]
    assert told(False, "a", "a", seconds=70).splitlines() == ["0:00 waiting for a", "1:10 waiting for a"]


def test_on_a_terminal_one_line_is_rewritten_and_gone_at_the_end() -> None:
    lines = told(True, "a", "a" * 5000).split("\r\x1b[2K")
    assert lines[1] == "0:00 waiting for a"
    assert len(lines[2]) < 1000
    assert lines[-1] == ""


def test_what_takes_too_long_is_told_with_what_was_left() -> None:
    deadline = Deadline(60, clock=lambda: 0.0, sleep=lambda _: None)
    with pytest.raises(LaptopError, match="after 0:59 still waiting for a; b"):
        wait_until_nothing(lambda: ["a", "b"], Progress(io.StringIO(), live=False), deadline, "fix", pause=59)


def test_a_port_that_is_taken_is_replaced_by_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
        one, other = local_ports([port, port])
    assert port not in (one, other)
    assert one != other


def test_a_port_forward_that_has_ended_is_opened_again(laptop: Laptop) -> None:
    laptop.workspace.prepare(Answers("acme/a", "delivery", "kind"))
    laptop.install("kubectl", "exit 1")
    target = Target("Jaeger", "observability", "jaeger", 16686, 0)
    with Forwards([target], "kind-delivery", laptop.workspace, Programs(laptop.environ)) as forwards:
        laptop.wait_for(lambda: forwards.reopen() == ["Jaeger"])
        laptop.wait_for(lambda: len(laptop.calls("kubectl")) >= 2)
        assert forwards.addresses["Jaeger"].startswith("http://localhost:")
