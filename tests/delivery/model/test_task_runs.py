"""How a promotion task's time is shared out among its runs."""

import pytest

from delivery.model.task_runs import SECONDS_A_RUN, least_timeout, run_seconds


@pytest.mark.parametrize("retries", range(11))
def test_the_least_timeout_is_the_first_that_leaves_every_run_enough(retries: int) -> None:
    least = least_timeout(retries)
    assert run_seconds(retries, least) == SECONDS_A_RUN
    assert run_seconds(retries, least - 1) < SECONDS_A_RUN
    assert least <= 3600, "every number of retries can be had"


@pytest.mark.parametrize(
    ("retries", "timeout", "seconds"),
    [
        (0, 300, 285),
        (2, 300, 75),  # pauses of 10 and 20
        (6, 3600, 409),  # the sixth pause is 320
        (7, 3600, 311),  # the seventh would be 640, and is 360
    ],
)
def test_pauses_double_until_they_are_six_minutes(retries: int, timeout: int, seconds: int) -> None:
    assert run_seconds(retries, timeout) == seconds
