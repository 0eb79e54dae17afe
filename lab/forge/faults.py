"""Misbehaviour on demand: answers, resets and delays that tests ask for in advance.

A fault waits for the next request that fits, and is used up. Nothing here sleeps: a held answer waits for an
event that the test sets, and the forge sets when it stops.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST_HOLD = 60.0  # seconds; a test that forgets to let go must not hang for ever


class Hold(threading.Event):
    """A held answer: `set` lets it go; the forge sets `arrived` once the request is there."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = threading.Event()


@dataclass
class Fault:
    """What happens to the next `times` requests of `method` (`*` for any) whose path and query match.

    `status` is answered in place of the real answer; None resets the connection, unless `hold` is given:
    then the real answer comes once that is set. `after_commit` lets the request take effect first.
    """

    method: str
    pattern: re.Pattern[str]
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] | str | None = None
    times: int = 1
    after_commit: bool = False
    hold: Hold | None = None


class Faults:
    """The faults that are still to come, in the order they were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._held: list[Hold] = []

    def add(self, fault: Fault) -> None:
        """Queue a fault."""
        with self._lock:
            self._faults.append(fault)
            if fault.hold is not None:
                self._held.append(fault.hold)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that meets this request, counted down; None when it may go on undisturbed."""
        with self._lock:
            for fault in self._faults:
                if fault.method in ("*", method) and fault.pattern.search(path):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                    return fault
        return None

    def pending(self) -> int:
        """How many faults have not met all their requests yet."""
        with self._lock:
            return len(self._faults)

    def release(self) -> None:
        """Let every held answer go."""
        with self._lock:
            for event in self._held:
                event.set()
