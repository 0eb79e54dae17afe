"""Workflow runs: each is started by a dispatch, in a thread of its own, and has a conclusion at its end.

The forge runs no workflow itself, it calls a callback (`lab.actions` has one to offer). What that returns is the run's
conclusion (None: `success`); an exception means `failure`, and `wait` raises it. Whether runs wait for one another (a
concurrency group) is the callback's matter.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lab.forge.repositories import timestamp

DispatchCallback = Callable[[str, str, str, Mapping[str, str]], str | None]


@dataclass
class Run:
    """A run of a workflow; `repository` is `owner/name`, `workflow` the file's name, `inputs` as dispatched."""

    identifier: int
    repository: str
    workflow: str
    ref: str
    head_sha: str
    login: str
    inputs: Mapping[str, str]
    number: int = 1
    status: str = "queued"
    conclusion: str | None = None
    created_at: str = field(default_factory=timestamp)
    updated_at: str = field(default_factory=timestamp)


class Runs:
    """All runs so far, oldest first, and the threads that carry them out."""

    def __init__(self) -> None:
        self.all: list[Run] = []
        self.callback: DispatchCallback | None = None
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []

    def start(self, run: Run) -> None:
        """Add a run and start it; without a callback it stays `queued`."""
        self.all.append(run)
        if self.callback is not None:
            thread = threading.Thread(
                target=self._carry_out, args=(run, self.callback), name=f"forge-run-{run.identifier}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def wait(self) -> list[Run]:
        """Wait until every run has ended, also those that start meanwhile. Raises what a callback raised."""
        self.stop()
        if self._errors:
            raise self._errors.pop(0)
        return list(self.all)

    def stop(self) -> None:
        """Wait until every run has ended, however it did."""
        while self._threads:
            self._threads[0].join()
            self._threads.pop(0)

    def _carry_out(self, run: Run, callback: DispatchCallback) -> None:
        run.status = "in_progress"
        try:
            run.conclusion = callback(run.repository, run.workflow, run.ref, run.inputs) or "success"
        except BaseException as error:
            run.conclusion = "failure"
            self._errors.append(error)
        run.status, run.updated_at = "completed", timestamp()
