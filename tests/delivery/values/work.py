"""How much work something is, whatever else this machine does."""

import sys
from collections.abc import Callable


def work(do: Callable[[], object]) -> int:
    """How many functions are called by it."""
    calls = [0]

    def count(*_: object) -> None:
        calls[0] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        do()
    finally:
        sys.setprofile(before)
    return calls[0]
