"""How times and names are written, and where a moment lies on an axis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.tracing.formatting import columns, duration, fit, moment, share
from delivery.tracing.scale import scale

SECOND = 10**9
DAY = 86_400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.0042, "4.2 ms"),
        (0.31, "310 ms"),
        (4.2, "4.2 s"),
        (59.96, "1 min"),
        (72, "1 min 12 s"),
        (3600, "1 h"),
        (3660, "1 h 1 min"),
        (187_200, "2 d 4 h"),
        (400 * DAY, "400 d"),
    ],
)
def test_a_length_of_time_has_the_two_units_that_matter(seconds: float, text: str) -> None:
    assert duration(int(seconds * SECOND)) == text


def test_a_moment_is_in_utc() -> None:
    assert moment(1_785_585_600 * SECOND) == "2026-08-01 12:00:00 UTC"


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(1, 2, "50.0 %"), (1, 10**6, "< 0.1 %"), (0, 5, "0.0 %"), (0, 0, "0.0 %")]
)
def test_a_share_is_never_shown_as_nothing_when_it_is_something(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


@pytest.mark.parametrize("text", ["", "abc", "日本語の名前", "e\u0301" * 9, "x" * 40])
def test_a_fitted_name_has_exactly_its_columns(text: str) -> None:
    assert columns(fit(text, 10)) == 10


def test_sections_of_like_length_are_to_scale() -> None:
    axis = scale([0, 100, 300], [False, False])
    assert axis.linear
    assert [axis.at(time) for time in (50, 100, 200, 300)] == pytest.approx([1 / 6, 1 / 3, 2 / 3, 1])


def test_a_wait_of_days_leaves_room_for_seconds_of_work() -> None:
    axis = scale([0, 60, 60 + 3 * DAY, 120 + 3 * DAY], [False, True, False])
    assert not axis.linear
    assert axis.at(60) > 0.3
    assert axis.at(60 + 3 * DAY) - axis.at(60) < 0.2


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
