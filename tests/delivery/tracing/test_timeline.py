"""What a delivery's time was spent on."""

import time
from functools import partial
from pathlib import Path

import pytest

from delivery.tracing.deliveries import deliveries
from delivery.tracing.otlp import TRACE_FILE, read
from delivery.tracing.run import start_run
from delivery.tracing.timeline import Timeline, timeline
from tests.delivery.tracing.builder import COMMIT, DAY, MIXES, REASON, Story, drawn, guide, nanoseconds, phase_id
from tests.delivery.tracing.test_run import EDGE, SETTINGS


def spent(line: Timeline) -> list[tuple[str, str, float]]:
    return [(section.name, section.kind, section.length / 1e9) for section in line.sections]


@pytest.mark.parametrize("argocd", MIXES)
def test_the_lead_time_is_the_sum_of_its_sections(argocd: tuple[str, ...]) -> None:
    line = drawn(guide(200, argocd))
    assert spent(line) == [
        ("wait for dev's sync", "wait", 75),
        ("dev deployment", "rollout", 60),
        ("promotion to production", "promotion", 13),
        ("review of #7", "review", 200),
        ("production deployment", "rollout", 60),
    ]
    assert line.lead_time / 1e9 == 75 + 60 + 13 + 200 + 60
    assert line.commit == COMMIT


def test_while_no_commit_tells_of_the_merge_the_review_lasts_until_production_began_and_a_note_says_so() -> None:
    line = drawn(guide(200))
    assert line.notes == ("no commit tells when it was merged: the review of #7 lasts until production began",)
    assert [change.merged for change in line.changes] == [0]


@pytest.mark.parametrize("time", ["", "yesterday", "2026-08-01T11:58:45"])
def test_a_commits_time_that_is_none_or_has_no_zone_is_not_known(time: str) -> None:
    story = Story()
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 70, committed=None, attributes={"delivery.commit.time": time})
    assert drawn(story).commit_time == 0


def test_without_the_commits_time_the_lead_time_starts_with_dev_and_a_note_says_so() -> None:
    story = Story()
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 70, committed=None)
    story.rollout("production", "v0.3.1", 100, follows=phase, promotes=False)
    line = drawn(story)
    assert spent(line)[0] == ("dev deployment", "rollout", 60)
    assert any("when the commit was made" in note for note in line.notes)


def test_clocks_that_disagree_give_no_negative_time_and_a_note() -> None:
    story = Story()
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 50, committed=10)
    story.rollout("production", "v0.3.1", 58, follows=phase, promotes=False)
    line = drawn(story)
    assert all(section.length >= 0 for section in line.sections)
    assert any(note.startswith("clocks disagree: wait for dev's sync ended 10 s") for note in line.notes)


def test_a_pull_request_that_waits_ends_with_its_promotion_and_says_what_is_missing() -> None:
    story = Story()
    story.run(story.rollout("dev", "v0.3.1", 0), 70)
    line = drawn(story)
    assert spent(line)[-1] == ("promotion to production", "promotion", 13)
    assert line.notes[-1].startswith("production has not begun")


def test_a_run_whose_dev_rollout_was_not_exported_is_drawn_alone() -> None:
    story = Story()
    story.run("devv1/phase", 70)
    line = drawn(story)
    assert line.rows[0].name == "promote podtato-head/dev-to-production"
    assert "nothing of dev's rollout was exported" in line.notes


def test_rows_tell_the_story_in_order_with_depth_and_links() -> None:
    rows = [(row.depth, row.name, row.follows is not None) for row in drawn(guide(200)).rows]
    assert rows == [
        (0, "wait for dev's sync", False),
        (0, "dev, all phases", False),
        (1, "AppDeploy", False),
        (1, "AppPostDeployTasks", False),
        (2, "post-post-deployment-12345", False),
        (1, "PromotionTasks", False),
        (2, "promotion-promote-23456", False),
        (0, "promote podtato-head/dev-to-production", True),
        (1, "read", False),
        (1, "plan", False),
        (1, "push", False),
        (1, "open", False),
        (0, "review of #7", False),
        (0, "production, all phases", True),
        (1, "AppDeploy", False),
        (1, "AppPostDeployTasks", False),
        (2, "post-post-deployment-12345", False),
    ]


@pytest.mark.parametrize("argocd", MIXES)
def test_a_rollout_has_a_row_for_each_phase_and_each_task_below_it(argocd: tuple[str, ...]) -> None:
    rows = [row for row in drawn(guide(200, argocd)).rows if row.kind == "rollout"]
    phases = ["AppDeploy", "AppPostDeployTasks"]
    expected = ["dev, all phases", *phases, "production, all phases", *phases]
    assert [row.name for row in rows if row.depth < 2] == expected
    assert [row.name for row in rows if row.depth == 2 and "post-deployment" not in row.name] == [
        "Deployment podtato-head" for _ in argocd
    ]
    assert [row.name for row in rows if row.follows] == ["production, all phases"]


@pytest.mark.parametrize("argocd", [(), ("production",)])
def test_a_verification_that_failed_is_a_note_with_its_reason(argocd: tuple[str, ...]) -> None:
    story = Story(argocd)
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 70)
    story.failure("production", "v0.3.1", 100, follows=phase)
    assert drawn(story).notes[-1] == f"production was not verified: {REASON}"


@pytest.mark.parametrize("argocd", MIXES)
def test_a_try_that_failed_is_a_part_of_the_lead_time(argocd: tuple[str, ...]) -> None:
    story = Story(argocd)
    story.failure("dev", "v0.3.1", 0)
    phase = story.rollout("dev", "v0.3.1", 200)
    story.run(phase, 270)
    story.failure("production", "v0.3.1", 300, follows=phase)
    story.rollout("production", "v0.3.1", 500, follows=phase)
    line = drawn(story)
    assert spent(line) == [
        ("wait for dev's sync", "wait", 75),
        ("dev deployment, failed", "rollout", 60),
        ("wait for dev's next sync", "wait", 140),
        ("dev deployment", "rollout", 60),
        ("promotion to production", "promotion", 13),
        ("review of #7", "review", 27),
        ("production deployment, failed", "rollout", 60),
        ("wait for production's next sync", "wait", 140),
        ("production deployment", "rollout", 60),
    ]
    assert [(row.name, row.failed) for row in line.rows if row.depth == 0 and row.kind == "rollout"] == [
        (f"{stage}, all phases", failed) for stage in ("dev", "production") for failed in (True, False)
    ]
    assert line.delivery.complete
    names = [name for name, _ in line.traces]
    assert names == ["dev, failed", "dev", "promotion", "production, failed", "production"]
    assert len({trace for _, trace in line.traces}) == len(names)


@pytest.mark.parametrize("argocd", MIXES)
def test_commits_of_a_clone_tell_when_it_began_and_when_it_was_merged(argocd: tuple[str, ...]) -> None:
    story = Story(argocd)
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 70, committed=None)
    story.rollout("production", "v0.3.1", 153, follows=phase, promotes=False, commit="e2" * 20)
    times = {COMMIT: nanoseconds(-30), "e2" * 20: nanoseconds(133)}
    line = drawn(story, times)
    assert spent(line) == [
        ("wait for dev's sync", "wait", 30),
        ("dev deployment", "rollout", 60),
        ("promotion to production", "promotion", 13),
        ("review of #7", "review", 60),
        ("wait for production's sync", "wait", 20),
        ("production deployment", "rollout", 60),
    ]
    assert line.notes == ()
    assert [change.merged for change in line.changes] == [nanoseconds(133)]


def test_a_commit_from_before_the_promotion_is_not_its_merge() -> None:
    line = drawn(guide(200), {COMMIT: nanoseconds(-75)})
    assert spent(line)[3] == ("review of #7", "review", 200)
    assert [change.merged for change in line.changes] == [0]


def test_one_name_is_one_length_of_time() -> None:
    line = drawn(guide(200))
    lengths = {section.name: section.length for section in line.sections}
    same = [row for row in line.rows if row.name in lengths]
    assert [row.name for row in same] == ["wait for dev's sync", "review of #7"]
    assert all(row.end - row.start == lengths[row.name] for row in same)


def test_a_real_run_lies_between_dev_and_production(tmp_path: Path) -> None:
    now = time.time() - DAY
    story = Story()
    phase = story.rollout("dev", "v0.3.1", now - 64)
    story.rollout("production", "v0.3.1", now + 60, follows=phase, promotes=False)
    file = tmp_path / "traces.jsonl"
    file.write_text("".join(story.lines))
    traceparent = "00-{}-{}-01".format(*phase_id(phase))
    start = partial(start_run, EDGE, SETTINGS, traceparent=traceparent, environ={TRACE_FILE: str(file)})
    with pytest.raises(TimeoutError), start() as run, run.step("read"):
        raise TimeoutError("the forge did not answer")
    with start() as run, run.step("open"):
        run.set_pull_request(7, "https://github.com/acme/gitops/pull/7", "Promote v0.3.1 🥔")
    export = read(file.read_text().splitlines(), "x")
    line = timeline(deliveries(export.spans)[0])
    assert export.problems == ()
    assert line.delivery.complete
    promotions = [(row.depth, row.name, row.failed) for row in line.rows if row.kind == "promotion"]
    name = "promote podtato-head/dev-to-production"
    assert promotions[2:] == [(0, name, True), (1, "read", True), (0, name, False), (1, "open", False)]
    assert [(change.number, change.title) for change in line.changes] == [("7", "Promote v0.3.1 🥔")]
