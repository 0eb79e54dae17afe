"""Keptn's spans and those of the promotion task, side by side: one reader, and for it one kind of rollout."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from delivery.tracing.attributes import APP_NAME, APP_NAMESPACE, APP_VERSION
from delivery.tracing.deliveries import deliveries
from delivery.tracing.model import Rollout
from delivery.tracing.otlp import Span, SpanId, read
from gitops.tasks.trace import StageDeployment, TaskRun, otlp_request
from lab.keptn_spans import AppVersion, Interval, SpanFile

COMMIT, LINK = "d1" * 20, SpanId("ab" * 16, "cd" * 8)
PHASES = {"post": "AppPostDeployTasks", "promotion": "PromotionTasks"}
TIMES = {"post": (3_000, 4_000), "promotion": (4_000, 5_000)}


def of_keptn(folder: Path) -> str:
    """An export as the lab's Keptn writes it, which is held against what the real operator was seen to send."""
    linked = ("00-{}-{}-01".format(*LINK),)
    app = AppVersion(
        *("shop-v2-6b86b273", "shop", "shop-dev", "v2", {"commitID": COMMIT, "team": "potato"}, linked),
        *("12" * 16, "34" * 8, b"promotion".hex()[:16]),
    )
    file = SpanFile(folder / "spans")
    file.phase(app, "AppDeploy", Interval(1_000, 3_000), span_id="56" * 8)
    for kind, phase in PHASES.items():
        own = app.promotion_id if kind == "promotion" else "78" * 8
        file.task(app, f"{kind}-check", kind, Interval(*TIMES[kind]), parent_id=own)
        file.phase(app, phase, Interval(*TIMES[kind]), span_id=own)
    file.root(app, Interval(1_000, 5_000))
    return file.path.read_text()


def of_the_promotion_task(folder: Path) -> str:
    """The request that the task would send."""
    del folder
    linked, metadata = ("00-{}-{}-01".format(*LINK),), {"team": "potato"}
    deployment = StageDeployment(
        *("shop", "dev", "shop-dev", "acme/gitops", "v2", COMMIT, metadata, 1_000, 5_000),
        tasks=(
            TaskRun("Deployment shop", "deploy", 1_000, 3_000),
            TaskRun("post-check", "post", *TIMES["post"]),
            TaskRun("promotion-check", "promotion", *TIMES["promotion"]),
        ),
        links=linked,
    )
    return json.dumps(otlp_request(deployment))


@pytest.fixture(params=[of_keptn, of_the_promotion_task])
def rollout(request: pytest.FixtureRequest, tmp_path: Path) -> Rollout:
    write: Callable[[Path], str] = request.param
    export = read(write(tmp_path).splitlines(), "sent")
    assert export.problems == ()
    (delivery,) = deliveries(export.spans)
    assert delivery.last is not None
    return delivery.last


def times(span: Span) -> tuple[int, int]:
    return span.start, span.end


def test_the_root_says_what_was_deployed_where_and_what_it_follows_from(rollout: Rollout) -> None:
    assert rollout.root is not None
    said = [rollout.root.get(name) for name in (APP_NAME, APP_VERSION, APP_NAMESPACE, "team")]
    assert said == ["shop", "v2", "shop-dev", "potato"]
    assert (rollout.commit, rollout.upstream, rollout.is_in("dev")) == (COMMIT, (LINK,), True)
    assert times(rollout.root) == (rollout.start, rollout.end) == (1_000, 5_000)


def test_phases_are_below_the_root_and_tasks_below_their_phase(rollout: Rollout) -> None:
    assert [(depth, span.name, *times(span)) for depth, span in rollout.spans if span.name != "Deployment shop"] == [
        (1, "AppDeploy", 1_000, 3_000),
        (1, "AppPostDeployTasks", 3_000, 4_000),
        (2, "post-check", 3_000, 4_000),
        (1, "PromotionTasks", 4_000, 5_000),
        (2, "promotion-check", 4_000, 5_000),
    ]


def test_the_promotion_phase_is_the_span_that_is_handed_on(rollout: Rollout) -> None:
    assert rollout.promotion is not None
    assert times(rollout.promotion) == TIMES["promotion"]
    assert not rollout.failed
