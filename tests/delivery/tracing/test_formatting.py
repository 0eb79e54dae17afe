"""How times and names are written."""

import pytest

from delivery.tracing.formatting import columns, duration, fit, moment, printable, share

SECOND = 10**9


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
        (86_400 * 400, "400 d"),
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


def test_what_steers_a_terminal_or_turns_the_writing_is_replaced() -> None:
    assert printable("a\x1b[31mb\nc\u202ed\u200be") == "a�[31mb�c�d�e"


@pytest.mark.parametrize("text", ["", "abc", "日本語の名前", "e\u0301" * 9, "x" * 40])
def test_a_fitted_name_has_exactly_its_columns(text: str) -> None:
    assert columns(fit(text, 10)) == 10
