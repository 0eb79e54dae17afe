"""The axis: true to scale where that can be read, in pieces where it cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.tracing.scale import scale


def test_sections_of_like_length_are_to_scale() -> None:
    axis = scale([0, 100, 300], [False, False])
    assert axis.linear
    assert [axis.at(time) for time in (50, 100, 200, 300)] == pytest.approx([1 / 6, 1 / 3, 2 / 3, 1])


def test_a_wait_of_days_leaves_room_for_seconds_of_work() -> None:
    day = 86_400
    axis = scale([0, 60, 60 + 3 * day, 120 + 3 * day], [False, True, False])
    assert not axis.linear
    assert axis.at(60) > 0.3
    assert axis.at(60 + 3 * day) - axis.at(60) < 0.2


def test_what_lies_outside_is_at_the_ends() -> None:
    axis = scale([10, 20], [False])
    assert (axis.at(0), axis.at(99)) == (0, 1)


@given(
    st.lists(st.tuples(st.integers(0, 10**18), st.booleans()), min_size=1, max_size=12),
    st.lists(st.integers(0, 10**19), max_size=8),
)
def test_the_axis_never_goes_backwards_and_never_leaves_its_ends(
    sections: list[tuple[int, bool]], times: list[int]
) -> None:
    moments = [5]
    for length, _ in sections:
        moments.append(moments[-1] + length)
    axis = scale(moments, [wait for _, wait in sections])
    places = [axis.at(time) for time in sorted(times + moments)]
    assert places == sorted(places)
    assert all(0 <= place <= 1 + 1e-9 for place in places)
