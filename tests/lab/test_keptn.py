"""The stand-in for Keptn: what it emits and hands to the task is what the real operator was seen to do."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from delivery.model.identifiers import is_traceparent
from lab.cluster import Cluster
from lab.forge import Forge
from lab.keptn import Keptn

ROOT = Path(__file__).parents[2]
APPLICATION, DEV, PRODUCTION, COMMIT = "podtato-head", "podtato-head-dev", "podtato-head-production", "a" * 40
LINK = f"00-{'1' * 32}-{'2' * 16}-01"
SUCCEED = "print('done')"
FAIL = "import sys; sys.exit('error: no')"


@dataclass(frozen=True)
class Span:
    """A span as a reader of the file sees it."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    began: int
    ended: int
    status: int
    service: str
    attributes: dict[str, str]
    links: list[tuple[str, str, dict[str, str]]]


def attributes(entries: list[dict[str, dict[str, str]]]) -> dict[str, str]:
    return {str(entry["key"]): entry["value"]["stringValue"] for entry in entries}


def spans(file: Path) -> list[Span]:
    found = []
    for line in file.read_text().splitlines():
        (resource,) = json.loads(line)["resourceSpans"]
        (scope,) = resource["scopeSpans"]
        (span,) = scope["spans"]
        links = [(link["traceId"], link["spanId"], attributes(link["attributes"])) for link in span.get("links", ())]
        found.append(
            Span(
                *(span["name"], span["traceId"], span["spanId"], span["parentSpanId"], span["kind"]),
                *(int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"]), span["status"]["code"]),
                attributes(resource["resource"]["attributes"])["service.name"],
                attributes(span["attributes"]),
                links,
            )
        )
    return found


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "traces.jsonl"


@pytest.fixture
def keptn(cluster: Cluster, file: Path) -> Keptn:
    return Keptn(cluster, file)


class TestContext:
    def test_is_written_as_the_operator_writes_it(self, keptn: Keptn) -> None:
        context = keptn.verify(APPLICATION, DEV, "v0.3.0", COMMIT)

        traceparent = json.loads(context)["metadata"]["traceparent"]
        assert is_traceparent(traceparent)
        assert context == (
            '{"workloadName":"","appName":"podtato-head","appVersion":"v0.3.0","workloadVersion":"",'
            '"taskType":"promotion","objectType":"App",'
            f'"metadata":{{"commitID":"{COMMIT}","traceparent":"{traceparent}"}}}}'
        )

    def test_has_the_traceparent_of_the_promotion_phase(self, keptn: Keptn, file: Path) -> None:
        context = keptn.verify(APPLICATION, DEV, "v0.3.0", COMMIT)
        keptn.run_promotion_task(SUCCEED, {}, {}, context)

        phase = next(span for span in spans(file) if span.name == "PromotionTasks")
        assert json.loads(context)["metadata"]["traceparent"] == f"00-{phase.trace_id}-{phase.span_id}-01"

    def test_lacks_what_an_operator_without_a_collector_and_a_chart_without_a_commit_lack(
        self, cluster: Cluster
    ) -> None:
        context = Keptn(cluster, None).verify(APPLICATION, DEV, "v0.3.0", "", {"team": "a"})

        assert json.loads(context)["metadata"] == {"team": "a"}


class TestSpans:
    def test_of_a_rollout_are_one_trace_with_phases_below_the_root_and_tasks_below_their_phases(
        self, keptn: Keptn, file: Path
    ) -> None:
        keptn.run_promotion_task(SUCCEED, {}, {}, keptn.verify(APPLICATION, DEV, "v0.3.0", COMMIT))

        found = spans(file)
        names = {span.span_id: span.name for span in found}
        tree = [(names.get(span.parent_id, ""), re.sub(r"-\d{5}$", "", span.name)) for span in found]
        root = "podtato-head-v0.3.0-6b86b273"
        assert tree == [
            (root, "AppPreDeployTasks"),
            (root, "AppPreDeployEvaluations"),
            (root, "AppDeploy"),
            ("AppPostDeployTasks", "post-post-deployment"),
            (root, "AppPostDeployTasks"),
            (root, "AppPostDeployEvaluations"),
            ("PromotionTasks", "promotion-promote"),
            (root, "PromotionTasks"),
            ("", root),
        ]
        assert len({span.trace_id for span in found}) == 1
        assert {(span.kind, span.service, span.status) for span in found} == {(5, "lifecycle-operator", 1)}

    def test_carry_the_app_and_the_metadata_without_a_prefix(self, keptn: Keptn, file: Path) -> None:
        keptn.verify(APPLICATION, DEV, "v0.3.0", COMMIT, {"team": "a"}, promotes=False)

        assert spans(file)[-1].attributes == {
            "keptn.deployment.app.name": APPLICATION,
            "keptn.deployment.app.version": "v0.3.0",
            "keptn.deployment.app.namespace": DEV,
            "team": "a",
            "commitID": COMMIT,
        }

    def test_link_only_the_root_to_what_it_follows_from(self, keptn: Keptn, file: Path) -> None:
        keptn.verify(APPLICATION, PRODUCTION, "v0.3.0", COMMIT, span_links=[LINK, "junk"], promotes=False)

        *children, root = spans(file)
        follows = {"opentracing.ref_type": "follows-from"}
        assert root.links == [("1" * 32, "2" * 16, follows), ("0" * 32, "0" * 16, follows)]
        assert not any(span.links for span in children)

    def test_took_as_long_as_they_are_said_to_and_end_now(self, cluster: Cluster, file: Path) -> None:
        ticks = count(1_000_000_000_000)
        durations = {"AppDeploy": 40.0, "post-deployment": 5.0}
        keptn = Keptn(cluster, file, durations=durations, now=lambda: next(ticks))

        keptn.verify(APPLICATION, DEV, "v0.3.0", COMMIT, promotes=False)

        by_name = {span.name: span for span in spans(file)}
        deploy, checks = by_name["AppDeploy"], by_name["AppPostDeployTasks"]
        assert (deploy.ended - deploy.began, checks.ended - checks.began) == (40_000_000_000, 5_000_000_000)
        assert deploy.ended == checks.began
        root = by_name["podtato-head-v0.3.0-6b86b273"]
        assert root.began == deploy.began == 1_000_000_000_000 - 45_000_000_000
        assert all(root.began <= span.began <= span.ended <= root.ended for span in by_name.values())

    def test_are_lines_of_otlp(self, keptn: Keptn, file: Path) -> None:
        keptn.verify(APPLICATION, DEV, "v0.3.0", COMMIT, span_links=[LINK], promotes=False)

        requests = [Parse(line, ExportTraceServiceRequest()) for line in file.read_text().splitlines()]
        assert [len(request.resource_spans) for request in requests] == [1] * 8

    def test_of_a_promotion_that_fails_say_so(self, keptn: Keptn, file: Path) -> None:
        done = keptn.run_promotion_task(FAIL, {}, {}, keptn.verify(APPLICATION, DEV, "v0.3.0", COMMIT))

        assert (done.returncode, done.stderr) == (1, "error: no\n")
        assert [span.status for span in spans(file)[-3:]] == [2, 2, 2]

    def test_of_a_second_run_of_the_task_are_none(self, keptn: Keptn, file: Path) -> None:
        context = keptn.verify(APPLICATION, DEV, "v0.3.0", COMMIT)
        keptn.run_promotion_task(FAIL, {}, {}, context)
        before = spans(file)

        keptn.run_promotion_task(SUCCEED, {}, {}, context)

        assert spans(file) == before


class TestRestart:
    def test_gives_every_finished_rollout_another_root_in_a_new_trace_and_runs_its_task_again(
        self, keptn: Keptn, file: Path
    ) -> None:
        contexts = [
            keptn.verify(APPLICATION, PRODUCTION, version, COMMIT, span_links=[LINK], promotes=False)
            for version in ("v0.3.0", "v0.3.1")
        ]
        unfinished = keptn.verify(APPLICATION, PRODUCTION, "v0.3.2", COMMIT)
        before = len(spans(file))

        replayed = keptn.restart()

        assert list(replayed) == contexts
        assert unfinished not in replayed
        again = spans(file)[before:]
        assert [span.name for span in again] == ["podtato-head-v0.3.0-6b86b273", "podtato-head-v0.3.1-d4735e3a"]
        assert [len(span.links) for span in again] == [1, 1]
        assert not {span.trace_id for span in again} & {span.trace_id for span in spans(file)[:before]}


class TestRollouts:
    def test_are_named_by_the_generation_so_that_going_back_is_a_new_one(self, keptn: Keptn, file: Path) -> None:
        for version in ("v0.3.0", "v0.3.1", "v0.3.0"):
            keptn.verify(APPLICATION, DEV, version, COMMIT, promotes=False)

        roots = [span.name for span in spans(file) if not span.parent_id]
        assert roots == [f"podtato-head-{each}" for each in ("v0.3.0-6b86b273", "v0.3.1-d4735e3a", "v0.3.0-4e074085")]

    def test_come_only_of_a_new_version(self, keptn: Keptn) -> None:
        keptn.verify(APPLICATION, DEV, "v0.3.0", COMMIT)

        with pytest.raises(ValueError, match="runs in podtato-head-dev already"):
            keptn.verify(APPLICATION, DEV, "v0.3.0", "b" * 40)


class TestTask:
    def test_sees_the_variables_that_keptn_sets_and_none_of_this_process(
        self, keptn: Keptn, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GITHUB_TOKEN", "of somebody")
        context = keptn.verify(APPLICATION, DEV, "v0.3.0", COMMIT)

        task = "import json, os; print(json.dumps(dict(os.environ)))"
        done = keptn.run_promotion_task(task, {"to": "production"}, {"apiToken": "t"}, context, {"MORE": "1"})

        seen = json.loads(done.stdout)
        assert seen.pop("DELIVERY_KUBERNETES_URL") == cluster.url
        assert seen.pop("DELIVERY_SERVICE_ACCOUNT_DIR") == str(cluster.service_account_dir(DEV))
        known = {"DATA": '{"to": "production"}', "SECURE_DATA": '{"apiToken": "t"}', "KEPTN_CONTEXT": context}
        assert {name: seen[name] for name in known} == known
        assert set(seen) - set(known) <= {"PATH", "NO_PROXY", "MORE", "LC_CTYPE"}

    def test_is_the_real_one_and_starts_the_real_workflow(self, keptn: Keptn, tmp_path: Path) -> None:
        workflow = (ROOT / "gitops/workflows/promote.yaml").read_text()
        context = keptn.verify(APPLICATION, DEV, "v0.3.1", COMMIT)
        with Forge(tmp_path / "forge") as forge:
            forge.create_repository("example/gitops", files={".github/workflows/promote.yaml": workflow})
            forge.add_token("ghp_secret", permissions={"actions": "write"})
            parameters = {"application": APPLICATION, "from": "dev", "to": "production", "timeout": "20"}
            parameters |= {"apiUrl": forge.api_url, "workflow": "promote.yaml", "ref": "main"}
            secret = {"githubRepo": "gitops", "githubRepoOwner": "example", "apiToken": "ghp_secret"}

            done = keptn.run_promotion_task((ROOT / "gitops/tasks/promote.py").read_text(), parameters, secret, context)
            (run,) = forge.wait_for_runs()

        assert (done.returncode, done.stdout, done.stderr) == (0, "dispatched: podtato-head v0.3.1 to production\n", "")
        assert run.inputs["commitID"] == COMMIT
        assert run.inputs["traceParent"] == json.loads(context)["metadata"]["traceparent"]
