"""Medians and ratios: what the benchmarks say depends on them."""

import pytest

from bench.figures import Figure
from bench.timing import Samples, side_by_side


def test_ratios_are_of_runs_made_beside_each_other_so_that_a_slow_minute_cancels_out() -> None:
    without, with_it = Samples((1.0, 4.0, 2.0)), Samples((1.1, 4.4, 2.2))
    assert with_it.over(without).values == pytest.approx((1.1, 1.1, 1.1))
    assert with_it.less(without).values == pytest.approx((0.1, 0.4, 0.2))
    with pytest.raises(ValueError, match="zip"):
        without.over(Samples((1.0,)))


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
