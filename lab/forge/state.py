"""Everything the forge remembers between requests, the lock that guards it, its workflow runs, and faults to come."""

import itertools
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.forge.model import ApiError, App, PullRequest, Record, Run, Token, not_found
from lab.forge.repositories import Repository

DispatchCallback = Callable[[str, str, str, Mapping[str, str]], str | None]
"""Carries out a run of (repository, workflow file, ref, inputs); returns its conclusion, None for `success`."""


class Hold(threading.Event):
    """A held answer: `set` lets it go; the forge sets `arrived` once the request is there."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = threading.Event()


@dataclass
class Fault:
    """What happens to the next `times` requests of `method` (`*` for any) whose path and query match `pattern`.

    `times` None is for as long as the fault is there.
    `status` is answered in place of the real answer; None resets the connection, unless `hold` is given:
    then the real answer comes once that is set. `after_commit` lets the request take effect first.
    """

    method: str
    pattern: re.Pattern[str]
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] | str | None = None
    times: int | None = 1
    after_commit: bool = False
    hold: Hold | None = None


class Runs:
    """All workflow runs so far, oldest first, and the threads that carry them out."""

    def __init__(self) -> None:
        self.all: list[Run] = []
        self.callback: DispatchCallback | None = None
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []

    def start(self, run: Run) -> None:
        """Add a run and start it; without a callback it stays `queued`."""
        self.all.append(run)
        if self.callback is not None:
            thread = threading.Thread(target=self._carry_out, args=(run, self.callback), name="forge-run", daemon=True)
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
        run.status = "completed"


@dataclass
class State:
    """The forge's memory. `url` is the server's address without a slash at its end.

    `actor` is who moves a branch just now: who pushes, and else a person on the web page.
    """

    root: Path
    url: str = ""
    tokens: dict[str, Token] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    held: list[Hold] = field(default_factory=list)
    runs: Runs = field(default_factory=Runs)
    records: list[Record] = field(default_factory=list)
    repositories: dict[str, Repository] = field(default_factory=dict)
    pulls: dict[str, dict[int, PullRequest]] = field(default_factory=dict)
    lagging_lists: int = 0
    actor: str = "octocat"
    lock: threading.RLock = field(default_factory=threading.RLock)
    identifiers: Callable[[], int] = field(default_factory=lambda: itertools.count(1000).__next__)

    def token(self, secret: str) -> Token:
        """The token of that secret; 401 as GitHub words it when there is none."""
        if secret not in self.tokens:
            raise ApiError(401, "Bad credentials")
        return self.tokens[secret]

    def repository(self, full_name: str, token: Token | None) -> Repository:
        """The repository of that name (case does not matter), 404 when there is none or the token sees none."""
        found = self.repositories.get(full_name.lower())
        if found is None or (token is not None and not token.sees(full_name)):
            raise not_found()
        return found

    def pull_requests(self, repository: Repository) -> list[PullRequest]:
        """All pull requests of a repository, oldest first."""
        return list(self.pulls[repository.full_name].values())

    def pull_request(self, repository: Repository, number: int) -> PullRequest:
        """The pull request of that number, or 404."""
        found = self.pulls[repository.full_name].get(number)
        if found is None:
            raise not_found()
        return found

    def take_fault(self, method: str, path: str) -> Fault | None:
        """The first fault that meets this request, counted down; None when the request is to go on undisturbed."""
        with self.lock:
            for fault in self.faults:
                if fault.method in ("*", method) and fault.pattern.search(path):
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times <= 0:
                            self.faults.remove(fault)
                    return fault
        return None

    def release(self) -> None:
        """Let every held answer go."""
        for hold in self.held:
            hold.set()
