"""How a version's way is found: by links, across traces, without counting anything twice."""

from dataclasses import replace

import pytest

from delivery.tracing.deliveries import choose, deliveries
from delivery.tracing.model import Delivery
from delivery.tracing.otlp import ERROR, SERVER, read
from tests.delivery.tracing.builder import MIXES, Story, guide, hexed, phase_id, span


def found(story: Story) -> tuple[Delivery, ...]:
    return deliveries(story.spans)


@pytest.mark.parametrize("argocd", MIXES)
def test_the_way_goes_from_dev_over_the_run_to_production(argocd: tuple[str, ...]) -> None:
    (delivery,) = found(guide(argocd=argocd))
    assert (delivery.application, delivery.version, delivery.complete) == ("podtato-head", "v0.3.1", True)
    assert delivery.stages == ("dev", "production")
    dev, production = delivery.rollouts
    assert dev is not None
    assert production is not None
    (hop,) = delivery.hops
    assert dev.promotion is not None
    assert dev.promotion.id == hop.phase == production.upstream[0]
    assert (dev.is_in("dev"), production.is_in("production")) == (True, True)
    assert hop.run is not None
    assert [step.name for step in hop.run.steps] == ["read", "plan", "push", "open"]


@pytest.mark.parametrize("argocd", MIXES)
def test_the_order_of_lines_does_not_matter(argocd: tuple[str, ...]) -> None:
    story = guide(argocd=argocd)
    backwards = Story(spans=list(reversed(story.spans)))
    assert [(each.application, each.stages, len(each.hops[0].runs)) for each in found(backwards)] == [
        (each.application, each.stages, len(each.hops[0].runs)) for each in found(story)
    ]


def test_roots_sent_again_after_an_operators_restart_are_no_rollouts() -> None:
    story = guide(200)
    story.repeated_root("dev", "v0.3.1", 900, "again1")
    story.repeated_root("production", "v0.3.1", 901, "again2", follows="devv0.3.1/phase")
    (delivery,) = found(story)
    assert delivery.rollouts[-1] is not None
    assert delivery.rollouts[-1].trace == hexed("productionv0.3.1", 32)


def test_a_root_that_is_only_there_repeated_counts_once() -> None:
    story = Story()
    phase = story.rollout("dev", "v0.3.1", 0)
    story.repeated_root("production", "v0.3.1", 500, "again1", follows=phase)
    story.repeated_root("production", "v0.3.1", 900, "again2", follows=phase)
    (delivery,) = found(story)
    assert delivery.rollouts[-1] is not None
    assert delivery.rollouts[-1].trace == hexed("again1", 32)


def test_a_deployment_whose_hook_ran_again_counts_once_with_the_times_of_its_first_run() -> None:
    story = Story(("dev", "production"))
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 70)
    story.rollout("production", "v0.3.1", 100, follows=phase)
    first = found(story)
    story.rollout("dev", "v0.3.1", 5000)
    story.rollout("production", "v0.3.1", 5100, follows=phase)
    assert deliveries(read(story.lines, "x").spans) == first
    assert deliveries(read(reversed(story.lines), "x").spans) == first


@pytest.mark.parametrize("argocd", MIXES)
def test_a_version_whose_verification_failed_has_not_arrived(argocd: tuple[str, ...]) -> None:
    story = Story(argocd)
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 70)
    story.failure("production", "v0.3.1", 100, follows=phase)
    (delivery,) = found(story)
    assert (delivery.complete, delivery.failed, delivery.stages) == (False, True, ("dev", "production"))


@pytest.mark.parametrize("argocd", [("production",), ("dev", "production")])
@pytest.mark.parametrize("error", ["", "BackoffLimitExceeded"])
def test_a_change_of_a_stages_own_values_is_no_second_arrival(argocd: tuple[str, ...], error: str) -> None:
    story = Story(argocd)
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 70)
    story.rollout("production", "v0.3.1", 100, follows=phase)
    (first,) = found(story)
    story.deployment("production", "v0.3.1", 90_000, follows=phase, commit="e2" * 20, error=error)
    assert found(story) == (first,)


def test_the_same_version_promoted_again_is_a_second_arrival() -> None:
    story = Story(("dev", "production"))
    for start, commit in ((0, "d1" * 20), (90_000, "e2" * 20)):
        phase = story.rollout("dev", "v0.3.1", start, commit=commit)
        story.run(phase, start + 70, trace=f"run{start}")
        story.rollout("production", "v0.3.1", start + 100, follows=phase, commit=commit)
    assert [delivery.complete for delivery in found(story)] == [True, True]


@pytest.mark.parametrize("argocd", [(), ("dev",)])
def test_each_deployment_of_a_first_stage_begins_a_delivery(argocd: tuple[str, ...]) -> None:
    story = Story(argocd)
    for start, version, commit in ((0, "v1", "d1" * 20), (500, "v2", "e2" * 20)):
        story.rollout("dev", version, start, commit=commit)
    assert [delivery.version for delivery in found(story)] == ["v2", "v1"]


def test_a_version_whose_promotion_failed_after_its_verification_has_arrived() -> None:
    story = Story()
    phase = story.rollout("dev", "v0.3.1", 0)
    story.rollout("production", "v0.3.1", 100, follows=phase)
    story.spans[-1] = replace(story.spans[-1], status=ERROR)
    assert [(delivery.complete, delivery.failed) for delivery in found(story)] == [(True, False)]


@pytest.mark.parametrize("argocd", MIXES)
def test_a_second_try_that_succeeds_is_the_one_that_arrived(argocd: tuple[str, ...]) -> None:
    story = Story(argocd)
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 70)
    story.failure("production", "v0.3.1", 100, follows=phase)
    story.rollout("production", "v0.3.1", 300, follows=phase)
    chosen = choose(found(story))
    assert chosen is not None
    assert chosen.complete
    assert [delivery.failed for delivery in found(story)] == [False, True]


def test_of_several_promotions_that_a_stage_follows_from_the_first_that_was_exported_is_shown() -> None:
    story = Story(("production",))
    phase = story.rollout("europe", "v0.3.1", 0)
    story.rollout("production", "v0.3.1", 100, follows=f"asiav0.3.1/phase,{phase}")
    (delivery,) = found(story)
    assert delivery.hops[0].phase == phase_id(phase)
    assert None not in delivery.rollouts


def test_a_run_that_comes_after_production_began_did_not_bring_it_there() -> None:
    story = guide(200)
    story.run("devv0.3.1/phase", 5000, trace="replay")
    (delivery,) = found(story)
    assert [run.span.id.trace for run in delivery.hops[0].runs] == [hexed("runproduction", 32)]


def test_a_run_on_a_machine_whose_clock_is_ahead_is_still_the_one() -> None:
    story = Story()
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 90)
    story.rollout("production", "v0.3.1", 80, follows=phase)
    (delivery,) = found(story)
    assert [run.span.id.trace for run in delivery.hops[0].runs] == [hexed("runproduction", 32)]


def test_the_run_with_the_pull_request_is_the_one_to_ask() -> None:
    story = Story()
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 65, trace="first", attributes={"vcs.change.id": ""})
    story.run(phase, 70, trace="second")
    story.rollout("production", "v0.3.1", 100, follows=phase)
    (delivery,) = found(story)
    assert delivery.hops[0].run is not None
    assert delivery.hops[0].run.span.id.trace == hexed("second", 32)


@pytest.mark.parametrize("argocd", MIXES)
def test_a_pull_request_that_waits_is_a_delivery_under_way(argocd: tuple[str, ...]) -> None:
    story = Story(argocd)
    story.run(story.rollout("dev", "v0.3.1", 0), 70)
    (delivery,) = found(story)
    assert not delivery.complete
    assert delivery.stages == ("dev", "production")


def test_a_rollout_that_nothing_promoted_is_a_delivery_of_one_stage() -> None:
    story = Story()
    story.rollout("dev", "v0.3.1", 0)
    (delivery,) = found(story)
    assert delivery.stages == ("podtato-head-dev",)
    assert not delivery.complete


@pytest.mark.parametrize("argocd", [*MIXES, ("staging",), ("dev", "staging"), ("staging", "production")])
def test_a_chain_of_stages_is_one_delivery(argocd: tuple[str, ...]) -> None:
    story = Story(argocd)
    first = story.rollout("dev", "v1", 0)
    story.run(first, 70, trace="one", target="staging")
    second = story.rollout("staging", "v1", 200, follows=first)
    story.run(second, 270, trace="two", source="staging", target="production")
    story.rollout("production", "v1", 500, follows=second)
    (delivery,) = found(story)
    assert delivery.stages == ("dev", "staging", "production")
    assert [len(hop.runs) for hop in delivery.hops] == [1, 1]
    assert None not in delivery.rollouts


@pytest.mark.parametrize("argocd", [(), ("dev",), ("europe",), ("dev", "europe", "asia")])
def test_two_targets_of_one_stage_are_two_deliveries_with_a_run_each(argocd: tuple[str, ...]) -> None:
    story = Story(argocd)
    phase = story.rollout("dev", "v1", 0)
    story.run(phase, 70, target="europe")
    story.run(phase, 71, target="asia")
    story.rollout("europe", "v1", 200, follows=phase)
    europe, asia = sorted(found(story), key=lambda one: not one.complete)
    assert (europe.stages, europe.complete) == (("dev", "europe"), True)
    assert (asia.stages, asia.complete) == (("dev", "asia"), False)
    assert [run.pipeline for run in europe.hops[0].runs] == ["podtato-head/dev-to-europe"]


def test_a_stage_whose_name_ends_like_anothers_has_its_own_runs() -> None:
    story = Story(("europe", "west-europe"))
    phase = story.rollout("dev", "v1", 0)
    for second, stage in enumerate(("europe", "west-europe"), 70):
        story.run(phase, second, target=stage)
        story.rollout(stage, "v1", second + 200, follows=phase)
    assert {delivery.stages: [run.pipeline for run in delivery.runs] for delivery in found(story)} == {
        ("dev", stage): [f"podtato-head/dev-to-{stage}"] for stage in ("europe", "west-europe")
    }


def test_applications_do_not_mix() -> None:
    story = guide()
    other = story.rollout("dev", "v9", 10, application="hello", trace="hello")
    story.run(other, 90, application="hello", trace="hellorun")
    assert {(each.application, each.complete) for each in found(story)} == {("podtato-head", True), ("hello", False)}


def test_what_a_rollback_undoes_is_not_what_it_follows() -> None:
    story = Story()
    phase = story.rollout("dev", "v1", 0)
    attributes = {"cicd.pipeline.name": "x", "service.name": "podtato-head"}
    undo = span("undo/run", "rollback x", 100, 103, attributes, kind=SERVER, links=(phase,), relation="undoes")
    story.spans.append(undo)
    (delivery,) = found(story)
    assert delivery.hops == ()


def test_links_that_go_round_in_circles_end() -> None:
    story = Story()
    story.rollout("dev", "v1", 0, trace="a", follows="b/phase")
    story.rollout("production", "v1", 100, trace="b", follows="a/phase")
    assert found(story)


def test_a_rollout_without_its_root_is_still_shown() -> None:
    story = Story()
    story.rollout("dev", "v1", 0)
    del story.spans[-1]
    (delivery,) = found(story)
    assert delivery.rollouts[0] is not None
    assert delivery.rollouts[0].root is None
    assert delivery.version == "v1"


def test_the_newest_that_arrived_is_chosen_unless_a_version_is_named() -> None:
    story = guide(200)
    later = story.rollout("dev", "v0.3.2", 5000)
    story.run(later, 5070, trace="waits", attributes={"service.version": "v0.3.2"})
    everything = found(story)
    by_default, named = choose(everything), choose(everything, version="v0.3.2")
    assert by_default is not None
    assert by_default.version == "v0.3.1"
    assert named is not None
    assert (named.version, named.complete) == ("v0.3.2", False)
    assert choose(everything, application="nobody") is None
