"""The sweep: looks at every edge for what nobody was told of, and promotes it as a dispatch would have.

Run on a schedule and by hand. What is due is `due.py`'s matter; here it is carried out, one after another, and one that
fails does not keep the others from being promoted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from delivery.git.repository import GitError, Repository
from delivery.github.client import GitHub, GitHubError
from delivery.model.request import PromotionRequest, RequestError
from delivery.model.settings import PromotionSettings, SettingsError
from delivery.promotion.due import Due, find_due, read_everything
from delivery.promotion.execute import Outcome
from delivery.promotion.history import EdgeNotReadyError, PromotionError
from delivery.promotion.recorded import RecordReader
from delivery.timeouts import Deadline
from delivery.values.document import ValuesError

SECONDS = 480.0
"""How long a sweep may go on: the job that it is in ends after ten minutes."""
_ENOUGH = 30.0


@dataclass(frozen=True)
class Swept:
    """What became of one thing that was due: `outcome`, or the run that was started, or the `error` that it ended in.

    `refused` is what nobody has to look at: a rollback that the history rules forbid, because people have decided
    otherwise already, or a promotion into a stage that was never deployed.
    """

    due: Due
    outcome: Outcome | None = None
    error: BaseException | None = None
    refused: bool = False

    @property
    def failed(self) -> bool:
        """Whether it has to be looked at."""
        return self.error is not None and not self.refused


@dataclass(frozen=True)
class Sweep:
    """What a sweep has done, edge by edge; `left` is how much it had no time for, `notes` what did not fail it."""

    swept: tuple[Swept, ...] = ()
    left: int = 0
    notes: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[Swept, ...]:
        """What has to be looked at."""
        return tuple(one for one in self.swept if one.failed)


def sweep(
    settings: PromotionSettings,
    github: GitHub,
    records: GitHub,
    connect: Callable[[], Repository],
    act: Callable[[Due, RecordReader], Outcome | None],
    deadline: Deadline,
    *,
    now: datetime | None = None,
) -> Sweep:
    """Find what is due and let `act` carry out each; `records` is the client that may read them.

    Raises `GitError` or `GitHubError` where what is due cannot be found out; what `act` raises is in the result.
    """
    now = now or datetime.now(UTC)
    try:
        known = read_everything(records, settings, now)
    except GitHubError as error:
        if not error.refused:
            raise
        return Sweep(notes=(f"nothing was swept, because the records cannot be read: {error}",))
    with connect() as repository:
        due = find_due(settings, github, repository, known, now)
    done: list[Swept] = []
    for one in due:
        if deadline.remaining() < _ENOUGH:
            break
        done.append(_carried_out(one, act, RecordReader(records, settings, known)))
    return Sweep(tuple(done), len(due) - len(done))


def _carried_out(due: Due, act: Callable[[Due, RecordReader], Outcome | None], records: RecordReader) -> Swept:
    try:
        return Swept(due, act(due, records))
    except PromotionError as error:
        return Swept(due, error=error, refused=bool(due.request.rollback) or isinstance(error, EdgeNotReadyError))
    except (RequestError, SettingsError, ValuesError, GitHubError, GitError) as error:
        return Swept(due, error=error)


def dispatch(github: GitHub, settings: PromotionSettings, request: PromotionRequest, workflow: str) -> None:
    """Start the workflow for `request`, as the stage's promotion task does. Raises `GitHubError`."""
    inputs = {
        "application": request.application,
        "from": request.source,
        "to": request.target,
        "version": request.version,
        "commitID": request.commit,
        "traceParent": request.traceparent,
        "rollback": request.rollback,
    }
    github.dispatch(workflow, settings.default_branch, {key: value for key, value in inputs.items() if value})
