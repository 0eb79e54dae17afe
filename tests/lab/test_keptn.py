"""The stand-in for Keptn: what it emits and hands to the task is what the real operator was seen to do."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from delivery.model.identifiers import is_traceparent
from delivery.tracing.otlp import CONSUMER, ERROR, OK, Span, read
from lab.cluster import Cluster
from lab.keptn import Keptn

APPLICATION, DEV, PRODUCTION, COMMIT = "podtato-head", "podtato-head-dev", "podtato-head-production", "a" * 40
LINK = f"00-{'1' * 32}-{'2' * 16}-01"
SUCCEED = "print('done')"
FAIL = "import sys; sys.exit('error: no')"


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


def spans(file: Path) -> list[Span]:
    found = read(file.read_text().splitlines(), "test")
    assert found.problems == ()
    return list(found.spans)


def test_a_context_is_written_as_the_operator_writes_it_with_the_traceparent_of_the_promotion_phase(
    keptn: Keptn, file: Path
) -> None:
    context = keptn.verify(APPLICATION, DEV, "v0.3.0", COMMIT)
    traceparent = json.loads(context)["metadata"]["traceparent"]
    assert is_traceparent(traceparent)
    assert context == (
        '{"workloadName":"","appName":"podtato-head","appVersion":"v0.3.0","workloadVersion":"",'
        '"taskType":"promotion","objectType":"App",'
        f'"metadata":{{"commitID":"{COMMIT}","traceparent":"{traceparent}"}}}}'
    )
    keptn.run_promotion_task(SUCCEED, {}, {}, context)
    phase = next(span for span in spans(file) if span.name == "PromotionTasks")
    assert traceparent == f"00-{phase.id.trace}-{phase.id.span}-01"


def test_the_spans_of_a_rollout_are_one_trace_with_phases_below_the_root_and_tasks_below_their_phases(
    keptn: Keptn, file: Path
) -> None:
    keptn.run_promotion_task(SUCCEED, {}, {}, keptn.verify(APPLICATION, DEV, "v0.3.0", COMMIT))
    found = spans(file)
    names = {span.id.span: span.name for span in found}
    tree = [(names.get(span.parent, ""), re.sub(r"-\d{5}$", "", span.name)) for span in found]
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
    assert len({span.id.trace for span in found}) == 1
    assert {(span.kind, span.service, span.status) for span in found} == {(CONSUMER, "lifecycle-operator", OK)}
    requests = [Parse(line, ExportTraceServiceRequest()) for line in file.read_text().splitlines()]
    assert [len(request.resource_spans) for request in requests] == [1] * len(found)


def test_the_root_alone_links_to_what_it_follows_from_and_has_the_metadata_without_a_prefix(
    keptn: Keptn, file: Path
) -> None:
    keptn.verify(APPLICATION, PRODUCTION, "v0.3.0", "", {"team": "a"}, [LINK, "junk"], promotes=False)
    *children, root = spans(file)
    assert [(link.to, link.attributes) for link in root.links] == [
        (("1" * 32, "2" * 16), {"opentracing.ref_type": "follows-from"})
    ]
    assert f'"traceId":"{"0" * 32}"' in file.read_text(), "a link that is none has all-zero ids"
    assert not any(span.links for span in children)
    assert root.attributes == {
        "keptn.deployment.app.name": APPLICATION,
        "keptn.deployment.app.version": "v0.3.0",
        "keptn.deployment.app.namespace": PRODUCTION,
        "team": "a",
    }


def test_a_promotion_that_fails_says_so_and_its_second_run_has_no_spans(keptn: Keptn, file: Path) -> None:
    context = keptn.verify(APPLICATION, DEV, "v0.3.0", COMMIT)
    done = keptn.run_promotion_task(FAIL, {}, {}, context)
    assert (done.returncode, done.stderr) == (1, "error: no\n")
    before = spans(file)
    assert [span.status for span in before[-3:]] == [ERROR] * 3
    keptn.run_promotion_task(SUCCEED, {}, {}, context)
    assert spans(file) == before


def test_a_restart_gives_every_finished_rollout_another_root_in_a_new_trace_and_runs_its_task_again(
    keptn: Keptn, file: Path
) -> None:
    contexts = [
        keptn.verify(APPLICATION, PRODUCTION, version, COMMIT, span_links=[LINK], promotes=False)
        for version in ("v0.3.0", "v0.3.1")
    ]
    keptn.verify(APPLICATION, PRODUCTION, "v0.3.2", COMMIT)
    before = spans(file)
    assert list(keptn.restart()) == contexts, "not the one that is unfinished"
    again = spans(file)[len(before) :]
    assert [span.name for span in again] == ["podtato-head-v0.3.0-6b86b273", "podtato-head-v0.3.1-d4735e3a"]
    assert [len(span.links) for span in again] == [1, 1]
    assert not {span.id.trace for span in again} & {span.id.trace for span in before}


def test_a_rollout_is_named_by_the_generation_and_comes_only_of_a_new_version(keptn: Keptn, file: Path) -> None:
    for version in ("v0.3.0", "v0.3.1", "v0.3.0"):
        keptn.verify(APPLICATION, DEV, version, COMMIT, promotes=False)
    roots = [span.name.removeprefix("podtato-head-") for span in spans(file) if not span.parent]
    assert roots == ["v0.3.0-6b86b273", "v0.3.1-d4735e3a", "v0.3.0-4e074085"]
    with pytest.raises(ValueError, match="runs in podtato-head-dev already"):
        keptn.verify(APPLICATION, DEV, "v0.3.0", "b" * 40)


def test_the_task_sees_the_variables_that_keptn_sets_and_none_of_this_process(
    keptn: Keptn, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "of somebody")
    context = keptn.verify(APPLICATION, DEV, "v0.3.0", COMMIT)
    task = "import json, os; print(json.dumps(dict(os.environ)))"
    seen = json.loads(keptn.run_promotion_task(task, {"to": "production"}, {"apiToken": "t"}, context).stdout)
    known = {
        "DATA": '{"to": "production"}',
        "SECURE_DATA": '{"apiToken": "t"}',
        "KEPTN_CONTEXT": context,
        "DELIVERY_KUBERNETES_URL": cluster.url,
        "DELIVERY_SERVICE_ACCOUNT_DIR": str(cluster.service_account_dir(DEV)),
    }
    assert {name: seen[name] for name in known} == known
    assert set(seen) - set(known) <= {"PATH", "NO_PROXY", "LC_CTYPE"}
