"""Medians and ratios: what the benchmarks say depends on them."""

import pytest

from bench.figures import Figure, Report
from bench.timing import Samples, side_by_side


def test_one_slow_run_moves_neither_the_median_nor_hides_from_the_spread() -> None:
    samples = Samples((1.0, 9.0, 1.2))
    assert (samples.median, samples.low, samples.high) == (1.2, 1.0, 9.0)


def test_ratios_are_of_runs_made_beside_each_other_so_that_a_slow_minute_cancels_out() -> None:
    without, with_it = Samples((1.0, 4.0, 2.0)), Samples((1.1, 4.4, 2.2))
    assert with_it.over(without).values == pytest.approx((1.1, 1.1, 1.1))
    assert with_it.less(without).values == pytest.approx((0.1, 0.4, 0.2))


def test_runs_that_were_not_made_beside_each_other_have_no_ratio() -> None:
    with pytest.raises(ValueError, match="zip"):
        Samples((1.0, 2.0)).over(Samples((1.0,)))


def test_nothing_measured_has_no_median() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Samples(())


def test_every_second_round_goes_backwards_so_that_neither_side_is_always_first() -> None:
    order: list[str] = []

    def run(name: str) -> float:
        order.append(name)
        return float(len(order))

    taken = side_by_side({"a": lambda: run("a"), "b": lambda: run("b")}, 2)
    assert order == ["a", "b", "b", "a"]
    assert (taken["a"].values, taken["b"].values) == ((1.0, 4.0), (2.0, 3.0))


@pytest.mark.parametrize(("bound", "holds"), [(None, None), (2.0, True), (1.9, False)])
def test_a_bound_is_kept_by_the_median_and_by_nothing_else(bound: float | None, holds: bool | None) -> None:
    figure = Figure("preview", Samples((2.0, 0.1, 7.0)), "s", bound)
    assert figure.holds is holds
    assert ("BROKEN" in figure.line()) == (holds is False)


def test_a_report_is_broken_by_one_figure_and_not_by_what_was_skipped() -> None:
    report = Report("engine", lambda _: None)
    report.skip("not on PATH: pulumi")
    report.add("reads", Samples((2.0,)), "", 2.0)
    assert not report.broken
    report.add("seconds", Samples((2.5,)), "s", 2.0)
    assert report.broken
