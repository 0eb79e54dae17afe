"""The hours of one history: their clock, what is still to happen in them, the repository, and runs of the promoter.

What happens is `deliveries.py`'s matter. Each chance is drawn by its own name, so that a history with other messengers
has the same commits, verifications, failures and hours without Actions.
"""

import contextlib
import heapq
import io
import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from unittest.mock import patch

from delivery.github import records as github_records
from delivery.model.settings import PromotionSettings
from delivery.promotion import cli
from delivery.promotion import sweep as sweeps
from lab.forge import model
from tests.soak.actions import PIPELINES
from tests.soak.layouts import Layout
from tests.soak.network import FAULTS, Attempt, Killed
from tests.soak.oracle import View
from tests.soak.world import Site

MINUTE, HOUR = 60.0, 3600.0
TOKEN, STAGES = "token-of-the-workflow", "token-of-the-stages"
SHAPES = (
    ("two stages", Layout(), False),
    ("two stages", Layout(("web", "api", "shop", "mail")), False),
    ("chain", Layout(("web", "api"), own_files=True), False),
    ("chain", Layout(branches=True), False),
    ("diamond, all", Layout(("web", "api")), False),
    ("fan-out", Layout(("web", "api", "shop")), False),
    ("chain", Layout(("web", "api")), True),
)
"""Pipelines, what is delivered through them, and whether all of it together."""


@dataclass(frozen=True)
class Messengers:
    """What carries the news of a verification, beside the one dispatch that there always is."""

    records: bool = True
    sweep: bool = True


class Hours:
    """One history's repository, and its time."""

    def __init__(self, site: Site, seed: int, messengers: Messengers, shape: int | None = None) -> None:
        self.site, self.seed, self.messengers = site, seed, messengers
        self.forge, self.network = site.forge, site.network
        site.histories += 1
        self.name = f"acme/hours-{site.histories}"
        draw = self._draw("history")
        pipeline, self.layout, self.grouped = SHAPES[draw.randrange(len(SHAPES)) if shape is None else shape]
        self.stages = PIPELINES[pipeline]
        self.edges = [(before, stage) for stage, after in self.stages.items() for before in after]
        self.demanded, self.argocd = draw.random() < 0.5, draw.random() < 0.5
        self.statuses = draw.random() < 0.15
        self.pace = draw.choice((0.5, 1.5)) * HOUR / len(self.layout.applications)
        self.now, self._queue, self._order = 0.0, list[tuple[float, int, str, Callable[[], None]]](), itertools.count()
        self._away: list[tuple[float, float]] = []
        self._closing = False

    @contextmanager
    def _repository(self) -> Iterator[None]:
        """Have the repository, and the time, as long as they are needed."""
        with self._clock():
            self._begin()
            try:
                yield
            finally:
                self.forge.delete_repository(self.name)
                self.forge.forget_requests()
                shutil.rmtree(self.site.folder / "forge" / f"{self.name}.git", ignore_errors=True)

    def _begin(self) -> None:
        self.network.now, self.network.attempts = 1_800_000_000, []
        self.forge.create_repository(self.name)
        files: dict[str, dict[str, Any]] = {"main": {"README.md": "Begin"}}
        for stage, after in self.stages.items():
            files.setdefault(self.layout.branch(stage), {}).update(
                self.layout.files(stage, version(0), follows=bool(after))
            )
        for branch, committed in files.items():
            self.forge.commit(self.name, committed, "Begin", branch=branch)
        self.repository = self.forge.settings(self.name)
        self.repository.actions_may_open_pull_requests = True
        self.network.begin(self.repository)
        rights = {"contents": "read", "actions": "write"} | {"statuses" if self.statuses else "deployments": "write"}
        self.forge.add_token(STAGES, rights, "stages")
        rights = {"contents": "write", "pull_requests": "write", "deployments": "read", "statuses": "read"}
        self.forge.add_token(TOKEN, rights, actions=True)
        self.view = View(self.forge, self.repository, self.layout)
        targets = tuple(to for to, after in self.stages.items() if after)
        self.settings = self.site.folder / "settings.json"
        settings = PromotionSettings(
            owner="acme",
            repository=self.name.partition("/")[2],
            default_branch="main",
            api_url=self.forge.api_url,
            web_url=f"{self.forge.url}/{self.name}",
            stages=self.stages,
            edges=tuple(self.layout.edge(one, *edge) for one in self.layout.applications for edge in self.edges),
            requires={to: "all" for to, after in self.stages.items() if after[1:]},
            groups=targets if self.grouped else (),
        )
        if self.demanded and self.messengers.records:
            settings = replace(settings, require_record=targets)
        self.settings.write_text(settings.to_json())

    @contextmanager
    def _clock(self) -> Iterator[None]:
        """Let all that takes the time of day take this history's."""

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> "datetime":  # type: ignore[override]
                return datetime.fromtimestamp(self.network.now, tz)

        with ExitStack() as stack:
            for module in (model, github_records, sweeps):
                stack.enter_context(patch.object(module, "datetime", Clock))
            yield

    def _draw(self, *what: object) -> random.Random:
        """A source of chance for one thing, the same whatever else happens."""
        return random.Random(f"{self.seed} {' '.join(map(str, what))}")  # noqa: S311 - no secret

    def _at(self, delay: float, what: Callable[..., None], *arguments: Any) -> None:
        """Let something happen so many seconds from now."""
        item = self.now + delay, next(self._order), what.__name__, lambda: what(*arguments)
        heapq.heappush(self._queue, item)

    def _next(self) -> None:
        """Let the next thing happen."""
        self.now, _, _, happen = heapq.heappop(self._queue)
        self.network.now = 1_800_000_000 + self.now
        happen()

    def _lose_actions(self) -> None:
        """GitHub takes no dispatch and starts no run for some hours."""
        if not self._closing:
            draw = self._draw("away", len(self._away))
            lasts = draw.uniform(0.5, 5) * HOUR
            self._away.append((self.now, self.now + lasts))
            self._at(lasts + draw.expovariate(1 / (8 * HOUR)), self._lose_actions)

    def _working(self, when: float) -> bool:
        return not any(begin <= when < end for begin, end in self._away)

    def _next_soon(self) -> None:
        """What happens while the promoter runs: the next thing, where that is soon."""
        if self._queue and self._queue[0][0] < self.now + 10 * MINUTE:
            self._next()

    def _attempt(self, draw: random.Random, unlucky: float) -> Attempt:
        """A run of the promoter that something happens to, as likely as that, or during which the next thing does."""
        chance, at = draw.random(), draw.randrange(9)
        if chance < unlucky:
            return Attempt(at, draw.choice(FAULTS), draw.random() < 0.5)
        return Attempt(at if chance < unlucky + 0.05 else -1, "meanwhile", meanwhile=self._next_soon)

    def _run(self, attempt: Attempt, **inputs: str) -> int:
        """Run the promoter; its exit status, -1 when it was cut off."""
        self.site.runs += 1
        self.network.now += 1
        environ = {"GITHUB_TOKEN": TOKEN, "DELIVERY_WRITE_INTERVAL": "0"}
        environ |= {"PATH": "/usr/bin:/bin:/usr/local/bin", **inputs}
        self.network.attempts.append(attempt)
        status, said = -1, io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                status = cli.main(["--settings", str(self.settings), "--json"], environ, lambda _: None)
        except Killed:
            """Nothing is said."""
        finally:
            self.network.attempts.pop()
        if status > 1:
            raise AssertionError(f"the input is wrong: {said.getvalue()}")
        return status


def version(number: int) -> str:
    """The version of that number."""
    return f"v1.0.{number}"
