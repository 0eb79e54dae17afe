"""How the time of a promotion task is shared out among its runs, which Keptn bounds all together.

Configuration refuses what leaves a run too little, and the task is told what one run has: both by the rule here.
"""

SECONDS_A_RUN = 60
"""What a run needs at least: it waits for the stage's pods, and for GitHub where that is slow or limits requests."""
_BESIDES = 15
"""Seconds of each run in which its pod starts, and leaves its reason behind."""
_LONGEST_PAUSE = 360
"""Between runs a Job waits 10, 20, 40 … seconds, but never more than six minutes."""


def run_seconds(retries: int, timeout: int) -> int:
    """The seconds that each run of a task has to itself, of `timeout` for the first one and all retries."""
    return (timeout - _pauses(retries)) // (retries + 1) - _BESIDES


def least_timeout(retries: int) -> int:
    """The shortest timeout, in seconds, that leaves every run `SECONDS_A_RUN`."""
    return _pauses(retries) + (retries + 1) * (SECONDS_A_RUN + _BESIDES)


def _pauses(retries: int) -> int:
    return sum(min(10 * 2**number, _LONGEST_PAUSE) for number in range(retries))
