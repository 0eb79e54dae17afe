"""Workflow runs: what a dispatch starts, one after another in a worker thread, and how each ended.

The forge runs no workflow. Whoever registers a callback does (`lab.actions`); its return value is the
run's conclusion (None: `success`), an exception means `failure` and comes out of `wait`.
Concurrency groups are not modelled: one worker means one run at a time.
"""

import queue
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
    """All runs so far, oldest first, and the worker that carries them out."""

    def __init__(self) -> None:
        self.all: list[Run] = []
        self.callback: DispatchCallback | None = None
        self._queue: queue.Queue[Run | None] = queue.Queue()
        self._worker: threading.Thread | None = None
        self._errors: list[BaseException] = []

    def start(self, run: Run) -> None:
        """Take a run in; without a callback it stays `queued`."""
        self.all.append(run)
        if self.callback is None:
            return
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, name="forge-runs", daemon=True)
            self._worker.start()
        self._queue.put(run)

    def wait(self) -> list[Run]:
        """Wait until every run has ended and give all of them; raises what a callback raised."""
        self._queue.join()
        if self._errors:
            raise self._errors.pop(0)
        return list(self.all)

    def stop(self) -> None:
        """End the worker after the runs it has."""
        if self._worker is not None:
            self._queue.put(None)
            self._worker.join(timeout=60)
            self._worker = None

    def _work(self) -> None:
        while (run := self._queue.get()) is not None:
            run.status = "in_progress"
            try:
                assert self.callback is not None  # noqa: S101 - `start` queues only with a callback
                run.conclusion = self.callback(run.repository, run.workflow, run.ref, run.inputs) or "success"
            except BaseException as error:
                run.conclusion = "failure"
                self._errors.append(error)
            run.status, run.updated_at = "completed", timestamp()
            self._queue.task_done()
        self._queue.task_done()
