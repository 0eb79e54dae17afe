"""The stand-in for a sync with hooks: which hooks run, when, with what, and what is left of them in the cluster."""

import json
from collections.abc import Iterator

import pytest
import requests

from lab.argocd_hooks import Hook, Operation, Syncer
from lab.cluster import Cluster
from lab.cluster_objects import HOOK_ROLE, Deployment

NAMESPACE, COMMIT = "web-dev", "a" * 40


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as running:
        running.allowed = HOOK_ROLE
        yield running


def hook(name: str, phase: str, wave: int = 0, source: str = "", seconds: int = 20, *, own: bool = False) -> Hook:
    return Hook(name, f"web-{name}", phase, wave, source, {"DATA": f'"{name}"'}, seconds, own, own)


def sync(cluster: Cluster, *hooks: Hook, secret: dict[str, str] | None = None) -> Operation:
    return Syncer(cluster, NAMESPACE, "web", COMMIT, secret).carry_out(hooks, [Deployment("web", "v2")])


def names(done: Operation) -> list[str]:
    return [run.hook.name for run in done.runs]


def listed(cluster: Cluster, resource: str) -> dict[str, dict[str, object]]:
    """The objects of the namespace by their last name."""
    token = (cluster.service_account_dir(NAMESPACE) / "token").read_text()
    group = {"jobs": "/apis/batch/v1", "pods": "/api/v1", "deployments": "/apis/apps/v1"}[resource]
    url = f"{cluster.url}{group}/namespaces/{NAMESPACE}/{resource}"
    items = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=5).json()["items"]
    return {item["metadata"].get("labels", {}).get("delivery/task", item["metadata"]["name"]): item for item in items}


def test_hooks_run_by_phase_and_wave_around_the_deployment(cluster: Cluster) -> None:
    url = f"'{cluster.url}/apis/apps/v1/namespaces/{NAMESPACE}/deployments'"
    token = "open(os.environ['DELIVERY_SERVICE_ACCOUNT_DIR'] + '/token').read()"
    look = (
        "import json, os, urllib.request as u\n"
        f"r = u.Request({url}, headers={{'Authorization': 'Bearer ' + {token}}})\n"
        "print(len(json.load(u.urlopen(r))['items']))\n"
    )
    after = (hook("last", "PostSync", 1, look, own=True), hook("first", "PostSync", 0))
    done = sync(cluster, *after, hook("second", "PreSync", 1, look, own=True), hook("begin", "PreSync", 0))
    assert (names(done), done.succeeded) == (["begin", "second", "first", "last"], True)
    assert [run.said for run in done.runs if run.hook.has_account] == ["0", "1"]


def test_a_failure_before_the_deployment_leaves_what_runs_and_ends_with_the_hooks_for_failures(
    cluster: Cluster,
) -> None:
    hooks = (hook("begin", "PreSync", 0, "raise SystemExit('no table')"), hook("second", "PreSync", 1))
    done = sync(cluster, *hooks, hook("after", "PostSync"), hook("record", "SyncFail"))
    assert (names(done), done.succeeded, listed(cluster, "deployments")) == (["begin", "record"], False, {})


def test_a_failure_after_the_deployment_ends_the_phase_and_is_there_for_the_hooks_for_failures(
    cluster: Cluster,
) -> None:
    failing = hook("smoke", "PostSync", 0, "print('asks'); raise SystemExit('503 of /')")
    done = sync(cluster, failing, hook("promote", "PostSync", 1), hook("record", "SyncFail"))
    assert (names(done), done.succeeded, done.runs[0].said) == (["smoke", "record"], False, "503 of /")
    assert listed(cluster, "deployments").keys() == {"web"}
    jobs, pods = listed(cluster, "jobs"), listed(cluster, "pods")
    assert jobs.keys() == pods.keys() == {"smoke", "record"}
    assert '"reason": "BackoffLimitExceeded"' in json.dumps(jobs["smoke"]["status"])
    assert '"message": "asks\\n503 of /\\n"' in json.dumps(pods["smoke"]["status"])


def test_a_hook_that_takes_too_long_fails_for_that(cluster: Cluster) -> None:
    slow = hook("slow", "PostSync", 0, "print('begins', flush=True)\nimport signal; signal.pause()", seconds=1)
    done = sync(cluster, slow)
    assert (done.succeeded, done.runs[0].said) == (False, "begins")
    assert '"reason": "DeadlineExceeded"' in json.dumps(listed(cluster, "jobs")["slow"]["status"])


def test_only_a_hook_with_an_account_and_a_secret_gets_them_and_none_a_variable_of_this_process(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMETHING", "of this process")
    show = "import os; print(*sorted(os.environ))"
    hooks = (hook("plain", "PostSync", 0, show), hook("own", "PostSync", 1, show, own=True))
    plain, own = (set(run.said.split()) for run in sync(cluster, *hooks, secret={"apiToken": "t"}).runs)
    assert own - plain == {"SECURE_DATA", "DELIVERY_KUBERNETES_URL", "DELIVERY_SERVICE_ACCOUNT_DIR"}
    assert "DATA" in plain
    assert "SOMETHING" not in own
    assert "SECURE_DATA" not in sync(cluster, hooks[1]).runs[0].said, "no Secret is there"
